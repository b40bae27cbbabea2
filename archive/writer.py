"""WARC out: one file at a time, written so that a crash or a full disk costs nothing that was committed.

A file is ``<prefix>-<UTC YYYYMMDDHHMMSS>-<serial>.warc.gz`` and bears ``.open`` behind that while it is written. A
batch of capture groups is compressed beside the file, appended in one go and synced once; if any of that fails the file
is cut back to where the batch began. Who opens a file holds a lock on it, so that :mod:`archive.recovery` can tell a
living writer's file from a dead one's.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import logging
import os
import tempfile
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from archive.codings import PIECE_BYTES
from archive.errors import ArchiveWriteError
from archive.records import RecordWriter, chain_uri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from archive.model import Exchange
    from archive.records import Group, Member, NewId, Note, NoteKind

OPEN_SUFFIX = ".open"
WARC_SUFFIX = ".warc.gz"
MAX_FILE_BYTES = 1_000_000_000  # the size WARC files are commonly kept to
SPOOL_BYTES = 8 << 20  # of a compressed batch in memory; more goes to a nameless file in the same folder
RECORD_OVERHEAD_BYTES = 8192  # of WARC headers and metadata per group, generously

log = logging.getLogger(__name__)

Now = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a capture group was written; offsets and lengths are those of gzip members."""

    warc_file: str  # final name, without folder
    opened_at: datetime  # when that file was begun
    offset: int
    length: int
    record_id: str
    block_digest: str
    request_record_id: str
    request_offset: int
    metadata_record_id: str
    group_length: int

    @property
    def end(self) -> int:
        """Offset just behind the group."""
        return self.offset + self.group_length


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedNote:
    """Where a free-standing record was written: a note, or a resource."""

    warc_file: str
    opened_at: datetime
    offset: int
    length: int
    record_id: str

    @property
    def end(self) -> int:
        """Offset just behind the record."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedFile:
    """A file that bears its final name and will not change any more."""

    warc_file: str
    bytes: int
    sha256: str  # lower hex, of the compressed file
    closed_at: datetime


def utc_now() -> datetime:
    """Return the present instant, UTC."""
    return datetime.now(UTC)


def random_record_id() -> str:
    """Return a new record id (version 4 UUID)."""
    return f"<urn:uuid:{uuid.uuid4()}>"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes, offset: int) -> None:
    """Write all of ``data`` at an offset; raises OSError where the disk takes less."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view = view[written:]
        offset += written


@dataclass(slots=True)
class _OpenFile:
    """The file being written; ``end`` and ``sha256`` are of what is in it."""

    path: Path  # final
    fd: int
    opened_at: datetime
    end: int
    sha256: hashlib._Hash
    warcinfo_id: str
    first_end: int  # of the warcinfo record
    chains: dict[str, str] = field(default_factory=dict)  # certificates that are in the file: digest → record id

    @property
    def open_path(self) -> Path:
        return self.path.with_name(self.path.name + OPEN_SUFFIX)


