# SPDX-License-Identifier: Apache-2.0
"""What Airflow's provider manager reads at start-up; imports nothing heavy, for that reason."""

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
                            "Seconds between two polls of a run that has just started; "
                            "an older one is polled less often, down to every five minutes."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": None,
                        "default": "30",
                    },
                    "start_in": {
                        "description": (
                            "Where a deferrable task calls StartRun: triggerer, or worker where triggerers have no "
                            "permission to start runs; then a throttled StartRun holds a worker slot."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "worker",
                        "default": "triggerer",
                    },
                    "heartbeat_interval": {
                        "description": (
                            "Seconds after which a task says how its run is going though the status has not changed; "
                            "0 is never. Where more than 150 wait in a triggerer, they do so less often: together "
                            "once in two seconds."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": None,
                        "default": "300",
                    },
                    "calls_per_second": {
                        "description": (
                            "API calls a second that a triggerer process makes at most for all waiting tasks together; "
                            "HealthOmics allows 10 of each operation to an account and Region, so divide by the number "
                            "of triggerers."
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
