# SPDX-License-Identifier: Apache-2.0
"""What is taken out of HealthOmics' answers before botocore reads, and may log, them: handlers of `before-parse`."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

# A URL has no quote in it. GetRun answers the S3 URI that was submitted, which is no secret, while there is no copy.
_PARAMETERS: Final = re.compile(rb'("parametersUri"\s*:\s*)"https?:[^"]*"?')


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
