# SPDX-License-Identifier: Apache-2.0
"""From what a DAG author writes to what is sent: pure Python that imports neither Airflow nor boto3."""
