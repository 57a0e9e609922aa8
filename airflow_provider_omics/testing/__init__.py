# SPDX-License-Identifier: Apache-2.0
"""For tests of your own DAGs: the pytest fixtures ``omics_local`` and ``run_dag`` (see ``plugin``)."""

from __future__ import annotations


def use_airflow_home() -> None:
    """
    Give Airflow a throw-away home for this test session, in place of the user's own.

    ``run_dag`` does so by itself, unless something has imported Airflow before: where test modules do, call this at the
    top of ``conftest.py``. The session then has none of the user's ``AIRFLOW*`` and ``AWS_*`` variables any more.
    """
    from airflow_provider_omics.testing.airflow_home import own_home  # noqa: PLC0415 - who only loads the plugin pays nothing

    own_home()
