# SPDX-License-Identifier: Apache-2.0
"""Everything that the endpoint remembers: runs, workflows, stores, the clock, and what is due next."""
