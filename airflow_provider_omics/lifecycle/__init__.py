# SPDX-License-Identifier: Apache-2.0
"""One life of a run: its identity, the rules of an attempt, and what carries them out in a worker and in the hub."""
