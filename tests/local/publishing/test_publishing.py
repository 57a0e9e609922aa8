# SPDX-License-Identifier: Apache-2.0
"""What simulated runs leave in S3, CloudWatch Logs and EventBridge."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_omics.local.publishing import moto_backends
from airflow_provider_omics.local.publishing.publishing_queue import PublishingQueue

GROUP = "/aws/omics/WorkflowLog"


@pytest.fixture
def fast(omics_local):
    omics_local.switch(logs=True, speed=200)
    return omics_local


def until(check, seconds=60):
    deadline = time.monotonic() + seconds
    while not (value := check()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


def ended(client, run_id):
    def run_if_ended():
        run = client.get_run(id=run_id)
        return run if run["status"] in ("COMPLETED", "FAILED", "CANCELLED") else None

    return until(run_if_ended)


def lines(logs, stream):
    events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
    return [event["message"] for event in events]


def test_outputs_are_in_place_when_the_run_has_completed(start, client, fast):
    s3 = fast.client("s3")
    s3.create_bucket(Bucket="bucket")
    fast.script(outputs={"W.vcf": {"file": "a.vcf", "text": "##VCF"}, "W.count": 12}, log=["hello"])
    run = ended(client, start()["id"])
    assert run["status"] == "COMPLETED"
    prefix = f"runs/{run['id']}"

    def read(key):
        return s3.get_object(Bucket="bucket", Key=f"{prefix}/{key}")["Body"].read().decode()

    outputs = json.loads(read("logs/outputs.json"))
    assert outputs == {"W.vcf": f"s3://bucket/{prefix}/out/vcf/a.vcf", "W.count": 12}
    assert (read("out/vcf/a.vcf"), read("logs/engine.log")) == ("##VCF", "hello\n")


def test_outputs_go_to_the_very_prefix(start, client, fast):
    fast.client("s3").create_bucket(Bucket="bucket")
    fast.script(outputs={"W.count": 12})
    assert ended(client, start(outputUriPrefixMode="NONE_WITH_OVERWRITE")["id"])["status"] == "COMPLETED"
    keys = [item["Key"] for item in fast.client("s3").list_objects_v2(Bucket="bucket")["Contents"]]
    assert keys == ["runs/logs/engine.log", "runs/logs/outputs.json"]


def test_outputs_without_a_bucket_fail_the_run(start, client, fast):
    fast.script(outputs={"W.count": 12})
    run = ended(client, start(outputUri="s3://missing-bucket/x")["id"])
    assert (run["status"], run["failureReason"]) == ("FAILED", "EXPORT_FAILED")
    assert run["statusMessage"] == (
        "NoSuchBucket: the bucket missing-bucket does not exist; make it before the run: aws s3 mb s3://missing-bucket"
    )


def test_planned_outputs_are_there_without_logs(start, client, omics_local):
    omics_local.switch(speed=200)
    omics_local.client("s3").create_bucket(Bucket="bucket")
    omics_local.script(outputs={"W.count": 12})
    run = ended(client, start()["id"])
    key = f"runs/{run['id']}/logs/outputs.json"
    assert json.load(omics_local.client("s3").get_object(Bucket="bucket", Key=key)["Body"]) == {"W.count": 12}


def test_logs_are_in_place_when_the_run_has_ended(start, client, fast):
    failed = {"name": "call", "status": "FAILED", "log": ["reading", "", "out of memory"]}
    fast.script(tasks=[{"name": "align"}, failed], log=["engine up"], status="FAILED", failureReason="RUN_TASK_FAILED")
    run = ended(client, start(name="r", parameters={"a": 1})["id"])
    logs = fast.client("logs")
    task = client.list_run_tasks(id=run["id"], status="FAILED")["items"][0]["taskId"]
    assert [line.strip() for line in lines(logs, f"run/{run['id']}/task/{task}")] == failed["log"]
    assert lines(logs, f"run/{run['id']}/engine") == ["engine up"]
    first, *tasks = map(json.loads, lines(logs, f"manifest/run/{run['id']}/{run['uuid']}"))
    assert (first["arn"], first["uuid"], first["status"]) == (run["arn"], run["uuid"], "FAILED")
    assert (first["failureReason"], first["statusMessage"]) == (run["failureReason"], run["statusMessage"])
    assert (first["name"], first["parameters"]) == ("r", {"a": 1})
    assert [(entry["name"], entry["status"]) for entry in tasks] == [("align", "COMPLETED"), ("call", "FAILED")]


def test_a_clock_far_ahead_loses_no_manifest(start, client, fast, frozen):
    frozen.advance(86_400)
    run_id = start()["id"]
    frozen.advance(60)
    run = ended(client, run_id)
    assert lines(fast.client("logs"), f"manifest/run/{run_id}/{run['uuid']}")


def test_logs_are_in_the_runs_region(fast):
    fast.workflow(id="1234567")
    client = fast.client("omics", region_name="eu-west-2")
    run = ended(client, client.start_run(workflowId="1234567", roleArn="arn:x", outputUri="s3://b")["id"])
    logs = fast.client("logs", region_name="eu-west-2")
    assert lines(logs, f"run/{run['id']}") == [f"Run {run['id']} is running"]


def test_lines_that_come_out_of_order_are_kept_in_order(omics_local):
    now = datetime.now(UTC)
    late, early = (now + timedelta(milliseconds=5), "late"), (now, "early")
    moto_backends.log("us-east-1", GROUP, "run/1/engine", [late, early])
    assert lines(omics_local.client("logs"), "run/1/engine") == ["early", "late"]


def test_log_level_off_leaves_the_manifest_alone(start, client, fast):
    run = ended(client, start(logLevel="OFF")["id"])
    streams = fast.client("logs").describe_log_streams(logGroupName=GROUP)["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == [f"manifest/run/{run['id']}/{run['uuid']}"]


@pytest.fixture
def received(fast):
    """Return the events that a rule sends to a queue, all up to a status."""
    sqs, events = fast.client("sqs"), fast.client("events")
    url = sqs.create_queue(QueueName="runs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="runs", EventPattern=json.dumps({"source": ["aws.omics"]}))
    events.put_targets(Rule="runs", Targets=[{"Id": "queue", "Arn": arn}])

    def up_to(status):
        seen = []

        def last():
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                event = json.loads(message["Body"])
                # The last events of an earlier test's runs may still be on their way.
                if event["detail"]["runId"] in {run["id"] for run in fast.runs()}:
                    seen.append(event)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return seen and seen[-1]["detail"]["status"] == status

        until(last)
        return seen

    return up_to


def test_every_status_is_an_event(start, client, received):
    run = start(name="r")
    events = received("COMPLETED")
    statuses = ["PENDING", "STARTING", "RUNNING", "STOPPING", "COMPLETED"]
    assert [event["detail"]["status"] for event in events] == statuses
    last = events[-1]
    assert (last["source"], last["detail-type"]) == ("aws.omics", "Run Status Change")
    assert (last["resources"], last["region"]) == ([run["arn"]], "us-east-1")
    assert last["detail"] == {
        "omicsVersion": "1.0.0",
        "arn": run["arn"],
        "runId": run["id"],
        "status": "COMPLETED",
        "uuid": run["uuid"],
        "runOutputUri": run["runOutputUri"],
        "runName": "r",
        "workflowName": "germline",
        "workflowId": "1234567",
        "workflowUuid": client.get_run(id=run["id"])["workflowUuid"],
    }


def test_statuses_that_nobody_looked_at_are_events_of_their_time(start, client, received, frozen):
    frozen.advance(3600)
    run_id = start()["id"]
    frozen.advance(60)
    events = received("COMPLETED")
    assert [event["detail"]["status"] for event in events] == [
        "PENDING",
        "STARTING",
        "RUNNING",
        "STOPPING",
        "COMPLETED",
    ]
    run = client.get_run(id=run_id)
    times = [datetime.fromisoformat(event["time"]) for event in events]
    # EventBridge tells whole seconds.
    assert times == [time.replace(microsecond=0) for time in times]
    assert [times[0], times[2]] == [run[name].replace(microsecond=0) for name in ("creationTime", "startTime")]


@pytest.mark.parametrize("copies", [0, 2])
def test_events_get_lost_or_come_twice(start, client, fast, received, frozen, copies):
    fast.switch(event_copies=copies)
    run_id = start(name="r")["id"]
    frozen.advance(60)
    ended(client, run_id)
    fast.switch(event_copies=1)
    client.delete_run(id=run_id)
    statuses = [event["detail"]["status"] for event in received("DELETED")]
    assert [status for status in statuses if status == "COMPLETED"] == ["COMPLETED"] * copies
    assert statuses[-1] == "DELETED"


def test_a_failure_its_reason_and_the_cache_are_in_the_event(start, client, fast, received):
    cache = client.create_run_cache(cacheS3Location="s3://bucket/c")
    fast.script(status="FAILED", failureReason="SERVICE_ERROR", statusMessage="again")
    start(cacheId=cache["id"])
    *before, last = received("FAILED")
    assert (last["detail"]["failureReason"], last["detail"]["statusMessage"]) == ("SERVICE_ERROR", "again")
    assert (last["detail"]["runCache"], last["detail"]["runCacheBehavior"]) == (cache["arn"], "CACHE_ON_FAILURE")
    assert not any("failureReason" in event["detail"] for event in before)


def test_a_deletion_is_an_event(start, client, received, frozen):
    run_id = start()["id"]
    frozen.advance(60)
    ended(client, run_id)
    client.delete_run(id=run_id)
    assert received("DELETED")[-1]["detail"]["runId"] == run_id


def test_a_run_cancelled_while_its_outputs_are_written_ends_once(start, client, fast, received, frozen):
    fast.client("s3").create_bucket(Bucket="bucket")
    big = {"file": "big", "text": "x" * 2_000_000}
    fast.script(outputs={f"W.o{i}": big for i in range(20)})
    run_id = start()["id"]
    frozen.advance(40 / 200)
    client.cancel_run(id=run_id)
    frozen.advance(60)
    assert ended(client, run_id)["status"] == "CANCELLED"
    statuses = [event["detail"]["status"] for event in received("CANCELLED")]
    assert statuses == ["PENDING", "STARTING", "RUNNING", "STOPPING", "CANCELLED"]
    until(lambda: fast.client("s3").list_objects_v2(Bucket="bucket")["KeyCount"] == 22)
    client.delete_run(id=run_id)
    assert [event["detail"]["status"] for event in received("DELETED")] == ["DELETED"]


def test_what_is_not_published_when_it_closes_is_dropped():
    published, publishing, going_on = [], threading.Event(), threading.Event()

    def log(stream, _lines):
        published.append(stream)
        publishing.set()
        going_on.wait(60)

    queue = PublishingQueue(SimpleNamespace(log=log), threading.RLock())
    for stream in ("first", "second"):
        queue.log(stream, [], lambda: None)
    assert publishing.wait(60)
    closing = threading.Thread(target=queue.close)
    closing.start()
    until(lambda: queue._closed)
    going_on.set()
    closing.join()
    assert published == ["first"]


def test_a_simulated_run_has_an_engine_log(start, client, fast):
    run = ended(client, start()["id"])
    engine = run["logLocation"]["engineLogStream"].rpartition("log-stream:")[2]
    text = " ".join(lines(fast.client("logs"), engine))
    [task] = client.list_run_tasks(id=run["id"])["items"]
    for said in ("simulated", run["workflowId"], f"task main, id {task['taskId']}", "COMPLETED"):
        assert said in text


def test_the_engine_log_comes_in_the_order_of_its_times(start, client, fast, frozen):
    fast.script(tasks=[{"name": "a"}, {"name": "b", "status": "FAILED"}], status="FAILED")
    run_id = start()["id"]
    frozen.advance(60)
    run = ended(client, run_id)
    stream = {"logGroupName": GROUP, "logStreamName": f"run/{run_id}/engine", "startFromHead": True}
    events = fast.client("logs").get_log_events(**stream)["events"]
    assert [event["message"].split(",")[0] for event in events[1:]] == [
        "Running task a",
        "Task a",
        "Running task b",
        "Task b",
    ]
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)
    assert times[0] == int(run["startTime"].timestamp() * 1000)


FIRST_AT_ONCE = """
import sys, threading
from airflow_provider_omics.local.http.moto_app import moto_app, without_moto
from airflow_provider_omics.local.publishing import moto_backends

apps = []
request = threading.Thread(target=lambda: apps.append(moto_app()))
request.start()
while "moto" not in sys.modules:
    pass
moto_backends.make_bucket("bucket")
request.join()
assert apps != [without_moto]
"""


def test_a_request_and_a_run_may_need_the_other_services_at_once():
    command = [sys.executable, "-c", FIRST_AT_ONCE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stderr
