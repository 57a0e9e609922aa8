# SPDX-License-Identifier: Apache-2.0
"""What operators and sensors do in their workers."""
