# SPDX-License-Identifier: Apache-2.0
"""Every test session has an Airflow home of its own, made before anything imports Airflow."""

from __future__ import annotations

import json

import botocore.session
import pytest

from airflow_provider_omics.testing import use_airflow_home

pytest_plugins = ["airflow_provider_omics.testing.plugin"]
use_airflow_home()


@pytest.fixture
def aws_default(omics_local, monkeypatch):
    """Point the connection ``aws_default`` at the local endpoint."""
    for name, value in omics_local.env().items():
        monkeypatch.setenv(name, value)
    return omics_local


@pytest.fixture
def model(tmp_path, monkeypatch):
    """Return the service's model, and have botocore read what becomes of it."""
    loader = botocore.session.get_session().get_component("data_loader")
    model = loader.load_service_model("omics", "service-2")
    folder = tmp_path / "omics/2022-11-28"
    folder.mkdir(parents=True)
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))

    def keep():
        (folder / "service-2.json").write_text(json.dumps(model))

    return model["shapes"], keep


@pytest.fixture
def older_model(model):
    """Have botocore read the service's model as it was before 1.44.8."""
    shapes, keep = model
    for shape in shapes.values():
        for member in ("parametersUri", "requesterPaysEnabled"):
            shape.get("members", {}).pop(member, None)
    keep()


@pytest.fixture
def newer_model(model):
    """Have botocore read a service's model in which StartRun has one more member, ``newest``, an integer."""
    shapes, keep = model
    shapes["Newest"] = {"type": "integer"}
    shapes["StartRunRequest"]["members"]["newest"] = {"shape": "Newest"}
    keep()
