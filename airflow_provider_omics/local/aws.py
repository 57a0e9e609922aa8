# SPDX-License-Identifier: Apache-2.0
"""The publisher: S3, CloudWatch Logs and EventBridge by botocore, as any client of the endpoint."""

from __future__ import annotations

import json
import re
import shutil
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

from airflow_provider_omics.local.environment import REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOG_GROUP = "/aws/omics/WorkflowLog"
_RUN_OF_STREAM = re.compile(r"run/(\d+)")
_LOG_BATCH = 1_000
_LOG_AHEAD = timedelta(hours=1, minutes=59)


class AwsPublisher:
    """Where runs leave their traces; each in the Region of its run."""

    def __init__(self, url: str, region_of: Callable[[str], str]) -> None:
        self._url = url
        self._region_of = region_of
        self._lock = threading.Lock()
        self._session = botocore.session.Session()
        self._clients: dict[tuple[str, str], Any] = {}

    def download(self, uri: str, path: str) -> None:
        """Copy the object ``s3://…`` to a local file; FileNotFoundError names the uri that does not exist."""
        bucket, key = _split(uri)
        s3 = self._client("s3")
        try:
            content = s3.get_object(Bucket=bucket, Key=key)["Body"]
        except s3.exceptions.ClientError as error:
            raise FileNotFoundError(f"{uri}: {error}") from None
        with Path(path).open("wb") as file, content:
            shutil.copyfileobj(content, file)

    def keys(self, uri: str) -> list[str]:
        """Return the keys that begin as ``s3://…`` does, in order; FileNotFoundError if the bucket is not there."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        s3 = self._client("s3")
        try:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            return [content["Key"] for page in pages for content in page.get("Contents", ())]
        except s3.exceptions.ClientError as error:
            raise FileNotFoundError(f"{uri}: {error}") from None

    def upload(self, path: str, uri: str) -> None:
        """Copy a local file to ``s3://…``; a bucket that does not exist is an error, as in AWS."""
        bucket, key = _split(uri)
        with Path(path).open("rb") as file:
            self._client("s3").put_object(Bucket=bucket, Key=key, Body=file)

    def copy(self, uri: str, to: str) -> int:
        """Copy an object within S3 and return its bytes; FileNotFoundError names the uri that cannot be read."""
        s3, (bucket, key), (to_bucket, to_key) = self._client("s3"), _split(uri), _split(to)
        try:
            size = int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
            s3.copy_object(Bucket=to_bucket, Key=to_key, CopySource={"Bucket": bucket, "Key": key})
        except s3.exceptions.ClientError as error:
            raise FileNotFoundError(f"{uri}: {error}") from None
        return size

    def presigned(self, uri: str) -> str:
        """Return a URL by which anybody can read the object ``s3://…`` for an hour."""
        bucket, key = _split(uri)
        url: str = self._client("s3").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        return url

    def make_buckets(self, names: Sequence[str]) -> None:
        """Make buckets that are not there yet."""
        for name in names:
            self._client("s3").create_bucket(Bucket=name)

    def log(self, stream: str, lines: list[tuple[datetime, str]]) -> None:
        """Append lines to a stream of ``/aws/omics/WorkflowLog``, made when missing."""
        run = _RUN_OF_STREAM.search(stream)
        logs = self._client("logs", self._region_of(run[1]) if run else REGION)
        where = {"logGroupName": LOG_GROUP, "logStreamName": stream}
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            try:
                logs.create_log_stream(**where)
            except logs.exceptions.ResourceNotFoundException:
                _make_log_group(logs)
                logs.create_log_stream(**where)
        # CloudWatch drops what lies too far ahead, as a test's moved clock may.
        latest = datetime.now(UTC) + _LOG_AHEAD
        for start in range(0, len(lines), _LOG_BATCH):
            events = [
                {"timestamp": int(min(moment, latest).timestamp() * 1000), "message": line or " "}
                for moment, line in lines[start : start + _LOG_BATCH]
            ]
            logs.put_log_events(**where, logEvents=events)

    def event(self, detail_type: str, detail: dict[str, Any], resources: list[str], moment: datetime) -> None:
        """Put one ``aws.omics`` event on the default EventBridge bus."""
        region = resources[0].split(":")[3]
        self._client("events", region).put_events(
            Entries=[
                {
                    "Source": "aws.omics",
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail),
                    "Resources": resources,
                    "Time": moment,
                }
            ]
        )

    def _client(self, service: str, region: str = REGION) -> Any:  # noqa: ANN401 - botocore makes its classes as it goes
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._session.create_client(
                    service,
                    region_name=region,
                    endpoint_url=self._url,
                    aws_access_key_id="local",
                    aws_secret_access_key="local",  # noqa: S106 - no secret
                    config=Config(
                        retries={"mode": "standard"},
                        s3={"addressing_style": "path"},
                        proxies={},
                        # botocore still presigns S3's URLs by version 2 unless it is told.
                        signature_version="s3v4" if service == "s3" else None,
                    ),
                )
            return self._clients[service, region]


def _make_log_group(logs: Any) -> None:  # noqa: ANN401 - botocore's
    # Executed runs log from threads of their own, and another may have been faster.
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=LOG_GROUP)


def _split(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an ``s3://`` URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise ValueError(f"{uri} is not s3://bucket/key")
    return bucket, key
