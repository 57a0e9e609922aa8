# SPDX-License-Identifier: Apache-2.0
"""moto's own server as an ASGI application: every service but HealthOmics."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_omics.local.publishing import moto_backends

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)


async def without_moto(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Stand for moto where it is not installed."""


def moto_app() -> ASGI:
    """Import moto, which takes a second, and return its application, ``without_moto`` where it is not installed."""
    # moto would invite every web page to read what it answers.
    os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
    try:
        moto_backends.load()
        from a2wsgi import WSGIMiddleware  # noqa: PLC0415 - moto costs a second: only who needs it waits
        from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - likewise
            DomainDispatcherApplication,
            create_backend_app,
        )
    except ImportError:
        log.warning("moto is not installed: S3, CloudWatch Logs, EventBridge, SQS, IAM and STS answer 501")
        return without_moto
    moto: Any = DomainDispatcherApplication(create_backend_app)

    def with_raw_uri(environ: Any, start_response: Any) -> Any:  # noqa: ANN401 - WSGI's types are a2wsgi's and werkzeug's
        # moto decodes RAW_URI, and where there is none what is decoded already: the key "a%20b" would be "a b".
        environ["RAW_URI"] = environ["asgi.scope"]["raw_path"].decode("latin-1")
        return moto(environ, start_response)

    app: Any = WSGIMiddleware(with_raw_uri)
    return cast("ASGI", app)
