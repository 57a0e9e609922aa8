# SPDX-License-Identifier: Apache-2.0
"""The files that an executed run reads: copies of objects in S3, made when miniwdl asks for them."""

from __future__ import annotations

import json
import logging
import re
import shutil
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_omics.local.publishing.s3_uri import split
from airflow_provider_omics.local.wdl.staging import RunError

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from airflow_provider_omics.local.publishing.publisher import Publisher

logger = logging.getLogger(__name__)

# The environment variable that tells miniwdl's process the file descriptor by which it asks.
CONNECTION = "OMICS_LOCAL_INPUTS"
_LONGEST_NAME = 255


class Inputs:
    """Copies objects on request; objects of one prefix are in one folder, so that an index is beside its file."""

    def __init__(self, directory: Path, publisher: Publisher) -> None:
        self.failure: RunError | None = None
        self._directory = directory
        self._publisher = publisher
        self._folders: dict[tuple[str, bool], Path] = {}
        # What could not be copied to its end is never taken for the whole.
        self._unfinished = directory / "unfinished prefix"
        directory.mkdir()

    def serve(self, connection: socket.socket) -> threading.Thread:
        """Answer requests in a thread until the other end is closed."""
        thread = threading.Thread(target=self._serve, args=(connection,), name="omics-local-inputs", daemon=True)
        thread.start()
        return thread

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rw") as lines:  # OSError: the run was killed
            for line in lines:
                lines.write(json.dumps(self._answer(**json.loads(line))) + "\n")
                lines.flush()

    def _answer(self, uri: str, *, directory: bool, needed: bool = True) -> dict[str, str]:
        try:
            return {"path": str(self.fetch(uri, directory=directory))}
        except RunError as error:
            failure = error
        except FileNotFoundError:
            failure = RunError("INPUT_URI_NOT_FOUND", f"Input {uri} was not found.")
        except Exception as error:
            logger.exception("Input %s could not be imported.", uri)
            failure = RunError("IMPORT_FAILED", f"Input {uri} could not be imported: {error}.")
        if needed:
            self.failure = self.failure or failure
        return {"error": failure.status_message}

    def fetch(self, uri: str, *, directory: bool = False) -> Path:
        """Return the local copy of the object, or of all objects below the prefix; made at the first request."""
        bucket, key = _object_of(uri)
        if directory:
            return self._fetch_prefix(uri, bucket, key.rstrip("/"))
        prefix, _, name = key.rpartition("/")
        _check_names(uri, name)
        # A key is no path: "a//b" is not "a/b", and "a" may be beside "a/b". So a folder has a number.
        path = self._folder(f"{bucket}/{prefix}", directory=False) / name
        if not path.exists():
            unfinished = self._directory / "unfinished object"
            self._publisher.download(uri, str(unfinished))
            unfinished.rename(path)
        return path

    def _fetch_prefix(self, uri: str, bucket: str, prefix: str) -> Path:
        name = prefix.rpartition("/")[2] or bucket
        _check_names(uri, name)
        top = self._folder(f"{bucket}/{prefix}", directory=True) / name
        if top.exists():
            return top
        below = f"{prefix}/" if prefix else ""
        keys = self._publisher.keys(f"s3://{bucket}/{below}")
        if not keys:
            raise FileNotFoundError(uri)
        shutil.rmtree(self._unfinished, ignore_errors=True)
        for key in keys:
            # A key that ends with a slash is what consoles show as a folder.
            *parents, name = key.removeprefix(below).split("/")
            where = self._unfinished.joinpath(*parents)
            _check_names(f"s3://{bucket}/{key}", *parents, *([name] if name else ()))
            try:
                where.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                raise RunError(
                    "IMPORT_FAILED", f"s3://{bucket}/{key} is below another object, which a directory cannot hold."
                ) from None
            if name:
                self._publisher.download(f"s3://{bucket}/{key}", str(where / name))
        self._unfinished.rename(top)
        return top

    def _folder(self, prefix: str, *, directory: bool) -> Path:
        folder = self._folders.get((prefix, directory))
        if folder is None:
            folder = self._folders[prefix, directory] = self._directory / str(len(self._folders))
            folder.mkdir()
        return folder


def _object_of(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of a URI that HealthOmics takes."""
    if uri.startswith("omics://"):
        raise RunError(
            "INPUT_URI_NOT_FOUND",
            f"{uri}: the local endpoint executes with s3:// URIs alone; GetReadSetMetadata tells those of a read set.",
        )
    try:
        bucket, key = split(uri, key_needed=False)
    except ValueError:
        raise no_uri(uri) from None
    if not re.fullmatch(r"[A-Za-z0-9._-]+", bucket):  # a template that was not rendered
        raise RunError("INVALID_URI_INPUT", f"Input {uri} has {bucket!r} for its bucket, which is no bucket's name.")
    return bucket, key


def no_uri(uri: str) -> RunError:
    """Return the error of an input that is no URI that HealthOmics takes."""
    why = "is not an s3:// or omics:// URI, and a run reads no other"
    if uri.endswith("/") and uri.startswith("s3://") and len(uri) > len("s3://"):
        why = "ends with a slash, and a File is one object; what reads a prefix is declared as a Directory"
    return RunError("INVALID_URI_INPUT", f"Input {uri!r} {why}.")


def _check_names(uri: str, *names: str) -> None:
    """Refuse a key that no path can stand for, rather than read another file in its place."""
    for name in names:
        if name in ("", ".", "..") or "\0" in name or len(name.encode()) > _LONGEST_NAME:
            raise RunError("INVALID_URI_INPUT", f"Input {uri} has {name!r} in its key, which no file can be named.")
