# SPDX-License-Identifier: Apache-2.0
"""The command ``omics-local``, and AWS' documented commands against it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from botocore.exceptions import ConnectionClosedError

from airflow_provider_omics.local.testing import LocalOmics, start_server

OMICS_LOCAL = [sys.executable, "-m", "airflow_provider_omics.local"]
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
DOCUMENTED = Path(__file__).parent / "documented"


def clean_env(**more):
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | more


@pytest.fixture(scope="module")
def examples():
    with start_server("--simulate", "--examples", "--speed", "50") as server:
        yield server


def run_documented(name, server, folder):
    """Run a documented command as it is, and return what it prints."""
    command = (DOCUMENTED / f"{name}.sh").read_text(encoding="utf-8")
    bin_folder = str(Path(sys.executable).parent)
    env = clean_env(**server.env(), PATH=f"{bin_folder}:{os.environ['PATH']}", HOME=str(folder))
    done = subprocess.run(  # noqa: S603 - our own command
        ["/bin/sh", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("run", "workflow-inputs.json"),
        ("run", "workflow-inputs-omics.json"),
        ("shared", "workflow-inputs.json"),
        ("cached", "workflow-inputs.json"),
        ("duplicate", "workflow-inputs.json"),
        ("reference", "workflow-inputs.json"),
    ],
)
def test_a_documented_command_runs_unchanged(name, inputs, examples, tmp_path):
    document = (DOCUMENTED / inputs).read_text(encoding="utf-8")
    (tmp_path / "workflow-inputs.json").write_text(document, encoding="utf-8")
    answer = run_documented(name, examples, tmp_path)
    assert answer["status"] == "PENDING"
    run = examples.client("omics").get_run(id=answer["id"])
    assert (run["uuid"], run["arn"], run["runOutputUri"]) == (answer["uuid"], answer["arn"], answer["runOutputUri"])
    if name in ("run", "reference"):
        assert run["parameters"] == json.loads(document)
        asked = ("name", "runGroupId", "priority", "storageCapacity", "logLevel")
        assert [run[member] for member in asked] == ["cram-to-bam", "1234567", 1, 10, "ALL"]
    if name == "shared":
        assert (run["workflowOwnerId"], run["parameters"]) == ("123456789012", {"param1": "value1", "param2": "value2"})
    if name == "cached":
        assert (run["cacheId"], run["cacheBehavior"]) == ("1234567", "CACHE_ALWAYS")
    if name == "duplicate":
        assert (run["runId"], run["workflowId"], run["parameters"]["protocol"]) == ("3282892", "7206765", "10XV3")


def test_the_documents_buckets_are_there(examples):
    buckets = {bucket["Name"] for bucket in examples.client("s3").list_buckets()["Buckets"]}
    assert {"omics-artifacts-01d6xmpl4e72dd32", "your-bucket", "healthomics-output-bucket-demo"} <= buckets


def serve(*options, under=()):
    command = [*under, *OMICS_LOCAL, "serve", "--port", "0", *options]
    return subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=clean_env()
    )


@pytest.mark.usefixtures("hangups")
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("options", [["--simulate"], []])
def test_a_signal_ends_it_well_and_leaves_nothing(options, stop):
    with serve(*options) as process:
        line = process.stdout.readline()
        assert line.startswith("omics-local ready http://127.0.0.1:")
        LocalOmics(line.split()[-1]).client("omics").list_runs()
        process.send_signal(stop)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_it_outlives_its_terminal_under_nohup():
    with serve("--simulate", under=["nohup"]) as process:
        server = LocalOmics(process.stdout.readline().split()[-1])
        process.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert server.counts() == {}
        process.terminate()
        process.communicate(timeout=60)


def test_it_stops_with_logs_under_way(wait_for):
    with serve("--simulate", "--speed", "1000") as process:
        server = LocalOmics(process.stdout.readline().split()[-1])
        server.workflow(id="1")
        client = server.client("omics")
        for _ in range(50):
            client.start_run(workflowId="1", roleArn="arn:x", outputUri="s3://b")
        # The logs of the others follow.
        wait_for(lambda: any(run["status"] == "COMPLETED" for run in server.runs()))
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


def test_a_configuration_file(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        "request_id_repeat: conflict\nspeed: 2\nquotas: published\n"
        "workflows: [{id: '7654321', name: w}]\nscripts: [{name: bad, status: FAILED}]\n"
        "faults: [{operation: ListRuns, kind: error}]\n",
        encoding="utf-8",
    )
    with start_server("--simulate", "--config", str(config), "--speed", "3") as server:
        for _ in range(2):
            settings = server.switch()
            assert (settings["request_id_repeat"], settings["speed"]) == ("conflict", 3)
            assert settings["quotas"]["StartRun"] == 5
            assert server.client("omics").get_workflow(id="7654321")["name"] == "w"
            with pytest.raises(Exception, match="InternalServerException"):
                server.client("omics").list_runs()
            server.reset()


def test_the_configuration_of_the_readme(tmp_path, wait_for):
    config = tmp_path / "config.yaml"
    config.write_text(re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1], encoding="utf-8")
    request = {"workflowId": "7654321", "roleArn": "arn:aws:iam::123456789012:role/x", "outputUri": "s3://bucket/x/"}
    with start_server("--simulate", "--config", str(config)) as server:
        assert server.switch()["quotas"] == {"StartRun": 0.5}
        omics = server.client("omics")
        server.clock.jump()
        with pytest.raises(ConnectionClosedError):
            omics.start_run(**request, requestId="a")
        wait_for(lambda: [run["status"] for run in server.runs()] == ["FAILED"])
        server.switch(quotas={})
        with pytest.raises(omics.exceptions.ConflictException):
            omics.start_run(**request, requestId="a")


def run(*arguments, **options):
    return subprocess.run(  # noqa: S603 - our own command
        [*OMICS_LOCAL, *arguments], capture_output=True, text=True, check=False, timeout=120, env=clean_env(), **options
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "loopback addresses only"),  # noqa: S104 - it is refused
        (["--config", "missing.yaml"], "missing.yaml"),
        (["--speed", "0"], "speed"),
        (["--speed", "nan"], "speed"),
        (["--speed", "inf"], "speed"),
        (["--config", "broken"], "broken is neither JSON nor YAML: while parsing"),
        (["--config", "numbers"], "workflows cannot be [3]"),
        (["--config", "object"], "scripts cannot be {'name': 'x'}"),
        (["--config", "keys"], "has no 1, a;"),
        (["--config", "quotas"], "no such operation"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(options, says, tmp_path):
    configs = {
        "broken": "a: [1\nb: }",
        "numbers": "workflows: [3]",
        "object": "scripts: {name: x}",
        "keys": "scripts: [{1: 2, a: 3}]",
        "quotas": "quotas: {StartRuns: 1}",
    }
    for name, text in configs.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = run("serve", "--port", "0", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_and_readme_say_that_state_lives_in_memory():
    assert "All state lives in memory, S3 included" in " ".join(run("serve", "--help").stdout.split())
    assert "All state lives in memory" in README


def test_each_entry_that_cannot_be_is_a_line(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        "list_delay: -1\nworkflows: [{nmae: x}]\nscripts: [{times: 0}, {status: FAILED}]\n"
        "faults: [{operation: GetRun, kind: drop, probability: 7}]\n"
    )
    done = run("serve", "--port", "0", "--simulate", "--config", str(config))
    lines = done.stderr.splitlines()
    assert (done.returncode, len(lines)) == (2, 4)
    for line, says in zip(lines, ("list_delay", "nmae", "times", "probability"), strict=True):
        assert line.startswith("omics-local: ")
        assert says in line


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_what_is_no_port_is_said_so(port):
    done = run("serve", "--port", port)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(f"{port} is no port; it is 0 to 65535")


def test_a_taken_port_is_one_sentence(omics_local):
    done = run("serve", "--simulate", "--port", omics_local.url.rpartition(":")[2])
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    port = omics_local.url.rpartition(":")[2]
    assert f"Port {port} of 127.0.0.1 is in use" in done.stderr
    assert "--port" in done.stderr


def test_env_can_be_pasted_into_a_shell():
    done = run("env", "--url", "http://127.0.0.1:1234")
    assert done.returncode == 0
    script = done.stdout + f"\n{shlex.quote(sys.executable)} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    shell = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    env = json.loads(shell.stdout)
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1234"
    assert env["AWS_ACCESS_KEY_ID"] == env["AWS_SECRET_ACCESS_KEY"] == "local"
    assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == "us-east-1"
    assert env["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"
    connection = json.loads(env["AIRFLOW_CONN_AWS_DEFAULT"])
    assert connection["conn_type"] == "aws"
    assert connection["extra"]["endpoint_url"] == "http://127.0.0.1:1234"
    assert connection["extra"]["config_kwargs"] == {"inject_host_prefix": False}
    assert connection["extra"]["service_config"] == {"sts": {"endpoint_url": "http://127.0.0.1:1234"}}


def test_a_proxy_of_the_environment_is_passed_by(examples):
    proxies = {"HTTP_PROXY": "http://127.0.0.1:9", "no_proxy": "example.org"}
    command = [*OMICS_LOCAL, "seed", "--url", examples.url]
    subprocess.run(command, env=clean_env() | proxies, check=True, capture_output=True)  # noqa: S603 - our own command
    script = f'eval "$({shlex.join([*OMICS_LOCAL, "env", "--url", examples.url])})"\n'
    script += f'{shlex.quote(sys.executable)} -c \'import boto3; print(boto3.client("omics").list_runs()["items"])\''
    script += "\necho $NO_PROXY $no_proxy"
    shell = ["/bin/sh", "-ec", script]
    done = subprocess.run(shell, env=clean_env() | proxies, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    assert "3282892" in done.stdout
    assert done.stdout.splitlines()[-1] == "example.org,127.0.0.1 example.org,127.0.0.1"


def test_seed_puts_what_the_example_dags_import(examples):
    command = [*OMICS_LOCAL, "seed", "--url", examples.url]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    uris = done.stdout.split()
    assert len(uris) == 2
    for bucket, _, key in (uri.removeprefix("s3://").partition("/") for uri in uris):
        assert examples.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"]


def test_seed_without_an_endpoint_says_how_to_start_it():
    command = [*OMICS_LOCAL, "seed", "--url", "http://127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 2
    assert done.stderr == (
        "omics-local: Nothing answers at http://127.0.0.1:1; start it: omics-local serve --simulate --examples\n"
    )


def test_seed_tells_what_answers_in_the_endpoints_place():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        done = run("seed", "--url", f"http://127.0.0.1:{other.server_port}")
        other.shutdown()
    assert done.returncode == 2
    assert re.fullmatch(r"omics-local: What answers at http://127.0.0.1:\d+ takes no file: .*\n", done.stderr)
