"""What a crawl sets out to do: at its beginning which lists are walked and how far, after the last list what is looked at besides.

The one place where both are decided; everything else follows from the lists themselves.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, get_args

from archive.catalog_frontier import LATER
from archive.catalog_recrawl import find_gone, read_beginnings, read_channels, read_documents, read_experience
from govcrawl.frontier import UNREAD, say_job
from govcrawl.items import ListEntry
from govcrawl.recrawl.plan import LookReason, plan_looks, plan_walks
from govcrawl.recrawl.rates import AGE_BOUNDS_DAYS, Rates
from govcrawl.walks import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archive.catalog import Catalog
    from archive.model import Listing
    from govcrawl.recrawl.plan import Look
    from govcrawl.session import Session

logger = logging.getLogger(__name__)

NO_LONGER_LISTED = "no_longer_listed"
"""Why a document is looked at that a list no longer shows."""


async def begin_walks(session: Session) -> list[Walk]:
    """Return the walks of a crawl, whose rows stand in the frontier; of an interrupted one with how far they came.

    A channel's list is walked to its end in a full crawl, in any where it never was, and where it is its turn
    (:mod:`govcrawl.recrawl`); else to the first page on which all is known.

    Raises:
        ArchiveError: the catalog cannot be read or written.
    """
    spider, crawl_id = session.spider, session.crawl_id
    seeds = spider.seeds()
    full = spider.mode == "full"

    def begin(catalog: Catalog) -> list[Walk]:
        if not session.resumed:
            facts = {one.name: one for one in read_channels(catalog, spider.name)}
            known = [facts[name] for name in seeds]  # a crawl puts its channels when it begins
            began_at, before_at = read_beginnings(catalog, spider.name, crawl_id)
            plan = plan_walks(session.policy, known, began_at, before_at)
            if spider.partial:  # what a crawl that is asked for a part does not read is not missing
                never = {one.name for one in known if one.walked_at is None}
                walks = [Walk(name, seed, full or name in never) for name, seed in seeds.items()]
            else:
                walks = [
                    Walk(name, seed, full or name in plan.whole, plan.least_pages.get(name, 0), facts=facts[name])
                    for name, seed in seeds.items()
                ]
            lists = [(walk.channel, walk.seed, walk.cursor()) for walk in walks]
            catalog.frontier.begin(crawl_id, spider.name, lists, adopt=not spider.partial)
        return _read_walks(catalog, crawl_id, seeds, lambda name: name in spider.browser_channels, session.fail)

    return await session.call(session.store.put_rows, begin)


def _read_walks(
    catalog: Catalog,
    crawl_id: str,
    seeds: Mapping[str, str],
    in_browser: Callable[[str], bool],
    fail: Callable[[str, str], None],
) -> list[Walk]:
    walks = []
    for row in catalog.frontier.lists(crawl_id):
        cursor = json.loads(row["job"])
        walk = Walk(row["channel"], seeds.get(row["channel"], row["url"]), cursor["full"], row_id=row["id"])
        walk.ended = row["state"] != "pending"
        if not in_browser(walk.channel):
            walk.go_on(cursor)
        else:  # a click cannot be made on a page that is gone: it begins anew
            walk.seen = set()
            walk.ending = cursor["ending"]
        if row["state"] == "failed":
            fail(*json.loads(row["reason"]))
        walks.append(walk)
    return walks


async def add_leftovers(session: Session) -> int:
    """Put into the frontier what is looked at after the last list, beside what lists named; returns how many documents.

    A full crawl looks at every known document. An incremental one, whose walks end where everything is known, asks for
    lines further down from which no document was made yet, for what earlier crawls asked for in vain (pages of known
    documents, files), for what lists no longer show, and for what it is time to look at again (:mod:`govcrawl.recrawl`).
    One that was narrowed by its arguments asks for nothing more.

    Raises:
        ArchiveError: the catalog cannot be written.
    """
    spider, crawl_id = session.spider, session.crawl_id
    if spider.partial:
        return 0
    channels = spider.seeds()

    def add(catalog: Catalog) -> int:
        if spider.mode == "full":
            return catalog.frontier.want_known(crawl_id, spider.name, "known")
        count = catalog.frontier.want_missed(crawl_id, spider.name)
        gone = [(document_id, NO_LONGER_LISTED) for document_id in find_gone(catalog, spider.name, crawl_id)]
        count += catalog.frontier.want_looks(crawl_id, spider.name, gone)
        if not catalog.frontier.has_looks(crawl_id, get_args(LookReason)):  # an earlier sitting planned them
            count += catalog.frontier.want_looks(crawl_id, spider.name, _planned(catalog, session))
        for channel, line in catalog.lines_without_document(spider.name):
            if channel in channels and catalog.frontier.find(crawl_id, line.url_key, line.key, None) is None:
                catalog.frontier.put_document(
                    crawl_id,
                    spider.name,
                    url=line.url,
                    url_key=line.url_key,
                    why=UNREAD,
                    key=line.key,
                    channel=channel,
                    job=say_job(_entry(line)),
                    priority=LATER,
                )
                count += 1
        return count

    count = await session.call(session.store.put_rows, add)
    if count:
        logger.info("looks besides what lists name documents=%d", count)
    return count


def _planned(catalog: Catalog, session: Session) -> tuple[Look, ...]:
    """Return the known documents that it is time to look at again."""
    agency = session.spider.name
    began_at, before_at = read_beginnings(catalog, agency, session.crawl_id)
    rates = Rates.learn(read_experience(catalog, agency, AGE_BOUNDS_DAYS))
    return plan_looks(session.policy, read_documents(catalog, agency), rates, began_at, before_at)


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
