# SPDX-License-Identifier: Apache-2.0
"""A growing file, read by lines of which none is too long to be held."""

from __future__ import annotations

import tracemalloc

import pytest

from airflow_provider_omics.local.wdl.tail import LONGEST_LINE, Tail


@pytest.fixture
def file(tmp_path):
    return tmp_path / "stdout.txt"


def test_lines_come_when_they_are_whole(file):
    tail = Tail(file)
    assert list(tail.lines()) == []
    file.write_bytes(b"one\ntw")
    assert list(tail.lines()) == ["one"]
    assert list(tail.lines()) == []
    file.write_bytes(b"one\ntwo\n\nthree")
    assert list(tail.lines()) == ["two", ""]
    assert list(tail.lines(end=True)) == ["three"]
    assert list(tail.lines(end=True)) == []


@pytest.mark.parametrize("end", [False, True])
def test_a_line_without_an_end_comes_in_pieces(file, end):
    file.write_bytes(b"x" * (2 * LONGEST_LINE + 5))
    tail = Tail(file)
    assert [len(line) for line in tail.lines(end=end)] == [LONGEST_LINE] * 2 + [5] * end
    assert [len(line) for line in tail.lines(end=True)] == [5] * (not end)


def test_no_more_is_told_than_what_is_kept(file):
    file.write_bytes(b"0123456789\n" * 100_000)
    tail = Tail(file, most=300_000)
    *lines, last = tail.lines()
    assert 300_000 < sum(len(line) + 1 for line in lines) < 300_000 + LONGEST_LINE
    assert "no more than 300,000 bytes" in last
    assert list(tail.lines(end=True)) == []


def test_a_large_output_without_a_newline_is_never_held(file):
    with file.open("wb") as output:
        output.truncate(200_000_000)
    tracemalloc.start()
    for _ in Tail(file, most=10_000_000).lines():
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000
