# SPDX-License-Identifier: Apache-2.0
"""Records that the provider passes on and stores: runs, jobs, events, documents. Pure Python."""
