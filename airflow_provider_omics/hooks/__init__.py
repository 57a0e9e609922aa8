# SPDX-License-Identifier: Apache-2.0
"""Hooks: how tasks and triggers call HealthOmics."""
