"""govcrawl without reading: what a document's page answers is captured and its row of the frontier ended, durably, and that is all.

Everything else is as in a crawl: wire-true WARC, catalog, politeness, frontier, lists. Only this package's agencies are concerned.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from archive.decisions import Untold
from govcrawl import spider
from govcrawl.documents import Documents
from govcrawl.workers import Readers

if TYPE_CHECKING:
    from archive.catalog import Catalog
    from govcrawl.decode import Page
    from govcrawl.frontier import Job


class Captured(Documents):
    """Leaves the pages of documents unread."""

    async def _put_page(self, job: Job, page: Page, capture_id: int, *, moved: bool) -> None:
        del page, moved
        session = self._session
        ended = partial(_captured, row_id=job.row_id, capture_id=capture_id)
        await session.put(Untold(crawl_id=session.crawl_id, rows=ended))
        session.tally.counts["unread"] += 1


def _begin_nothing(self: object) -> None:
    """Start no process that would read."""


def _captured(catalog: Catalog, *, row_id: int, capture_id: int) -> None:
    catalog.frontier.end(row_id, "done", capture_id=capture_id)


vars(spider)["Documents"] = Captured
Readers.start = _begin_nothing  # type: ignore[method-assign]
