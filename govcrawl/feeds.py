"""Feeds of changes as they are written by a command and served by a page: what they say of themselves, what of an event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from archive import catalog_change_reads as reads
from archive import catalog_reads
from archive.change_words import details
from archive.curtain import count_hidden
from archive.feed import FeedEntry, FeedHead, feed_id
from archive.rows import instant
from govcrawl import __version__
from govcrawl.speech import language as spoken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archive.catalog import Catalog
    from archive.change_words import Language
    from archive.rows import Row


def feed_entries(catalog: Catalog, rows: Iterable[Row], words: Language | None = None) -> Iterator[FeedEntry]:
    """Events, latest first, as entries, with what differs where there are two versions; in a language, else the user's."""
    for row in rows:
        if row["previous_version_id"] is None:
            yield FeedEntry(change=row)
        else:
            found = reads.compare_versions(catalog, row["previous_version_id"], row["version_id"])
            yield FeedEntry(change=row, details=tuple(details(found, words or spoken())), diff=found.text)


def feed_head(
    catalog: Catalog,
    agency: str | None,
    *,
    name: str,
    self_url: str | None,
    language: Language | None = None,
    search: str | None = None,
) -> FeedHead:
    """What a feed of an agency, or of all, says of itself; ``name`` tells it from others of the same site.

    ``search`` is what is searched for, where it is a feed of that.
    """
    words = language or spoken()
    chinese = words == "zh"
    row = next((row for row in catalog_reads.agencies(catalog) if row["name"] == agency), None)
    site = row["base_url"] if row else "http://localhost/"
    title = row["title"] if row else "全部机构" if chinese else "all agencies"
    if search is not None:
        title = f"{title}：检索“{search}”" if chinese else f"{title}: search “{search}”"
    return FeedHead(
        id=feed_id(site, name),
        title=f"{title}：公开文件的变动" if chinese else f"{title}: changes of disclosed documents",
        updated_at=instant(datetime.now(UTC)),
        author=title,
        alternate_url=row["base_url"] if row else None,
        self_url=self_url,
        software=f"govcrawl {__version__}",
        language=words,
        withheld=count_hidden(catalog, agency),
    )
