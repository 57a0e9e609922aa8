# SPDX-License-Identifier: Apache-2.0
"""Failures, outputs, outlets, lineage, progress and logs of a run."""
