# SPDX-License-Identifier: Apache-2.0
"""Runs and run batches, run groups, run caches and configurations: simulated, or told of by an executor."""
