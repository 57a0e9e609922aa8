# SPDX-License-Identifier: Apache-2.0
"""What jobs that import or activate read sets add to the life of a run."""
