"""What a crawl of the demo portal left behind, read as any user's program would: catalog, export, WARC files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive import catalog_reads
from archive.catalog import Catalog
from archive.catalog_status import agency_status
from archive.errors import ArchiveError
from archive.export import export_documents
from archive.reader import iter_records, open_capture
from govcrawl.demo import agency
from govcrawl.demo.checks import Mismatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from govcrawl.demo.checks import Row

MARK = "示例数据"
"""Stands in the warcinfo record of every file that holds demonstration data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The archive after a crawl."""

    documents: tuple[Row, ...]  # as exported
    outcomes: Counter[str]  # documents by what the last crawl made of them: new, changed, unchanged, suspected, unseen
    changed_fields: dict[str, tuple[str, ...]]  # by document URL, of those that changed in the last crawl
    failures: dict[str, int]  # of the last crawl, by reason
    records: dict[Path, int]  # WARC files and how many records each holds
    unreadable: tuple[Mismatch, ...]  # places in the WARC that are not what their row says


def read_evidence(data_dir: Path) -> Evidence:
    """Read an archive of the demo agency.

    Raises:
        ArchiveError: the catalog cannot be read.
    """
    with Catalog.open_read_only(data_dir / "catalog.db") as catalog:
        documents = tuple(export_documents(catalog, agency=agency.NAME))
        (known,) = (row for row in catalog_reads.agencies(catalog) if row["name"] == agency.NAME)
        status = agency_status(catalog, known)
        crawl = status.last_crawl
        outcomes: Counter[str] = Counter()
        changed: dict[str, tuple[str, ...]] = {}
        for row in documents:
            versions = catalog_reads.versions(catalog, row["document_id"])
            fresh = crawl is not None and versions[-1]["crawl_id"] == crawl.crawl_id
            seen = crawl is not None and row["last_checked_at"] >= crawl.started_at
            outcomes[_outcome(row, len(versions), fresh=fresh, seen=seen)] += 1
            if fresh and len(versions) > 1:
                changed[row["url"]] = tuple(_names(versions[-1]["changed_fields"]))
        unreadable = [found for row in documents for found in _check_places(data_dir, catalog, row)]
    records = {}
    for path in sorted((data_dir / "warc").rglob("*.warc.gz")):
        try:
            records[path] = sum(1 for _ in iter_records(path))
            unreadable += _check_mark(path)
        except ArchiveError as error:
            unreadable.append(Mismatch(str(path), "WARC file", "readable from end to end", str(error)))
    return Evidence(
        documents=documents,
        outcomes=outcomes,
        changed_fields=changed,
        failures=status.failures,
        records=records,
        unreadable=tuple(unreadable),
    )


def _outcome(row: Row, versions: int, *, fresh: bool, seen: bool) -> str:
    if not seen:
        return "unseen"
    if row["state"] != "live":
        return str(row["state"])
    if not fresh:
        return "unchanged"
    return "new" if versions == 1 else "changed"


def _names(changed_fields: Any) -> list[str]:
    return [str(name) for name in json.loads(changed_fields)]


def _check_places(data_dir: Path, catalog: Catalog, row: Row) -> Iterator[Mismatch]:
    """Read what a document's row and its attachments' rows point at back out of the WARC."""
    is_file = row["text"] is None
    wanted = [(row["url"], row["capture"], None if is_file else row["title"])]
    wanted += [(file["url"], file["capture"], file["sha256"]) for file in row["attachments"]]
    for url, place, expected in wanted:
        capture = catalog.capture_by_record_id(place["record_id"]) if place else None
        if capture is None or (capture.warc_file, capture.offset, capture.length) != _three(place):
            yield Mismatch(url, "place in the WARC", "a capture of the catalog", place)
            continue
        try:
            with open_capture(data_dir, capture, original_of=catalog.capture_by_record_id) as stored:
                content = stored.read_content()
        except ArchiveError as error:
            yield Mismatch(url, "record in the WARC", "readable, with the digests of its row", str(error))
            continue
        digest = hashlib.sha256(content).hexdigest()
        if expected is not None and expected not in {digest, f"sha256:{digest}"} and expected.encode() not in content:
            yield Mismatch(url, "content in the WARC", expected, f"{len(content)} bytes without it, sha256 {digest}")


def _three(place: dict[str, Any]) -> tuple[str, int, int]:
    return place["warc_file"], place["offset"], place["length"]


def _check_mark(path: Path) -> Iterator[Mismatch]:
    """Check that a file's first record says that these are demonstration data."""
    first = next(iter_records(path), None)
    said = first.read_block().decode("utf-8", "replace") if first and first.type == "warcinfo" else ""
    if MARK not in said:
        yield Mismatch(str(path), "warcinfo", f"a description with {MARK}", said)
