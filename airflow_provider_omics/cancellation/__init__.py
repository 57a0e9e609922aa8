# SPDX-License-Identifier: Apache-2.0
"""Cancelling runs: who meant it, and the one way to do it."""
