# SPDX-License-Identifier: Apache-2.0
"""The machine runs operators in threads, which 2.11 forbids (ExecutorSafeguard); the protocol is the same there."""

from airflow_provider_omics.testing.airflow_home import AIRFLOW_3

collect_ignore_glob = [] if AIRFLOW_3 else ["test_*.py"]
