# SPDX-License-Identifier: Apache-2.0
"""What Airflow does with a deferrable task, without an Airflow: it is deferred, its trigger fires, it is resumed."""

import asyncio
import json

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred


def deferred(operator, context):
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(context)
    return deferral.value


def fired(deferral):
    """Return what the deferral's trigger, as it comes out of the database, says."""

    async def first():
        async with asyncio.timeout(60):
            return await anext(trigger.run())

    path, arguments = deferral.trigger.serialize()
    trigger = type(deferral.trigger)(**json.loads(json.dumps(arguments)))
    assert path == f"{type(trigger).__module__}.{type(trigger).__qualname__}"
    return asyncio.run(first()).payload


def resumed(operator, context, deferral):
    kwargs = json.loads(json.dumps(deferral.kwargs or {}))
    return getattr(operator, deferral.method_name)(context, fired(deferral), **kwargs)


def next_try(ti):
    ti.try_number, ti.xcom = ti.try_number + 1, {}
