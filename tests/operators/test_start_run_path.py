# SPDX-License-Identifier: Apache-2.0
"""A reader follows StartRun from ``execute`` to AWS through few modules."""

import sys
from pathlib import Path

import botocore.client

import airflow_provider_omics

PACKAGE = Path(airflow_provider_omics.__file__).parent
MOST = 12


def entered(operator, context, monkeypatch):
    """Return the modules of the provider in which a function is called between ``execute`` and StartRun."""
    modules = {}

    def profile(frame, event, _arg):
        path = Path(frame.f_code.co_filename)
        if event == "call" and frame.f_code.co_flags & 0x1 and path.is_relative_to(PACKAGE):
            modules.setdefault(str(path.relative_to(PACKAGE)), frame.f_code.co_qualname)

    make_api_call = botocore.client.BaseClient._make_api_call

    def called(client, operation, arguments):
        if operation == "StartRun":
            sys.setprofile(None)
        return make_api_call(client, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", called)
    sys.setprofile(profile)
    try:
        operator.execute(context)
    finally:
        sys.setprofile(None)
    return modules


def test_twelve_modules_lie_between_execute_and_start_run(start_run, context, monkeypatch):
    operator = start_run(parameters={"sample": "NA12878"}, tags={"project": "x"})
    operator.hook().conn  # noqa: B018 - for the first client Airflow 2 asks each provider for its metadata
    modules = entered(operator, context, monkeypatch)
    assert "hooks/omics.py" in modules
    assert len(modules) <= MOST, "\n".join(map(str, modules.items()))
