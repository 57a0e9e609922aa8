# SPDX-License-Identifier: Apache-2.0
"""The one port: requests told apart, guarded and answered, and the control API."""
