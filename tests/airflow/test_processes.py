# SPDX-License-Identifier: Apache-2.0
"""The harness itself: a killed task is tried again, and a wait in vain says why."""

import pytest

from tests.airflow.processes import UNTRIED

pytestmark = pytest.mark.airflow


@UNTRIED
@pytest.mark.usefixtures("omics")
def test_a_killed_task_is_tried_again(airflow):
    run = airflow.trigger("killed")
    airflow.wait_for(run, "running", task_id="sleep")
    with pytest.raises(TimeoutError, match=r"sleep\[-1\] running, try 1 of 2"):
        airflow.wait_for(run, "success", timeout=1)
    airflow.kill_task(run, "sleep", supervisor=False)
    airflow.wait_for(run, "success")
    assert airflow.database.task(run, "sleep").try_number == 2
