"""What a crawl saw and what was seen before it, read from the catalog: the facts that a verdict is reached from.

Bounded: of earlier versions the newest :data:`EARLIER_VERSIONS` are looked at, of earlier walks :data:`EARLIER_WALKS` a channel.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from archive.catalog_listings import NARROWING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from archive.catalog import Catalog
    from archive.rows import Row

EARLIER_VERSIONS = 300
EARLIER_WALKS = 10
READ_VERSIONS = 2000  # of one crawl; the first crawl of a large site reads more, and these are enough to judge by
BEGINNING = 400  # characters of a text that are looked at
RHYTHM_DAYS = 730
NEW_NORMAL_DAYS = 30  # what alarmed crawls have read is no measure for later ones, until it has been so for this long


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkSeen:
    """One walk of a channel's list; see the table ``walks``."""

    ended_at: str
    ending: str
    pages: int | None
    total: int | None
    skipped: int
    lines: int
    fresh: int
    dated: int
    undated: int
    days: int
    future: int
    garbled: int
    capture_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """One channel in a crawl."""

    name: str
    seed_url: str
    walk: WalkSeen | None  # None: its walk did not come to an end of any kind
    earlier: tuple[WalkSeen, ...]  # of crawls that were not narrowed, the newest first
    days: tuple[str, ...]  # on which something was published by its lines' dates, ascending, of the last two years
    last_new_at: str | None  # when a line was first seen by any crawl but the first that walked it
    watched_since: str | None  # end of the first walk that is known
    redirected_to: str | None  # where its first page led in this crawl


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One failure of a crawl."""

    kind: str
    channel: str | None
    reason: str
    message: str
    url: str
    capture_id: int | None
    before: bool  # the same address failed at an earlier crawl


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSeen:
    """One version as it was read; fields count as printed where the page itself says them."""

    channel: str | None
    printed: frozenset[str]  # of PRINTED
    publish_date: str | None
    list_date: str | None  # what its line in a list says
    date_text: str | None  # printed where the date stands
    date_unread: bool  # … which is no date as it was read
    characters: int | None  # of the text; None where the document is itself a file
    undecodable: int  # U+FFFD in the text
    beginning: str
    method: str
    files: int
    files_failed: int
    capture_id: int


PRINTED = ("title", "publish_date", "source", "index_number", "document_number")


OF_DOCUMENTS = frozenset({"fields_missing", "dates_unread", "garbled", "text_collapsed", "body_moved"})
"""Findings on documents, which stand until documents of the same channel read well again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A finding of the last verdict, with the versions it was reached from as they are now."""

    kind: str
    channel: str | None
    since: str  # crawl that made them
    read: tuple[VersionSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlFacts:
    """One crawl of an agency, as far as its verdict depends on it."""

    agency: str
    crawl_id: str
    mode: str
    asked: Mapping[str, Any]  # arguments that narrowed it: since, limit
    started_at: str
    earlier_crawls: int  # that were judged or finished
    channels: tuple[ChannelFacts, ...]
    troubles: tuple[Trouble, ...]
    read: tuple[VersionSeen, ...]  # versions that this crawl made, in order
    read_before: tuple[VersionSeen, ...]  # the newest that earlier crawls made, the newest first
    standing: tuple[Standing, ...]  # what the last verdict found and this crawl has nothing new to say of
    answered: int  # documents that answered in this crawl
    gone: int  # … and those that were there before and were not now
    known: int  # documents the archive holds of the agency


def read_facts(catalog: Catalog, crawl_id: str) -> CrawlFacts:
    """Read the facts of a crawl whose captures, walks and states are in the catalog."""
    crawl = _one(catalog, "SELECT * FROM crawls WHERE id = ?", crawl_id)
    agency = crawl["agency"]
    options = json.loads(crawl["options"])
    troubles = _troubles(catalog, agency, crawl_id)
    read = _read_in(catalog, agency, crawl_id)
    count = _one(
        catalog,
        "SELECT (SELECT COUNT(*) FROM documents WHERE agency = ?1 AND last_crawl_id = ?2) AS answered,"
        " (SELECT COUNT(*) FROM documents WHERE agency = ?1) AS known,"
        " (SELECT COUNT(DISTINCT document_id) FROM states WHERE crawl_id = ?2 AND state IN ('suspected', 'withdrawn')) AS gone,"
        " (SELECT COUNT(*) FROM crawls WHERE agency = ?1 AND id <> ?2 AND (verdict IS NOT NULL OR outcome = 'finished'))"
        " AS earlier",
        agency,
        crawl_id,
    )
    return CrawlFacts(
        agency=agency,
        crawl_id=crawl_id,
        mode=crawl["mode"],
        asked={name: options[name] for name in NARROWING if options.get(name)},
        started_at=crawl["started_at"],
        earlier_crawls=count["earlier"],
        channels=_channels(catalog, agency, crawl),
        troubles=troubles,
        read=read,
        read_before=tuple(
            map(_version, catalog.rows(_BEFORE, (agency, crawl_id, crawl["started_at"], EARLIER_VERSIONS)))
        ),
        standing=_standing(catalog, crawl, {one.channel for one in read}),
        answered=count["answered"],
        gone=count["gone"],
        known=count["known"],
    )


_VERSIONS = f"""
SELECT v.title, v.publish_date, v.publish_date_text, v.publish_date_source, v.source, v.index_number, v.document_number,
  v.origins, v.flags, v.method, v.capture_id, LENGTH(v.text) AS characters, SUBSTR(v.text, 1, {BEGINNING}) AS beginning,
  COALESCE(LENGTH(v.text) - LENGTH(REPLACE(v.text, CHAR(65533), '')), 0) AS undecodable,
  (SELECT l.channel FROM listings AS l WHERE l.document_id = v.document_id ORDER BY l.first_listed_at, l.channel LIMIT 1)
  AS channel,
  (SELECT MIN(l.publish_date) FROM listings AS l WHERE l.document_id = v.document_id) AS list_date,
  (SELECT COUNT(*) FROM files AS f WHERE f.version_id = v.id AND f.kind = 'attachment') AS files,
  (SELECT COUNT(*) FROM files AS f WHERE f.version_id = v.id AND f.kind = 'attachment' AND f.sha256 IS NULL)
  AS files_failed
