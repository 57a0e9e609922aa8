# SPDX-License-Identifier: Apache-2.0
"""The AWS Labs HealthOmics MCP server: an agent looks at runs, their costs and their logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CLIENT = "awslabs.aws-healthomics-mcp-server"
HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


@pytest.fixture
def tool(client):
    """Return a function that calls a tool and returns its text."""

    def call(name, **arguments):
        server = HERE.parents[1] / ".build" / "conformance" / CLIENT / "bin" / CLIENT
        said, _ = client("python", HERE / "call_tools.py", server, json.dumps([[name, arguments]]))
        [text] = json.loads(said)["answers"][0]
        return text

    return call


def test_runs_and_tasks_are_listed(tool, executed):
    runs = json.loads(tool("ListAHORuns"))["runs"]
    assert executed["id"] in [run["id"] for run in runs]
    tasks = json.loads(tool("ListAHORunTasks", run_id=executed["id"]))["tasks"]
    assert [(task["name"], task["cpus"], task["memory"]) for task in tasks] == [("Align", 4, 8)] * 2


def test_a_run_is_analysed_with_its_costs(tool, executed):
    text = tool("AnalyzeAHORunPerformance", run_ids=[executed["id"]])
    for said in ("**Total Tasks**: 2", "**Total Allocated CPUs**: 8.00", "**Task Cost**: $0.0077"):
        assert said in text


def test_a_run_is_drawn(tool, executed):
    text = tool("GenerateAHORunTimeline", run_id=executed["id"])
    assert text.startswith("<svg")
    assert "omics.c.xlarge" in text


def test_logs_are_read(tool, executed):
    text = tool("GetAHORunEngineLogs", run_id=executed["id"])
    assert "workflow start" in text
    text = tool("GetAHORunManifestLogs", run_id=executed["id"], run_uuid=executed["uuid"])
    assert executed["arn"] in text


def test_what_the_docs_say_that_it_may_not(tool):
    assert "does not serve codeconnections" in tool("ListCodeConnections")
