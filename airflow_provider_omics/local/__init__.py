# SPDX-License-Identifier: Apache-2.0
"""The local HealthOmics endpoint (extra ``local``)."""
