"""What is asked for after the last list of a crawl: what the lists alone would leave unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from govcrawl.documents import Job
from govcrawl.items import ListEntry
from govcrawl.reading import read_entry
from govcrawl.urls import url_key

if TYPE_CHECKING:
    from archive.model import Listing
    from govcrawl.session import Session


async def find_leftovers(session: Session, *, full: bool) -> list[tuple[Job, str, list[str | None]]]:
    """Return (job, address, names it is known by) of what a crawl may have to ask for beside what its lists named.

    A full crawl asks for every known document. An incremental one, whose walks end where everything is known, asks for the
    lines further down from which no document was made yet: their pages failed, or a crawl died before it came to them.

    Raises:
        ArchiveError: the catalog cannot be read.
    """
    spider = session.spider
    if full:
        known = await session.call(session.store.known_documents, spider.name)
        # No list shows it any more: what only its line said (of a file, the title and the date) still holds.
        jobs = [Job(entry=read_entry(one.entry), channel=one.channel, via=None, known=one) for one in known]
        return [(job, one.url, [one.key, url_key(one.url)]) for job, one in zip(jobs, known, strict=True)]
    lines = await session.call(session.store.lines_without_document, spider.name)
    channels = spider.seeds()
    return [
        (
            Job(entry=_entry(line), channel=channel, via=None, known=None, retried=True),
            line.url,
            [line.key, line.url_key],
        )
        for channel, line in lines
        if channel in channels
    ]


def _entry(line: Listing) -> ListEntry:
    """Return a list's line as its template read it, but for what the catalog does not keep of it."""
    return ListEntry(
        url=line.url,
        title=line.title,
        publish_date=line.publish_date,
        date_text=line.date_text,
        key=line.key.partition("/")[2] if line.key else None,
        pinned=line.pinned,
    )
