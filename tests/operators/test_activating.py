# SPDX-License-Identifier: Apache-2.0
"""ActivateReadSetsOperator while a job that is not listed activates its read sets."""

import sys
import time
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_omics.exceptions import ReadSetJobTimeoutError
from airflow_provider_omics.operators import read_sets
from tests.operators.stores import deferred, fired


@pytest.fixture
def activating(stored, omics_local):
    """Return a function that makes an operator of a read set that is ACTIVATING, by no job that is listed."""
    [read_set] = stored.archived("a")
    omics_local.force_read_set(read_set, "ACTIVATING")
    return lambda **arguments: stored.activating(read_set, **arguments)


def test_in_its_worker_it_looks_as_often_as_it_takes(activating, context, omics_local, monkeypatch):
    operator, depths = activating(), []

    def sleep(_seconds):
        depths.append(stack_depth())
        if len(depths) == 20:
            omics_local.force_read_set(operator.sources[0], "ACTIVE")

    monkeypatch.setattr(read_sets.time, "sleep", sleep)
    assert operator.execute(context)["read_set_ids"] == list(operator.sources)
    assert len(depths) == 20
    assert len(set(depths)) == 1, "each look would be nested in the one before"


def stack_depth():
    frame, depth = sys._getframe(), 0
    while frame := frame.f_back:
        depth += 1
    return depth


@pytest.mark.parametrize("deferrable", [True, False])
def test_it_looks_at_its_deadline(deferrable, activating, context):
    operator = activating(deferrable=deferrable, execution_timeout=timedelta(seconds=2))
    begun = time.time()
    with pytest.raises(ReadSetJobTimeoutError, match="still ACTIVATING after execution_timeout 0:00:02") as error:
        to_the_end(operator, context)
    assert time.time() >= begun + 1.8
    assert not isinstance(error.value, AirflowFailException)


def to_the_end(operator, context):
    """Execute an operator with all its deferrals."""
    try:
        return operator.execute(context)
    except TaskDeferred as first:
        deferral = first
    while True:
        try:
            return getattr(operator, deferral.method_name)(context, fired(deferral), **deferral.kwargs)
        except TaskDeferred as again:
            deferral = again


def test_a_pause_ends_with_the_deadline(activating, context):
    operator = activating(deferrable=True, execution_timeout=timedelta(seconds=20))
    deferral = deferred(operator, context)
    # It is given the seconds that were left, a moment ago.
    assert deferral.trigger.until == pytest.approx(deferral.kwargs["deadline"], abs=5)
