# SPDX-License-Identifier: Apache-2.0
"""Tasks of the triggerer's event loop that serve many triggers."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_omics.compat import asking_context

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


def background(coroutine: Coroutine[None, None, T], *, asks: bool = False) -> asyncio.Task[T]:
    """
    Start a task that belongs to no trigger, so that its lines are not in the log of the trigger that started it.

    :param asks: whether it calls Airflow on behalf of the trigger that starts it.
    """
    context = asking_context() if asks else contextvars.Context()
    return asyncio.get_running_loop().create_task(coroutine, context=context)
