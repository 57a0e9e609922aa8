# SPDX-License-Identifier: Apache-2.0
"""Jobs that import or activate read sets: requests, calls and look-up."""
