# SPDX-License-Identifier: Apache-2.0
"""Hooks: the only place that talks to AWS."""
