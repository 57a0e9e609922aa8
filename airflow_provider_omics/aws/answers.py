# SPDX-License-Identifier: Apache-2.0
"""HealthOmics' answers: when they came, and what is taken out before botocore reads, and may log, them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# A URL has no quote in it. GetRun answers the S3 URI that was submitted, which is no secret, while there is no copy.
_PARAMETERS: Final = re.compile(rb'("parametersUri"\s*:\s*)"https?:[^"]*"?')


class Listed(NamedTuple):
    """ListRuns' items, and when HealthOmics answered, by its own clock, in epoch seconds."""

    items: list[dict[str, Any]]
    at: float | None


def date_of(response: Mapping[str, Any]) -> float | None:
    """Return when a service answered, by its own clock: whole seconds since the epoch."""
    date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(date).timestamp() if date else None


def drop_presigned(response_dict: dict[str, Any], **_: object) -> None:
    """Leave the presigned ``parametersUri`` out of GetRun's answer: it is a credential."""
    response_dict["body"] = _PARAMETERS.sub(rb"\1null", response_dict["body"])


def lighten(response_dict: dict[str, Any], **_: object) -> None:
    """Leave of a page's times the creation alone, as a number: as text, botocore takes four fifths of a page's time."""
    try:
        page = json.loads(response_dict["body"])
        for item in page["items"]:
            item["creationTime"] = datetime.fromisoformat(item["creationTime"]).timestamp()
            item.pop("startTime", None)
            item.pop("stopTime", None)
    except (ValueError, TypeError, KeyError):
        return  # What it is instead, botocore knows better.
    response_dict["body"] = json.dumps(page).encode()
