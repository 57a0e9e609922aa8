# SPDX-License-Identifier: Apache-2.0
"""Read the states of tasks from Airflow in a triggerer: one call for all tasks of a Dag that are ended together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from asgiref.sync import sync_to_async

from airflow_provider_omics.compat import task_states
from airflow_provider_omics.polling.background import background

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_omics.compat import TaskInstance

P = ParamSpec("P")
T = TypeVar("T")
# Seconds in which requests are collected into one call; Airflow answers a triggerer's calls one by one.
_TOGETHER: Final = 1.0

_Asked = list[tuple["TaskInstance", "asyncio.Future[str | None]"]]
_asked: dict[tuple[asyncio.AbstractEventLoop, str], _Asked] = {}


async def state_of(ti: TaskInstance) -> str | None:
    """Return a task instance's state; concurrent requests for tasks of the same Dag share one call."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | None] = loop.create_future()
    others = _asked.setdefault((loop, ti.dag_id), [])
    others.append((ti, answer))
    if len(others) == 1:
        background(_ask(ti.dag_id))
    return await answer


async def _ask(dag_id: str) -> None:
    await asyncio.sleep(_TOGETHER)
    asked = _asked.pop((asyncio.get_running_loop(), dag_id))
    try:
        states = await sync_to_async(task_states)([ti for ti, _ in asked])
    except Exception as error:  # noqa: BLE001 - it is raised to each caller
        for _, answer in asked:
            if not answer.done():
                answer.set_exception(error)
        return
    for (_, answer), state in zip(asked, states, strict=True):
        if not answer.done():
            answer.set_result(state)


async def ask_airflow(question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call Airflow and complete the call even if the trigger is cancelled: else 3.1 would mix up later answers."""
    return await asyncio.shield(background(sync_to_async(question)(*args, **kwargs), asks=True))
