# SPDX-License-Identifier: Apache-2.0
"""``omics-local``: serve the local HealthOmics endpoint, print what its clients need, put what the examples need."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import resource
import shlex
import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from airflow_provider_omics.local.environment import environment
from airflow_provider_omics.local.wdl import isolation

if TYPE_CHECKING:
    from collections.abc import Sequence

_PORT = 9911
_LAST_PORT = 65535
# Kilobytes of memory.
_GROWTH = 10_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``omics-local``."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except (ValueError, OSError) as error:
        for line in str(error).splitlines():
            print(f"omics-local: {line}", file=sys.stderr)  # noqa: T201 - a command's way to speak
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("omics-local", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    about = (
        "Serve the endpoint until SIGTERM, SIGHUP or Ctrl-C. All state lives in memory, S3 included, and ends with it."
    )
    serve = commands.add_parser("serve", help="serve the endpoint until SIGTERM, SIGHUP or Ctrl-C", description=about)
    serve.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    serve.add_argument("--port", type=_port, default=_PORT, help="0 is any free one (default: %(default)s)")
    serve.add_argument("--simulate", action="store_true", help="simulate all runs instead of executing WDL")
    serve.add_argument("--speed", type=float, metavar="X", help="let simulated runs live X times faster")
    serve.add_argument("--quotas", action="store_true", help="throttle as HealthOmics' published quotas do")
    serve.add_argument("--examples", action="store_true", help="register what AWS' start-run documents name")
    serve.add_argument("--config", type=Path, metavar="FILE", help="JSON or YAML: settings, scripts, faults, workflows")
    serve.add_argument(
        "--require-sandbox", action="store_true", help="refuse to execute tasks that bubblewrap does not isolate"
    )
    serve.set_defaults(run=_serve)
    env = commands.add_parser("env", help="print AWS_* exports and Airflow's connection, ready to paste")
    env.add_argument("--url", default=f"http://127.0.0.1:{_PORT}", help="the endpoint's (default: %(default)s)")
    env.set_defaults(run=_env)
    seed = commands.add_parser("seed", help="put the buckets and files that the example DAGs expect")
    seed.add_argument("--url", default=f"http://127.0.0.1:{_PORT}", help="the endpoint's (default: %(default)s)")
    seed.set_defaults(run=_seed)
    return parser


def _serve(options: argparse.Namespace) -> int:
    # Airflow brings the web server, so that its presence says nothing of the rest of the extra.
    for module in ("uvicorn", "a2wsgi", "moto", "flask_cors", *(() if options.simulate else ("WDL",))):
        if not _installed(module):
            raise ValueError(
                f"{module} is not installed; the endpoint needs: pip install 'airflow-provider-omics[local]'"
            )
    from airflow_provider_omics.local.server import Server  # noqa: PLC0415 - needs the extra, `env` does not

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = _config(options)
    if options.require_sandbox and not options.simulate and isolation.backend() != "omics_sandbox":
        raise ValueError(
            "--require-sandbox: bubblewrap is not installed, or this kernel does not let it isolate a task; install it "
            "(apt-get install bubblewrap), allow user namespaces, or leave the option out."
        )
    # Handled, not blocked: a blocked signal would stay blocked in the processes that execute workflows.
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:  # ignored is what nohup asks for
            signal.signal(signum, lambda _signum, _frame: stop.set())
    with Server(config, host=options.host, port=options.port, simulate=options.simulate) as server:
        if not options.simulate:
            logging.getLogger("omics-local").info(isolation.description())
        print(f"omics-local ready {server.url}", flush=True)  # noqa: T201 - who started it waits for this line
        # Python runs a handler between two of its steps: a signal just before an endless wait would be heard after it.
        peak = 0
        while not stop.wait(0.2):
            peak = _keep(peak)
    # All state lives in memory: to take it down object by object would only take time.
    logging.shutdown()
    os._exit(0)


def _keep(peak: int) -> int:
    """
    Spare Python's garbage collector what has come to stay, and return the memory's peak.

    A batch of 100,000 runs is millions of objects: to look through them would stop all threads for seconds.
    """
    now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if now < peak + _GROWTH:
        return peak
    gc.freeze()
    return now


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def _config(options: argparse.Namespace) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if options.config:
        loaded = _read(options.config)
        if not isinstance(loaded, dict):
            raise ValueError(f"{options.config} does not hold an object of settings.")
        config |= loaded
    if options.speed is not None:
        config["speed"] = options.speed
    if options.quotas:
        config["quotas"] = "published"
    if options.examples:
        config["examples"] = True
    return config


def _read(file: Path) -> Any:  # noqa: ANN401 - any JSON
    """Return what a file holds, in JSON's types."""
    try:
        return json.loads(json.dumps(yaml.safe_load(file.read_text(encoding="utf-8")), default=str))
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(f"{file} is neither JSON nor YAML: {' '.join(str(error).split())}.") from None


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port; it is 0 to {_LAST_PORT}")
    return int(text)


def _env(options: argparse.Namespace) -> int:
    for name, value in environment(options.url).items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201 - the command's output
    return 0


def _seed(options: argparse.Namespace) -> int:
    from airflow_provider_omics.local.seed import seed  # noqa: PLC0415 - the other commands need no boto3

    for uri in seed(options.url):
        print(uri)  # noqa: T201 - the command's output
    return 0


if __name__ == "__main__":
    sys.exit(main())
