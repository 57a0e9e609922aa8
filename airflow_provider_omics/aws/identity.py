# SPDX-License-Identifier: Apache-2.0
"""Account and Region of a connection: a run's status is read, and a run cancelled, only in its own ones."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config

from airflow_provider_omics.aws.errors import is_transient
from airflow_provider_omics.aws.hook_params import ONE_ATTEMPT
from airflow_provider_omics.exceptions import StartRunElsewhereError, WrongAccountError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
# STS may be unreachable from a VPC: short time-outs.
BRIEF: Final = Config(connect_timeout=3, read_timeout=5, retries=dict(ONE_ATTEMPT))  # type: ignore[arg-type]  # JSON
# Seconds until STS is called again after no answer.
_AGAIN: Final = 600.0

# The account of each connection, None if STS does not return it, and until when that is valid.
_accounts: dict[str, tuple[str | None, float]] = {}
_asking: Final = threading.Lock()


def learn(connection: AwsConnectionWrapper, arn: str) -> None:
    """Note a connection's account, from an ARN in an answer of HealthOmics."""
    if account := _place(arn)[1]:
        _accounts[_key(connection)] = account, math.inf


def check(run: Run, connection: AwsConnectionWrapper, region: str, sts: Callable[[], Any]) -> None:
    """
    Raise if a run is in another account or Region than the connection's; if STS does not return it, go on.

    :param run: the run; without its ARN there is nothing to compare.
    :param region: the connection's Region.
    :param sts: makes the connection's client of STS.
    :raises WrongAccountError: if it is.
    """
    its_region, its_account = _place(run.arn)
    if not its_account:
        return
    account = account_of(connection, sts)
    if its_region == region and account in (None, its_account):
        return
    raise WrongAccountError(
        f"Run {run.id} is in account {its_account}, Region {its_region}, and connection "
        f"{_name(connection)} leads to account "
        f"{account or '(unknown)'}, Region {region}: the run was not looked up or cancelled there; correct the "
        "connection, or where this process reads it from"
    )


def check_place(
    account: str | None, region: str | None, connection: AwsConnectionWrapper, own_region: str, sts: Callable[[], Any]
) -> None:
    """
    Raise if the connection leads this process to another account or Region than the worker that deferred the task.

    :param account: the worker's account, None if STS did not say.
    :param region: the worker's Region.
    :param own_region: the connection's Region here.
    :param sts: makes the connection's client of STS.
    :raises StartRunElsewhereError: if it does.
    """
    own = account_of(connection, sts) if account else None
    if region in (None, own_region) and own in (None, account):
        return
    raise StartRunElsewhereError(
        f"Connection {_name(connection)} leads the worker to account {account}, Region {region}, and this triggerer to "
        f"account {own or '(unknown)'}, Region {own_region}: no run was looked up or started there; give both the "
        "same connection, or set [omics] start_in = worker"
    )


def account_of(connection: AwsConnectionWrapper, sts: Callable[[], Any]) -> str | None:
    """Return the account of a connection, None if STS does not return it; cached."""
    key = _key(connection)
    with _asking:
        account, until = _accounts.get(key, (None, 0.0))
        if account is not None or time.monotonic() < until:
            return account
        try:
            account, until = str(sts().get_caller_identity()["Account"]), math.inf
        except Exception as error:  # noqa: BLE001 - any error, such as of a proxy's answer: the account is optional
            until = time.monotonic() + _AGAIN if is_transient(error) else math.inf
            log.warning("sts:GetCallerIdentity failed, the account is not checked: %s", error)
        _accounts[key] = account, until
        return account


def caller_of(sts: Callable[[], Any]) -> str | None:
    """
    Return the ARN of the caller by sts:GetCallerIdentity, None if that fails.

    :param sts: makes the client.
    """
    try:
        return str(sts().get_caller_identity()["Arn"])
    except Exception as error:  # noqa: BLE001 - likewise
        log.info("sts:GetCallerIdentity failed, the caller is not known: %s", error)
        return None


def _name(connection: AwsConnectionWrapper) -> str:
    """Return the name of a connection for messages."""
    return getattr(connection, "conn_id", None) or "(none)"


def _key(connection: AwsConnectionWrapper) -> str:
    """Return the cache key of a connection; it changes when the connection is edited."""
    who = [getattr(connection, name, None) for name in ("conn_id", "aws_access_key_id", "extra_config")]
    return hashlib.sha256(json.dumps(who, sort_keys=True, default=str).encode()).hexdigest()


def _place(arn: str) -> tuple[str, str]:
    """Return the Region and the account of an ARN, empty if it has none."""
    parts = arn.split(":")
    return (parts[3], parts[4]) if len(parts) > 5 else ("", "")  # noqa: PLR2004 - arn:partition:service:region:account:x
