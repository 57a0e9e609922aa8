# SPDX-License-Identifier: Apache-2.0
"""Delete HealthOmics' record of a run that has ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_omics.tasks.base import OmicsOperator
from airflow_provider_omics.tasks.runs_to_end import run_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_omics.compat import Context


class DeleteOmicsRunOperator(OmicsOperator):
    """
    Delete HealthOmics' record of a run that has ended; its outputs in S3 and its logs stay.

    A run that does not exist is no error, and neither is an id that renders to nothing. A run that GetRun does not find
    is looked for during a minute, as it may be too new.

    :param run_id: run to delete (templated).
    :param uuid: the run's uuid; if the id now belongs to a run with another uuid, that one is not deleted (templated).
    :param aws_conn_id: Airflow connection of type ``aws``; None takes boto3's own credentials (templated).
    :param region_name: AWS Region; by default the connection's (templated).
    :param verify: whether to verify TLS certificates, or the path of a CA bundle (templated).
    :param botocore_config: options of ``botocore.config.Config``; they win over the connection's ``config_kwargs``.
    :raises OmicsError: if the run has not ended.
    """

    template_fields: Sequence[str] = ("run_id", "uuid", *OmicsOperator.template_fields)
    _stays_text: ClassVar[Sequence[str]] = template_fields
    _none_matters: ClassVar[Sequence[str]] = ("uuid", *OmicsOperator.template_fields)

    def __init__(
        self,
        *,
        run_id: str,
        uuid: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - whatever BaseOperator takes
    ) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.uuid = uuid
        self.has_uuid = uuid is not None

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Delete the run."""
        run = run_of(self.run_id, self.uuid, has_uuid=self.has_uuid or "uuid" in self._rendered_to_none())
        if run is None:
            self.log.info("There is no run to delete")
            return
        from airflow_provider_omics.cancellation.find import VISIBLE_SECONDS, visible  # noqa: PLC0415 - no boto3 in DAG files

        hook = self.hook()
        if visible(hook, run, time.monotonic() + VISIBLE_SECONDS) is None:
            self.log.info("Run %s is not found: it is deleted already, or its id is wrong", run.id)
            return
        hook.delete_run(run)
        self.log.info("Run %s is deleted", run.id)
