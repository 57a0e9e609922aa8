# SPDX-License-Identifier: Apache-2.0
"""Cancel runs: whether to cancel when a task ends, how to cancel, and how to find runs to cancel."""
