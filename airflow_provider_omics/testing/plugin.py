# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin: ``omics_local``, a local HealthOmics endpoint, and ``run_dag``, which runs a DAG in Airflow on it.

pytest loads this in every project that has the package, so that all it needs is imported by the fixtures.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_omics.local.testing import LocalOmics
    from airflow_provider_omics.testing.dag_runs import RunDag
    from airflow_provider_omics.testing.database import Database


@pytest.fixture(scope="session")
def omics_local_server() -> Iterator[LocalOmics]:
    """Serve one endpoint for the whole session, in a thread; simulated runs leave no logs unless switched on."""
    from airflow_provider_omics.local.testing import LocalOmics, installed_server  # noqa: PLC0415 - see above

    # Airflow's own logging brings it back, into each test's captured log.
    logging.getLogger("uvicorn.access").disabled = True
    with installed_server()({"logs": False}) as server:
        yield LocalOmics(server.url)


@pytest.fixture
def omics_local(omics_local_server: LocalOmics) -> LocalOmics:
    """Give a test the endpoint as if it had just started."""
    omics_local_server.reset()
    return omics_local_server


@pytest.fixture(scope="session")
def airflow_db(pytestconfig: pytest.Config) -> Database:
    """Give the session's throw-away Airflow home its migrated database."""
    from airflow_provider_omics.testing.airflow_home import make_database, own_home  # noqa: PLC0415 - see above
    from airflow_provider_omics.testing.database import Database  # noqa: PLC0415 - likewise

    cache = getattr(pytestconfig, "cache", None)
    kept = cache.mkdir("airflow-provider-omics") if cache else Path(tempfile.gettempdir())
    make_database(own_home(), kept)
    return Database(own_home())


@pytest.fixture
def run_dag(
    omics_local: LocalOmics, airflow_db: Database, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> RunDag:
    """Return a function that runs a DAG on the endpoint and returns what became of it; see ``RunDag``."""
    from airflow_provider_omics.testing.dag_runs import RunDag  # noqa: PLC0415 - see above

    for name, value in omics_local.env().items():
        monkeypatch.setenv(name, value)
    return RunDag(airflow_db, pytestconfig.rootpath)
