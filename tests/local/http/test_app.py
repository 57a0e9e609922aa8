# SPDX-License-Identifier: Apache-2.0
"""How a request's body is read."""

from __future__ import annotations

import asyncio
import time

from airflow_provider_omics.local.http import app

PART = bytes(65_536)


def test_a_definition_of_64_megabytes_is_read_at_once():
    left = 1024

    async def receive():
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": PART, "more_body": left > 0}

    began = time.process_time()
    body = asyncio.run(app._body(receive))
    assert len(body) == 1024 * len(PART)
    # To copy all that came before with each part takes many times as long.
    assert time.process_time() - began < 2
