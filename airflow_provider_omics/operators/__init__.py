# SPDX-License-Identifier: Apache-2.0
"""Operators: one module per thing a DAG author does."""
