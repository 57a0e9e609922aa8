# SPDX-License-Identifier: Apache-2.0
"""OmicsReadSetImportSensor: what it waits for, pushes and tells."""

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from airflow_provider_omics.exceptions import OmicsError, OmicsRequestError, ReadSetJobFailedError
from airflow_provider_omics.read_sets import job_calls
from airflow_provider_omics.sensors.read_sets import OmicsReadSetImportSensor
from tests.operators.deferring import deferred, resumed


@pytest.fixture
def waiting(stored, context):
    """Return a function that starts an import and returns a sensor that waits for it."""

    def sensor(*samples, **arguments):
        job = stored.importing(*samples, wait_for_completion=False).execute(context)
        given = {"sequence_store_id": stored.id, "job_id": job["job_id"], "poke_interval": 0.05, "poll_interval": 0.05}
        return OmicsReadSetImportSensor(task_id="wait", **{**given, **arguments})

    return sensor


@pytest.mark.parametrize("deferrable", [True, False])
def test_the_sensor_waits_for_a_job(deferrable, stored, waiting, context, frozen, ti):
    sensor = waiting("a", "b", deferrable=deferrable)
    if deferrable:
        deferral = deferred(sensor, context)
        frozen.resume()
        result = resumed(sensor, context, deferral)
    else:
        frozen.resume()
        result = sensor.execute(context)
    assert result == {
        "job_id": sensor.job_id,
        "sequence_store_id": stored.id,
        "status": "COMPLETED",
        "read_set_ids": [item["id"] for sample in "ab" for item in stored.read_sets() if item["sampleId"] == sample],
    }
    assert ti.xcom["read_set_ids"] == result["read_set_ids"]


@pytest.mark.parametrize("deferrable", [True, False])
def test_the_sensor_tells_which_sources_failed(deferrable, stored, waiting, context, ti):
    sensor = waiting("a", "nobody", deferrable=deferrable)
    with pytest.raises(
        ReadSetJobFailedError, match=r"COMPLETED_WITH_FAILURES.*\n  nobody \(s3://reads/nobody.fastq.gz\)"
    ):
        resumed(sensor, context, deferred(sensor, context)) if deferrable else sensor.execute(context)
    assert ti.xcom["read_set_ids"] == [item["id"] for item in stored.read_sets()]


def test_faults_that_pass_do_not_end_the_sensor(waiting, context, omics_local, frozen):
    sensor = waiting("a", deferrable=True)
    deferral = deferred(sensor, context)
    for code in ("InternalServerException", "ThrottlingException"):
        omics_local.fault("GetReadSetImportJob", "error", code=code)
    omics_local.fault("GetReadSetImportJob", "drop")
    frozen.resume()
    assert resumed(sensor, context, deferral)["status"] == "COMPLETED"


def test_a_sensor_of_no_job_fails(waiting, context, monkeypatch):
    monkeypatch.setattr(job_calls, "VISIBLE_AFTER", 0)
    with pytest.raises(OmicsError, match="There is no read set import job 1111111111"):
        waiting("a", job_id="1111111111").execute(context)
    with pytest.raises(OmicsRequestError, match="job_id must be digits, not 'None'"):
        waiting("a", job_id=None).execute(context)


@pytest.mark.usefixtures("frozen")
def test_the_sensors_timeout_ends_the_waiting(waiting, context):
    with pytest.raises(AirflowSensorTimeout):
        waiting("a", timeout=0.2).execute(context)