class WarcWriter:
    """Appends capture groups to an agency's current WARC file; begins the next one when it is full.

    ``warcinfo`` are the fields of each file's first record. No file is made before the first group. Not thread-safe.
    Every method that writes raises :class:`ArchiveWriteError` when the bytes could not be made durable.
    """

    def __init__(
        self,
        folder: Path,
        prefix: str,
        *,
        warcinfo: Mapping[str, str],
        max_bytes: int = MAX_FILE_BYTES,
        compress_level: int = 6,
        now: Now = utc_now,
        new_id: NewId = random_record_id,
    ) -> None:
        self._folder = folder
        self._prefix = prefix
        self._warcinfo = dict(warcinfo)
        self._max_bytes = max_bytes
        self._level = compress_level
        self._now = now
        self._new_id = new_id
        self._serial = 0
        self._file: _OpenFile | None = None
        self._undo: tuple[int, hashlib._Hash, dict[str, str]] | None = None
        self._broken: tuple[str, str] | None = None  # in English and in Chinese
        self.closed: list[ClosedFile] = []
        """Files closed since :meth:`keep` was last called: what the catalog is to be told."""

    @property
    def is_open(self) -> bool:
        """Whether a file is being written."""
        return self._file is not None

    def write_groups(self, groups: Sequence[Group]) -> list[Placed]:
        """Write capture groups in order, sync once, and say where they are; see :meth:`write_batch`."""
        placed, _ = self.write_batch(groups, ())
        return placed

    def write_batch(self, groups: Sequence[Group], notes: Sequence[Note]) -> tuple[list[Placed], list[PlacedNote]]:
        """Write capture groups and then notes in order, sync once, and say where they are.

        A batch is never split over two files. On failure nothing of the batch stays in the file.
        """
        expected_bytes = RECORD_OVERHEAD_BYTES * len(notes) + sum(
            group.exchange.response_bytes + len(group.exchange.request) + RECORD_OVERHEAD_BYTES for group in groups
        )
        file = self._file_for(expected_bytes)
        with self._spool() as spool:
            writer = RecordWriter(spool, new_id=self._new_id, level=self._level, warcinfo_id=file.warcinfo_id)
            try:
                members = [writer.write_group(group, _chain_id(file, writer, group.exchange)) for group in groups]
                said = [writer.write_note(note.kind, note.url, note.fields, note.at) for note in notes]
            except OSError as error:
                raise self._write_error(file.open_path, error) from error
            start = self._append(file, spool)
        return [_placed(file, start, three) for three in members], [_placed_note(file, start, one) for one in said]

    def write_note(self, kind: NoteKind, url: str, fields: Mapping[str, str | None], at: datetime) -> PlacedNote:
        """Write a free-standing metadata record: a failure or a decision that no exchange shows."""
        return self._write_alone(RECORD_OVERHEAD_BYTES, lambda writer: writer.write_note(kind, url, fields, at))

    def write_resource(self, url: str, content: bytes, content_type: str, partner: str, at: datetime) -> PlacedNote:
        """Write a free-standing resource record: what was made from a capture; see :class:`RecordWriter`."""
        return self._write_alone(
            RECORD_OVERHEAD_BYTES + len(content),
            lambda writer: writer.write_resource(url, content, content_type, partner, at),
        )

    def _write_alone(self, expected_bytes: int, write: Callable[[RecordWriter], Member]) -> PlacedNote:
        file = self._file_for(expected_bytes)
        buffer = io.BytesIO()
        member = write(RecordWriter(buffer, new_id=self._new_id, level=self._level, warcinfo_id=file.warcinfo_id))
        return _placed_note(file, self._append(file, buffer), member)

    def write_failure(self, url: str, fields: Mapping[str, str | None], at: datetime) -> PlacedNote:
        """Write that a request brought no response; ``fields`` say why and what it was for."""
        return self.write_note("failure", url, fields, at)

    def keep(self) -> None:
        """Take note that the catalog knows what was written; it can no longer be undone."""
        self._undo = None
        self.closed.clear()

    def undo(self) -> None:
        """Cut off again what the last writing call wrote, unless :meth:`keep` was called since."""
        if self._file is not None:
            self._cut_back(self._file)

    def close(self) -> ClosedFile | None:
        """Give the file its final name and return what it is; ``None`` where no file was open.

        A file without a single group is removed: it holds nothing but the writer's own first record.
        """
        file, self._file, self._undo = self._file, None, None
        if file is None:
            return None
        try:
            if file.end == file.first_end:
                file.open_path.unlink()
                sync_folder(self._folder)
                return None
            os.fsync(file.fd)
            file.open_path.rename(file.path)
            sync_folder(self._folder)
        except OSError as error:
            raise self._write_error(file.open_path, error) from error
        finally:
            os.close(file.fd)
        closed = ClosedFile(
            warc_file=file.path.name, bytes=file.end, sha256=file.sha256.hexdigest(), closed_at=self._now()
        )
        self.closed.append(closed)
        log.debug("warc file closed file=%s bytes=%d", closed.warc_file, closed.bytes)
        return closed

    def abandon(self) -> None:
        """Let go of the file being written where nothing in it is committed; it is removed if nothing else is in it."""
        file = self._file
        if file is not None and file.end == file.first_end:
            self.close()
        elif file is not None:
            self._file = None
            os.close(file.fd)

    def _file_for(self, expected_bytes: int) -> _OpenFile:
        if self._broken is not None:
            message, zh = self._broken
            raise ArchiveWriteError(message, zh=zh)
        file = self._file
        if file is not None and file.end > file.first_end and file.end + expected_bytes > self._max_bytes:
            self.close()
            file = None
        if file is None:
            file = self._file = self._begin_file()
        self._undo = (file.end, file.sha256.copy(), dict(file.chains))
        return file

    def _begin_file(self) -> _OpenFile:
        opened_at = self._now()
        try:
            path, fd = self._create(opened_at)
        except OSError as error:
            raise self._write_error(self._folder, error) from error
        open_path = path.with_name(path.name + OPEN_SUFFIX)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            buffer = io.BytesIO()
            writer = RecordWriter(buffer, new_id=self._new_id, level=self._level)
            member = writer.write_warcinfo(path.name, self._warcinfo, opened_at)
            write_all(fd, buffer.getvalue(), 0)
            sync_folder(self._folder)
        except OSError as error:
            os.close(fd)
            with suppress(OSError):  # what stays is repaired by the next crawl
                open_path.unlink(missing_ok=True)
            raise self._write_error(open_path, error) from error
        return _OpenFile(
            path=path,
            fd=fd,
            opened_at=opened_at,
            end=member.length,
            sha256=hashlib.sha256(buffer.getvalue()),
            warcinfo_id=member.record_id,
            first_end=member.length,
        )

    def _create(self, opened_at: datetime) -> tuple[Path, int]:
        self._folder.mkdir(parents=True, exist_ok=True)
        stamp = opened_at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
        there = os.listdir(self._folder)  # noqa: PTH208 - names alone: one a day for years
        while True:
            path = self._folder / f"{self._prefix}-{stamp}-{self._serial:05d}{WARC_SUFFIX}"
            self._serial += 1
            if any(name.startswith(path.name) for name in there):  # also what a repair laid aside
                continue
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                return path, os.open(path.with_name(path.name + OPEN_SUFFIX), flags, 0o644)
            except FileExistsError:
                continue

    def _spool(self) -> tempfile.SpooledTemporaryFile[bytes]:
        return tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES, dir=str(self._folder))

    def _append(self, file: _OpenFile, batch: IO[bytes]) -> int:
        """Append the batch and sync; return where it begins. Cuts the file back on failure."""
        start = file.end
        durable = False
        try:
            batch.seek(0)
            while piece := batch.read(PIECE_BYTES * 4):
                write_all(file.fd, piece, file.end)
                file.end += len(piece)
                file.sha256.update(piece)
            os.fsync(file.fd)
            durable = True
        except OSError as error:
            raise self._write_error(file.open_path, error) from error
        finally:
            if not durable:
                self._cut_back(file)
        return start

    def _cut_back(self, file: _OpenFile) -> None:
        if self._undo is None:
            return
        file.end, file.sha256, file.chains = self._undo
        self._undo = None
        try:
            os.ftruncate(file.fd, file.end)
            os.fsync(file.fd)
        except OSError as error:
            message = (
                f"{file.open_path}: an earlier batch could not be written and could not be cut off again "
                f"({_reason(error)}); what was committed before is intact and the next crawl repairs the file; "
                "check the disk, then crawl again"
            )
            zh = (
                f"{file.open_path}：先前一批没有写成，也没能再截去（{_reason(error)}）；此前提交的都完好，下次抓取会修复该文件；"
                "请检查磁盘，再抓取一次"
            )
            self._broken = (message, zh)

    def _write_error(self, path: Path, error: OSError) -> ArchiveWriteError:
        return ArchiveWriteError(
            f"{path}: could not write captures of {self._prefix} ({_reason(error)}); nothing of this batch is kept, "
            f"what was committed before is intact; {_advice(error)[0]}, then crawl again",
            zh=f"{path}：{self._prefix} 的捕获没有写成（{_reason(error)}）；这一批什么都没留下，此前提交的都完好；{_advice(error)[1]}，再抓取一次",
        )


