# SPDX-License-Identifier: Apache-2.0
"""
Call capo-omics: ``call_capo.py sync`` or ``async``; each line of stdin is a method and its arguments, as JSON.

The Python of its environment runs it, and answers each line with one: a list of one result, or the text of an error.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from typing import Any

from capo_omics import AsyncOmicsClient, OmicsClient


async def call(client: Any, method: str, arguments: dict[str, Any]) -> Any:
    """Return what a method answers, of an iterator all."""
    if "definition_zip" in arguments:
        arguments["definition_zip"] = base64.b64decode(arguments["definition_zip"])
    answer = getattr(client, method)(**arguments)
    if method.startswith("iter_"):
        return [item async for item in answer] if isinstance(client, AsyncOmicsClient) else list(answer)
    return await answer if isinstance(client, AsyncOmicsClient) else answer


async def main(kind: str) -> None:
    """Answer line by line."""
    client = AsyncOmicsClient() if kind == "async" else OmicsClient()
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            answer: Any = [await call(client, *json.loads(line))]
        except Exception as error:  # noqa: BLE001 - who asked wants to know
            answer = f"{type(error).__name__}: {error}"
        print(json.dumps(answer, default=str), flush=True)  # noqa: T201 - to who started it


asyncio.run(main(sys.argv[1]))
