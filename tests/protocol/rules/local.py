# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - a row of the table is a line
"""Rules that the code in local/ keeps, and how each is broken."""

from tests.protocol.mutation import Mutation

INPUTS = "tests/local/execute/test_inputs.py::"
DEFINITIONS = "tests/local/test_definitions.py::"
GROUPS = "tests/local/test_run_groups.py::"
CACHES = "tests/local/execute/test_run_caches.py::"
SECURITY = "tests/local/test_security.py::"
SWITCHES = "tests/local/test_switches.py::"
BATCHES = "tests/local/test_batches.py::"
PROCESSES = "tests/local/execute/test_processes.py::"

MUTATIONS = (
    Mutation("a URI of another scheme than S3's is no input", "local/publishing/s3_uri.py", 'if not uri.startswith("s3://") or not bucket or (', "if not bucket or (", INPUTS + "test_every_other_scheme_is_refused"),
    Mutation("what a workflow reads by itself comes from the endpoint's S3", "local/wdl/download_plugins.py", "if able(library.cfg, filename, directory):", "if False:", INPUTS + "test_every_file_comes_from_the_endpoints_s3"),
    Mutation("miniwdl's own downloaders are never asked", "local/wdl/entry_points.py", '"omics", *REFUSED_SCHEMES)', '"omics")', INPUTS + "test_an_input_that_cannot_be_had_fails_the_run_and_starts_nothing"),
    Mutation("two keys never become one file", "local/wdl/inputs.py", 'self._folder(f"{bucket}/{prefix}", directory=False)', 'self._folder("", directory=False)', INPUTS + "test_keys_never_become_paths"),
    Mutation("a Directory takes nothing beside its prefix", "local/wdl/inputs.py", 'below = f"{prefix}/" if prefix else ""', "below = prefix", INPUTS + "test_a_prefix_that_no_directory_can_be_is_refused"),
    Mutation("no key of a Directory leads out of it", "local/wdl/inputs.py", '_check_names(f"s3://{bucket}/{key}", *parents, *([name] if name else ()))', "pass", INPUTS + "test_a_prefix_that_no_directory_can_be_is_refused"),
    Mutation("a key of S3 is decoded once", "local/http/moto_app.py", 'environ["RAW_URI"] = environ["asgi.scope"]["raw_path"].decode("latin-1")', "pass", "tests/local/test_s3.py"),
    Mutation("a definition that does not parse is never ACTIVE", "local/wdl/examine.py", '"status": "FAILED", ', "", DEFINITIONS + "test_a_definition_that_does_not_parse_ends_the_creation"),
    Mutation("nothing outside of a definition is imported", "local/wdl/parser.py", "if not (file.is_relative_to(root) and file.is_file()):", "if False:", DEFINITIONS + "test_every_message_of_miniwdl_is_told_with_its_place"),
    Mutation("a main file is in its definition", "local/wdl/staging.py", "if not (path.is_file() and path.is_relative_to(root)):", "if not path.is_file():", "tests/local/execute/test_runs.py::test_a_workflow_that_cannot_run_fails_and_says_why"),
    Mutation("a hidden file is no definition", "local/workflows/definitions.py", 'not any(part.startswith(".") for part in path.parts)', "True", DEFINITIONS + "test_the_main_file_is_the_one_nearest_to_the_root"),
    Mutation("the caller's engine is kept", "local/wdl/examine.py", "engine = engine or ENGINES.get(", "engine = ENGINES.get(", DEFINITIONS + "test_the_callers_engine_is_kept_and_one_that_is_left_out_is_seen_in_the_main_file"),
    Mutation("what cannot be executed is not simulated in silence", "local/runs/new_run.py", "(why := _not_executable(workflow)):", "(why := None):", "tests/local/execute/test_served.py::test_a_workflow_without_a_definition_lives_by_a_script_alone"),
    Mutation("runs beyond a group's maxRuns wait", "local/runs/queueing.py", 'queue.runs >= _limit(state, group, "maxRuns")', "False", GROUPS + "test_runs_beyond_max_runs_wait_until_another_one_ends"),
    Mutation("a run that ends makes room in its group", "local/runs/statuses.py", "queueing.leave(state, run, now)", "pass", GROUPS + "test_a_run_that_ends_early_makes_room"),
    Mutation("a changed input is not found in a run cache", "local/wdl/cache_plugin.py", 'return f"{path.name}#{digest.hexdigest()}"', "return path.name", CACHES + "test_another_content_is_another_input"),
    Mutation("a completed run is cached only if that is asked for", "local/wdl/executor.py", 'if not self.stop.is_set() and self.run.cache_behavior == "CACHE_ALWAYS":', "if not self.stop.is_set():", CACHES + "test_a_completed_run_is_cached_if_that_is_asked_for"),
    Mutation("an answer that was given is not changed later", "local/state/endpoint_state.py", "_Token(digest, deepcopy(answer), now)", "_Token(digest, answer, now)", "tests/local/test_runs.py::test_a_replay_answers_as_the_first_time"),
    Mutation("a page token belongs to its call", "local/wire/page_tokens.py", "if seal != _seal(operation, params, caller):", "if not seal:", "tests/local/test_runs.py::test_a_page_token_belongs_to_its_call"),
    Mutation("what is not signed is refused", "local/http/guard.py", '"AWSAccessKeyId=" in query and "Signature=" in query else None', 'query == "" else None', SECURITY + "test_an_unsigned_request_is_refused"),
    Mutation("the control API needs its header", "local/http/app.py", 'if headers.get("x-omics-local") != "1":', "if False:", SECURITY + "test_the_control_api_needs_its_header"),
    Mutation("a page out of the endpoint's own S3 calls nothing", "local/http/guard.py", 'if origin is not None or site != "none":', 'if origin not in (None, f"http://{host}"):', SECURITY + "test_a_page_out_of_the_endpoints_own_s3_calls_nothing"),
    Mutation("a foreign origin reads nothing", "local/http/guard.py", 'return None if origin in (None, f"http://{host}") else', "return None if True else", SECURITY + "test_a_foreign_origin_is_refused"),
    Mutation("botocore's host prefixes alone are this machine's name", "local/http/guard.py", "host.removeprefix(prefix) for prefix in _host_prefixes() if host.startswith(prefix)", 'host.partition("-")[2] for _ in "x" if "-" in host', SECURITY + "test_a_foreign_host_is_refused"),
    Mutation("a bucket's name stands before the host for S3 alone", "local/http/guard.py", '(service == "s3" and re.fullmatch(', "(re.fullmatch(", SECURITY + "test_a_foreign_host_is_refused"),
    Mutation("a run that has ended moves no more", "local/runs/executed_run.py", 'if run.status not in ENDED and (run.status != "STOPPING" or status in ENDED):', 'if run.status != "STOPPING" or status in ENDED:', "tests/local/test_runs.py::test_an_executed_run_that_is_stopping_can_only_end"),
    Mutation("no step stops the clock", "local/state/endpoint_state.py", "except Exception:\n                log.exception(", "except KeyError:\n                log.exception(", BATCHES + "test_a_step_that_fails_does_not_keep_the_next_from_being_done"),
    Mutation("run settings in S3 are checked", "local/runs/batches.py", 'return [service.entry("StartRunBatch", where, f"s3UriSettings.{i}.member", it) for i, it in enumerate(settings, 1)]', "return settings", BATCHES + "test_settings_in_s3_are_checked_as_inline_ones_are"),
    Mutation("the end of a run looks at no other run of its batch", "local/runs/batch_processing.py", "batch.status in following and not batch.active:", "batch.status in following and all(it.run.status in ENDED for it in batch.submissions if it.run):", BATCHES + "test_a_large_batch_lets_others_through_and_costs_what_its_runs_cost"),
    Mutation("a reset ends what is executed", "local/operations/endpoint.py", "self.executor.end(runs)", "pass", "tests/local/execute/test_served.py::test_a_reset_waits_until_nothing_is_executed"),
    Mutation("a reset ends what is published", "local/operations/endpoint.py", "left.close()", "pass", SWITCHES + "test_a_reset_leaves_nothing_of_what_was_under_way"),
    Mutation("a reset empties the other services", "local/operations/endpoint.py", "        moto_backends.reset()\n", "", SWITCHES + "test_a_reset_forgets_everything"),
    Mutation("planned faults are for clients", "local/http/app.py", "None if access_key == self._own_key else ", "", SWITCHES + "test_a_fault_of_s3_is_for_clients_not_for_the_endpoints_own_calls"),
    Mutation("an import job always ends", "local/sequencestores/jobs.py", "except Exception as error:  # noqa: BLE001 - whatever it is, the source has failed and the job ends", "except FileNotFoundError as error:", "tests/local/test_storage.py::test_an_import_job_ends_whatever_happens_to_its_copies"),
    Mutation("a task's output without a newline is never held", "local/wdl/tail.py", "file.read(self.longest)", "file.read()", "tests/local/execute/test_tails.py::test_a_large_output_without_a_newline_is_never_held"),
    Mutation("a definition that unpacks to too much is refused", "local/workflows/definitions.py", "size > MOST_UNPACKED or len(files) > MOST_FILES:", "False:", DEFINITIONS + "test_a_zip_that_unpacks_to_too_much_is_refused"),
    Mutation("a server that is killed takes its runs with it", "local/wdl/isolation.py", "return prefix if _works(prefix) else ()", "return ()", "tests/local/execute/test_killed.py"),
    Mutation("the folders that a killed server left are removed", "local/wdl/run_folders.py", "            shutil.rmtree(folder, ignore_errors=True)\n", "", "tests/local/execute/test_killed.py"),
    Mutation("a sandboxed task has no capabilities", "local/wdl/isolation.py", ', "--cap-drop", "ALL"', "", PROCESSES + "test_a_sandboxed_task_sees_programs_and_its_inputs_alone"),
    Mutation("a sandboxed task cannot write its inputs", "local/wdl/backend.py", 'invocation += ["--ro-bind", path, path]', 'invocation += ["--bind", path, path]', PROCESSES + "test_a_sandboxed_task_sees_programs_and_its_inputs_alone"),
    Mutation("a sandboxed task does not see the host", "local/wdl/isolation.py", '_SYSTEM = ("/usr", ', '_SYSTEM = ("/usr", "/var", ', PROCESSES + "test_a_sandboxed_task_sees_programs_and_its_inputs_alone"),
    Mutation("a setting that is unknown is refused within quotas, too", "local/http/control.py", "if unknown := [name for name in settings.quotas if name not in operations]:", "if unknown := []:", SWITCHES + "test_what_means_nothing_is_refused"),
    Mutation("the user's script comes before the examples' own", "local/state/scripts.py", "return not script.example, ", "return script.example, ", SWITCHES + "test_a_script_of_the_user_comes_before_the_examples_own"),
    Mutation("the settings of a configuration come first", "local/http/control.py", "    _try(_change_settings, endpoint, settings, wrong)\n", "", SWITCHES + "test_the_account_of_a_configuration_is_that_of_all_it_registers"),
)  # fmt: skip
