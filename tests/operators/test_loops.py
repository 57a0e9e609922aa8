# SPDX-License-Identifier: Apache-2.0
"""What Airflow 3.4 tells of regions and loops, and what of it makes another intention."""

from types import SimpleNamespace
from uuid import UUID

import pytest

NOWHERE, LOOP, EXPANDED, AGAIN = (UUID(int=number) for number in (0, 1, 2, 3))


@pytest.fixture
def request_ids(start_run, context, ti, omics_local):
    """Return a function that runs a task instance of each place and returns the requestIds."""

    def run(*places):
        for ti.map_index, ti.region_id, ti.region_index, loop_index in places:
            context.pop("loop", None)
            if loop_index is not None:
                context["loop"] = SimpleNamespace(index=loop_index)
            start_run().execute(context)
        return [call["tags"]["airflow:request_id"] for call in reversed(omics_local.runs())]

    return run


def test_each_pass_of_a_task_has_a_run(request_ids):
    assert len(set(request_ids((-1, LOOP, 0, 0), (-1, LOOP, 1, 1), (-1, LOOP, 2, 2)))) == 3


def test_each_pass_of_a_mapped_task_has_a_run(request_ids):
    assert len(set(request_ids((0, EXPANDED, 0, 0), (1, EXPANDED, 1, 0), (0, AGAIN, 0, 1), (1, AGAIN, 1, 1)))) == 4


def test_a_pass_has_one_run_over_its_tries(request_ids, ti):
    ti.try_number = 2
    assert len(request_ids((-1, LOOP, 1, 1), (-1, LOOP, 1, 1))) == 1


@pytest.mark.parametrize("map_index", [-1, 0])
def test_a_region_outside_loops_changes_nothing(request_ids, ti, map_index):
    ti.try_number = 2
    assert len(request_ids(*((map_index, region, map_index, None) for region in (None, NOWHERE, EXPANDED, AGAIN)))) == 1
