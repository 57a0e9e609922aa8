# SPDX-License-Identifier: Apache-2.0
"""Shared by the triggers of a triggerer process: clients, rate limits, poller and start queue of each connection."""
