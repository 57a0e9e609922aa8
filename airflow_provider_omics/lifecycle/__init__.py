# SPDX-License-Identifier: Apache-2.0
"""Find or start the run of a task: intention, rules of an attempt, and the drivers of worker and triggerer."""
