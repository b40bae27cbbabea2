"""A site of any number of documents, each page of which is made when it is asked for: for runs of hundreds of thousands of URLs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, overload

from benchmarks.site import CHANNELS, Notice, Site, make_site

if TYPE_CHECKING:
    from typing import Self

PATTERNS = 30  # documents whose bodies the others share
NEWEST = date(2025, 6, 1)
A_DAY = 12  # documents of a channel

_PATH = re.compile(r"/zwgk/(\w+)/\d{6}/t\d{8}_(\d+)\.htm")
_BLOCK = 10_000_000  # ids of a channel


@dataclass(frozen=True)
class _Listed(Sequence[Notice]):
    """The documents of one channel, newest first, none of them in memory."""

    patterns: tuple[Notice, ...]
    code: str
    size: int

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, place: int) -> Notice: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Notice, ...]: ...
    def __getitem__(self, place: int | slice) -> Notice | tuple[Notice, ...]:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(*place.indices(self.size)))
        place += self.size if place < 0 else 0
        if not 0 <= place < self.size:
            raise IndexError(place)
        pattern = self.patterns[place % len(self.patterns)]
        first = f"第{place + 1}件。{pattern.paragraphs[0]}"
        return replace(
            pattern,
            id=_BLOCK * (1 + list(CHANNELS).index(self.code)) + place,
            channel=self.code,
            title=f"{pattern.title}（第{place + 1}件）",
            day=NEWEST - timedelta(days=place // A_DAY),
            paragraphs=(first, *pattern.paragraphs[1:]),
            related=(),
        )


class WideSite(Site):
    """As :class:`benchmarks.site.Site`, of ``count`` documents."""

    @classmethod
    def of(cls, count: int) -> Self:
        """Describe a site."""
        patterns = sorted(make_site(PATTERNS).notices, key=lambda notice: sum(map(len, notice.paragraphs)))
        made = cls(tuple(patterns[: PATTERNS * 2 // 3]))  # without the longest: what is looked at is how many there are
        object.__setattr__(made, "count", count)
        return made

    count: int

    @cached_property
    def lists(self) -> dict[str, Sequence[Notice]]:  # type: ignore[override]  # sequences of any kind do
        """Channel code → its documents, newest first."""
        share, left = divmod(self.count, len(CHANNELS))
        return {code: _Listed(self.notices, code, share + (place < left)) for place, code in enumerate(CHANNELS)}

    def document_pages(self) -> dict[str, bytes]:
        """Return nothing: no page is made before it is asked for."""
        return {}

    def document_page(self, path: str) -> bytes | None:
        """Return the page at a path; None where there is none."""
        found = _PATH.fullmatch(path)
        if found is None or found[1] not in CHANNELS:
            return None
        place = int(found[2]) % _BLOCK
        listed = self.lists[found[1]]
        if place >= len(listed) or listed[place].path != path:
            return None
        return self._document_page(listed[place]).encode()
