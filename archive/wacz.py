"""WACZ 1.1.1: chosen captures with index and page list in one ZIP file, for pywb and ReplayWeb.page.

WARC files of which everything is chosen go in as they are, compared with their recorded digest; of the others the chosen
records are copied byte for byte into one WARC file. Nothing is held in memory that grows with the archive, and the
same choice from the same catalog gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from archive.catalog_exchange import chosen, chosen_captures, chosen_files, chosen_pages, count_chosen, last_chosen
from archive.cdxj import SortedLines, cdxj_line
from archive.errors import DigestMismatch
from archive.excerpt import Excerpt, Measured, iter_range
from archive.progress import silent, told
from archive.reader import open_warc
from archive.records import target_uri
from archive.rows import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.catalog_exchange import Choice
    from archive.excerpt import About
    from archive.progress import Progress
    from archive.rows import Row

WACZ_VERSION = "1.1.1"
INDEX_NAME = "indexes/index.cdx"
PAGES_NAME = "pages/pages.jsonl"

_FIRST_YEAR = 1980  # a ZIP file knows no earlier one


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What was put into a WACZ file."""

    captures: int
    pages: int
    warc_files: int


class _Package:
    """A ZIP file being written whose members are measured for its datapackage.json."""

    def __init__(self, archive: zipfile.ZipFile, at: datetime) -> None:
        self._archive = archive
        self._unix_seconds = min(int(at.timestamp()), 0x7FFFFFFF)
        self._at = (max(at.year, _FIRST_YEAR), at.month, at.day, at.hour, at.minute, at.second)
        self.resources: list[dict[str, Any]] = []

    @contextmanager
    def member(self, path: str, *, expected_bytes: int | None = None, stored: bool = False) -> Iterator[Measured]:
        """A member to write; one whose size is not known before is laid out for any size (ZIP64)."""
        info = zipfile.ZipInfo(path, self._at)
        info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        info.create_system = 3  # the same on every system
        # ReplayWeb.page (2.4.6) takes it that a member without extra field in the central directory has none in front of
        # its bytes either, where a ZIP64 field may stand: so every member has one in both places, its time (Info-ZIP 'UT').
        info.extra = struct.pack("<HHBi", 0x5455, 5, 1, self._unix_seconds)
        info.file_size = expected_bytes or 0
        with self._archive.open(info, "w", force_zip64=expected_bytes is None) as target:
            measured = Measured(target)
            yield measured
        self.resources.append(
            {
                "name": path.rpartition("/")[2],
                "path": path,
                "hash": f"sha256:{measured.sha256}",
                "bytes": measured.bytes,
            }
        )

    def put(self, path: str, data: bytes) -> None:
        """Put a small member."""
        with self.member(path, expected_bytes=len(data)) as target:
            target.write(data)


