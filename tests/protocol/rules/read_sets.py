# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in read_sets/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

MUTATIONS = (
    Mutation("the token of other read sets is another", "read_sets/job_submissions.py", 'digest(",".join(sorted(self._wanted)), 8)', 'digest("", 8)', "tests/operators/read_sets/test_activation.py::test_a_retry_activates_what_is_left_of_jobs_that_no_list_shows"),
    Mutation("nothing is imported twice where no list shows the jobs before", "read_sets/job_submissions.py", 'return self._import_so_far([job], job) if self.kind == "import" else job', "return job", "tests/operators/read_sets/test_import_retries.py::test_a_retry_imports_only_what_is_missing_of_jobs_that_no_list_shows"),
    Mutation("two read sets of the same files are not one", "read_sets/read_set_request.py", "if item != sources[other]:", "if False:", "tests/operators/read_sets/test_arguments.py::test_bad_input_is_refused_when_the_dag_is_parsed"),
)  # fmt: skip
