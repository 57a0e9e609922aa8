# SPDX-License-Identifier: Apache-2.0
"""Sequence stores, their read sets, and the jobs that import and activate them."""
