# SPDX-License-Identifier: Apache-2.0
"""Every operation that the endpoint implements, and the endpoint without its socket."""
