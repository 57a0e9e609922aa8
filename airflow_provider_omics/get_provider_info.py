# SPDX-License-Identifier: Apache-2.0
"""The provider's metadata, which Airflow reads at start-up: imports nothing heavy."""

from __future__ import annotations

from typing import Any

from airflow_provider_omics import __version__

_INTEGRATION = "AWS HealthOmics"


def get_provider_info() -> dict[str, Any]:
    """Describe this provider as core's ``provider_info.schema.json`` asks."""
    return {
        "package-name": "airflow-provider-omics",
        "name": _INTEGRATION,
        "description": "Run `AWS HealthOmics <https://aws.amazon.com/healthomics/>`__ workflows.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://docs.aws.amazon.com/omics/",
                "tags": ["aws"],
            },
        ],
        "operators": [
            _modules(
                "airflow_provider_omics.operators.run",
                "airflow_provider_omics.operators.cancel",
                "airflow_provider_omics.operators.delete",
                "airflow_provider_omics.operators.import_read_sets",
                "airflow_provider_omics.operators.activate_read_sets",
            )
        ],
        "sensors": [_modules("airflow_provider_omics.sensors.run", "airflow_provider_omics.sensors.read_sets")],
        "hooks": [_modules("airflow_provider_omics.hooks.omics")],
        "triggers": [
            _modules(
                "airflow_provider_omics.triggers.events",
                "airflow_provider_omics.triggers.pause",
                "airflow_provider_omics.triggers.read_sets",
                "airflow_provider_omics.triggers.run",
                "airflow_provider_omics.triggers.start_run",
            )
        ],
        "extra-links": [
            "airflow_provider_omics.links.run.OmicsRunLink",
            "airflow_provider_omics.links.run.OmicsRunLogLink",
            "airflow_provider_omics.links.run.OmicsRunOutputLink",
        ],
        "config": {
            "omics": {
                "description": "Defaults of the AWS HealthOmics operators.",
                "options": {
                    "poll_interval": {
                        "description": (
                            "Seconds between two polls of a new run; an older one is polled less often, at least "
                            "every five minutes."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": None,
                        "default": "30",
                    },
                    "start_in": {
                        "description": (
                            "Where a deferrable task calls StartRun: triggerer, or worker if triggerers have no "
                            "permission to start runs. In the worker, a throttled StartRun holds a worker slot."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "worker",
                        "default": "triggerer",
                    },
                    "heartbeat_interval": {
                        "description": (
                            "Seconds between two lines in the log on a run's progress while its status does not "
                            "change; 0 means none. Where more than 150 tasks wait in a triggerer, they log together "
                            "at most one such line in two seconds."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": None,
                        "default": "300",
                    },
                    "calls_per_second": {
                        "description": (
                            "Rate limit of a triggerer process: API calls a second for all waiting tasks together. "
                            "HealthOmics allows an account 10 of each operation in a Region: divide by the number of "
                            "triggerers."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": None,
                        "default": "8",
                    },
                },
            },
        },
    }


def _modules(*names: str) -> dict[str, Any]:
    return {"integration-name": _INTEGRATION, "python-modules": list(names)}
