# SPDX-License-Identifier: Apache-2.0
"""Triggers: how a deferred task waits."""
