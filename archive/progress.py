"""How far long work has come, told while it goes on to whoever watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it was done since the last call, and how much it is in all (0 = as before).

``files`` and ``checksums`` are counted in bytes, ``captures``, ``contents``, ``pages`` and ``rows`` by themselves.
"""

T = TypeVar("T")


def silent(what: str, done: int, total: int) -> None:
    """Take progress and tell nobody."""
    del what, done, total


def told(rows: Iterable[T], progress: Progress, what: str, total: int = 0) -> Iterator[T]:
    """Yield rows and tell of each when it is done; ``total`` is how many there are, 0 where that is not known."""
    progress(what, 0, total)
    for row in rows:
        yield row
        progress(what, 1, 0)
