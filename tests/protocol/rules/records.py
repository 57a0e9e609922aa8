# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in records/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

UPGRADES = "tests/operators/test_upgrades.py::"
STRANGE = "tests/operators/test_too_new.py::"
CANCELLED_BY = "tests/operators/cancelling/test_arguments.py::"

MUTATIONS = (
    Mutation("STOPPING is not ended", "records/run.py", '"CANCELLED", "DELETED"}', '"CANCELLED", "DELETED", "STOPPING"}'),
    Mutation("what a newer release says besides is ignored", "records/versioned.py", "for name, value in members.items() if name in known}", "for name, value in members.items()}", UPGRADES + "test_an_event_of_any_version_is_read"),
    Mutation("another major version is not read", "records/versioned.py", "    if version is not None and str", "    if False and str", UPGRADES + "test_only_another_major_version_is_refused"),
    Mutation("a status that is not known is of a run that lives", "records/run.py", "return self.status in ENDED\n", "return self.status not in ACTIVE\n", STRANGE + "test_a_worker_waits_for_a_run_whatever_its_status"),
    Mutation("a uuid in capitals is the run's", "records/run.py", "return str(value).strip().lower()", "return str(value)", CANCELLED_BY + "test_a_uuid_is_the_runs_however_it_is_written"),
    Mutation("a run whose id alone was pushed can be cancelled", "records/run.py", 'pull(key) or ""', "pull(key)", "tests/operators/test_late.py::test_a_run_that_is_not_visible_yet_when_airflow_ends_the_deferral_is_cancelled"),
    Mutation("escape sequences are not quoted", "records/text.py", '_ESCAPE.sub("", text)', "text", "tests/results/test_failures.py"),
    Mutation("a run that is not visible yet is cancelled after Airflow's time-out", "records/run.py", "creation_time=time.time())", "creation_time=None)", "tests/operators/test_late.py::test_a_run_that_is_not_visible_yet_when_airflow_ends_the_deferral_is_cancelled"),
)  # fmt: skip
