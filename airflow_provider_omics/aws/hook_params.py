# SPDX-License-Identifier: Apache-2.0
"""The four connection arguments as one value, passed from operator to hook to trigger."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Final

from airflow_provider_omics.records.documents import JsonValue  # noqa: TC001 - dataclass fields are read at run time
from airflow_provider_omics.records.versioned import read

# For ``botocore_config``: botocore repeats no call. Where it may, another ``total_max_attempts`` is added.
ONE_ATTEMPT: Final[dict[str, JsonValue]] = {"mode": "standard", "total_max_attempts": 1}


@dataclass(frozen=True, slots=True)
class HookParams:
    """The connection arguments of every operator, sensor and trigger of this provider."""

    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: dict[str, JsonValue] | None = field(default=None, hash=False)

    def serialize(self) -> dict[str, JsonValue]:
        """Return the arguments as a trigger's keyword arguments."""
        return asdict(self)

    @classmethod
    def deserialize(cls, members: dict[str, JsonValue]) -> HookParams:
        """Return the arguments from a trigger's keyword arguments."""
        return read(cls, members)

    @property
    def key(self) -> str:
        """Triggers with the same key share a client."""
        return json.dumps(asdict(self), sort_keys=True)
