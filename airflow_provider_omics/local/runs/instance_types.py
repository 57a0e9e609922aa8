# SPDX-License-Identifier: Apache-2.0
"""The instance that HealthOmics allocates to a task: the smallest of its published table that holds the request.

HealthOmics user guide, "Compute and memory requirements for HealthOmics tasks".
"""

from __future__ import annotations

import functools
from typing import NamedTuple

_SIZES = {
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "8xlarge": 32,
    "12xlarge": 48,
    "16xlarge": 64,
    "24xlarge": 96,
    "32xlarge": 128,
    "48xlarge": 192,
}
# GiB for each vCPU: compute-optimized, standard, memory-optimized.
_FAMILIES = {"c": 2, "m": 4, "r": 8}
# What acceleratorType a task names decides between G4, G5, G6 and G6e; of several that fit, the cheapest is taken.
_GPU_FAMILY, _GPU_MEMORY = "g4dn", 4
_GPUS = {"xlarge": 1, "2xlarge": 1, "4xlarge": 1, "8xlarge": 1, "12xlarge": 4, "16xlarge": 1}


class Instance(NamedTuple):
    """One row of the table."""

    name: str
    cpus: int
    memory: int
    gpus: int = 0


INSTANCES = tuple(
    Instance(f"omics.{family}.{size}", cpus, cpus * gib)
    for size, cpus in _SIZES.items()
    for family, gib in _FAMILIES.items()
)
GPU_INSTANCES = tuple(
    Instance(f"omics.{_GPU_FAMILY}.{size}", _SIZES[size], _SIZES[size] * _GPU_MEMORY, gpus)
    for size, gpus in _GPUS.items()
)


@functools.cache
def instance_type(cpus: int, memory: int, gpus: int = 0) -> str | None:
    """Return the type for so many vCPUs, GiB and GPUs; None where no instance is large enough."""
    table = GPU_INSTANCES if gpus else INSTANCES
    return next((it.name for it in table if it.cpus >= cpus and it.memory >= memory and it.gpus >= gpus), None)
