"""A WARC file told again in order: files begun, captures, notes, files ended, and what of it cannot be read.

What a rebuild of the catalog reads. A record that is damaged is told with its place, and reading goes on with the next
one that can be read; everything else of the file is told all the same. Blocks over 1 MiB lie in a temporary file meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import re
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, cast, get_args

from archive.digest import digest_bytes, has_payload, iter_payload, read_head, read_request
from archive.errors import CaptureMissing
from archive.model import Agency, Channel, Kind, Truncation
from archive.reader import SPOOL_BYTES, read_record
from archive.records import PROFILE_URI, NoteKind
from archive.recovery import whole_end
from archive.writer import OPEN_SUFFIX, WARC_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from archive.reader import StoredRecord
    from archive.rows import CaptureFields

GZIP_MAGIC = b"\x1f\x8b\x08"
BLOCK_LIMIT_BYTES = 64 << 20  # of a note or a request; a list page of ten thousand lines needs a few

_METHOD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}) ")
_NOTE_KINDS: frozenset[str] = frozenset(get_args(NoteKind))
_KINDS: frozenset[str] = frozenset(get_args(Kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBegins:
    """A file's first record; ``agency`` and ``mode`` are ``None`` where it cannot be read."""

    warc_file: str  # relative to the data directory, final name
    opened_at: datetime
    agency: Agency | None = None
    crawl_id: str | None = None
    mode: str | None = None
    started_at: datetime | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    software: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureTold:
    """A capture, as its row; ``payload_bytes`` of an identical-payload revisit is 0, only its original tells it."""

    fields: CaptureFields


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTold:
    """A free-standing metadata record."""

    kind: NoteKind
    url: str
    fields: Mapping[str, str]
    at: datetime
    record_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEnds:
    """The end of a file. ``sha256`` is ``None`` for one that a dead crawl left open."""

    warc_file: str
    bytes: int  # that are whole
    sha256: str | None
    last_at: datetime  # of its last record


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Bytes of a file that cannot be read, or a record that says what is not so."""

    path: Path
    offset: int
    bytes: int
    message: str

    def __str__(self) -> str:
        """Say it in one line."""
        return self.message


Event = FileBegins | CaptureTold | NoteTold | FileEnds | Damage


def warc_paths(data_dir: Path, agency: str) -> list[Path]:
    """Return an agency's WARC files in the order they were begun, those that a dead crawl left open too."""
    folder = data_dir / "warc" / agency
    found = [*folder.glob(f"*{WARC_SUFFIX}"), *folder.glob(f"*{WARC_SUFFIX}{OPEN_SUFFIX}")]
    return sorted((path for path in found if path.is_file() and not path.is_symlink()), key=_final_name)


def archived_agencies(data_dir: Path) -> list[str]:
    """Return the agencies that have WARC files, by name."""
    root = data_dir / "warc"
    folders = root.iterdir() if root.is_dir() else ()
    return sorted(path.name for path in folders if path.is_dir() and warc_paths(data_dir, path.name))


def read_events(path: Path, agency: str) -> Iterator[Event]:
    """Tell one file: :class:`FileBegins` first, :class:`FileEnds` last.

    Raises:
        OSError: the file cannot be opened or the disk fails.
    """
    return _FileReader(path, agency).events()


@dataclass(slots=True)
class _Pending:
    """A response or revisit whose request and metadata are still to come."""

    record: StoredRecord
    block: IO[bytes]
    end: int
    request: bytes | None = None
    request_id: str | None = None
    request_offset: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    metadata_id: str | None = None


