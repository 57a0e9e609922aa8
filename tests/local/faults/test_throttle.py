# SPDX-License-Identifier: Apache-2.0
"""Quotas."""

from __future__ import annotations


def test_quotas_throttle_by_the_endpoints_clock(start, client, omics_local, refused, frozen):
    omics_local.switch(quotas="published")
    for _ in range(5):
        start()
    assert refused(start) == ("ThrottlingException", 429)
    frozen.advance(0.2)
    start()
    assert refused(start) == ("ThrottlingException", 429)
    assert len(omics_local.runs()) == 6
    for _ in range(10):
        client.list_runs()
    assert refused(client.list_runs) == ("ThrottlingException", 429)


def test_nothing_is_throttled_unasked(client):
    for _ in range(30):
        client.list_runs()
