# SPDX-License-Identifier: Apache-2.0
"""Checks of arguments that are not members of a request: the connection, and times."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from airflow_provider_omics.records import documents
from airflow_provider_omics.request.build import rendered
from airflow_provider_omics.request.violations import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    Verify: TypeAlias = bool | str | os.PathLike[str] | None


_LONGEST: Final = timedelta.max.total_seconds()
_REGION: Final = re.compile(r"[a-z0-9-]{1,63}")


def seconds_of(name: str, value: object, *, zero: bool = False) -> float:
    """
    Return a time that is given as ``timedelta`` or in seconds.

    :param name: the argument.
    :param zero: whether zero is allowed.
    :raises RequestError: if it is neither.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if (
        isinstance(number, bool)
        or not isinstance(number, int | float)
        or not (0 < number < _LONGEST or (zero and number == 0))
    ):
        least = "of 0 or more" if zero else "above 0"
        raise RequestError([f"{name} must be a timedelta or a number of seconds {least}, not {value!r}"])
    return float(number)


def verify_of(value: Verify) -> bool | str | None:
    """Return ``verify`` for botocore: a path as text, and "true" or "false" of a template as a boolean."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    words = {"true": True, "false": False}
    return words.get(value.strip().lower(), value) if isinstance(value, str) else value


def broken_connection_rules(
    aws_conn_id: object, region_name: object, verify: Verify, botocore_config: object
) -> Iterator[str]:
    """Yield a sentence for each connection argument of a wrong type; templates are not checked."""
    for name, value in (("aws_conn_id", aws_conn_id), ("region_name", region_name), ("verify", verify)):
        if isinstance(value, str) and not value.strip():
            # boto3 would use its own credentials or Region or, in older releases, not verify certificates.
            yield f"{name} must not be empty: to leave it out, pass None"
        elif name != "verify" and not (value is None or isinstance(value, str)) and rendered(value):
            yield f"{name} must be a string or None, not {value!r}"
        elif name == "region_name" and isinstance(value, str) and rendered(value) and not _REGION.fullmatch(value):
            yield f"region_name must be small letters, digits and hyphens, such as us-east-1, not {value!r:.80}"
        elif isinstance(value, str):
            yield from documents.not_json(value, name)
    if not (verify is None or isinstance(verify_of(verify), bool | str)) and rendered(verify):
        yield f"verify must be True, False or the path of a CA bundle, not {verify!r}"
    if botocore_config is None:
        return
    if not isinstance(botocore_config, dict):
        yield f"botocore_config must be a dict of options of botocore.config.Config, not {botocore_config!r:.80}"
    else:
        yield from documents.not_json(documents.plain(botocore_config), "botocore_config")
