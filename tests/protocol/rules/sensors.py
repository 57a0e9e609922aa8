# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in sensors/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

STRANGE = "tests/operators/test_too_new.py::"

MUTATIONS = (
    Mutation("a sensor whose uuid came to nothing waits for no other run", "sensors/run.py", "if is_nothing(self.uuid) and", "if False and", "tests/operators/test_sensor.py::test_a_uuid_that_renders_to_nothing_is_refused"),
    Mutation("a job that a sensor looks for may be too new to be visible", "sensors/read_sets.py", "creation_time=self.first_poll", "creation_time=None", STRANGE + "test_a_sensor_gives_a_job_a_quarter_of_an_hour_to_be_visible"),
    Mutation("what a sensor looks for may be too new to be visible", "sensors/run.py", "creation_time=self.first_poll", "creation_time=None", STRANGE + "test_a_sensor_gives_a_run_a_quarter_of_an_hour_to_be_visible"),
)  # fmt: skip
