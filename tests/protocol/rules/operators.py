# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in operators/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

CANCEL = "operators/cancel.py"
CANCELS = "tests/operators/cancelling/test_runs.py::"
CANCELLED_BY = "tests/operators/cancelling/test_arguments.py::"

MUTATIONS = (
    Mutation("an id that comes out as nothing cancels nothing", CANCEL, 'if "run_id" in self.given else', "if self.run_id else", CANCELLED_BY + "test_an_id_that_renders_to_nothing_cancels_nothing"),
    Mutation("a Dag run that comes out as nothing is not this one", CANCEL, 'self.airflow_run_id if "airflow_run_id" in self.given else', "self.airflow_run_id or", CANCELLED_BY + "test_an_argument_that_comes_out_as_nothing_cancels_nothing"),
    Mutation("a run that is not cancelled does not stand in the way of others", CANCEL, "        except Exception as error:  # noqa: BLE001 - the others", "        except KeyError as error:  # the others", CANCELS + "test_what_could_not_be_cancelled_fails_the_task_after_all_else_is_done"),
    Mutation("what is not cancelled fails the task", CANCEL, "        if problems:\n", "        if False:\n", CANCELS + "test_what_could_not_be_cancelled_fails_the_task_after_all_else_is_done"),
    Mutation("a run too new to be listed is known by its XCom", CANCEL, "pushed_runs(context, tasks) if here else ()", "()", CANCELS + "test_a_run_that_is_too_new_to_be_listed_is_known_by_its_tasks_xcom"),
    Mutation("a mapped task's uuid that came to nothing was given", CANCEL, ' or "uuid" in self._rendered_to_none()', "", CANCELLED_BY + "test_a_mapped_cancel_leaves_all_else_alone"),
    Mutation("an archived read set is no success", "operators/activate_read_sets.py", ' and len(result["read_set_ids"]) == len(ids))', ")", "tests/operators/read_sets/test_activation.py::test_a_read_set_that_is_archived_when_its_job_has_completed_is_no_success"),
    Mutation("a uuid alone is not all runs", CANCEL, 'if "uuid" in self.given and', 'if "x" in self.given and', CANCELLED_BY + "test_a_uuid_alone_is_not_all_runs"),
    Mutation("a task id that the DAG does not have is no success", CANCEL, "if dag and task not in dag.task_dict]", "if False]", CANCELLED_BY + "test_a_task_id_that_the_dag_does_not_have_is_told_after_all_else_is_done"),
    Mutation("spaces around an id of Airflow's cancel no less", CANCEL, "str(dag_id).strip(), str(run_id).strip()", "str(dag_id), str(run_id)", "tests/operators/cancelling/test_runs.py::test_runs_are_cancelled_by_whose_they_are"),
)  # fmt: skip
