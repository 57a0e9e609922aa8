# SPDX-License-Identifier: Apache-2.0
"""The name of the caller in the user agent of every request."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def calling_class(function: str) -> str:
    """
    Return the class whose method of this name is being executed, "Unknown" if there is none.

    The amazon provider's own ``AwsBaseHook._get_caller`` reads the source of every frame, 0.1 s of CPU time in each
    process. If a newer release of it no longer calls that method, only its own value is used again.

    :param function: the name of the method.
    """
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - of CPython
    while frame is not None:
        if frame.f_code.co_name == function and "self" in frame.f_locals:
            return type(frame.f_locals["self"]).__name__
        frame = frame.f_back
    return "Unknown"
