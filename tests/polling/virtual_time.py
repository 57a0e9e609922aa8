# SPDX-License-Identifier: Apache-2.0
"""An event loop in which no time is waited for."""

import asyncio


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Sets its clock to the next timer as soon as nothing else is left to do; threads have no part in its time."""

    def __init__(self):
        super().__init__()
        self._now = 0.0
        self._look = self._selector.select
        self._selector.select = self._skip

    def time(self):
        return self._now

    def _skip(self, timeout):
        # Each round of the loop takes a little: what is waited for comes, however short the wait.
        self._now += max(timeout or 0.0, 1e-6)
        return self._look(timeout if timeout is None else 0)


def run(coroutine):
    """Run a coroutine, in virtual seconds."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)
