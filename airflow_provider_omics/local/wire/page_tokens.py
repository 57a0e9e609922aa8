# SPDX-License-Identifier: Apache-2.0
"""Pages of lists; a token belongs to the call that it was given for, in its account and Region, with its filters."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_omics.local.wire.service_error import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_omics.local.wire.caller import Answer, Caller

Item = TypeVar("Item")
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


def page(
    items: Iterable[Item],
    place: Callable[[Item], int],
    params: dict[str, Any],
    *,
    size: str = "maxResults",
    start: str = "startingToken",
) -> tuple[list[Item], str | None]:
    """Return one page of items that come by falling ``place``, and the token of the next; new items shift no page."""
    token = params.get(start)
    if token is not None:
        before = int(token)
        items = (item for item in items if place(item) < before)
    limit = params.get(size, 100)
    taken = list(itertools.islice(items, limit + 1))
    if len(taken) <= limit:
        return taken, None
    return taken[:limit], str(place(taken[limit - 1]))
