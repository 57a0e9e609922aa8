# SPDX-License-Identifier: Apache-2.0
"""What a run has come to, and what is told and handed on of it."""
