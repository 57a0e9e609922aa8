# SPDX-License-Identifier: Apache-2.0
"""GetRun's answer with the workflow's engine, for assets and lineage."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_omics.hooks.omics import OmicsHook
    from airflow_provider_omics.records.run import Run

log = logging.getLogger(__name__)


def description(hook: OmicsHook, run: Run) -> dict[str, Any]:
    """Return GetRun's answer with the workflow's ``engine``; after any error without it."""
    try:
        answer: dict[str, Any] = hook.conn.get_run(id=run.id)
    except Exception as error:  # noqa: BLE001 - the answer is optional
        log.info("Run %s is reported without GetRun's members: %s", run.id, error)
        return {}
    if answer.get("uuid") != run.uuid:
        return {}  # Its id belongs to another run now.
    names = {"id": "workflowId", "type": "workflowType", "workflowOwnerId": "workflowOwnerId"}
    try:
        which = {name: answer[member] for name, member in names.items() if member in answer}
        answer["engine"] = hook.conn.get_workflow(**which)["engine"]
    except Exception as error:  # noqa: BLE001 - likewise
        log.info("Run %s is reported without its workflow's engine: %s", run.id, error)
    return answer
