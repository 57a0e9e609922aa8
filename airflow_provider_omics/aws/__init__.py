# SPDX-License-Identifier: Apache-2.0
"""What the provider asks of AWS beside HealthOmics itself, and what AWS' errors mean."""
