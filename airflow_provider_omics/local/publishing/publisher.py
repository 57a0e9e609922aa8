# SPDX-License-Identifier: Apache-2.0
"""The publisher: S3's files by botocore, as any client; small objects, logs and events straight into moto."""

from __future__ import annotations

import json
import re
import shutil
import threading
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

from airflow_provider_omics.local.environment import REGION
from airflow_provider_omics.local.publishing import moto_backends
from airflow_provider_omics.local.publishing.s3_uri import split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

LOG_GROUP = "/aws/omics/WorkflowLog"
_RUN_OF_STREAM = re.compile(r"run/(\d+)")


class Publisher:
    """S3, CloudWatch Logs and EventBridge, each in the Region of its run; never called on the event loop's thread."""

    def __init__(self, url: str, region_of: Callable[[str], str], own_key: str) -> None:
        self._url = url
        # No fault is planned for calls that are signed with it.
        self._own_key = own_key
        self._region_of = region_of
        self._lock = threading.Lock()
        self._session = botocore.session.Session()
        self._clients: dict[str, Any] = {}

    def download(self, uri: str, path: str) -> None:
        """Copy the object ``s3://…`` to a local file; FileNotFoundError names the uri that does not exist."""
        bucket, key = split(uri)
        s3 = self._client()
        try:
            content = s3.get_object(Bucket=bucket, Key=key)["Body"]
        except s3.exceptions.ClientError as error:
            raise _unread(uri, error) from None
        with Path(path).open("wb") as file, content:
            shutil.copyfileobj(content, file)

    def keys(self, uri: str) -> list[str]:
        """Return the keys that begin as ``s3://…`` does, in order; FileNotFoundError if the bucket is not there."""
        bucket, prefix = split(uri, key_needed=False)
        s3 = self._client()
        try:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            return [content["Key"] for page in pages for content in page.get("Contents", ())]
        except s3.exceptions.ClientError as error:
            raise _unread(uri, error) from None

    def upload(self, path: str, uri: str) -> None:
        """Copy a local file to ``s3://…``; a bucket that does not exist is an error, as in AWS."""
        bucket, key = split(uri)
        with Path(path).open("rb") as file:
            self._client().put_object(Bucket=bucket, Key=key, Body=file)

    def copy(self, uri: str, to: str) -> int:
        """Copy an object within S3 and return its bytes; FileNotFoundError names the uri that cannot be read."""
        s3, (bucket, key), (to_bucket, to_key) = self._client(), split(uri), split(to)
        try:
            size = int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
            s3.copy_object(Bucket=to_bucket, Key=to_key, CopySource={"Bucket": bucket, "Key": key})
        except s3.exceptions.ClientError as error:
            raise _unread(uri, error) from None
        return size

    def presigned(self, uri: str) -> str:
        """Return a URL by which anybody can read the object ``s3://…`` for an hour."""
        bucket, key = split(uri)
        # A client reads the URL, and faults are planned for clients.
        s3 = self._client("local")
        url: str = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        return url

    def make_buckets(self, names: Sequence[str]) -> None:
        """Make buckets that are not there yet."""
        for name in names:
            moto_backends.make_bucket(name)

    def put(self, uri: str, text: str) -> None:
        """Write a small object ``s3://…``; a bucket that does not exist is an error, as in AWS."""
        bucket, key = split(uri)
        moto_backends.put_object(bucket, key, text.encode())

    def log(self, stream: str, lines: list[tuple[datetime, str]]) -> None:
        """Append lines to a stream of ``/aws/omics/WorkflowLog``, made when missing."""
        run = _RUN_OF_STREAM.search(stream)
        moto_backends.log(self._region_of(run[1]) if run else REGION, LOG_GROUP, stream, lines)

    def event(self, detail_type: str, detail: dict[str, Any], resources: list[str], moment: datetime) -> None:
        """Put one ``aws.omics`` event on the default EventBridge bus."""
        region = resources[0].split(":")[3]
        # EventBridge tells whole seconds.
        entry = {"Source": "aws.omics", "DetailType": detail_type, "Detail": json.dumps(detail)}
        moto_backends.put_event(region, {**entry, "Resources": resources, "Time": int(moment.timestamp())})

    def _client(self, access_key: str | None = None) -> Any:  # noqa: ANN401 - botocore makes its classes as it goes
        access_key = access_key or self._own_key
        with self._lock:
            if access_key not in self._clients:
                self._clients[access_key] = self._session.create_client(
                    "s3",
                    region_name=REGION,
                    endpoint_url=self._url,
                    aws_access_key_id=access_key,
                    aws_secret_access_key="local",  # noqa: S106 - no secret
                    config=Config(
                        retries={"mode": "standard"},
                        s3={"addressing_style": "path"},
                        proxies={},
                        # botocore still presigns S3's URLs by version 2 unless it is told.
                        signature_version="s3v4",
                    ),
                )
            return self._clients[access_key]


def _unread(uri: str, error: Any) -> OSError:  # noqa: ANN401 - botocore's
    """Return why an object cannot be read: FileNotFoundError only where there is none."""
    missing = error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND
    return FileNotFoundError(f"{uri}: {error}") if missing else OSError(f"{uri}: {error}")
