# SPDX-License-Identifier: Apache-2.0
"""Tokens of pages: each belongs to the call that it was given for, in its account and Region, with its filters."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from airflow_provider_omics.local.state import invalid

if TYPE_CHECKING:
    from airflow_provider_omics.local.state import Answer, Caller

_TOKENS, _SIZES = ("startingToken", "nextToken"), ("maxResults", "maxItems")


def opened(operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Return the parameters with the place that their token holds, or raise ValidationException."""
    for name in _TOKENS:
        if name in params:
            place, _, seal = params[name].partition("-")
            if seal != _seal(operation, params, caller):
                raise invalid(
                    f"{name} {params[name]} was not given for this call: a token goes with the operation, the filters, "
                    f"the account and the Region of the call that answered it"
                )
            return {**params, name: place}
    return params


def sealed(operation: str, params: dict[str, Any], caller: Caller, answer: Answer) -> Answer:
    """Return the answer with a token, if it has one, that only the same call can use."""
    if answer.get("nextToken") is None:
        return answer
    return {**answer, "nextToken": f"{answer['nextToken']}-{_seal(operation, params, caller)}"}


def _seal(operation: str, params: dict[str, Any], caller: Caller) -> str:
    filters = {name: value for name, value in params.items() if name not in (*_TOKENS, *_SIZES)}
    text = json.dumps([operation, caller.account, caller.region, filters], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