def export_wacz(
    catalog: Catalog,
    data_dir: Path,
    target: IO[bytes],
    *,
    choice: Choice,
    name: str,
    about: About,
    progress: Progress = silent,
) -> Packed:
    """Write the chosen captures, with the originals of their revisits, as a WACZ file.

    Args:
        catalog: says which they are and where they lie.
        data_dir: the data directory of the WARC files.
        target: binary file.
        choice: which captures.
        name: of the WARC file inside that takes the records of partly chosen files, without suffix.
        about: what the package says of itself.
        progress: told of ``files`` that are copied whole, ``captures`` and ``pages``.

    Raises:
        CatalogError: there is nothing that was asked for.
        CaptureMissing: a record or file is not where its row says.
        DigestMismatch: stored bytes differ from their digests.
    """
    with (
        chosen(catalog, choice),
        zipfile.ZipFile(target, "w", allowZip64=True) as archive,
        SortedLines() as lines,
    ):
        last = last_chosen(catalog)
        package = _Package(archive, last.captured_at)
        files = list(chosen_files(catalog))
        whole = {row["path"]: row for row in files if row["closed_at"] is not None and row["chosen"] == row["captures"]}
        progress("files", 0, sum(row["bytes"] for row in whole.values()))
        for row in whole.values():
            _put_whole(package, data_dir, row, progress)
        captures = count_chosen(catalog)
        progress("captures", 0, captures)
        for row in chosen_captures(catalog):
            if row["warc_file"] in whole:
                _index(lines, data_dir, row, row["warc_file"].rpartition("/")[2], row["offset"])
                progress("captures", 1, 0)
        warc_files = len(whole)
        if len(files) > len(whole):
            warc_files += 1
            filename = f"{name}.warc.gz"
            with (
                package.member(f"archive/{filename}", stored=True) as warc,
                Excerpt(warc, data_dir, catalog, filename=filename, about=about) as excerpt,
            ):
                for row in chosen_captures(catalog):
                    if row["warc_file"] not in whole:
                        _index(lines, data_dir, row, filename, excerpt.copy(row))
                        progress("captures", 1, 0)
        with package.member(INDEX_NAME) as index:
            for line in lines:
                index.write(line)
        pages, last_page = _put_pages(package, catalog, progress)
        main = {}
        if last_page and choice.document_id:
            main = {"mainPageUrl": last_page["url"], "mainPageDate": last_page["ts"]}
        description = {
            "profile": "data-package",
            "wacz_version": WACZ_VERSION,
            "title": about.title,
            "software": about.software,
            "created": _second(last.captured_at),
            **main,
            "resources": package.resources,
        }
        data = json.dumps(description, ensure_ascii=False, indent=2).encode()
        package.put("datapackage.json", data)
        digest = {"path": "datapackage.json", "hash": f"sha256:{hashlib.sha256(data).hexdigest()}"}
        package.put("datapackage-digest.json", json.dumps(digest, indent=2).encode())
        return Packed(captures=captures, pages=pages, warc_files=warc_files)


def _index(lines: SortedLines, data_dir: Path, row: Row, filename: str, offset: int) -> None:
    line = cdxj_line(data_dir, row, filename=filename, offset=offset)
    if line is not None:
        lines.put(line)


def _put_whole(package: _Package, data_dir: Path, row: Row, progress: Progress) -> None:
    """Copy a closed WARC file, compared with the size and digest in its row."""
    path, file = open_warc(data_dir, row["path"])
    with file, package.member(f"archive/{path.name}", expected_bytes=row["bytes"], stored=True) as target:
        for piece in iter_range(file, 0, row["bytes"] + 1):
            target.write(piece)
            progress("files", len(piece), 0)
    if (target.bytes, target.sha256) != (row["bytes"], row["sha256"]):
        message = (
            f"{path}: {target.bytes} bytes with sha256 {target.sha256}, its row says {row['bytes']} with {row['sha256']}; "
            "the file was damaged or changed: take it from a backup"
        )
        raise DigestMismatch(
            message,
            zh=f"{path}：{target.bytes} 字节，sha256 {target.sha256}，目录库所记为 {row['bytes']} 字节、{row['sha256']}；该文件已损坏或被改动：请从备份取回",
        )


def _put_pages(package: _Package, catalog: Catalog, progress: Progress) -> tuple[int, dict[str, str] | None]:
    """Write the page list, one line for each version that is shown; returns how many and the last one."""
    count, last = 0, None
    with package.member(PAGES_NAME) as target:
        header = {"format": "json-pages-1.0", "id": "pages", "title": "All Pages", "hasText": True}
        target.write(_json_line(header))
        for row in told(chosen_pages(catalog), progress, "pages"):
            last = {
                "id": f"{row['document_id']}-v{row['number']}",
                "url": target_uri(row["page_url"]),
                "ts": _second(parse_instant(row["page_captured_at"])),
                "title": row["title"] or row["page_url"],
            }
            target.write(_json_line({**last, "text": row["text"] or ""}))
            count += 1
    return count, last


def _json_line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _second(at: datetime) -> str:
    """An instant as the index has it, to the second (RFC 3339)."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
