# SPDX-License-Identifier: Apache-2.0
"""What is published when an endpoint begins anew."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from airflow_provider_omics.local.operations.endpoint import Endpoint
from airflow_provider_omics.local.publishing import moto_backends
from airflow_provider_omics.local.publishing.publishing_queue import PublishingQueue


def test_a_reset_endpoint_sends_nothing_until_somebody_asks_eventbridge_for_a_rule():
    endpoint = Endpoint({})
    endpoint.connect(pytest.fail, PublishingQueue(SimpleNamespace(), endpoint.lock))
    endpoint.publishing.listening = True
    endpoint.reset()
    endpoint.state.emit("Run Status Change", "arn:aws:omics:us-east-1:1:run/1", {}, endpoint.state.clock.now())
    assert endpoint.publishing._thread is None


def test_what_a_new_state_publishes_is_not_forgotten_with_the_old(monkeypatch):
    done, published = [], threading.Event()
    endpoint = Endpoint({})
    endpoint.connect(pytest.fail, PublishingQueue(SimpleNamespace(), endpoint.lock))
    monkeypatch.setattr(moto_backends, "reset", lambda: (published.wait(0.2), done.append("forgotten")))
    endpoint.reset(lambda: endpoint.publishing.work(lambda _: done.append("published"), lambda _: published.set()))
    assert published.wait(10)
    assert done == ["forgotten", "published"]
    endpoint.close()