def _chain_id(file: _OpenFile, writer: RecordWriter, exchange: Exchange) -> str | None:
    """Return the record of a connection's certificates; each chain of a host is written once per file."""
    if not exchange.tls_chain:
        return None
    name = hashlib.sha256(b"\0".join((chain_uri(exchange.url).encode(), *exchange.tls_chain))).hexdigest()
    if name not in file.chains:
        file.chains[name] = writer.write_chain(exchange.url, exchange.tls_chain, exchange.started_at).record_id
    return file.chains[name]


def _placed(file: _OpenFile, start: int, members: tuple[Member, Member, Member]) -> Placed:
    response, request, metadata = members
    return Placed(
        warc_file=file.path.name,
        opened_at=file.opened_at,
        offset=start + response.offset,
        length=response.length,
        record_id=response.record_id,
        block_digest=response.block_digest,
        request_record_id=request.record_id,
        request_offset=start + request.offset,
        metadata_record_id=metadata.record_id,
        group_length=response.length + request.length + metadata.length,
    )


def _placed_note(file: _OpenFile, start: int, member: Member) -> PlacedNote:
    return PlacedNote(
        warc_file=file.path.name,
        opened_at=file.opened_at,
        offset=start + member.offset,
        length=member.length,
        record_id=member.record_id,
    )


def _reason(error: OSError) -> str:
    name = errno.errorcode.get(error.errno or 0)
    return f"{error.strerror or error}{f', {name}' if name else ''}"


def _advice(error: OSError) -> tuple[str, str]:
    """What to do, in English and in Chinese."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return "make room or set another data directory (GOVCRAWL_DATA)", "请腾出空间或另设数据目录（GOVCRAWL_DATA）"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return (
            "give write permission or set another data directory (GOVCRAWL_DATA)",
            "请给予写权限或另设数据目录（GOVCRAWL_DATA）",
        )
    return "check the disk", "请检查磁盘"
