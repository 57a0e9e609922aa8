# SPDX-License-Identifier: Apache-2.0
"""Presigned URLs in answers are credentials: they are taken out before botocore reads, and may log, the answer."""

from __future__ import annotations

import re
from typing import Any, Final

# A URL has no quote in it. GetRun answers the S3 URI that was submitted, which is no secret, while there is no copy.
_PARAMETERS: Final = re.compile(rb'("parametersUri"\s*:\s*)"https?:[^"]*"?')


def drop_presigned(response_dict: dict[str, Any], **_: object) -> None:
    """Leave the presigned ``parametersUri`` out of GetRun's answer: a handler of botocore's ``before-parse``."""
    response_dict["body"] = _PARAMETERS.sub(rb"\1null", response_dict["body"])
