# SPDX-License-Identifier: Apache-2.0
"""The endpoint's one port: HealthOmics, the control API, and every other service by moto, told apart and guarded."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_omics.local.http import control, guard, price_list
from airflow_provider_omics.local.http.moto_app import moto_app, without_moto
from airflow_provider_omics.local.operations.table import OPERATIONS, needs_object, not_implemented
from airflow_provider_omics.local.runs import batches
from airflow_provider_omics.local.wdl.examine import examine
from airflow_provider_omics.local.wire import other_services
from airflow_provider_omics.local.wire.caller import Caller
from airflow_provider_omics.local.wire.service_error import ServiceError
from airflow_provider_omics.local.workflows import definition_export

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from botocore.model import OperationModel

    from airflow_provider_omics.local.http.moto_app import ASGI, Receive, Scope, Send
    from airflow_provider_omics.local.operations.endpoint import Endpoint
    from airflow_provider_omics.local.state.endpoint_state import State


log = logging.getLogger(__name__)
_NOT_OURS = {
    "UnknownOperationException": 404,
    "NotImplementedException": 501,
    "MissingAuthenticationTokenException": 403,
}


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    body: bytes
    error: str = ""


class _BeforeResetError(Exception):
    """A call has waited while the endpoint forgot everything, and belongs to what is forgotten."""


class App:
    """The ASGI application."""

    def __init__(self, endpoint: Endpoint, buckets: Callable[[], None] = lambda: None, own_key: str = "") -> None:
        self.endpoint = endpoint
        # Who signs with this access key is the endpoint itself.
        self._own_key = own_key
        # Makes the buckets that are to be there from the start; called when S3 is first needed.
        self._buckets = buckets
        self._aws: ASGI | None = None
        self._aws_lock = asyncio.Lock()
        # A thread of its own: those that wait for S3 may be as many as other threads there are.
        self._starting = ThreadPoolExecutor(1, thread_name_prefix="omics-local-moto")
        # The state that the buckets were made for.
        self._bucketed: State | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        signed = guard.signed(headers, query)
        refusal = guard.refusal(scope["method"], headers, signed and signed[2])
        if refusal:
            await self._send(send, _error("AccessDeniedException", refusal, 403))
        elif scope["path"].startswith("/_local/"):
            await self._send(send, await self._control(scope, headers, query, receive))
        elif signed:
            access_key, region, service = signed
            if service == "omics":
                account = self.endpoint.state.settings.account_of(access_key)
                await self._omics(scope, query, Caller(region, account), receive, send)
            else:
                await self._others(service, scope, headers, receive, send, access_key=access_key)
        else:
            message = "The request is not signed; this endpoint answers AWS clients only"
            await self._send(send, _error("MissingAuthenticationTokenException", message, 403))

    async def _control(self, scope: Scope, headers: dict[str, str], query: str, receive: Receive) -> Answer:
        if headers.get("x-omics-local") != "1":
            return _error("AccessDeniedException", "The control API needs the header X-Omics-Local: 1", 403)
        body = await _body(receive)
        # In a thread, as it may take long: a clock that is moved on by hours makes a lot due at once.
        status, document = await asyncio.to_thread(
            control.handle, self.endpoint, scope["method"], scope["path"], query, body
        )
        return Answer(status, json.dumps(document, default=str).encode())

    async def _omics(self, scope: Scope, query: str, caller: Caller, receive: Receive, send: Send) -> None:
        endpoint, body, state = self.endpoint, await _body(receive), self.endpoint.state
        try:
            operation, labels = endpoint.service.route(scope["method"], scope["raw_path"].decode("latin-1"))
        except ServiceError as error:
            await self._send(send, self._error(error))
            return
        call = endpoint.calls.add(operation.name, endpoint.state.clock.now(), labels)
        fault = endpoint.faults.take(operation.name, body)
        if fault and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault and fault.kind == "drop":
            _abort(send)
            return
        try:
            if fault and fault.kind == "error":
                raise ServiceError(fault.code, fault.message)  # noqa: TRY301 - an error like the service's own
            params = self._read(operation, labels, query, body)
            call.request_id = params.get("requestId") or params.get("clientToken")
            answer = await self._handle(operation, params, caller, state)
        except _BeforeResetError:
            _abort(send)
            return
        except ServiceError as error:
            answer = self._error(error)
        except Exception as error:
            log.exception("%s failed", operation.name)
            answer = self._error(ServiceError("InternalServerException", f"The local endpoint failed: {error!r}"))
        call.status = answer.status
        if fault and fault.kind == "lost":
            _abort(send)
            return
        await self._send(send, answer)

    def _read(self, operation: OperationModel, labels: dict[str, str], query: str, body: bytes) -> dict[str, Any]:
        """Return a call's input, unless it is one too many or of an operation that is not here."""
        endpoint, name, state = self.endpoint, operation.name, self.endpoint.state
        if name not in OPERATIONS:
            raise not_implemented(name)
        endpoint.throttle.take(name, state.settings.quotas.get(name), state.clock.now())
        return endpoint.service.parse(operation, labels, query, body)

    async def _handle(self, operation: OperationModel, params: dict[str, Any], caller: Caller, state: State) -> Answer:
        uri = needs_object(operation.name, params)
        if uri is not None:
            caller = await asyncio.to_thread(self._with_object, operation, uri, caller)
        content = params.get("definitionZip", caller.fetched)
        if content is not None and operation.name in ("CreateWorkflow", "CreateWorkflowVersion"):
            found = await asyncio.to_thread(examine, content, params.get("main"), params.get("engine"))
            caller = caller._replace(definition=found)
        if self.endpoint.state is not state:
            raise _BeforeResetError
        output = self.endpoint.call(operation.name, params, caller)
        definition = definition_export.definition_of(self.endpoint.state, operation.name, params, caller)
        if definition is not None and self.endpoint.publishing:
            url = await asyncio.to_thread(definition_export.url, definition, self.endpoint.publishing.publisher)
            output = {**output, "definition": url}
        return Answer(*self.endpoint.service.answer(operation, output))

    def _with_object(self, operation: OperationModel, uri: str, caller: Caller) -> Caller:
        content = self._fetch(uri)
        if operation.name == "StartRunBatch":
            return caller._replace(settings=batches.settings_from(content, self.endpoint.service))
        return caller._replace(fetched=content)

    def _fetch(self, uri: str) -> bytes:
        """Return an S3 object that a request names."""
        publishing = self.endpoint.publishing
        if publishing is None:
            raise ServiceError("ValidationException", f"{uri} cannot be read: this endpoint has no S3")
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "object")
            try:
                publishing.publisher.download(uri, str(path))
            except (FileNotFoundError, ValueError) as error:
                raise ServiceError("ValidationException", f"{uri} cannot be read: {error}") from None
            return path.read_bytes()

    async def _others(
        self, service: str, scope: Scope, headers: dict[str, str], receive: Receive, send: Send, *, access_key: str
    ) -> None:
        """
        Hand a request to moto, which is imported when it is first needed, unless a fault is planned for it.

        Who calls is no question for moto, which knows one account; no fault is planned for the endpoint's own calls.
        """
        body = await _body(receive) if service == "sts" else b""
        receive = _again(body) if service == "sts" else receive
        operation = other_services.operation_of(service, scope, headers, body)
        fault = None if access_key == self._own_key else self.endpoint.faults.take(operation)
        state = self.endpoint.state
        if fault and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault and (fault.kind == "drop" or self.endpoint.state is not state):
            _abort(send)
            return
        if fault and fault.kind == "error":
            await _body(receive)
            await self._send(send, Answer(*other_services.error_answer(service, fault.code, fault.message)))
            return
        await self._without_fault(operation, scope, headers, receive, send, access_key=access_key)

    async def _without_fault(
        self, operation: str, scope: Scope, headers: dict[str, str], receive: Receive, send: Send, *, access_key: str
    ) -> None:
        service, _, name = operation.partition(":")
        if service == "pricing":  # moto does not have it
            status, document = price_list.answer(name, await _body(receive))
            await self._send(send, Answer(status, json.dumps(document).encode()))
            return
        if operation == other_services.WHO:
            self.endpoint.calls.add(operation, self.endpoint.state.clock.now(), {})
            account = self.endpoint.state.settings.account_of(access_key)
            await self._send(send, Answer(200, other_services.caller_identity(account)))
            return
        aws = await self._started()
        if aws is None:
            message = f"{service} is not served: install airflow-provider-omics[local], which brings moto"
            await self._send(send, _error("NotImplementedException", message, 501))
            return
        if service == "events" and self.endpoint.publishing:
            self.endpoint.publishing.listening = True
        try:
            await aws(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - moto raises where it lacks a service, an operation or a library
            log.warning("moto does not serve %s: %r", operation, error)
            await self._send(send, Answer(*other_services.not_implemented(service, operation, headers)))

    async def _started(self) -> ASGI | None:
        """Return moto, None where it is not installed, with the buckets that are to be there, after a reset, too."""
        loop, state = asyncio.get_running_loop(), self.endpoint.state
        if self._bucketed is not state:
            async with self._aws_lock:
                if self._aws is None:
                    self._aws = await loop.run_in_executor(self._starting, moto_app)
                if self._bucketed is not state and self._aws is not without_moto:
                    await loop.run_in_executor(self._starting, self._buckets)
                self._bucketed = state
        return None if self._aws is without_moto else self._aws

    def _error(self, error: ServiceError) -> Answer:
        if error.code.isdecimal():
            return Answer(int(error.code), b"<html><body>A gateway's page</body></html>")
        status = self.endpoint.service.statuses.get(error.code) or _NOT_OURS[error.code]
        return _error(error.code, error.message, status)

    async def _send(self, send: Send, answer: Answer) -> None:
        # The Date is the endpoint's own, so that clients can compare it with creationTime under a moved clock, too.
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer.body)).encode()),
            (b"date", format_datetime(self.endpoint.state.clock.now(), usegmt=True).encode()),
            (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
        ]
        if answer.error:
            headers.append((b"x-amzn-errortype", answer.error.encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


def _error(code: str, message: str, status: int) -> Answer:
    return Answer(status, json.dumps({"message": message}).encode(), code)


async def _body(receive: Receive) -> bytes:
    message = await receive()
    parts = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


def _again(body: bytes) -> Receive:
    """Return what gives a body that was read already."""

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    return receive


def _abort(send: Send) -> None:
    """Close the connection without an answer: ASGI has no way to, so this takes uvicorn's transport."""
    send.__self__.transport.abort()  # type: ignore[attr-defined]
