# SPDX-License-Identifier: Apache-2.0
"""StartRun is refused, as too frequent or because the account is full, and waited for in a worker."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_omics.cancellation import worker
from airflow_provider_omics.exceptions import OmicsError, StartRunRefusedError
from airflow_provider_omics.lifecycle import in_worker

THROTTLED = {"kind": "error", "code": "ThrottlingException"}
FULL = {"kind": "error", "code": "ServiceQuotaExceededException", "message": "You have 100000 runs"}


def test_a_sync_task_waits_in_its_worker(start_run, context, omics_local):
    omics_local.fault("StartRun", times=15, **THROTTLED)
    assert start_run().execute(context)["status"] == "COMPLETED"
    assert omics_local.counts()["StartRun"] == 16


@pytest.mark.parametrize("deferrable", [True, False])
def test_faults_cost_no_try_either(deferrable, start_run, context, omics_local):
    omics_local.fault("StartRun", "error", code="InternalServerException", times=3)
    omics_local.fault("StartRun", "drop", times=2)
    operator = start_run(deferrable=deferrable, wait_for_completion=False)
    assert operator.execute(context)["run_id"]
    assert len(omics_local.runs()) == 1


def test_it_ends_with_the_submit_timeout(start_run, context, omics_local):
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    operator = start_run(submit_timeout=timedelta(seconds=0.5))
    with pytest.raises(StartRunRefusedError, match=r"No run was started: .*ThrottlingException.*include_deferred"):
        operator.execute(context)


def test_a_full_account_is_told_with_the_way_out(start_run, context, omics_local, monkeypatch):
    def now():
        # The hour is over when StartRun has refused twice.
        return time.time() + 3600 * (omics_local.counts()["StartRun"] > 1)

    monkeypatch.setattr(in_worker, "time", SimpleNamespace(time=now, monotonic=time.monotonic, sleep=time.sleep))
    monkeypatch.setattr(in_worker, "FULL_SECONDS", 0.1)
    omics_local.fault("StartRun", probability=1, **FULL)
    operator = start_run(submit_timeout=timedelta(hours=1))
    with pytest.raises(StartRunRefusedError, match=r"You have 100000 runs.*retention_mode=REMOVE"):
        operator.execute(context)
    assert omics_local.counts()["StartRun"] == 2


def test_a_kill_between_two_calls_starts_nothing_and_looks_for_nothing(start_run, context, omics_local, monkeypatch):
    omics_local.fault("StartRun", probability=1, **THROTTLED)
    operator = start_run()
    monkeypatch.setattr(worker, "task_states", lambda _tis: ["failed"])
    monkeypatch.setattr(in_worker, "back_off", lambda _faults: operator.on_kill() or 0.0)
    with pytest.raises(OmicsError, match="nothing was started"):
        operator.execute(context)
    assert omics_local.counts() == {"StartRun": 1}
