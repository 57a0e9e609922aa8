# SPDX-License-Identifier: Apache-2.0
"""
Say in words what botocore's model of HealthOmics has that ``known.txt`` lacks: ``python -m tests.contract.news``.

``known.txt`` is what this release has been held against; ``--accept``, once the provider knows what is new, writes it.
Failure reasons are plain strings to the model: those count that its documentation names.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path

import botocore.session
from botocore.model import ServiceModel

KNOWN = Path(__file__).with_name("known.txt")
OPERATION, REASON = "HealthOmics has an operation", "HealthOmics' documentation names a failure reason"
_CONSTANT = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")


def installed():
    """Return the installed botocore's description of HealthOmics."""
    return botocore.session.get_session().get_component("data_loader").load_service_model("omics", "service-2")


def facts(description):
    """Return the names that a description has, each with what else is to be said of it, by what has them."""
    model = ServiceModel(description, "omics")
    shapes = [model.shape_for(name) for name in model.shape_names]
    enums = {shape.name: shape.enum for shape in shapes if getattr(shape, "enum", None)}
    constants = {constant for text in _documentation(description) for constant in _CONSTANT.findall(text)}
    found = {OPERATION: dict.fromkeys(model.operation_names, "")}
    for operation in map(model.operation_model, model.operation_names):
        found[f"{operation.name} has a member"] = dict(_members(operation.input_shape))
        found[f"{operation.name} answers with a member"] = dict(_members(operation.output_shape))
    for name, values in enums.items():
        what = "status" if name.endswith("Status") else "value"
        found[f"{name} has a {what}"] = dict.fromkeys(values, "")
    found[REASON] = dict.fromkeys(constants.difference(*enums.values()), "")
    return found


def known():
    """Return the names that the provider knows, by what has them."""
    lines = [line.partition(": ") for line in KNOWN.read_text().splitlines() if not line.startswith("#")]
    return {title: set(names.split()) for title, _, names in lines}


def news(description):
    """Return a sentence for each name that is new; those of a new operation or type are told with it."""
    old = known()
    return [
        f"{title} that the provider does not know: {name}{f' ({note})' if note else ''}"
        for title, names in facts(description).items()
        for name, note in sorted(names.items())
        if name not in old.get(title, names)
    ]


def _documentation(part):
    if isinstance(part, dict):
        for key, value in part.items():
            yield from [value] if key == "documentation" and isinstance(value, str) else _documentation(value)
    elif isinstance(part, list):
        for value in part:
            yield from _documentation(value)


def _members(shape, prefix="", within=()):
    """Yield each member below a shape, by its path, and what it is."""
    while shape is not None and shape.type_name == "list":
        shape = shape.member
    if shape is None or shape.type_name != "structure" or shape.name in within:
        return
    for name, member in shape.members.items():
        rules = [f"{rule} {member.metadata[rule]}" for rule in ("min", "max", "pattern") if rule in member.metadata]
        choices = [f"one of {', '.join(member.enum)}"] if getattr(member, "enum", None) else []
        yield f"{prefix}{name}", ", ".join([member.type_name, *rules, *choices])
        yield from _members(member, f"{prefix}{name}.", (*within, shape.name))


def main():
    """Print what is new and return the exit status."""
    description = installed()
    if sys.argv[1:] == ["--accept"]:
        lines = [f"{title}: {' '.join(sorted(names))}".rstrip(" ") for title, names in facts(description).items()]
        KNOWN.write_text("\n".join(("# SPDX-License-Identifier: Apache-2.0", *lines, "")))
        return 0
    found = news(description)
    print(*found or ["Nothing of HealthOmics is new"], sep="\n")
    packages = ("botocore", "boto3", "apache-airflow-providers-amazon", "apache-airflow")
    print("with", ", ".join(f"{package} {version(package)}" for package in packages))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