FROM versions AS v JOIN captures AS c ON c.id = v.capture_id JOIN crawls AS k ON k.id = c.crawl_id
WHERE c.agency = ? AND {{}} LIMIT ?
"""  # noqa: S608 - put together from constants

_OF_CRAWL = _VERSIONS.format("c.crawl_id = ? ORDER BY v.id")
_BEFORE = _VERSIONS.format(
    "c.crawl_id <> ? AND (COALESCE(k.verdict, 'ok') <> 'alarm' OR k.started_at < STRFTIME('%Y-%m-%dT%H:%M:%fZ', ?,"
    f" '-{NEW_NORMAL_DAYS} days')) ORDER BY v.id DESC"
)


def _read_in(catalog: Catalog, agency: str, crawl_id: str) -> tuple[VersionSeen, ...]:
    return tuple(map(_version, catalog.rows(_OF_CRAWL, (agency, crawl_id, READ_VERSIONS))))


def _standing(catalog: Catalog, crawl: Row, channels: Collection[str | None]) -> tuple[Standing, ...]:
    """What the last verdict found of documents in channels of which this crawl has read none."""
    rows = catalog.rows(
        "SELECT f.* FROM findings AS f WHERE f.crawl_id = (SELECT id FROM crawls WHERE agency = ?1 AND verdict IS NOT NULL"
        " AND id <> ?2 ORDER BY started_at DESC, id DESC LIMIT 1) AND f.severity <> 'note' ORDER BY f.id",
        (crawl["agency"], crawl["id"]),
    )
    found = []
    for row in list(rows):
        if row["kind"] not in OF_DOCUMENTS or (row["channel"] in channels if row["channel"] else channels):
            continue
        since = json.loads(row["facts"]).get("since") or row["crawl_id"]
        read = _read_in(catalog, crawl["agency"], since)
        found.append(
            Standing(
                kind=row["kind"],
                channel=row["channel"],
                since=since,
                read=tuple(one for one in read if row["channel"] in {None, one.channel}),
            )
        )
    return tuple(found)


def _version(row: Row) -> VersionSeen:
    """One version of the query above."""
    origins = json.loads(row["origins"] or "{}")
    itself = row["method"] == "binary"
    printed = {name for name in PRINTED if row[name] is not None and origins.get(name) != "list"}
    if row["publish_date_source"] == "list":
        printed.discard("publish_date")
    return VersionSeen(
        channel=row["channel"],
        printed=frozenset(printed),
        publish_date=row["publish_date"],
        list_date=row["list_date"],
        date_text=row["publish_date_text"],
        date_unread="publish_date_unreadable" in json.loads(row["flags"]),
        characters=None if itself else row["characters"] or 0,
        undecodable=row["undecodable"],
        beginning=row["beginning"] or "",
        method=row["method"],
        files=row["files"],
        files_failed=row["files_failed"],
        capture_id=row["capture_id"],
    )


def _troubles(catalog: Catalog, agency: str, crawl_id: str) -> tuple[Trouble, ...]:
    rows = catalog.rows(
        "SELECT f.*, EXISTS (SELECT 1 FROM failures AS e WHERE e.agency = f.agency AND e.url = f.url"
        " AND e.crawl_id <> f.crawl_id AND e.id < f.id) AS before FROM failures AS f"
        " WHERE f.agency = ? AND f.crawl_id = ? ORDER BY f.id",
        (agency, crawl_id),
    )
    names = ("kind", "channel", "reason", "message", "url", "capture_id")
    return tuple(Trouble(**{name: row[name] for name in names}, before=bool(row["before"])) for row in rows)


_WALK = tuple(WalkSeen.__dataclass_fields__)


def _channels(catalog: Catalog, agency: str, crawl: Row) -> tuple[ChannelFacts, ...]:
    walks: dict[str, list[Row]] = defaultdict(list)
    for row in catalog.rows(
        "SELECT w.*, c.options AS crawl_options FROM walks AS w JOIN crawls AS c ON c.id = w.crawl_id WHERE w.agency = ?"
        " AND (w.ended_at <= COALESCE(?, w.ended_at)) ORDER BY w.ended_at DESC, w.crawl_id DESC",
        (agency, crawl["finished_at"]),
    ):
        walks[row["channel"]].append(row)
    days: dict[str, list[str]] = defaultdict(list)
    for row in catalog.rows(
        "SELECT DISTINCT channel, publish_date FROM listings WHERE agency = ? AND publish_date >= DATE(?, ?)"
        " ORDER BY publish_date",
        (agency, crawl["started_at"][:10], f"-{RHYTHM_DAYS} days"),
    ):
        days[row["channel"]].append(row["publish_date"])
    first = {name: rows[-1]["crawl_id"] for name, rows in walks.items()}
    fresh = {
        name: _one(
            catalog,
            "SELECT MAX(first_listed_at) AS at FROM listings WHERE agency = ? AND channel = ? AND first_crawl_id <> ?",
            agency,
            name,
            crawl_id,
        )["at"]
        for name, crawl_id in first.items()
    }
    led = _redirects(catalog, crawl["id"])
    found = []
    for row in catalog.rows("SELECT * FROM channels WHERE agency = ? ORDER BY position, name", (agency,)):
        name = row["name"]
        now = next((_walk(one) for one in walks[name] if one["crawl_id"] == crawl["id"]), None)
        earlier = [
            _walk(one)
            for one in walks[name]
            if one["crawl_id"] != crawl["id"] and not any(map(json.loads(one["crawl_options"]).get, NARROWING))
        ]
        found.append(
            ChannelFacts(
                name=name,
                seed_url=row["seed_url"],
                walk=now,
                earlier=tuple(earlier[:EARLIER_WALKS]),
                days=tuple(days[name]),
                last_new_at=fresh.get(name),
                watched_since=earlier[-1].ended_at if earlier else None,
                redirected_to=led.get(urldefrag(row["seed_url"]).url),
            )
        )
    return tuple(found)


def _walk(row: Row) -> WalkSeen:
    return WalkSeen(**{name: row[name] for name in _WALK})


def _redirects(catalog: Catalog, crawl_id: str) -> dict[str, str]:
    """Where list pages that redirect led in the end: address asked for → address that answered."""
    steps: dict[str, str] = {}
    asked = set()
    for row in catalog.rows(
        "SELECT url, via, status FROM captures WHERE crawl_id = ? AND kind = 'list' ORDER BY id", (crawl_id,)
    ):
        if row["status"] is not None and 300 <= row["status"] < 400 and row["status"] != 304:  # noqa: PLR2004 - HTTP's classes
            asked.add(row["url"])
        if row["via"] in asked:
            steps[row["via"]] = row["url"]
    found = {}
    for url in asked:
        end, seen = url, {url}
        while end in steps and steps[end] not in seen:
            end = steps[end]
            seen.add(end)
        if end != url:
            found[url] = end
    return found


def _one(catalog: Catalog, sql: str, *parameters: object) -> Row:
    return next(iter(catalog.rows(sql, parameters)))
