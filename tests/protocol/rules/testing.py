# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in testing/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

MUTATIONS = (
    Mutation("a test's Airflow is never the user's own", "testing/airflow_home.py", 'if "airflow.configuration" in sys.modules:', "if False:", "tests/testing/test_run_dag.py::test_a_home_that_comes_too_late_is_told"),
    Mutation("a DAG that fails fails its test", "testing/dag_runs.py", "if ends not in (None, state):", "if False:", "tests/testing/test_run_dag.py::test_a_task_that_fails_is_tried_again_at_once_and_fails_the_test"),
)  # fmt: skip
