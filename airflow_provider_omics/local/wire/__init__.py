# SPDX-License-Identifier: Apache-2.0
"""AWS' wire protocols: requests, answers and errors, as the installed botocore's models describe them."""
