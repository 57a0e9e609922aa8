# SPDX-License-Identifier: Apache-2.0
"""Who ended the task: every state that Airflow knows, in a worker and in a triggerer."""

import pytest
from airflow.utils.state import TaskInstanceState

from airflow_provider_omics.cancellation.decision import REMOVED, UNKNOWN, trigger_cancels, worker_cancels

# state: (a worker that got SIGTERM cancels, a trigger that is cancelled does)
STATES = {
    "failed": (True, True),
    "success": (True, True),
    "skipped": (True, True),
    REMOVED: (True, True),
    "restarting": (True, True),
    # Cleared: a worker's task would be restarting, a deferred one is left without a state, or is on its way again.
    None: (False, True),
    "scheduled": (False, True),
    "queued": (False, True),
    "running": (False, True),
    "upstream_failed": (False, True),
    "up_for_retry": (False, False),
    "up_for_reschedule": (False, False),
    "awaiting_input": (False, True),
    UNKNOWN: (False, False),
}


@pytest.mark.parametrize(("state", "cancels"), STATES.items(), ids=str)
def test_the_state_decides(state, cancels):
    assert (worker_cancels(state), trigger_cancels(state, mine=True)) == cancels
    assert trigger_cancels(state, mine=False) == cancels[1]


@pytest.mark.parametrize("mine", [True, False])
def test_a_deferred_task_whose_run_is_still_the_triggers_has_only_moved(mine):
    assert trigger_cancels("deferred", mine=mine) is not mine
    assert not worker_cancels("deferred")


def test_every_state_of_airflow_is_decided_on():
    # 2.11 still lists `shutdown`, which nothing sets any more.
    assert {state.value for state in TaskInstanceState} - {"shutdown"} <= {*STATES, "deferred"}
