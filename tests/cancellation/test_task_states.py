# SPDX-License-Identifier: Apache-2.0
"""What Airflow 3 answers when it is asked for the states of several tasks at once."""

from types import SimpleNamespace

import pytest

from airflow_provider_omics.compat import task_states
from airflow_provider_omics.testing.airflow_home import AIRFLOW_3

pytestmark = pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 is asked for one task at a time")

ROWS = {("a", 0): "deferred", ("a", 1): "failed", ("a_1", -1): "deferred", ("b", -1): "success"}


@pytest.fixture
def questions(monkeypatch):
    """Let Airflow answer as its API server does: every map index of a task, under one name each."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 - only 3 has it

    asked, read = [], []

    def answer(*, task_ids, run_ids, map_index, **_):
        asked.append(task_ids)
        rows = {
            task if index < 0 else f"{task}_{index}": state
            for (task, index), state in ROWS.items()
            # Its client does not send a negative index.
            if task in task_ids and (map_index is None or map_index < 0 or map_index == index)
        }
        read.append(len(rows))
        return dict.fromkeys(run_ids, rows)

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", answer)
    return SimpleNamespace(asked=asked, read=read)


@pytest.mark.parametrize("order", [1, -1])
def test_a_mapped_task_is_not_taken_for_one_of_its_name(order, questions):
    wanted = [("a", 0), ("a_1", -1), ("b", -1), ("gone", -1)][::order]
    tis = [SimpleNamespace(dag_id="d", run_id="r", task_id=task, map_index=index) for task, index in wanted]
    assert task_states(tis) == [ROWS.get(key, "removed") for key in wanted]
    assert len(questions.asked) == 2


def test_a_question_has_room_for_so_many_ids(questions):
    """They are a part of its URL."""
    tis = [
        SimpleNamespace(dag_id="d", run_id=f"r{number % 7}", task_id=f"t{number}", map_index=-1)
        for number in range(300)
    ]
    assert task_states(tis) == ["removed"] * 300
    assert [len(asked) for asked in questions.asked] == [93, 93, 93, 21]


def test_instances_of_one_task_are_one_question(questions):
    tis = [SimpleNamespace(dag_id="d", run_id="r", task_id="a", map_index=index) for index in (0, 1, 2)]
    assert task_states(tis) == ["deferred", "failed", "removed"]
    assert questions.asked == [["a"]]


def test_of_a_mapped_task_only_the_instance_that_is_asked_for_is_read(questions):
    assert task_states([SimpleNamespace(dag_id="d", run_id="r", task_id="a", map_index=1)]) == ["failed"]
    assert questions.read == [1]
