# SPDX-License-Identifier: Apache-2.0
"""Pages of lists, and the calls that their tokens belong to."""

from __future__ import annotations

import pytest

INVALID, MISSING = ("ValidationException", 400), ("ResourceNotFoundException", 404)


def test_tasks_come_in_pages(start, client, omics_local, frozen):
    omics_local.script(tasks=[{"name": f"t{i}"} for i in range(7)])
    run_id = start()["id"]
    frozen.advance(10)
    pages = list(client.get_paginator("list_run_tasks").paginate(id=run_id, PaginationConfig={"PageSize": 3}))
    assert [[task["name"] for task in page["items"]] for page in pages] == [
        ["t0", "t1", "t2"],
        ["t3", "t4", "t5"],
        ["t6"],
    ]


def test_pages_neither_lose_nor_repeat_a_run_while_others_start(start, client):
    ids = [start()["id"] for _ in range(7)][::-1]
    page = client.list_runs(maxResults=3)
    seen = [run["id"] for run in page["items"]]
    while "nextToken" in page:
        start()
        page = client.list_runs(maxResults=3, startingToken=page["nextToken"])
        seen += [run["id"] for run in page["items"]]
    assert seen == ids


def test_a_token_of_somewhere_else_is_refused(client, refused):
    assert refused(client.list_runs, startingToken="x") == INVALID


@pytest.fixture
def token(start, client):
    """Return the token of the second page of ListRuns."""
    for _ in range(3):
        start(name="r")
    return client.list_runs(name="r", maxResults=1)["nextToken"]


def test_a_page_token_goes_with_another_page_size(client, token):
    assert len(client.list_runs(name="r", maxResults=2, startingToken=token)["items"]) == 2


@pytest.mark.parametrize(
    ("operation", "arguments", "region"),
    [
        ("list_runs", {}, "us-east-1"),
        ("list_runs", {"name": "s"}, "us-east-1"),
        ("list_runs", {"name": "r", "status": "PENDING"}, "us-east-1"),
        ("list_runs", {"name": "r"}, "eu-west-2"),
        ("list_workflows", {"name": "r"}, "us-east-1"),
        ("list_run_groups", {"name": "r"}, "us-east-1"),
    ],
)
def test_a_page_token_belongs_to_its_call(omics_local, token, refused, operation, arguments, region):
    call = getattr(omics_local.client("omics", region_name=region), operation)
    assert refused(call, **arguments, startingToken=token) == ("ValidationException", 400)


def test_a_token_of_nobody_is_refused(client, refused):
    for token in ("1", "x", "ä", "-1", "1.0"):
        assert refused(client.list_runs, startingToken=token) == ("ValidationException", 400)
