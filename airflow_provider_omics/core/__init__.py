# SPDX-License-Identifier: Apache-2.0
"""The thinking: pure Python that imports neither Airflow nor boto3."""
