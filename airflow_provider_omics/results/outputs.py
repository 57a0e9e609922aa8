# SPDX-License-Identifier: Apache-2.0
"""The named outputs of a COMPLETED run, from the file that its engine writes to S3."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from airflow_provider_omics.aws.errors import error_code, is_transient
from airflow_provider_omics.aws.s3 import place_of
from airflow_provider_omics.polling.faults import MOST_FAULTS, Faults, with_retries
from airflow_provider_omics.records import documents
from airflow_provider_omics.records.text import clipped, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
# User guide: the page on outputs and that on logs have different names for the file.
_SUMMARIES: Final = ("outputs.json", "output.json")
MAX_OUTPUTS: Final = 48_000
# In bytes: the names of the outputs in the log.
_MAX_NAMES: Final = 1000


def outputs(hook: OmicsHook, run: Run) -> dict[str, Any] | None:
    """
    Return the named outputs of a WDL or CWL run; None, with a warning, if they cannot be read.

    If they are too big for XCom, the result is ``{"truncated": why}``.
    """
    try:
        return with_retries(
            hook, lambda it: _outputs(it, run), Faults(f"Reading the outputs of run {run.id}"), most=MOST_FAULTS
        )
    except Exception as error:  # noqa: BLE001 - any error: the run has COMPLETED
        log.warning("The outputs of run %s cannot be read: %s", run.id, error)
        return None


def names_of(named: Mapping[str, object]) -> str:
    """Return the names of outputs, or why they are truncated."""
    names = named["truncated"] if named.keys() == {"truncated"} else ", ".join(named)
    return clipped(one_line(str(names)), _MAX_NAMES)


def _outputs(hook: OmicsHook, run: Run) -> dict[str, Any] | None:
    bucket, folder = place_of(run.output_uri)
    s3 = hook.client_of("s3")
    for name in _SUMMARIES:
        key = f"{folder}logs/{name}"
        try:
            answer = s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                continue
            if not is_transient(error):
                hook.check_owner(run)  # Another account may not read them.
            raise
        size = int(answer["ContentLength"])
        if size > MAX_OUTPUTS:
            return {"truncated": f"{size} bytes are too many for XCom: read s3://{bucket}/{key}"}
        named = _summary(answer["Body"].read(), name)
        return named if isinstance(named, dict) else {"outputs": named}
    log.warning("Run %s has no summary of its outputs in s3://%s/%slogs", run.id, bucket, folder)
    return None


def _summary(text: bytes, name: str) -> Any:  # noqa: ANN401 - any JSON
    """Parse the file; ValueError if Airflow cannot store a value in an XCom."""
    # Python's parser accepts NaN and Infinity, which are not JSON.
    named = json.loads(text, parse_constant=str)
    if wrong := next(documents.not_json(named, name), None):
        raise ValueError(wrong)
    return named
