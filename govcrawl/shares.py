"""Who crawls what in a round of several processes: a server group is with one of them at a time; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Shares:
    """The agencies of a round, handed out in their order to workers that have room.

    An agency goes to the worker that has one of its server groups, and to whoever asks where nobody has; where two have one
    each it waits. A group is free again when the last agency of it that was handed out has come back.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, frozenset[str]] = {}  # in order: agency → its groups
        self._handed: dict[str, tuple[int, frozenset[str]]] = {}  # agency → (worker, its groups)
        self._holder: dict[str, int] = {}  # group → worker
        self._held: Counter[str] = Counter()  # group → agencies of it that are handed out

    @property
    def waiting(self) -> int:
        """How many were not handed out yet."""
        return len(self._waiting)

    @property
    def handed(self) -> int:
        """How many are with workers."""
        return len(self._handed)

    def add(self, agency: str, groups: Iterable[str]) -> None:
        """Let an agency wait behind the others; its server groups are known now."""
        self._waiting[agency] = frozenset(groups)

    def take(self, worker: int) -> str | None:
        """Hand a worker its next agency, None where there is none for it now."""
        agency = next((name for name, groups in self._waiting.items() if self._may_have(worker, groups)), None)
        if agency is None:
            return None
        groups = self._waiting.pop(agency)
        self._handed[agency] = (worker, groups)
        for group in groups:
            self._holder[group] = worker
            self._held[group] += 1
        return agency

    def _may_have(self, worker: int, groups: Iterable[str]) -> bool:
        return all(self._holder.get(group, worker) == worker for group in groups)

    def give_back(self, agency: str) -> None:
        """Take back an agency whose crawl has ended, or never began."""
        _, groups = self._handed.pop(agency)
        for group in groups:
            self._held[group] -= 1
            if not self._held[group]:
                del self._held[group], self._holder[group]

    def with_worker(self, worker: int) -> list[str]:
        """Return what a worker has, in the order in which it was handed out."""
        return [agency for agency, (holder, _) in self._handed.items() if holder == worker]

    def put_back(self, agency: str) -> None:
        """Let an agency that was handed out wait again, before all others."""
        _, groups = self._handed[agency]
        self.give_back(agency)
        self._waiting = {agency: groups, **self._waiting}

    def drop_waiting(self) -> list[str]:
        """Hand out nothing more; return what waits."""
        left, self._waiting = list(self._waiting), {}
        return left
