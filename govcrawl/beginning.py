"""How a crawl begins: its row and its first note, or a further sitting of one that was interrupted.

Blocks while it repairs and writes: where other crawls go on in the process it runs on the archive thread
(:meth:`govcrawl.workshop.Workshop.begin`).
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import scrapy
import twisted

from archive.leases import check_group_not_lent
from archive.rows import parse_instant
from govcrawl import __version__
from govcrawl.connect_to import parse_connect_to
from govcrawl.groups import group_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings

    from archive.store import Store
    from govcrawl.machine import Machine
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A crawl that was begun, or is gone on with."""

    crawl_id: str
    started_at: datetime  # of this sitting, UTC
    resumed: bool  # a further sitting of a crawl that was interrupted
    counts: Counter[str]  # what earlier sittings counted


def begin_crawl(
    store: Store,
    machine: Machine,
    agency: type[DisclosureSpider],
    arguments: Mapping[str, str],
    settings: BaseSettings,
) -> Begun:
    """Begin a crawl, or go on with the agency's latest where that was interrupted and asked for the same.

    Args:
        store: the data directory.
        machine: knows which server group the agency belongs to.
        agency: whose crawl it is.
        arguments: in force, as archived with the crawl.
        settings: of the crawl, USER_AGENT derived.

    Raises:
        ArchiveError: the data directory cannot be used, or another process crawls this agency, or its server group is lent.
        UsageMistake: GOVCRAWL_CONNECT_TO is malformed.
    """
    now = began_at = datetime.now(UTC)
    group = group_of(settings, machine, agency)
    store.read(lambda catalog: check_group_not_lent(catalog, group, now))
    since = now - timedelta(days=settings.getfloat("GOVCRAWL_RESUME_DAYS"))
    mode = arguments["mode"]
    left = store.read(lambda catalog: catalog.frontier.resumable(agency.name, mode, arguments, since))
    counts = Counter[str]()
    if left is None:
        crawl_id = f"{agency.name}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    else:
        crawl_id, began_at = left["id"], parse_instant(left["started_at"])
        counts = store.read(lambda catalog: catalog.frontier.recount(crawl_id))
        logger.info("crawl goes on crawl=%s began_at=%s", crawl_id, left["started_at"])
    store.begin_crawl(
        agency.agency_row(),
        crawl_id=crawl_id,
        mode=mode,
        options=arguments,
        software=f"govcrawl/{__version__} Scrapy/{scrapy.__version__} Twisted/{twisted.__version__}",
        user_agent=settings["USER_AGENT"],
        contact=settings.get("GOVCRAWL_CONTACT") or None,
        extra_info=_said(agency, crawl_id, settings),
        started_at=began_at,
    )
    return Begun(crawl_id=crawl_id, started_at=now, resumed=left is not None, counts=counts)


def _said(agency: type[DisclosureSpider], crawl_id: str, settings: BaseSettings) -> dict[str, str]:
    """Return what each WARC file's first record says besides."""
    said = {
        "description": f"Disclosure (政务公开) pages of {agency.agency}, crawl {crawl_id}",
        "isPartOf": agency.name,
    }
    if settings.getbool("GOVCRAWL_DEMO"):
        said["description"] = f"demonstration data (示例数据): {said['description']}"
    if connect_to := settings.get("GOVCRAWL_CONNECT_TO"):
        parse_connect_to(connect_to)
        said["govcrawl-connect-to"] = connect_to  # who reads the WARC must know that names were not resolved as usual
    return said
