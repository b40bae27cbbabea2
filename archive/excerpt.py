"""Records of chosen captures as one WARC file of their own, copied byte for byte, gzip members and all.

The file begins with a ``warcinfo`` record that says what it is; the records of each source file follow its own ``warcinfo``
record, which they name. Everything is compared with what the catalog pins before it is copied.
"""

from __future__ import annotations

import hashlib
import uuid
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

from archive.catalog_exchange import (
    Choice,
    capture_spans,
    chosen,
    chosen_captures,
    chosen_record_ids,
    committed_end,
    count_chosen,
    last_chosen,
)
from archive.codings import PIECE_BYTES
from archive.crawls import WARC_1_1_URI
from archive.digest import digest_bytes, digest_pieces
from archive.errors import CaptureMissing, DigestMismatch
from archive.progress import silent, told
from archive.reader import open_warc, read_record
from archive.records import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.progress import Progress
    from archive.reader import StoredRecord
    from archive.rows import Row

COMPRESS_LEVEL = 6

_CERTIFICATES = (
    "certificates: "  # in the metadata record of a capture over TLS, before the id of the record that has them
)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an exported file says of itself."""

    title: str
    software: str


@dataclass(slots=True)
class _Alone:
    """A record of a WARC file that is in no capture's group."""

    offset: int
    length: int
    partner: str | None  # record id of the capture that it was made from
    copied: bool = False


@dataclass(slots=True)
class _Source:
    """A WARC file that records are copied from."""

    warc_file: str
    path: Path
    file: IO[bytes]
    alone: dict[str, _Alone]


class Measured:
    """A binary file to write to that counts and digests what it is given."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> int:
        """Write all of it."""
        self._target.write(data)
        self._digest.update(data)
        self.bytes += len(data)
        return len(data)

    def tell(self) -> int:
        """How many bytes were written."""
        return self.bytes

    def flush(self) -> None:
        """Nothing is held back."""

    @property
    def sha256(self) -> str:
        """Lower-case hex of the digest of what was written."""
        return self._digest.hexdigest()


class Excerpt:
    """A WARC file made of records of others; use it in a ``with``.

    Equal choices make equal bytes: its first record is dated with the latest capture and named after what is in it.
    """

    def __init__(self, target: Measured, data_dir: Path, catalog: Catalog, *, filename: str, about: About) -> None:
        """Write the first record; captures are chosen already."""
        self._target = target
        self._data_dir = data_dir
        self._files = ExitStack()
        self._catalog = catalog
        self._source: _Source | None = None
        contents = hashlib.sha256(filename.encode())
        for record_id in chosen_record_ids(catalog):
            contents.update(record_id.encode())
        record_id = f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'sha256:{contents.hexdigest()}')}>"
        fields = {
            "software": about.software,
            "format": "WARC File Format 1.1",
            "conformsTo": WARC_1_1_URI,
            "digest": "sha256",
            "description": f"{about.title}: records copied byte for byte out of the WARC files whose warcinfo records follow",
        }
        writer = RecordWriter(target, new_id=lambda: record_id, level=COMPRESS_LEVEL)  # type: ignore[arg-type]  # all it needs
        writer.write_warcinfo(filename, fields, last_chosen(catalog).captured_at)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def copy(self, row: Row) -> int:
        """Copy all records of a capture; returns where its response (or revisit) begins. Rows come by file and offset.

        The certificates that it names come before it, what was made from it (a rendered page) behind it.

        Raises:
            CaptureMissing: a record is not where its row says.
            DigestMismatch: stored bytes differ from their digests.
        """
        source = self._opened(row["warc_file"])
        start, end = span_of(row)
        for record_id in self._check_group(source, row):
            if record_id not in source.alone:
                message = f"{source.path}: capture {row['id']} ({row['url']}) names {record_id}, which is not there"
                raise CaptureMissing(
                    f"{message}; see govcrawl verify",
                    zh=f"{source.path}：捕获 {row['id']}（{row['url']}）所指的记录 {record_id} 不在其中；见 govcrawl verify",
                )
            self._copy_alone(source, record_id)
        place: int = self._target.bytes + row["offset"] - start
        self._copy_range(source, start, end - start)
        for record_id in [one for one, alone in source.alone.items() if alone.partner == row["record_id"]]:
            self._copy_alone(source, record_id)
        return place

    def _check_group(self, source: _Source, row: Row) -> list[str]:
        """Compare the records of a capture with their digests; returns the ids of the certificates that it names."""
        start, end = span_of(row)
        named = []
        offset = start
        while offset < end:
            record = read_record(source.file, offset, source.path)
            if record.type == "metadata":
                lines = _checked_block(record).decode("utf-8", "replace").splitlines()
                named += [line.removeprefix(_CERTIFICATES) for line in lines if line.startswith(_CERTIFICATES)]
            else:
                _check_block(record, row if offset == row["offset"] else None)
            offset += record.finish()
        if offset != end:
            message = (
                f"{source.path}: the records of capture {row['id']} ({row['url']}) end at {offset}, its row says {end}; "
                "rebuild the catalog from the WARC files"
            )
            raise CaptureMissing(
                message,
                zh=f"{source.path}：捕获 {row['id']}（{row['url']}）的记录止于 {offset}，目录库所记为 {end}；请用 govcrawl rebuild 从 WARC 文件重建目录库",
            )
        return named

    def _copy_alone(self, source: _Source, record_id: str) -> None:
        """Copy a record that belongs to no capture's group, once."""
        alone = source.alone[record_id]
        if not alone.copied:
            alone.copied = True
            _check_block(read_record(source.file, alone.offset, source.path), None)
            self._copy_range(source, alone.offset, alone.length)

    def _copy_range(self, source: _Source, start: int, length: int) -> None:
        for piece in iter_range(source.file, start, length):
            self._target.write(piece)

    def _opened(self, warc_file: str) -> _Source:
        """The source file; a new one's warcinfo record is copied first."""
        if self._source is not None and self._source.warc_file == warc_file:
            return self._source
        self._files.close()
        path, file = open_warc(self._data_dir, warc_file)
        self._files.enter_context(file)
        first = read_record(file, 0, path)
        if first.type != "warcinfo":
            message = f"{path}: begins with a {first.type} record, expected warcinfo; see govcrawl verify"
            raise CaptureMissing(message, zh=f"{path}：开头是 {first.type} 记录，应为 warcinfo；见 govcrawl verify")
        _check_block(first, None)
        first_bytes = first.finish()
        self._source = _Source(warc_file, path, file, self._find_alone(warc_file, path, file, first_bytes))
        self._copy_range(self._source, 0, first_bytes)
        return self._source

    def _find_alone(self, warc_file: str, path: Path, file: IO[bytes], offset: int) -> dict[str, _Alone]:
        """Find the resource records between the captures' groups, which have no row; the groups are not read."""
        found: dict[str, _Alone] = {}
        for row in capture_spans(self._catalog, warc_file):
            start, end = span_of(row)
            _find_resources(path, file, offset, start, found)
            offset = max(offset, end)
        _find_resources(path, file, offset, committed_end(self._catalog, warc_file), found)
        return found


