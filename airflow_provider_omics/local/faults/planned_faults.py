# SPDX-License-Identifier: Apache-2.0
"""Faults that are planned for calls: of HealthOmics, S3, CloudWatch Logs, SQS and STS."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from airflow_provider_omics.local.json_types import check, check_times
from airflow_provider_omics.local.wire import other_services

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["drop", "lost", "error", "delay"]
_OF_KIND = {"code": "error", "message": "error", "seconds": "delay"}
_HTTP_ERROR = re.compile("[45][0-9]{2}")


@dataclass(slots=True)
class Fault:
    """One planned fault of an operation ("*" is any): it strikes ``times`` calls, each with a ``probability``.

    An operation is one of HealthOmics, or of S3, CloudWatch Logs, SQS or STS, such as ``s3:GetObject``, which "*" is
    not.

    ``drop`` closes the connection before the call is handled, ``lost`` after it, ``error`` answers a ``code`` of the
    model, or one that every service answers, such as ``ExpiredTokenException``, instead of handling it, or an HTTP
    status alone, such as ``503``, as a gateway does; ``delay`` handles it after ``seconds``.

    A fault of HealthOmics may be for those calls alone that are ``containing`` a text in their body: one sample's runs.
    """

    operation: str
    kind: Kind
    times: int | None = 1
    probability: float = 1.0
    code: str = "InternalServerException"
    message: str = "A planned fault"
    seconds: float = 1.0
    containing: str = ""
    # How many calls it has struck.
    struck: int = field(default=0, init=False)


class PlannedFaults:
    """The faults that are planned; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311 - faults need no secret
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Plan a fault, after those that are planned already."""
        with self._lock:
            self._faults.append(fault)

    def all(self) -> list[Fault]:
        """Return the faults that are planned and not used up."""
        with self._lock:
            return list(self._faults)

    def clear(self) -> None:
        """Drop all planned faults."""
        with self._lock:
            self._faults.clear()

    def take(self, operation: str, body: bytes = b"") -> Fault | None:
        """Return the first planned fault that strikes this call, and use it up."""
        with self._lock:
            for fault in self._faults:
                any_fits = fault.operation == "*" and ":" not in operation
                fits = (any_fits or fault.operation == operation) and fault.containing.encode() in body
                if fits and self._random.random() < fault.probability:
                    fault.struck += 1
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self._faults.remove(fault)
                    return fault
        return None


def fault_from(members: Mapping[str, Any], codes: Mapping[str, int], operations: Sequence[str]) -> Fault:
    """Return a fault from JSON; ValueError says what is wrong with it."""
    try:
        fault = Fault(**members)
    except TypeError:
        known = ", ".join(member.name for member in fields(Fault) if member.init)
        raise ValueError(f"A fault needs operation and kind, and has of {known}; not {', '.join(members)}.") from None
    check("fault's", members, get_type_hints(Fault))
    check_times("fault's", members)
    _check_values(fault, members)
    if "probability" in members and "times" not in members:
        fault.times = None
    service, _, beside = fault.operation.partition(":")
    if fault.operation not in ("*", *operations, *other_services.OPERATIONS):
        raise ValueError(f"The model has no operation {fault.operation!r}.")
    if beside and fault.kind == "lost":
        raise ValueError(f"A fault of {fault.operation} cannot be lost; it can be drop, error or delay.")
    if beside and fault.containing:
        raise ValueError(f"A fault of {fault.operation} strikes any call, not one containing {fault.containing!r}.")
    codes = other_services.CODES[service] if beside else codes
    if fault.kind == "error" and fault.code not in codes and (beside or not _HTTP_ERROR.fullmatch(fault.code)):
        raise ValueError(f"The model has no error {fault.code!r}; it has {', '.join(sorted(codes))}.")
    return fault


def _check_values(fault: Fault, members: Mapping[str, Any]) -> None:
    if not 0 < fault.probability <= 1:
        raise ValueError(f"The fault's probability cannot be {fault.probability!r}; it is more than 0, and 1 at most.")
    if fault.seconds < 0:
        raise ValueError(f"The fault's seconds cannot be {fault.seconds!r}; they are 0 or more.")
    for name, kind in _OF_KIND.items():
        if name in members and fault.kind != kind:
            raise ValueError(f"A fault of kind {fault.kind} has no {name}: that is for {kind}.")
