# SPDX-License-Identifier: Apache-2.0
"""A genomics workflow from FASTQ files to variants, run by a real Airflow on a local HealthOmics endpoint."""

from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent / ".build"
