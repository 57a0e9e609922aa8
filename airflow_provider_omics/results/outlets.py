# SPDX-License-Identifier: Apache-2.0
"""The events of a task's outlets, which are assets and asset aliases, for its run."""

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
# Airflow treats an S3 URI as a web URL: it drops or sorts the part of an object's key after these characters.
_SPECIAL: Final = re.compile(r"[#?\x00-\x1f\x7f]")
_ENCODED: Final = re.compile(rf"%|{_SPECIAL.pattern}")


def set_outlet_events(
    outlets: Iterable[Any],
    outlet_events: Any,  # noqa: ANN401 - Airflow's accessor
    run: Run,
    named_outputs: Mapping[str, JsonValue] | None,
    extra: dict[str, JsonValue],
) -> None:
    """
    Set the extra of each asset's event, and add to each alias an asset for each URI in a completed run's named outputs.

    :param outlets: the task's outlets.
    :param outlet_events: their events, from Airflow's context.
    :param run: the run.
    :param named_outputs: its named outputs; without any, an alias gets one asset for ``run_output_uri``.
    :param extra: the extra of the events.
    """
    written = _assets(run, named_outputs) if run.succeeded else {}
    for outlet in outlets:
        try:
            events = outlet_events[outlet]
        except TypeError:
            continue  # Airflow 3 has events only for assets, not for a File or Table of lineage.
        except Exception as error:  # noqa: BLE001 - of an Asset.ref() to no asset, say: the run has COMPLETED
            log.warning("Outlet %s gets no event of run %s: %s", outlet, run.id, error)
            continue
        if isinstance(outlet, AssetAlias):
            for uri, asset in written.items():
                events.add(asset, extra=extra if asset.uri == uri else {**extra, "uri": uri})
        else:
            events.extra = extra


def _assets(run: Run, named_outputs: Mapping[str, JsonValue] | None) -> dict[str, Asset]:
    """Return the assets of a run's outputs, by their URIs; a URI that Airflow does not accept is left out."""
    assets: dict[str, Asset] = {}
    for uri in list(dict.fromkeys(uris(named_outputs)))[:_MAX_ASSETS] or [run.output_uri]:
        try:
            assets[uri] = asset_of(uri)
        except ValueError as error:
            log.warning("%.200s of run %s cannot be an asset of Airflow and is left out: %s", uri, run.id, error)
    return assets


def asset_of(uri: str) -> Asset:
    """
    Return the asset of an S3 URI, percent-encoded if Airflow would drop a part of the object's key.

    :param uri: the URI, with the object's key unchanged.
    :raises ValueError: if Airflow does not accept such an asset, in the task or later in its API server, where it would
        fail a task that has succeeded.
    """
    if not uri.isascii():
        raise ValueError("it is not ASCII")
    bucket = urlsplit(uri).netloc
    if not bucket or "@" in bucket:
        raise ValueError("it names no bucket")
    if _SPECIAL.search(uri):
        uri = _ENCODED.sub(lambda found: quote(found[0]), uri)
    return Asset(uri)
