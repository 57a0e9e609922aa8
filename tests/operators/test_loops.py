# SPDX-License-Identifier: Apache-2.0
"""What Airflow 3.4 tells of regions and loops, and what of it makes another intention."""

from types import SimpleNamespace
from uuid import UUID

import pytest

from airflow_provider_omics import compat
from airflow_provider_omics.lifecycle.marker import xcoms_deleted

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


@pytest.mark.skipif(compat.AIRFLOW_2, reason="Airflow 2 is asked by its database")
@pytest.mark.parametrize("code", [400, 503])
def test_nobody_waits_for_an_earlier_trys_run_in_a_pass(monkeypatch, ti, code):
    """What 3.4 says then, as tests/airflow/test_loops.py sees it; anything else is no answer."""
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType  # noqa: PLC0415 - Airflow 2 has none
    from airflow.sdk.execution_time.comms import ErrorResponse  # noqa: PLC0415 - likewise

    said = {400: "A loop producer requires an explicit scope or a consumer inside the loop", 503: "Not now"}[code]
    answer = ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": code, "detail": {"detail": said}})

    def get_one(**_):
        raise AirflowRuntimeError(answer)

    monkeypatch.setattr(compat.XCom, "get_one", get_one)
    if code == 400:
        assert compat.waits_for(ti, "run_id", "1234567") is False
    else:
        with pytest.raises(AirflowRuntimeError):
            compat.waits_for(ti, "run_id", "1234567")


@pytest.mark.skipif(compat.AIRFLOW_2, reason="Airflow 2 has no such answer")
@pytest.mark.parametrize("ended", [True, False])
def test_a_try_that_has_ended_has_lost_no_xcoms(monkeypatch, ti, ended):
    """Airflow 3.4 does not return its XComs to its trigger."""
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType  # noqa: PLC0415 - Airflow 2 has none
    from airflow.sdk.execution_time.comms import ErrorResponse  # noqa: PLC0415 - likewise

    def get_one(**_):
        if not ended:
            return
        detail = {"status_code": 403, "detail": {"detail": "Task instance is not a live attempt"}}
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))

    monkeypatch.setattr(compat.XCom, "get_one", get_one)
    assert xcoms_deleted(compat.TaskKey.of(ti)) is not ended
