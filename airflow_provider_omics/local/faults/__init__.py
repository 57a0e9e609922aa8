# SPDX-License-Identifier: Apache-2.0
"""What happens to a call besides its being handled: it is logged, throttled, or meets a planned fault."""
