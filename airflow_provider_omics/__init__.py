# SPDX-License-Identifier: Apache-2.0
"""Run AWS HealthOmics workflows from Apache Airflow."""

__version__ = "0.1.0"
