# SPDX-License-Identifier: Apache-2.0
"""moto's CloudWatch Logs, EventBridge and S3, called in this process: no request, of which each costs milliseconds."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime, timedelta
from importlib import import_module
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# The account that moto's server takes its clients to be of.
_ACCOUNT = "123456789012"
_LOG_AHEAD = timedelta(hours=1, minutes=59)
# Executed runs log from threads of their own.
_logging = threading.Lock()
_loading = threading.Lock()


def load() -> None:
    """
    Import what is used of moto here; ImportError says that it is not installed.

    Its modules import each other in a circle: of two threads that begin at once, one would find half of them.
    """
    with _loading:
        for module in ("backends", "moto_api._internal.models", "logs", "events", "s3"):
            import_module(f"moto.{module}")


def log(region: str, group: str, stream: str, lines: Sequence[tuple[datetime, str]]) -> None:
    """Append lines to a log stream; it and its group are made when missing."""
    # CloudWatch drops what lies too far ahead, as a test's moved clock may.
    latest = datetime.now(UTC) + _LOG_AHEAD
    # Nor does it take lines out of order, as the threads of an executed run write them.
    events = [
        {"timestamp": int(min(moment, latest).timestamp() * 1000), "message": line or " "}
        for moment, line in sorted(lines, key=itemgetter(0))
    ]
    logs = _backend("logs", region)
    with _logging:
        if group not in logs.groups:
            logs.create_log_group(group, {})
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        logs.put_log_events(group, stream, events)


def put_event(region: str, entry: dict[str, Any]) -> None:
    """Put an event on the default bus."""
    _backend("events", region).put_events([entry])


def make_bucket(name: str) -> None:
    """Make a bucket that is not there yet."""
    s3 = _backend("s3", "aws")
    if name not in s3.buckets:
        s3.create_bucket(name, "us-east-1")


def put_object(bucket: str, key: str, content: bytes) -> None:
    """Put an object; FileNotFoundError says that there is no such bucket."""
    s3 = _backend("s3", "aws")
    if bucket not in s3.buckets:
        way_out = f"make it before the run: aws s3 mb s3://{bucket}"
        raise FileNotFoundError(f"NoSuchBucket: the bucket {bucket} does not exist; {way_out}")
    s3.put_object(bucket, key, content).set_acl(s3.buckets[bucket].acl)


def reset() -> None:
    """Empty every service, as far as any was used."""
    if "moto" in sys.modules:
        load()
        from moto.moto_api._internal.models import moto_api_backend  # noqa: PLC0415 - moto costs a second: nobody waits for it

        moto_api_backend.reset()


def _backend(service: str, region: str) -> Any:  # noqa: ANN401 - moto's own, without types
    load()
    from moto.backends import get_backend  # noqa: PLC0415 - moto costs a second: only who needs it waits

    backends: Any = get_backend(service)  # type: ignore[call-overload]
    return backends[_ACCOUNT][region]