def _find_resources(path: Path, file: IO[bytes], offset: int, end: int, found: dict[str, _Alone]) -> None:
    """Find the resource records between two places; what cannot be read there is missed when it is needed."""
    with suppress(CaptureMissing):
        while offset < end:
            record = read_record(file, offset, path)
            length = record.finish()
            if record.type == "resource":
                found[record.record_id] = _Alone(offset, length, record.header("WARC-Concurrent-To"))
            offset += length


def span_of(row: Row) -> tuple[int, int]:
    """Where the records of a capture begin and end in their WARC file."""
    start: int = row["offset"] if row["request_offset"] is None else min(row["offset"], row["request_offset"])
    return start, start + row["group_length"]


def iter_range(file: IO[bytes], start: int, length: int) -> Iterator[bytes]:
    """Yield ``length`` bytes of a file from ``start`` on, in pieces; fewer where it ends before."""
    file.seek(start)
    while length > 0 and (piece := file.read(min(length, PIECE_BYTES))):
        length -= len(piece)
        yield piece


def _checked_block(record: StoredRecord) -> bytes:
    """Read a small block and compare it with the record's own digest."""
    block = record.read_block()
    _compare_block(record, None, digest_bytes(block))
    return block


def _check_block(record: StoredRecord, row: Row | None) -> None:
    """Compare a record's block with its own digest, and with its row where it is the one the row pins."""
    found, _ = digest_pieces(record.iter_block())
    _compare_block(record, row, found)


def _compare_block(record: StoredRecord, row: Row | None, found: str) -> None:
    where = f"{record.path}: the {record.type} record at offset {record.offset}"
    if row is not None and record.record_id != row["record_id"]:
        message = (
            f"{where} is {record.record_id}, its row says {row['record_id']}; rebuild the catalog from the WARC files"
        )
        raise CaptureMissing(
            message,
            zh=f"{record.path}：偏移 {record.offset} 处是记录 {record.record_id}，目录库所记为 {row['record_id']}；请用 govcrawl rebuild 从 WARC 文件重建目录库",
        )
    for said, expected in (
        ("it says itself", record.header("WARC-Block-Digest")),
        ("its row says", row["block_digest"] if row else None),
    ):
        if expected is not None and found != expected:
            message = (
                f"{where} has a block of digest {found}, {said} {expected}; the file was damaged or changed: "
                "take it from a backup"
            )
            raise DigestMismatch(
                message,
                zh=f"{record.path}：偏移 {record.offset} 处 {record.type} 记录的数据块摘要为 {found}，应为 {expected}；该文件已损坏或被改动：请从备份取回",
            )


def export_warc(
    catalog: Catalog,
    data_dir: Path,
    target: IO[bytes],
    *,
    choice: Choice,
    filename: str,
    about: About,
    progress: Progress = silent,
) -> int:
    """Write the records of the chosen captures, and of the originals of their revisits, as one WARC file.

    Args:
        catalog: says which they are and where they lie.
        data_dir: the data directory of the WARC files.
        target: binary file.
        choice: which captures.
        filename: the file's final name, which its first record states.
        about: what else that record states.
        progress: told of ``captures``.

    Returns how many captures.

    Raises:
        CatalogError: there is nothing that was asked for.
        CaptureMissing: a record is not where its row says.
        DigestMismatch: stored bytes differ from their digests.
    """
    with (
        chosen(catalog, choice),
        Excerpt(Measured(target), data_dir, catalog, filename=filename, about=about) as excerpt,
    ):
        rows = told(chosen_captures(catalog), progress, "captures", count_chosen(catalog))
        return sum(1 for row in rows if excerpt.copy(row))
