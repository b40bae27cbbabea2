"""How long this process may still ask a server group's servers: the lease, as its holder counts it.

Counted on the clock that runs on while a machine sleeps and that nobody sets, from before the lease was asked for: so it ends
here before it ends where it was given, whatever the clocks say. Three ends, each a little later: no request is sent any more
and the crawls are ended in order; the process ends at once, whatever it does; the lease itself is over.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, Any, Self

from govcrawl.pace import Hold

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

SETTING = "GOVCRAWL_TENURE"
"""Setting that holds the tenure of a process's crawls."""

STOP_SECONDS = 20.0
"""So long before the lease is over nothing is sent any more: what is under way may end, files and rows are closed."""

KILL_SECONDS = 4.0
"""So long before it is over the process is ended at once, and with it every connection; its files are repaired later."""

LOOK_SECONDS = 0.2
EXIT_LOST = 75
"""Exit code of a process that ended itself because its lease was."""


def boot_seconds() -> float:
    """Return seconds since the machine started, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME if sys.platform == "linux" else time.CLOCK_MONOTONIC)


class Tenure:
    """Until when this process may ask.

    Args:
        until: on the clock of :func:`boot_seconds`.
        stop_seconds: so long before that it sends nothing any more.
        kill_seconds: so long before that it ends at once.
    """

    def __init__(self, until: float, *, stop_seconds: float = STOP_SECONDS, kill_seconds: float = KILL_SECONDS) -> None:
        self.until = until
        self.stop_seconds = stop_seconds
        self.kill_seconds = kill_seconds
        self.given_up = False  # the lease is lost, or whoever holds it is gone

    @classmethod
    def of(cls, until: float, lease_seconds: float) -> Self:
        """Make that of a lease of so many seconds: a short one has shorter ends."""
        stop_seconds, kill_seconds = min(STOP_SECONDS, lease_seconds / 3), min(KILL_SECONDS, lease_seconds / 10)
        return cls(until, stop_seconds=stop_seconds, kill_seconds=kill_seconds)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: crawlers copy their settings, the lease is one."""
        return self

    def left_seconds(self) -> float:
        """Return how long the lease still is."""
        return self.until - boot_seconds()

    def is_over(self) -> bool:
        """Whether nothing may be sent any more."""
        return self.given_up or self.left_seconds() < self.stop_seconds

    def find_hold(self) -> Hold | None:
        """Return why nothing is sent any more, None where it may be; as the governor says it."""
        if not self.is_over():
            return None
        left = self.left_seconds()
        return Hold(
            "interrupted",
            f"the lease of these agencies ends in {max(left, 0):.0f} s and was not renewed: another machine may crawl them then; "
            "what was stored is merged, and their next crawl goes on from there",
            datetime.now(UTC) + timedelta(seconds=max(left, 0)),
        )


class Watch:
    """A thread that ends this process in time, and when whoever started it is gone.

    Args:
        tenure: until when.
        orders: lines ``until SECONDS`` and ``stop``; its end means that the parent process is gone.
        stop: ends the crawls in order; called once.
        sitting_seconds: end the crawls in order after so long, None: not before the lease ends.
        end: ends the process at once.
    """

    def __init__(
        self,
        tenure: Tenure,
        orders: IO[str],
        *,
        stop: Callable[[], None] | None = None,
        sitting_seconds: float | None = None,
        end: Callable[[int], Any] = os._exit,
    ) -> None:
        self._tenure = tenure
        self._orders = orders
        self._stop = stop or _interrupt
        self._end = end
        self._sitting_ends = boot_seconds() + sitting_seconds if sitting_seconds is not None else None
        self._stopped = False
        self._done = Event()
        self._listener = Thread(target=self._listen, name="lease-orders", daemon=True)
        self._looker = Thread(target=self._look, name="lease-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._listener.start()
        self._looker.start()

    def finish(self) -> None:
        """The crawls have ended: nothing is asked any more, and nothing need be watched."""
        self._done.set()
        self._looker.join()

    def look(self) -> None:
        """Look once what has to be done now."""
        if self._tenure.left_seconds() < self._tenure.kill_seconds:
            logger.error(
                "the lease is over and the crawls have not ended: this process ends now, nothing stored is lost"
            )
            self._end(EXIT_LOST)
        sitting_over = self._sitting_ends is not None and boot_seconds() > self._sitting_ends
        if not self._stopped and (sitting_over or self._tenure.is_over()):
            self._stopped = True
            logger.warning("crawls are ended: %s", "their sitting is over" if sitting_over else "their lease ends")
            self._stop()

    def obey(self, line: str) -> None:
        """Do what one line says."""
        word, _, value = line.strip().partition(" ")
        if word == "until":
            self._tenure.until = float(value)
        elif word == "stop":
            self._tenure.given_up = True

    def _look(self) -> None:
        while not self._done.wait(LOOK_SECONDS):
            self.look()

    def _listen(self) -> None:
        for line in self._orders:
            self.obey(line)
        if not self._done.is_set():
            logger.error(
                "who started this process is gone, and nobody renews its lease: it ends now, nothing stored is lost"
            )
            self._end(EXIT_LOST)


def _interrupt() -> None:
    """End the crawls as Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)
