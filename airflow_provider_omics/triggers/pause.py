# SPDX-License-Identifier: Apache-2.0
"""The trigger of a deferred task: wait for a time, before the start of a read set job is tried again."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_omics.polling.noticed import until_noticed
from airflow_provider_omics.records.versioned import VERSION, ignore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class OmicsPauseTrigger(BaseTrigger):
    """
    Wait in the triggerer until a time; the resumed task then calls HealthOmics again.

    :param until: until when, in epoch seconds.
    :param version: version of the arguments.
    :param unknown: arguments of a newer release, which are ignored with a warning.
    """

    def __init__(self, until: float = 0.0, version: str = VERSION, **unknown: object) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow left it untyped
        ignore(type(self).__name__, unknown)
        self.until = until
        self.version = version

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keyword arguments, all JSON types."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"version": self.version, "until": self.until}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event at that time."""
        begun = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self.until - time.time()))
        await until_noticed(self, begun)
        yield TriggerEvent(None)
