# SPDX-License-Identifier: Apache-2.0
"""The shortest deferral: Airflow fails a task that is resumed before its scheduler has noticed the deferral."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from airflow_provider_omics.compat import conf, is_in_triggerer

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger


def noticed_after() -> float:
    """Return the seconds after which a scheduler has noticed that a task is deferred."""
    # In each loop the scheduler reads the ends of workers (executor events) and writes its heartbeat; after 30 s
    # without a heartbeat it counts as dead. A loop that takes more than half of that is assumed not to happen.
    dead_after: float = conf.getfloat("scheduler", "scheduler_health_check_threshold", fallback=30.0)
    return dead_after / 2


async def until_noticed(trigger: BaseTrigger, begun: float) -> None:
    """
    Wait until the scheduler has noticed that a trigger's task is deferred.

    :param trigger: the trigger; in `dag.test()` there is no scheduler, and no waiting.
    :param begun: when the trigger began, by the event loop's clock.
    """
    if is_in_triggerer(trigger):
        await asyncio.sleep(begun + noticed_after() - asyncio.get_running_loop().time())
