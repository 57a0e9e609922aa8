# SPDX-License-Identifier: Apache-2.0
"""Links from the Airflow UI to the AWS console."""
