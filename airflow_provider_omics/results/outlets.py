# SPDX-License-Identifier: Apache-2.0
"""What the outlets of a task, assets and aliases of them, are told of its run."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider_omics.results.datasets import uris

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_omics.records.documents import JsonValue
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)
# A workflow may write thousands of files; each asset is a row of Airflow's database.
_MAX_ASSETS: Final = 100
# Airflow takes an S3 URI for one of the web: of an object's name it drops or sorts what follows these.
_SPECIAL: Final = re.compile(r"[#?\x00-\x1f\x7f]")
_ENCODED: Final = re.compile(rf"%|{_SPECIAL.pattern}")


def tell_outlets(
    outlets: Iterable[Any],
    outlet_events: Any,  # noqa: ANN401 - Airflow's accessor
    run: Run,
    named_outputs: Mapping[str, JsonValue] | None,
    extra: dict[str, JsonValue],
) -> None:
    """
    Give each asset the extra, and each alias an asset for each URI among the named outputs of a completed run.

    :param outlets: the task's outlets.
    :param outlet_events: their events, as Airflow's context has them.
    :param run: the run.
    :param named_outputs: its named outputs; without any, an alias gets one asset, of the run's outputs.
    :param extra: what the events say of the run.
    """
    written = _assets(run, named_outputs) if run.succeeded else {}
    for outlet in outlets:
        try:
            events = outlet_events[outlet]
        except TypeError:
            continue  # Airflow 3 has events of assets alone, not of a File or Table, which are lineage's.
        if isinstance(outlet, AssetAlias):
            for uri, asset in written.items():
                events.add(asset, extra=extra if asset.uri == uri else {**extra, "uri": uri})
        else:
            events.extra = extra


def _assets(run: Run, named_outputs: Mapping[str, JsonValue] | None) -> dict[str, Asset]:
    """Return the assets of what a run has written, by its own URIs; what Airflow refuses is left out."""
    assets: dict[str, Asset] = {}
    for uri in list(dict.fromkeys(uris(named_outputs)))[:_MAX_ASSETS] or [run.output_uri]:
        try:
            assets[uri] = asset_of(uri)
        except ValueError as error:
            log.warning("%.200s of run %s is no asset to Airflow, and is left out: %s", uri, run.id, error)
    return assets


def asset_of(uri: str) -> Asset:
    """
    Return the asset of an S3 URI, percent-encoded if Airflow would take a part of the object's name for something else.

    :param uri: the URI, with the object's name as it is.
    :raises ValueError: if Airflow refuses such an asset, be it in the task or in its API server, where that would fail
        a task that has succeeded.
    """
    if not uri.isascii():
        raise ValueError("it is not ASCII")
    bucket = urlsplit(uri).netloc
    if not bucket or "@" in bucket:
        raise ValueError("it names no bucket")
    if _SPECIAL.search(uri):
        uri = _ENCODED.sub(lambda found: quote(found[0]), uri)
    return Asset(uri)
