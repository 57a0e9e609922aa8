# SPDX-License-Identifier: Apache-2.0
"""Whose credentials a connection has: a run is judged and cancelled only from the account and Region that it is in."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from airflow_provider_omics.aws.errors import is_transient
from airflow_provider_omics.exceptions import StartRunElsewhereError, WrongAccountError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
# STS may be out of reach from a VPC: nobody waits long for it.
BRIEF: Final = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1})
# After how many seconds STS is asked again when it did not answer.
_AGAIN: Final = 600.0

# The accounts of connections, None if STS does not say, and until when that holds.
_accounts: dict[str, tuple[str | None, float]] = {}
_asking: Final = threading.Lock()


def learn(connection: AwsConnectionWrapper, arn: str) -> None:
    """Note a connection's account, as the ARN of what HealthOmics has answered to it says."""
    if account := _place(arn)[1]:
        _accounts[_key(connection)] = account, math.inf


def check(run: Run, connection: AwsConnectionWrapper, region: str, sts: Callable[[], Any]) -> None:
    """
    Raise if a run is in another account or Region than a connection leads to; where STS does not say that, go on.

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
        f"{account or '(unknown)'}, Region {region}: nothing was asked or cancelled there; mend the connection, or the "
        "place where this process looks for it"
    )


def check_place(
    account: str | None, region: str | None, connection: AwsConnectionWrapper, own_region: str, sts: Callable[[], Any]
) -> None:
    """
    Raise if a connection leads this process elsewhere than the worker that has deferred the task.

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
        f"account {own or '(unknown)'}, Region {own_region}: nothing was asked or started there; give both the same "
        "connection, or set [omics] start_in = worker"
    )


def account_of(connection: AwsConnectionWrapper, sts: Callable[[], Any]) -> str | None:
    """Return the account that a connection leads to, None if STS does not say; asked once and kept."""
    key = _key(connection)
    with _asking:
        account, until = _accounts.get(key, (None, 0.0))
        if account is not None or time.monotonic() < until:
            return account
        try:
            account, until = str(sts().get_caller_identity()["Account"]), math.inf
        except (ClientError, BotoCoreError) as error:
            until = time.monotonic() + _AGAIN if is_transient(error) else math.inf
            log.warning("STS does not say whose credentials these are (sts:GetCallerIdentity), going on: %s", error)
        _accounts[key] = account, until
        return account


def caller_of(sts: Callable[[], Any]) -> str | None:
    """
    Return the ARN of the caller that a client of STS has credentials of, None if STS does not say.

    :param sts: makes the client.
    """
    try:
        return str(sts().get_caller_identity()["Arn"])
    except (ClientError, BotoCoreError) as error:
        log.info("STS does not say whose credentials these are (sts:GetCallerIdentity): %s", error)
        return None


def _name(connection: AwsConnectionWrapper) -> str:
    """Name a connection, for people."""
    return getattr(connection, "conn_id", None) or "(none)"


def _key(connection: AwsConnectionWrapper) -> str:
    """Return what tells two connections apart, a mended one from what it was."""
    who = [getattr(connection, name, None) for name in ("conn_id", "aws_access_key_id", "extra_config")]
    return hashlib.sha256(json.dumps(who, sort_keys=True, default=str).encode()).hexdigest()


def _place(arn: str) -> tuple[str, str]:
    """Return the Region and the account of an ARN, empty if it has none."""
    parts = arn.split(":")
    return (parts[3], parts[4]) if len(parts) > 5 else ("", "")  # noqa: PLR2004 - arn:partition:service:region:account:x
