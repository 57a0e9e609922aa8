# SPDX-License-Identifier: Apache-2.0
"""What the triggers of one triggerer process share when they call HealthOmics."""
