# SPDX-License-Identifier: Apache-2.0
"""What lies below the hook: clients of a connection, and what the answers and errors of AWS mean."""
