"""Where work on many WARC files is done: in processes of this machine (``pool``), or on a cluster (``ray``).

A unit of work is a pure function of its argument and of WARC files: done twice, it gives the same. It knows no catalog; what
it finds comes back in pieces, and whoever asked puts them. So a unit whose worker died is simply done again.
"""

from __future__ import annotations

import pickle
import tempfile
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Protocol, Self

from govcrawl.errors import CrawlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

ATTEMPTS = 3
"""How often a unit is begun before it is given up and named."""
SPOOL_BYTES = 4 << 20  # of a unit's result that are held in memory; what is more lies in a temporary file
PIECES_TOGETHER = 200  # packed into one block


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One thing to do: what messages call it, what the work is told, and the WARC files that it reads."""

    name: str
    argument: Any
    files: tuple[Path, ...]
    bytes: int = 0  # how large it is


@dataclass(frozen=True, slots=True)
class Done:
    """A unit's result; to be taken before the next one is asked for."""

    unit: Unit
    pieces: Iterator[Any]


@dataclass(frozen=True, slots=True)
class Lost:
    """A unit that was given up, with what happened each time."""

    unit: Unit
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker finds the files of whoever asked: at the same paths, or below ``root`` where they were brought."""

    data_dir: Path  # as whoever asked calls it
    base: Path  # the folder that paths of whoever asked are relative to
    root: Path | None = None

    def of(self, path: Path) -> Path:
        """Return where a file of whoever asked lies here."""
        absolute = self.base / path
        return absolute if self.root is None else self.root / absolute.relative_to(absolute.anchor)

    def say(self, text: str) -> str:
        """Return a message with the paths that whoever asked knows."""
        text = text.replace(str(self.of(self.data_dir)), str(self.data_dir))
        return text if self.root is None else text.replace(str(self.root), "")


class Here(Place):
    """The files lie where they are said to lie: no path is changed, not even a relative one."""

    def of(self, path: Path) -> Path:
        """Return it."""
        return path


class Work(ABC):
    """What is done with each unit; crosses process borders as it is."""

    @abstractmethod
    def do(self, argument: Any, place: Place) -> Iterator[Any]:
        """Yield what is found, in pieces that can be pickled."""


class SpreadingWork(Work):
    """Work that hands single pages or files to child processes with limits, so that a hostile one costs itself alone.

    ``do`` does so with one child, which is kept for the next unit: a worker elsewhere does one after the other.
    """

    @abstractmethod
    def do_all(self, units: Iterable[Unit], place: Place, processes: int) -> Iterator[Done]:
        """Do units in order with up to so many child processes; 0 = one for each core."""


class UnitLost(CrawlError):
    """A unit could not be done, however often it was begun; the message names it."""

    @classmethod
    def of(cls, lost: Lost) -> Self:
        """Make the error that says it."""
        return cls(
            f"{lost.unit.name}: given up after {ATTEMPTS} attempts: {lost.reason}; mend what it names, then run the same command again"
        )


class Engine(Protocol):
    """Does units of work and gives their results in the order of the units."""

    def run(self, work: Work, units: Iterable[Unit]) -> Iterator[Done | Lost]:
        """Do units; each that could not be done in :data:`ATTEMPTS` attempts comes as :class:`Lost`."""
        ...

    @property
    def redone(self) -> list[str]:
        """What was begun again, and why."""
        ...

    def close(self) -> None:
        """End what was started."""
        ...


@dataclass(slots=True)
class Attempts:
    """How often units were begun, and what became of it."""

    reasons: dict[str, list[str]] = field(default_factory=dict)
    redone: list[str] = field(default_factory=list)

    def fail(self, unit: Unit, reason: str) -> Lost | None:
        """Note that a unit was not done; returns that it is lost, ``None`` where it is to be begun again."""
        told = self.reasons.setdefault(unit.name, [])
        told.append(reason)
        if len(told) >= ATTEMPTS:
            return Lost(unit, "; ".join(dict.fromkeys(told)))
        self.redone.append(f"{unit.name}: {reason}")
        return None


class Spool:
    """A unit's pieces, laid aside until it is done and its turn has come."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 -- closed by close()

    def __enter__(self) -> Self:
        """Return itself; leaving drops it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop it."""
        self.close()

    def put(self, pieces: Any) -> None:
        """Lay aside a piece."""
        pickle.dump(pieces, self._file, pickle.HIGHEST_PROTOCOL)

    def take(self) -> Iterator[Any]:
        """Yield the pieces and drop them."""
        self._file.seek(0)
        try:
            while True:
                try:
                    yield pickle.load(self._file)  # noqa: S301 -- written by this process
                except EOFError:
                    return
        finally:
            self.close()

    def close(self) -> None:
        """Drop the pieces."""
        self._file.close()


def by_unit(pairs: Iterable[tuple[Unit, Any]]) -> Iterator[Done]:
    """Yield the results of units from their pieces, which come in the order of the units."""
    return (_done(group) for _, group in groupby(pairs, key=lambda pair: pair[0].name))


def _done(pairs: Iterator[tuple[Unit, Any]]) -> Done:
    unit, first = next(pairs)
    return Done(unit, chain([first], (piece for _, piece in pairs)))


def pack(pieces: Iterable[Any]) -> Iterator[bytes]:
    """Yield pieces in compressed blocks."""
    together: list[Any] = []
    for piece in pieces:
        together.append(piece)
        if len(together) >= PIECES_TOGETHER:
            yield zlib.compress(pickle.dumps(together, pickle.HIGHEST_PROTOCOL), 1)
            together = []
    if together:
        yield zlib.compress(pickle.dumps(together, pickle.HIGHEST_PROTOCOL), 1)


def unpack(block: bytes) -> list[Any]:
    """Return the pieces of a block of :func:`pack`."""
    pieces: list[Any] = pickle.loads(zlib.decompress(block))  # noqa: S301 -- from a worker of ours, its digest compared
    return pieces