class _FileReader:
    def __init__(self, path: Path, agency: str) -> None:
        self._path = path
        self._agency = agency
        self._warc_file = f"warc/{agency}/{_final_name(path)}"
        self._is_open = path.name.endswith(OPEN_SUFFIX)
        self._begun = False
        self._crawl_id = ""
        self._last_at: datetime | None = None
        self._pending: _Pending | None = None

    def events(self) -> Iterator[Event]:
        # What a crash left behind the last whole group is no damage: the next crawl lays it aside.
        size = whole_end(self._path) if self._is_open else self._path.stat().st_size
        offset = 0
        with self._path.open("rb") as file:
            while offset < size:
                try:
                    record = read_record(file, offset, self._path)
                    told = list(self._read(record))
                    length = record.finish()
                except CaptureMissing as error:
                    after = _next_record(self._path, file, offset + 1, size)
                    yield Damage(path=self._path, offset=offset, bytes=after - offset, message=str(error))
                    offset = after
                    continue
                yield from self._with_beginning(told)
                offset += length
            yield from self._with_beginning(self._complete())
            digest = None
            if not self._is_open:
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        last_at = self._last_at or _modified_at(self._path)
        yield FileEnds(warc_file=self._warc_file, bytes=size, sha256=digest, last_at=last_at)

    def _with_beginning(self, told: list[Event] | Iterator[Event]) -> Iterator[Event]:
        """Tell of a file whose first record cannot be read that it begins all the same."""
        for event in told:
            if not self._begun and not isinstance(event, FileBegins):
                crawl_id = (
                    event.fields.get("crawl_id" if isinstance(event, CaptureTold) else "crawl")
                    if isinstance(event, CaptureTold | NoteTold)
                    else None
                )
                yield FileBegins(
                    warc_file=self._warc_file,
                    opened_at=self._last_at or _modified_at(self._path),
                    crawl_id=str(crawl_id) if crawl_id else None,
                )
            self._begun = True
            yield event

    def _read(self, record: StoredRecord) -> Iterator[Event]:
        """Read one record to its end and tell what is now complete."""
        at = _instant(record.header("WARC-Date")) or self._last_at or _modified_at(self._path)
        partner = record.header("WARC-Concurrent-To")
        pending = self._pending
        if pending is not None and partner == pending.record.record_id and record.type in {"request", "metadata"}:
            block = record.read_block(BLOCK_LIMIT_BYTES)
            self._check_block(record, digest_bytes(block))
            pending.end = record.offset + record.finish()
            if record.type == "request":
                pending.request, pending.request_id, pending.request_offset = block, record.record_id, record.offset
            else:
                pending.metadata, pending.metadata_id = read_fields(block), record.record_id
                yield from self._complete()
        elif record.type in {"response", "revisit"}:
            block_file = self._copy_block(record)
            end = record.offset + record.finish()
            yield from self._complete()
            self._pending = _Pending(record=record, block=block_file, end=end)
        elif record.type == "warcinfo":
            fields = read_fields(record.read_block(BLOCK_LIMIT_BYTES))
            record.finish()
            yield self._beginning(fields, at)
        elif record.type == "metadata" and partner is None:
            block = record.read_block(BLOCK_LIMIT_BYTES)
            self._check_block(record, digest_bytes(block))
            record.finish()
            fields = read_fields(block)
            yield from self._complete()
            if (kind := fields.get("note")) in _NOTE_KINDS:
                url = fields.get("url") or record.header("WARC-Target-URI") or ""
                note = cast("NoteKind", kind)
                yield NoteTold(kind=note, url=url, fields=fields, at=at, record_id=record.record_id)
        else:
            record.finish()
        self._last_at = at

    def _beginning(self, fields: Mapping[str, str], at: datetime) -> FileBegins:
        self._crawl_id = fields.get("crawl", "")
        options = _json(fields.get("options"))
        return FileBegins(
            warc_file=self._warc_file,
            opened_at=at,
            agency=_agency(_json(fields.get("agency"))),
            crawl_id=self._crawl_id or None,
            mode=fields.get("mode"),
            started_at=_instant(fields.get("startedAt")),
            options=options if isinstance(options, dict) else {},
            software=fields.get("software", ""),
        )

    def _complete(self) -> Iterator[Event]:
        """Tell the capture whose records have all been read, also when some of them could not be."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        with pending.block:
            yield CaptureTold(fields=self._row(pending))

    def _row(self, pending: _Pending) -> CaptureFields:
        record, block, said = pending.record, pending.block, pending.metadata
        head = read_head(block)
        request = pending.request or b""
        found = _METHOD.match(request)
        method = found[1].decode("ascii") if found else "GET"
        _, body = read_request(request)
        is_revisit = record.type == "revisit"
        payload_bytes = 0
        if not is_revisit and has_payload(head, method):
            payload_bytes = sum(len(piece) for piece in iter_payload(block, head, method))
        kind = said.get("kind", "other")
        elapsed = said.get("fetchTimeMs", "")
        truncated = None if is_revisit else record.header("WARC-Truncated")
        return {
            "agency": said.get("agency", self._agency),
            "crawl_id": said.get("crawl", self._crawl_id),
            "kind": cast("Kind", kind if kind in _KINDS else "other"),
            "url": said.get("url") or record.header("WARC-Target-URI") or "",
            "method": method,
            "request_digest": digest_bytes(body) if body else None,
            "status": head.status,
            "media_type": head.media_type,
            "captured_at": _instant(record.header("WARC-Date")) or _modified_at(self._path),
            "warc_file": self._warc_file,
            "offset": record.offset,
            "length": record.finish(),
            "record_id": record.record_id,
            "block_digest": record.header("WARC-Block-Digest") or "",
            "payload_digest": record.header("WARC-Payload-Digest"),
            "payload_bytes": payload_bytes,
            "truncated": cast("Truncation | None", truncated),
            "revisit_profile": (record.header("WARC-Profile") or "").removeprefix(PROFILE_URI) or None
            if is_revisit
            else None,
            "refers_to": record.header("WARC-Refers-To") if is_revisit else None,
            "etag": head.value(b"ETag"),
            "last_modified": head.value(b"Last-Modified"),
            "ip": record.header("WARC-IP-Address"),
            "request_record_id": pending.request_id,
            "metadata_record_id": pending.metadata_id,
            "request_offset": pending.request_offset,
            "group_length": pending.end - record.offset,
            "channel": said.get("channel"),
            "via": said.get("via"),
            "tls_version": _tls_version(record),
            "tls_cipher": record.header("WARC-Cipher-Suite"),
            "elapsed_seconds": int(elapsed) / 1000 if elapsed.isdigit() else None,
        }

    def _copy_block(self, record: StoredRecord) -> IO[bytes]:
        digest = hashlib.sha256()
        block = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 -- handed on
        try:
            for piece in record.iter_block():
                digest.update(piece)
                block.write(piece)
            self._check_block(record, f"sha256:{digest.hexdigest()}")
        except BaseException:
            block.close()
            raise
        block.seek(0)
        return block

    def _check_block(self, record: StoredRecord, found: str) -> None:
        stated = record.header("WARC-Block-Digest")
        if stated is not None and stated.startswith("sha256:") and stated != found:
            raise CaptureMissing(
                f"{self._path}: the {record.type} record at offset {record.offset} says that its block has digest {stated}, "
                f"it has {found}; take the file from a backup",
                zh=f"{self._path}：偏移 {record.offset} 处的 {record.type} 记录自称数据块摘要为 {stated}，实为 {found}；请从备份取回该文件",
            )


def read_fields(block: bytes) -> dict[str, str]:
    """Read a block of ``application/warc-fields`` as :func:`archive.records.warc_fields` writes it."""
    pairs = (line.partition(": ") for line in block.decode("utf-8", "replace").split("\r\n"))
    return {name: value for name, colon, value in pairs if colon}


def _next_record(path: Path, file: IO[bytes], start: int, size: int) -> int:
    """Return where the next record begins that can be read, the file's end where none does."""
    with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as data:
        position = data.find(GZIP_MAGIC, start)
        while position >= 0:
            try:
                read_record(file, position, path)
            except CaptureMissing:
                position = data.find(GZIP_MAGIC, position + 1)
            else:
                return position
    return size


def _final_name(path: Path) -> str:
    return path.name.removesuffix(OPEN_SUFFIX)


def _modified_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _instant(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


def _agency(said: Any) -> Agency | None:
    try:
        channels = tuple(Channel(**channel) for channel in said["channels"])
        return Agency(**{**said, "channels": channels})
    except (TypeError, KeyError):
        return None


def _tls_version(record: StoredRecord) -> str | None:
    """Return the TLS version as OpenSSL names it: tls/1.3 → TLSv1.3, tls/1.0 → TLSv1."""
    for name, value in record.headers:
        if name.lower() == "warc-protocol" and value.startswith(("tls/", "ssl/")):
            family, _, version = value.partition("/")
            return f"{family.upper()}v{version.removesuffix('.0')}"
    return None
