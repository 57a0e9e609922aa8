# SPDX-License-Identifier: Apache-2.0
"""What the provider passes on and stores: runs, jobs, events, versioned documents. Pure Python."""
