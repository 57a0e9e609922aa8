# SPDX-License-Identifier: Apache-2.0
"""When a deferral may end: Airflow fails a task that is resumed before its scheduler has noticed the deferral."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from airflow_provider_omics.compat import conf, is_in_triggerer

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger


def noticed_after() -> float:
    """Return the seconds after which a scheduler has noticed that a task is deferred."""
    # Once a round it hears of a worker's end (executor events) and says that it lives; 30 s without that and it counts
    # as dead. One whose round takes more than half of that is about to.
    dead_after: float = conf.getfloat("scheduler", "scheduler_health_check_threshold", fallback=30.0)
    return dead_after / 2


async def until_noticed(trigger: BaseTrigger, begun: float) -> None:
    """
    Wait until the scheduler has noticed that a trigger's task is deferred.

    :param trigger: the trigger, which nobody else may have resumed if `dag.test()` runs it.
    :param begun: since when it waits, by the event loop's clock.
    """
    if is_in_triggerer(trigger):
        await asyncio.sleep(begun + noticed_after() - asyncio.get_running_loop().time())
