# SPDX-License-Identifier: Apache-2.0
"""
Call tools of an MCP server: ``call_tools.py SERVER JSON``, of ``[[tool, arguments], …]``.

The Python of the server's environment runs it, which has an MCP client.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(server: str, calls: str) -> None:
    """Print each tool's text, as JSON."""
    parameters = StdioServerParameters(command=server, env=dict(os.environ))
    async with stdio_client(parameters) as streams, ClientSession(*streams) as session:
        await session.initialize()
        answers = [await session.call_tool(tool, arguments) for tool, arguments in json.loads(calls)]
        names = sorted(tool.name for tool in (await session.list_tools()).tools)
    print(json.dumps({"tools": names, "answers": [[part.text for part in answer.content] for answer in answers]}))  # noqa: T201 - to who started it


asyncio.run(main(*sys.argv[1:]))
