# SPDX-License-Identifier: Apache-2.0
"""What a client of the endpoint needs: AWS_* variables, and Airflow's connection."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

REGION = "us-east-1"


def airflow_connection(url: str) -> dict[str, Any]:
    """Return the Airflow connection of the endpoint at ``url``."""
    config_kwargs = {"inject_host_prefix": False}
    extra = {
        "region_name": REGION,
        "endpoint_url": url,
        # For assuming a role, the amazon provider reads STS's own endpoint alone: without one it would be the real one.
        "service_config": {"sts": {"endpoint_url": url}},
        "config_kwargs": config_kwargs,
    }
    return {"conn_type": "aws", "login": "local", "password": "local", "extra": extra}


def environment(url: str) -> dict[str, str]:
    """Return the environment variables that lead boto3, the aws CLI and Airflow to the endpoint at ``url``."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(airflow_connection(url)),
        **_past_proxies(url),
    }


def _past_proxies(url: str) -> dict[str, str]:
    """Return what keeps calls of ``url`` from a proxy that the environment names: it could not pass them on."""
    proxies = getproxies_environment()
    excepted = proxies.pop("no", "")
    if not proxies:
        return {}
    host = re.sub(r":\d+$", "", urlsplit(url).netloc)
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(filter(None, (excepted, host))))
