# SPDX-License-Identifier: Apache-2.0
"""Runs of WDL, executed by miniwdl: what parses definitions, starts and follows miniwdl, and is its plugin."""
