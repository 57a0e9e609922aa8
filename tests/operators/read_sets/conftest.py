# SPDX-License-Identifier: Apache-2.0
"""What the tests of read set jobs share; the sequence store is that of tests/operators/stores.py."""

import pytest

from airflow_provider_omics.lifecycle import in_worker


@pytest.fixture
def frozen(stored):
    stored.local.clock.freeze()
    return stored.local.clock


class DiedError(Exception):
    """The process dies when its connection has broken."""


@pytest.fixture
def dying(monkeypatch):
    """Return a function that executes a task whose process dies when a fault is met."""

    def die(_driver, _error):
        raise DiedError

    def execute(operator, context):
        with monkeypatch.context() as patch:
            patch.setattr(in_worker.WorkerDriver, "_recover", die)
            with pytest.raises(DiedError):
                operator.execute(context)

    return execute
