# SPDX-License-Identifier: Apache-2.0
"""What a DAG file pays for importing StartOmicsRunOperator: each parse imports a provider outside Airflow anew."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

LIMIT = 5.0  # milliseconds
ROUNDS = 9
OURS = "airflow_provider_omics.operators.run.StartOmicsRunOperator"
THEIRS = "airflow.providers.amazon.aws.operators.batch.BatchOperator"
# The CPU time of one import, in a process that has what every DAG file imports.
MEASURE = """
import time
from airflow.providers.common.compat.sdk import DAG, BaseOperator
with DAG("warm", schedule=None):
    BaseOperator(task_id="warm")
started = time.process_time()
from {module} import {name}
print(1000 * (time.process_time() - started))
"""


def import_cost(path: str) -> float:
    """Return the milliseconds that one import takes in a fresh process."""
    module, _, name = path.rpartition(".")
    command = [sys.executable, "-W", "ignore", "-c", MEASURE.format(module=module, name=name)]
    # A Dag processor keeps compiled modules; a shell that forbids to write them would measure the compiler.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> int:
    """Measure both in turn, print the figures, and fail over the limit."""
    import_cost(OURS), import_cost(THEIRS)  # compiles what is not compiled yet
    costs = [(import_cost(OURS), import_cost(THEIRS)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(cost) for cost in zip(*costs, strict=True))
    lines = [
        f"StartOmicsRunOperator          {ours:7.2f} ms (limit {LIMIT} ms)",
        f"BatchOperator                  {theirs:7.2f} ms",
        f"ratio                          {ours / theirs:7.3f}",
    ]
    print("\n".join(lines))
    return 0 if ours < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
