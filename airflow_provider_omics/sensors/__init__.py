# SPDX-License-Identifier: Apache-2.0
"""Sensors: what a DAG waits for."""
