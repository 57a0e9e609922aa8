# SPDX-License-Identifier: Apache-2.0
"""The error of a request that breaks rules."""

from __future__ import annotations

from typing import Any


class RequestError(ValueError):
    """A StartRun request that HealthOmics would reject; ``violations`` holds one sentence for each broken rule."""

    def __init__(self, violations: list[str]) -> None:
        self.violations = violations
        super().__init__("; ".join(violations))

    def __reduce__(self) -> tuple[type[RequestError], tuple[list[str]], dict[str, Any]]:
        return type(self), (self.violations,), vars(self)
