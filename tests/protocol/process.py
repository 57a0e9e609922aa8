# SPDX-License-Identifier: Apache-2.0
"""One try of a task, in a thread that goes when it is told to."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from tests.protocol import deferred
from tests.protocol.tasks import REQUEST
from tests.protocol.wire import Operator

if TYPE_CHECKING:
    from tests.protocol.tasks import Task
    from tests.protocol.world import World


class KilledError(BaseException):
    """SIGKILL: nothing of the process goes on."""


@dataclass
class Attempted:
    """What the processes of one try have done."""

    began: float
    created: int = 0
    waited_for: set[str] = field(default_factory=set)


class Process(threading.Thread):
    """One try of a task, which goes when it is told to."""

    def __init__(self, world: World, task: Task, before: Process | None = None) -> None:
        """Begin a try, or take the place of ``before`` in it."""
        super().__init__(daemon=True)
        self.world, self.task, self.key = world, task, task.key
        self.retry = task.ti.try_number > 1
        self.arguments, self.context, self.intention = task.arguments, task.context, task.intention
        self.since = world.now
        self.attempt = before.attempt if before else Attempted(world.now)
        # Where it stands: ("before" or "after", operation), or ("waiting", "").
        self.place = ("born", "")
        self.verdict: Any = None
        self.result: dict[str, str] | None = None
        self.error: Exception | None = None
        self.done = self.doomed = self.denied = False
        self.ended = KilledError()
        self._order: BaseException | None = None
        self._told, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self.start()

    def go(self, order: BaseException | None = None) -> None:
        """Let it do one step, or meet what the order says; one that is done stays so."""
        if self.done:
            return
        self._order = KilledError() if self.doomed else order
        self._told.release()
        self._stands.acquire()

    def run(self) -> None:
        try:
            self._obey()
            self.result = deferred.execute(self) if self.task.deferred else self._execute()
        except KilledError:
            pass
        except (AirflowException, ClientError, HTTPClientError) as error:
            self.error = error
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            self.world.broken.append(f"{type(error).__name__}: {error}")
        self.done = True
        self._stands.release()

    def _execute(self) -> dict[str, str]:
        operator = Operator(**REQUEST, **self.arguments)
        operator.world = self.world
        return operator.execute(self.context)

    @property
    def created(self) -> int:
        """How many runs its try has created."""
        return self.attempt.created

    @property
    def was_killed(self) -> bool:
        """Whether nobody has heard what came of it."""
        return self.done and self.result is None and self.error is None

    def stand(self, *place: str) -> None:
        """Wait for the next order."""
        self.place = place
        self._stands.release()
        self._obey()

    def _obey(self) -> None:
        self._told.acquire()
        if self._order is not None:
            raise self._order


def lost() -> HTTPClientError:
    """Return what a client raises when the connection closes before the answer is read."""
    return ConnectionClosedError(endpoint_url="http://127.0.0.1:1")
