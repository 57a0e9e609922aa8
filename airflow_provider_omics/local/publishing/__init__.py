# SPDX-License-Identifier: Apache-2.0
"""What runs and jobs leave in S3, CloudWatch Logs and EventBridge, published in the background."""
