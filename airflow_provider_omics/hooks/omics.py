# SPDX-License-Identifier: Apache-2.0
"""The hook of AWS HealthOmics: a connection, and the calls about its runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, ParamValidationError

from airflow_provider_omics.aws import identity
from airflow_provider_omics.aws.answers import Listed, lighten
from airflow_provider_omics.aws.connection import OmicsClients
from airflow_provider_omics.aws.errors import error_code, is_denied
from airflow_provider_omics.aws.manifest import how_it_ended
from airflow_provider_omics.aws.not_found import where_to_look
from airflow_provider_omics.aws.rejections import check_known, explained
from airflow_provider_omics.aws.run_pages import page_of, runs_of
from airflow_provider_omics.aws.s3 import place_of
from airflow_provider_omics.exceptions import OmicsError, StartRunRequestError
from airflow_provider_omics.records.run import Run
from airflow_provider_omics.records.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_omics.records.documents import JsonValue

# Seconds in which a new run may not be visible yet, so that a 404 does not mean deleted.
VISIBLE_AFTER: Final = 15 * 60


class OmicsHook(OmicsClients):
    """
    Call AWS HealthOmics.

    A ``config`` is merged into the connection's ``config_kwargs``. For an endpoint that is an IP address or localhost,
    HealthOmics' host prefixes (``workflows-`` …) are left out. By default calls are retried in adaptive mode, with ten
    attempts.

    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials.
    :param region_name: AWS Region; by default the connection's.
    :param verify: whether to verify TLS certificates, or the path of a CA bundle.
    :param config: options of ``botocore.config.Config``, which win over the connection's.
    :raises OmicsRequestError: if botocore does not know an option, or does not accept its value.
    """

    def start_run(self, request: Mapping[str, JsonValue]) -> Run:
        """
        Start a run, or return the one that an earlier call with the same requestId has started.

        :param request: the members of StartRun, by the API's names.
        :raises StartRunRequestError: if this botocore is too old for a member, or HealthOmics rejects the request.
        :raises StartRunConflictError: if HealthOmics answers 409.
        """
        try:
            run = Run.from_response(self.conn.start_run(**request))
        except ParamValidationError as error:  # Of start_run_kwargs, whose types only the installed botocore knows.
            check_known(request, self.conn)
            raise StartRunRequestError(f"botocore rejects the request: {one_line(str(error))}") from error
        except ClientError as error:
            where = self.where_to_look(error, request) if error_code(error) == "ResourceNotFoundException" else ""
            raise explained(error, request, where, self.caller) from error
        identity.learn(self.conn_config, run.arn)
        return run

    def _sts(self) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return a client of STS with short time-outs."""
        return self.client_of("sts", identity.BRIEF)

    def caller(self) -> str | None:
        """Return the ARN of the caller, None if STS does not return it."""
        return identity.caller_of(self._sts)

    def list_runs(self, name: str, since: float) -> Listed:
        """
        Return the runs of a name, the newest first; of very many, all active ones and some others.

        :param name: the runs' exact name.
        :param since: the earliest creation, in epoch seconds.
        """
        return runs_of(self.conn, name, since)

    def lighten_pages(self) -> None:
        """Make the client, and let it parse ListRuns in a third of the time, without ``startTime`` and ``stopTime``."""
        self.conn.meta.events.register("before-parse.omics.ListRuns", lighten)

    def list_page(self, status: str, token: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """
        Return one page of up to 100 of ListRuns' items, and the token of the next page.

        :param status: the runs' status; runs of all callers in the account are listed.
        :param token: the token of the page, None for the first one.
        """
        return page_of(self.conn, status, token)

    def get_run(self, run: Run) -> Run:
        """
        Return the present run; if the API no longer has it, with the status of its manifest, else DELETED.

        :param run: the run of StartRun's or an earlier GetRun's answer; a new one may not be visible yet.
        """
        try:
            now = Run.from_response(self.conn.get_run(id=run.id))
        except self.conn.exceptions.ResourceNotFoundException:
            self.check_owner(run)
            if run.creation_time and time.time() < run.creation_time + VISIBLE_AFTER:
                return run
            if ended := how_it_ended(self.logs, run):
                return ended
            why = "GetRun does not find it: it was deleted, or is too old"
            if not run.arn:  # Known by its id alone, which may be wrong, or of another Region.
                why += f". {self.where_to_look(None, {'id': run.id})}"
            return run.deleted(why)
        except ClientError as error:
            if is_denied(error):
                self.check_owner(run)  # Credentials of another account may lack the permission.
            raise
        identity.learn(self.conn_config, now.arn)
        if run.uuid and now.uuid != run.uuid:
            self.check_owner(run)
            return how_it_ended(self.logs, run) or run.deleted(f"its id belongs to another run now, uuid {now.uuid}")
        return now

    def where_to_look(self, error: ClientError | None, request: Mapping[str, object]) -> str:
        """
        Return one sentence: Region and account that were searched, and the arguments to check.

        :param error: HealthOmics' answer, whose message names what it does not find.
        :param request: the request, by the API's names.
        """
        account = self.account()
        message = error.response.get("Error", {}).get("Message", "") if error else ""
        return where_to_look(message, request, str(self.conn.meta.region_name), account)

    def account(self) -> str | None:
        """Return the account of the connection, None if STS does not return it."""
        return identity.account_of(self.conn_config, self._sts)

    def check_place(self, account: str | None, region: str | None) -> None:
        """
        Raise if the connection leads to another account or Region than in the task's worker.

        :param account: the account in the worker, None if STS did not return it.
        :param region: the Region in the worker.
        :raises StartRunElsewhereError: if it does.
        """
        ours = str(self.conn.meta.region_name)
        identity.check_place(account, region, self.conn_config, ours, self._sts)

    def check_owner(self, run: Run) -> None:
        """
        Raise if a run is in another account or Region than this hook's, where its id names another run, or none.

        :param run: the run; without its ARN nothing is checked.
        :raises WrongAccountError: if it is.
        """
        region = str(self.conn.meta.region_name)
        identity.check(run, self.conn_config, region, self._sts)

    def task_page(self, run: Run, status: str | None) -> tuple[list[str], bool]:
        """
        Return the statuses of up to 100 of a run's tasks, and whether it has more.

        :param run: the run.
        :param status: the tasks' status; None for any.
        """
        only = {"status": status} if status else {}
        page = self.conn.list_run_tasks(id=run.id, maxResults=100, **only)
        return [item["status"] for item in page["items"]], "nextToken" in page

    def output_files(self, output_uri: str) -> list[str]:
        """
        Return the URIs of all files that a run has written, with its logs: for engines without a file of named outputs.

        :param output_uri: the run's ``run_output_uri``, as its task pushes it to XCom.
        :raises ClientError: if the caller may not list them (``s3:ListBucket``).
        """
        bucket, folder = place_of(output_uri)
        pages = self.client_of("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
        return [f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", [])]

    def delete_run(self, run: Run) -> None:
        """
        Delete the API's record of a run that has ended; its outputs and logs stay. A missing run is no error.

        :raises OmicsError: if the run has not ended.
        """
        try:
            now = Run.from_response(self.conn.get_run(id=run.id))
            if run.uuid and now.uuid != run.uuid:
                self.log.info("Run %s is deleted already, its id belongs to another run now", run.id)
                return
            if not now.ended:
                raise OmicsError(f"HealthOmics {now}: only a run that has ended can be deleted, cancel it first")
            self.conn.delete_run(id=run.id)
        except self.conn.exceptions.ResourceNotFoundException as error:
            self.log.info("Run %s is deleted already: %s", run.id, error)

    def request_cancel(self, run: Run) -> bool:
        """
        Call CancelRun once, and return whether it was accepted; after 409 or 404 the run may go on.

        How it answers for a run that has ended is not published: it may also be a ValidationException.

        :param run: the run, whose id must still be its own.
        :raises WrongAccountError: if the run is in another account or Region, where its id may name another run.
        """
        self.check_owner(run)
        errors = self.conn.exceptions
        try:
            self.conn.cancel_run(id=run.id)
        except (errors.ConflictException, errors.ResourceNotFoundException, errors.ValidationException) as error:
            self.log.info("CancelRun of run %s was not accepted: %s", run.id, error)
            return False
        return True
