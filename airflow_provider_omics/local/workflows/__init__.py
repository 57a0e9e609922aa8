# SPDX-License-Identifier: Apache-2.0
"""Workflows and their versions, and the definitions that they are made of."""
