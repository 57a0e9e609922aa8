# SPDX-License-Identifier: Apache-2.0
"""What simulated runs leave in S3, CloudWatch Logs and EventBridge."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from airflow_provider_omics.local.publishing import moto_backends
from airflow_provider_omics.local.publishing.publishing_queue import PublishingQueue
from tests.local.publishing.ended import ended, until

GROUP = "/aws/omics/WorkflowLog"


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
