# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in aws/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

ERRORS = "aws/errors.py"
IN_TRIGGERER = "tests/operators/in_triggerer/test_start.py::"
LATE = "tests/operators/test_late.py::"
ACCOUNTS = "tests/hooks/test_identity.py::"
FAULTS = "tests/triggers/test_faults.py::"

MUTATIONS = (
    Mutation("an account that STS does not return is optional", "aws/identity.py", "        except Exception as error:  # noqa: BLE001 - any error, such as", "        except LookupError as error:  # any error, such as", ACCOUNTS + "test_a_proxy_that_answers_for_sts_fails_no_task"),
    Mutation("a connection that a task names has to be there", "aws/connection.py", "            if conn_id == cls.default_conn_name:\n                raise\n", "            raise\n", "tests/operators/test_faults.py::test_a_connection_that_is_not_there_is_an_error_before_any_call"),
    Mutation("the presigned URL of parameters is taken out of GetRun's answers", "aws/connection.py", '        getattr(session, "_session", session).register("before-parse.omics.GetRun", drop_presigned)\n', "", "tests/operators/test_parameters_uri.py"),
    Mutation("names are compared exactly", "aws/run_pages.py", 'item.get("name") == name', 'str(item.get("name"))[:6] == name[:6]'),
    Mutation("a connection that is missing for a moment ends no cancel", ERRORS, "return (is_wrong_connection(error) and faults < _MAX_CONNECTION_ERRORS) or is_transient(error)", "return is_transient(error)", LATE + "test_a_connection_that_is_missing_for_a_moment_leaves_no_run"),
    Mutation("a hook of another account is not used again", ERRORS, "return is_stale(error) or is_wrong_connection(error)", "return is_stale(error)", ACCOUNTS + "test_a_triggerer_that_missed_its_connection_once_finds_it_again"),
    Mutation("an edited connection is read before another account is an error", ERRORS, "return faults <= 1  #", "return False  #", "tests/operators/in_triggerer/test_edited_connection.py::test_a_run_is_started_in_the_account_to_which_the_connection_leads_now"),
    Mutation("a manifest that cannot be read for now says nothing", "aws/manifest.py", "if is_transient(error):", "if False:", ACCOUNTS + "test_a_manifest_that_cannot_be_read_for_now_is_asked_for_again"),
    Mutation("a page without events is not the end of a manifest", "aws/manifest.py", 'if answer["events"] or token in (None, more.get("nextToken")):', "if True:", ACCOUNTS + "test_a_page_without_events_is_not_the_end_of_a_manifest"),
    Mutation("keys that are replaced fail nobody", ERRORS, "error_code(error) in _REPLACED | _EXPIRED", "error_code(error) in _EXPIRED", FAULTS + "test_an_answer_that_passes_fails_nobody"),
    Mutation("what is configured wrongly does not pass", ERRORS, "return isinstance(why, TypeError) or", "return", "tests/aws/test_errors.py"),
    Mutation("a certificate that is not trusted does not pass", ERRORS, "if isinstance(error, SSLError):", "if False:", "tests/aws/test_errors.py"),
    Mutation("a triggerer of another account asks nothing", "aws/identity.py", "if region in (None, own_region) and own in (None, account):", "if True:", IN_TRIGGERER + "test_a_triggerer_of_another_account_asks_nothing"),
    Mutation("a key with a line break is no fault that passes", ERRORS, 'or (isinstance(why, ValueError) and "Invalid header" in str(why))', "", "tests/aws/test_errors.py::test_a_key_with_a_line_break_does_not_pass"),
    Mutation("what is not found is told with where", "aws/rejections.py", "{message.rstrip('.')}. {where}", "{message}", "tests/operators/test_not_found.py"),
    Mutation("an SSO session that has ended passes", ERRORS, "    | SSOError\n", "", "tests/aws/test_errors.py"),
)  # fmt: skip
