# SPDX-License-Identifier: Apache-2.0
"""An exception crosses processes, as executors and callbacks send it, and stays what it is."""

import copy
import importlib
import inspect
import pickle
import pkgutil

import pytest

import airflow_provider_omics
from airflow_provider_omics.records.read_set_job import ReadSetJob
from airflow_provider_omics.records.run import Run

RUN = Run("1234567", "uuid-1", "arn:x", "s3://b/1234567", "FAILED", "SERVICE_ERROR", "a bad day", 1.5)
JOB = ReadSetJob("import", "2345678901", "1234567890", "FAILED", "a bad day", 1.5)
# What the arguments of the classes are, by their names.
ARGUMENTS = {
    "message": "gone wrong",
    "why": "too many",
    "advice": "ask again",
    "refusals": 3,
    "full": True,
    "run": RUN,
    "job": JOB,
    "violations": ["name is too long", "priority is none"],
    "code": "Throttled",
    "failure_reason": "SERVICE_ERROR",
    "status_message": "a bad day",
}


def exceptions():
    for module in pkgutil.walk_packages(airflow_provider_omics.__path__, "airflow_provider_omics."):
        if module.name.endswith("__main__"):
            continue
        try:
            found = importlib.import_module(module.name)
        except ImportError:  # of a library that is not installed
            continue
        for kind in vars(found).values():
            if isinstance(kind, type) and issubclass(kind, BaseException) and kind.__module__ == module.name:
                yield kind


def example(kind):
    names = inspect.signature(kind.__init__).parameters.keys() - {"self", "args", "kwargs"}
    return kind(**{name: ARGUMENTS[name] for name in names}) if names else kind("gone wrong")


@pytest.mark.parametrize("kind", list(exceptions()), ids=lambda it: it.__name__)
def test_an_exception_survives_pickle_and_copy(kind):
    error = example(kind)
    error.add_note("while a test looked on")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301 - our own
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == {**vars(error), "__notes__": ["while a test looked on"]}


def test_the_walk_has_found_them():
    assert {"OmicsError", "RunFailedError", "RequestError", "ServiceError"} <= {kind.__name__ for kind in exceptions()}
