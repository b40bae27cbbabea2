"""When an agency is to be crawled next (到期): a pure rule over what the catalog says of its crawls.

Each agency has a time of its own within its interval, made from its name, so that thousands with the same interval are spread
evenly over it and each keeps its hour from day to day.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from archive.catalog_rounds import pasts
from govcrawl.connect_to import parse_connect_to
from govcrawl.errors import BadAgency
from govcrawl.politeness import find_hold_before

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scrapy.settings import BaseSettings

    from archive.catalog import Catalog
    from archive.catalog_rounds import Past
    from govcrawl.connect_to import ConnectTo
    from govcrawl.loader import AgencyLoader
    from govcrawl.machine import Machine
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

RETRY_HOURS = 1.0
"""After a failure the next try comes so soon; twice as late after each further one, at most after the interval."""

LEAST_PART = 0.25
"""Of the interval, between two crawls: one just before an agency's own time (by hand, late after a power cut) counts for it."""

_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_PHASES = 2**32
_RESERVED = (".test", ".example", ".invalid")

Why = Literal["never", "interrupted", "failed", "interval"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides when an agency is due.

    Args:
        agency: its name.
        every_hours: its interval.
        past: its crawls; None: there was none that took in all of it.
        quiet_until: until when its server is left alone (Retry-After, budget, hours), as far as this machine knows.
    """

    agency: str
    every_hours: float
    past: Past | None
    quiet_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class NextRun:
    """When an agency is due (UTC), and after what."""

    at: datetime
    why: Why


def next_run(facts: Facts, now: datetime) -> NextRun:
    """Return when an agency is to be crawled next; it is due when that is not after ``now``.

    Never crawled, or interrupted: at once. Failed: an hour after its end, doubling with each further failure up to the
    interval. Else at the first of its own times after the last crawl that lies at least a quarter of the interval after that began. Never
    before its server may be asked again.
    """
    past = facts.past
    interval = timedelta(hours=facts.every_hours)
    why: Why
    if past is None:
        at, why = now, "never"
    elif past.outcome == "finished":
        earliest = max(past.started_at + interval * LEAST_PART, past.finished_at or past.started_at)
        at, why = _own_time(facts.agency, interval, earliest), "interval"
    elif past.outcome == "failed":
        retry = min(timedelta(hours=RETRY_HOURS) * 2 ** min(past.failures - 1, 32), interval)
        at, why = (past.finished_at or past.started_at) + retry, "failed"
    else:  # interrupted; or still called running, which who finds the agency's lock taken knows to be so
        at, why = past.finished_at or past.started_at, "interrupted"
    return NextRun(max(at, facts.quiet_until or at), why)


def plan(
    agencies: Iterable[type[DisclosureSpider]],
    catalog: Catalog | None,
    settings: BaseSettings,
    machine: Machine,
    now: datetime,
) -> list[tuple[type[DisclosureSpider], NextRun]]:
    """Return these agencies with when each is to be crawled next, the earliest first.

    ``catalog`` is None where there is none yet. An agency on a reserved host name (RFC 6761), which leads nowhere, is left out
    unless GOVCRAWL_CONNECT_TO says where it leads: such are demonstrations.
    """
    connect_to = parse_connect_to(settings.get("GOVCRAWL_CONNECT_TO") or "")
    usual_hours = settings.getfloat("GOVCRAWL_EVERY_HOURS")
    wanted = {cls.name: cls for cls in agencies if _leads_somewhere(cls.base_url, connect_to)}
    known = pasts(catalog, wanted) if catalog is not None else {}
    runs = []
    for name, cls in wanted.items():
        facts = Facts(name, cls.every_hours or usual_hours, known.get(name))
        run = next_run(facts, now)
        if run.at <= now and (hold := find_hold_before(settings, machine, cls.seeds().values(), cls.server_group)):
            run = next_run(replace(facts, quiet_until=hold.until), now)
        runs.append((cls, run))
    return sorted(runs, key=lambda one: (one[1].at, one[0].name))


def next_runs(
    names: Iterable[str], catalog: Catalog, settings: BaseSettings, loader: AgencyLoader, now: datetime
) -> dict[str, NextRun]:
    """Return when each of these agencies is to be crawled next; one that is not declared (any more) is left out.

    An agency is loaded only where its file speaks of an interval of its own: what shows many need not import them all.
    """
    usual_hours = settings.getfloat("GOVCRAWL_EVERY_HOURS")
    declared = set(loader.list())
    wanted = [name for name in names if name in declared]
    known = pasts(catalog, wanted)
    runs = {}
    for name in wanted:
        hours = usual_hours
        if "every_hours" in loader.place(name).path.read_text("utf-8"):
            try:
                hours = loader.load(name).every_hours or usual_hours
            except BadAgency as error:
                logger.warning("when %s is due is not known: %s", name, error)
                continue
        runs[name] = next_run(Facts(name, hours, known.get(name)), now)
    return runs


def _leads_somewhere(url: str, connect_to: ConnectTo) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host.endswith(_RESERVED):
        return True
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return connect_to.target(host, port) != (host, port)


def _own_time(agency: str, interval: timedelta, earliest: datetime) -> datetime:
    """Return the first of an agency's own times, one per interval, that is not before ``earliest``."""
    phase = interval * (int.from_bytes(sha256(agency.encode()).digest()[:4]) / _PHASES)
    return earliest + (phase - (earliest - _EPOCH)) % interval


def runs_of(catalog: Catalog, names: Sequence[str]) -> dict[str, str]:
    """Return when ``govcrawl recrawl --due`` crawls each agency next, as the catalog writes instants; only of declared ones."""
    from govcrawl.loader import AgencyLoader, project_settings  # noqa: PLC0415 - the rule itself needs no Scrapy

    settings = project_settings()
    runs = next_runs(list(names), catalog, settings, AgencyLoader.from_settings(settings), datetime.now(UTC))
    return {name: run.at.strftime("%Y-%m-%dT%H:%M:%SZ") for name, run in runs.items()}
