# SPDX-License-Identifier: Apache-2.0
"""An error as the service answers it."""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """An error of the service: a code of its model and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type[ServiceError], tuple[str, str], dict[str, Any]]:
        return type(self), (self.code, self.message), vars(self)


def invalid(message: str) -> ServiceError:
    """Return a ValidationException."""
    return ServiceError("ValidationException", message)
