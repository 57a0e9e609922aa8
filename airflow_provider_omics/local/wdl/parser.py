# SPDX-License-Identifier: Apache-2.0
"""``python -m airflow_provider_omics.local.wdl.parser ROOT MAIN``: what miniwdl says of a WDL definition, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import WDL

_ERRORS = (
    WDL.Error.SyntaxError,
    WDL.Error.ImportError,
    WDL.Error.ValidationError,
    WDL.Error.MultipleValidationErrors,
)
_LONGEST_DESCRIPTION = 256


def check(root: Path, main: str) -> dict[str, Any]:
    """Return the ``parameterTemplate`` and the ``namespace`` of a definition, or the ``error`` in it."""

    async def read_source(uri: str, path: list[str], importer: WDL.Tree.Document | None) -> WDL.Tree.ReadSourceResult:
        file = Path(await WDL.resolve_file_import(uri, path, importer)).resolve()  # noqa: ASYNC240 - miniwdl's signature
        if not (file.is_relative_to(root) and file.is_file()):
            raise PermissionError(f"{uri} is not in the definition, and nothing else is imported")
        try:
            return WDL.Tree.ReadSourceResult(file.read_text(encoding="utf-8"), str(file))
        except UnicodeDecodeError as error:
            raise ValueError(f"{uri} is not UTF-8 text: {error}") from None

    try:
        document = WDL.load(str(root / main), path=[str(root)], read_source=read_source)
    except (*_ERRORS, OSError, ValueError) as error:
        return {"error": "; ".join(dict.fromkeys(_lines(error, root)))}  # each once: imports may go in a circle
    except Exception as error:  # noqa: BLE001 - miniwdl stumbles over some texts that are no WDL
        return {"error": f"{main} could not be parsed: {error!r}"}
    target = document.workflow or (document.tasks[0] if len(document.tasks) == 1 else None)
    if target is None:
        return {"error": f"{main} has no workflow."}
    # An input of a call, CALL.INPUT, is a parameter only where the call cannot do without.
    names = [it.name for it in target.available_inputs if it.name.isidentifier() and it.name[0] != "_"]
    names += [it.name for it in target.required_inputs if "." in it.name]
    inputs = {it.name: it.value for it in target.available_inputs if it.name in names}
    return {"namespace": target.name, "parameterTemplate": {name: _parameter(target, inputs[name]) for name in inputs}}


def _parameter(target: WDL.Tree.Workflow | WDL.Tree.Task, decl: WDL.Tree.Decl) -> dict[str, Any]:
    about = target.parameter_meta.get(decl.name, "")
    if isinstance(about, dict):
        about = next((about[key] for key in ("description", "help") if key in about), "")
    description = about[:_LONGEST_DESCRIPTION] if isinstance(about, str) else ""
    return {"description": description, "optional": decl.type.optional or decl.expr is not None}


def _lines(error: BaseException, root: Path) -> list[str]:
    """Return each error with its place, down to what caused it."""
    if isinstance(error, WDL.Error.MultipleValidationErrors):
        return [line for each in error.exceptions for line in _lines(each, root)]
    at = getattr(error, "pos", None)
    place = f"{_below(at.abspath, root)} line {at.line} column {at.column}: " if at else ""
    message = " ".join(str(error).split()).replace(f"{root}/", "")
    return [f"{place}{message}", *(_lines(error.__cause__, root) if error.__cause__ else ())]


def _below(path: str, root: Path) -> str:
    return path.removeprefix(f"{root}/")


if __name__ == "__main__":
    print(json.dumps(check(Path(sys.argv[1]), sys.argv[2])))  # noqa: T201 - its answer
