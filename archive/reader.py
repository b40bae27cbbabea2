"""WARC in: one record by file and offset, a whole file record by record, a capture as the response it was.

What is read may be damaged or hostile: records are inflated in pieces, heads and lines have limits, and a capture is
compared with the digests its row pins before anything of it is handed out. Bodies over 1 MiB lie in a temporary file.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Self

from archive.codings import PIECE_BYTES
from archive.digest import Fields, Head, digest_pieces, iter_content, iter_payload, read_head
from archive.errors import CaptureMissing, DigestMismatch
from archive.kept import is_shard, open_kept
from archive.writer import OPEN_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from archive.model import Capture

WARC_HEAD_LIMIT_BYTES = 65536
SPOOL_BYTES = 1 << 20
RECORD_END = b"\r\n\r\n"

_DECIMAL = re.compile(r"\d{1,18}")

OriginalOf = Callable[[str], "Capture | None"]
"""Finds the row of a capture by its record id."""


class _Member:
    """One gzip member, inflated as it is read."""

    def __init__(self, file: IO[bytes], offset: int, path: Path) -> None:
        self._file = file
        self._position = offset
        self._offset = offset
        self._path = path
        self._inflater = zlib.decompressobj(31)
        self._pending = b""  # compressed bytes read and not yet inflated
        self._ready = b""  # inflated bytes not yet taken

    def read(self, limit: int) -> bytes:
        """Return up to ``limit`` bytes, ``b""`` at the member's end."""
        if not self._ready:
            self._ready = self._inflate()
        taken, self._ready = self._ready[:limit], self._ready[limit:]
        return taken

    def read_until(self, mark: bytes, limit: int) -> bytes:
        """Return everything up to and with ``mark``."""
        while (start := self._ready.find(mark)) < 0:
            more = b"" if len(self._ready) > limit else self._inflate()
            if not more:
                raise self.broken(f"no WARC head within {limit} bytes")
            self._ready += more
        end = start + len(mark)
        taken, self._ready = self._ready[:end], self._ready[end:]
        return taken

    @property
    def end(self) -> int:
        """Offset just behind the member; known once everything is read."""
        return self._position - len(self._pending)

    def broken(self, what: str) -> CaptureMissing:
        return CaptureMissing(
            f"{self._path}: no readable WARC record at offset {self._offset}: {what}; "
            "the file is damaged or not the one the row means; take it from a backup or fetch the page again",
            zh=f"{self._path}：偏移 {self._offset} 处没有可读的 WARC 记录（{what}）；文件已损坏或不是目录库所指的那个：请从备份取回，或重新抓取该页",
        )

    def _inflate(self) -> bytes:
        while not self._inflater.eof:
            if not self._pending:
                self._file.seek(self._position)
                self._pending = self._file.read(PIECE_BYTES)
                self._position += len(self._pending)
                if not self._pending:
                    raise self.broken("the file ends within the gzip member")
            try:
                out = self._inflater.decompress(self._pending, PIECE_BYTES)
            except zlib.error as error:
                raise self.broken(f"gzip: {error}") from error
            self._pending = self._inflater.unused_data or self._inflater.unconsumed_tail  # the one or the other
            if out:
                return out
        return b""


class StoredRecord:
    """A WARC record being read: its headers at once, its block in pieces, its member's length after that."""

    def __init__(self, file: IO[bytes], offset: int, path: Path) -> None:
        self._member = _Member(file, offset, path)
        self.path = path
        self.offset = offset
        head = self._member.read_until(RECORD_END, WARC_HEAD_LIMIT_BYTES)
        self.version, self.headers = self._parse_head(head)
        declared = self.header("Content-Length") or ""
        if not _DECIMAL.fullmatch(declared):
            raise self._member.broken(f"Content-Length is {declared!r}, expected a number of bytes")
        self.block_bytes = int(declared)
        self._left = self.block_bytes
        self._length: int | None = None

    @property
    def type(self) -> str:
        """WARC-Type, lower case."""
        return (self.header("WARC-Type") or "").lower()

    @property
    def record_id(self) -> str:
        """WARC-Record-ID, ``""`` where the record has none."""
        return self.header("WARC-Record-ID") or ""

    def header(self, name: str) -> str | None:
        """Return the first value of a WARC header (any case)."""
        lowered = name.lower()
        return next((value for field, value in self.headers if field.lower() == lowered), None)

    def iter_block(self) -> Iterator[bytes]:
        """Yield what is left of the block, in pieces of at most 64 KiB."""
        while self._left:
            piece = self._member.read(min(self._left, PIECE_BYTES))
            if not piece:
                missing = f"the block ends {self._left} bytes short of its Content-Length {self.block_bytes}"
                raise self._member.broken(missing)
            self._left -= len(piece)
            yield piece

    def read_block(self, limit: int = SPOOL_BYTES) -> bytes:
        """Return what is left of a small block; a longer one than ``limit`` raises :class:`CaptureMissing`."""
        if self._left > limit:
            raise self._member.broken(f"a block of {self.block_bytes} bytes where at most {limit} were expected")
        return b"".join(self.iter_block())

    def finish(self) -> int:
        """Read to the record's end and return its gzip member's length; checks the two blank lines and the CRC."""
        if self._length is None:
            for _ in self.iter_block():
                pass
            end = b""
            while len(end) <= len(RECORD_END) and (piece := self._member.read(len(RECORD_END) + 1)):
                end += piece
            if end != RECORD_END:
                raise self._member.broken(f"behind the block stands {end!r}, expected two line ends and no more")
            self._length = self._member.end - self.offset
        return self._length

    def _parse_head(self, head: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
        version, *lines = head.decode("utf-8", "replace").split("\r\n")
        if not version.startswith("WARC/"):
            raise self._member.broken(f"it begins with {version[:40]!r}, expected WARC/1.1")
        pairs = (line.partition(":") for line in lines if line)
        return version, tuple((name.strip(), value.strip()) for name, _, value in pairs)


def read_record(file: IO[bytes], offset: int, path: Path) -> StoredRecord:
    """Read the record whose gzip member begins at ``offset``; ``path`` is for messages.

    Raises :class:`CaptureMissing` where no readable record stands there.
    """
    return StoredRecord(file, offset, path)


def iter_records(path: Path, *, start: int = 0) -> Iterator[StoredRecord]:
    """Yield a file's records in order, each to be read before the next is asked for.

    Raises :class:`CaptureMissing` at the first place where no readable record stands.
    """
    with path.open("rb") as file:
        offset = start
        while True:
            file.seek(offset)
            if not file.read(1):
                return
            record = StoredRecord(file, offset, path)
            yield record
            offset += record.finish()


@dataclass(slots=True, kw_only=True)
class StoredResponse:
    """A capture as the response it was; close it, or use it in a ``with``.

    ``head`` is what this capture received, interim heads included; of a revisit, payload and content are those of the
    original it stands for.
    """

    capture: Capture
    head: bytes
    status: int | None
    headers: Fields  # of the final head, as received
    original: Capture | None  # whose payload a revisit stands for
    _source: IO[bytes]
    _source_head: Head
    _source_method: str

    def iter_payload(self) -> Iterator[bytes]:
        """Yield the payload: de-chunked, still content-encoded."""
        return iter_payload(self._source, self._source_head, self._source_method)

    @property
    def content_headers(self) -> Fields:
        """The fields that tell what the content is: a 304 says nothing of it, so then its original's."""
        return self._source_head.headers if self.capture.revisit_profile == "server-not-modified" else self.headers

    def iter_content(self, *, max_bytes: int | None = None) -> Iterator[bytes]:
        """Yield the content: the page or file itself.

        Raises :class:`UnreadableContent` when more than ``max_bytes`` come out.
        """
        return iter_content(self.iter_payload(), self.content_headers, max_bytes=max_bytes)

    def read_content(self, *, max_bytes: int | None = None) -> bytes:
        """Return the content in one piece."""
        return b"".join(self.iter_content(max_bytes=max_bytes))

    def iter_block(self) -> Iterator[bytes]:
        """Yield the stored bytes that the payload stands in: the whole response as it crossed the wire."""
        self._source.seek(0)
        return iter(lambda: self._source.read(PIECE_BYTES), b"")

    def close(self) -> None:
        """Let go of the temporary copy."""
        self._source.close()

    def __enter__(self) -> Self:
        """Return itself; leaving closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


def open_capture(data_dir: Path, capture: Capture, *, original_of: OriginalOf) -> StoredResponse:
    """Open a capture as the response it was, compared with every digest its row pins.

    Args:
        data_dir: the data directory that ``capture.warc_file`` is relative to.
        capture: the row.
        original_of: finds the row of a revisit's original by record id.

    Raises:
        CaptureMissing: the file, the record or a revisit's original is not there.
        DigestMismatch: stored bytes differ from what the row pins.
    """
    block = _open_block(data_dir, capture)
    head = read_head(block)
    block.seek(0)
    head_bytes = block.read(head.end)
    if capture.revisit_profile is None:
        source, source_head, original = block, head, None
    else:
        block.close()
        original = _original(capture, original_of)
        source = _open_block(data_dir, original)
        source_head = read_head(source)
    of_payload = original or capture
    stored = StoredResponse(
        capture=capture,
        head=head_bytes,
        status=head.status,
        headers=head.headers,
        original=original,
        _source=source,
        _source_head=source_head,
        _source_method=of_payload.method,
    )
    try:
        if of_payload.payload_digest is not None:
            found, _ = digest_pieces(stored.iter_payload())
            _compare(of_payload, "payload", of_payload.payload_digest, found)
        if capture.revisit_profile == "identical-payload-digest":
            _compare(capture, "payload", capture.payload_digest, of_payload.payload_digest)
    except BaseException:
        stored.close()
        raise
    return stored


def _original(capture: Capture, original_of: OriginalOf) -> Capture:
    original = original_of(capture.refers_to) if capture.refers_to else None
    if original is None or original.revisit_profile is not None:
        found = "no row with that record id" if original is None else "a revisit, not a response"
        message = (
            f"capture {capture.id} ({capture.url}) is a revisit of {capture.refers_to}, but that is {found}; "
            "rebuild the catalog from the WARC files"
        )
        raise CaptureMissing(
            message,
            zh=f"捕获 {capture.id}（{capture.url}）是 {capture.refers_to} 的重访记录，而后者{'不在目录库中' if original is None else '也是重访记录'}；请用 govcrawl rebuild 从 WARC 文件重建目录库",
        )
    return original


def open_warc(data_dir: Path, warc_file: str) -> tuple[Path, IO[bytes]]:
    """Open a WARC file where it lies now: under its final name, or still with ``.open`` behind it.

    Raises :class:`CaptureMissing` where it is neither, or its name points out of the data directory.
    """
    relative = PurePosixPath(warc_file)
    final = data_dir / relative
    if not relative.is_absolute() and ".." not in relative.parts and "\0" not in warc_file:
        # The final name twice: the file may be renamed between two tries.
        for path in (final, final.with_name(final.name + OPEN_SUFFIX), final):
            try:
                return path, path.open("rb")
            except FileNotFoundError:
                continue
            except OSError as error:  # a folder, a name longer than any, no permission
                message = f"{str(path)[:300]}: this WARC file cannot be opened ({error.strerror or error})"
                raise CaptureMissing(
                    message, zh=f"{str(path)[:300]}：这个 WARC 文件打不开（{error.strerror or error}）"
                ) from error
    message = f"{final}: no such WARC file, with or without {OPEN_SUFFIX}; put it back from a backup"
    raise CaptureMissing(message, zh=f"{final}：没有这个 WARC 文件（带不带 {OPEN_SUFFIX} 都没有）；请从备份放回")


def _open_block(data_dir: Path, capture: Capture) -> IO[bytes]:
    """Copy a capture's block out of its WARC, compared with the row; small ones stay in memory."""
    path, file, offset = _open_record(data_dir, capture)
    block = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 -- handed on
    try:
        with file:
            _copy_block(StoredRecord(file, offset, path), capture, block)
    except BaseException:
        block.close()
        raise
    return block


def _open_record(data_dir: Path, capture: Capture) -> tuple[Path, IO[bytes], int]:
    """Open the file that holds a capture, and say where in it: its WARC file, or in a shard the record kept by itself."""
    try:
        return *open_warc(data_dir, capture.warc_file), capture.offset
    except CaptureMissing:
        if not is_shard(data_dir):
            raise
    if (kept := open_kept(data_dir, capture.agency, capture.record_id)) is not None:
        return kept
    message = (
        f"{capture.warc_file}, with capture {capture.id} ({capture.url}), is kept in the archive that the shard {data_dir} "
        "was checked out from, and so is what it holds; crawl this agency there (scrapy crawl)"
    )
    raise CaptureMissing(
        message,
        zh=f"{capture.warc_file}（捕获 {capture.id}，{capture.url}）及其内容在分片 {data_dir} 所出自的存档里；请在那里抓取该机构（scrapy crawl）",
    )


def _copy_block(record: StoredRecord, capture: Capture, block: IO[bytes]) -> None:
    where = f"{record.path}: at offset {capture.offset}, capture {capture.id} ({capture.url})"
    if record.record_id != capture.record_id:
        message = (
            f"{where}: found record {record.record_id}, its row says {capture.record_id}; "
            "rebuild the catalog from the WARC files"
        )
        raise CaptureMissing(
            message,
            zh=f"{record.path}：偏移 {capture.offset} 处是记录 {record.record_id}，目录库所记捕获 {capture.id}（{capture.url}）为 {capture.record_id}；请用 govcrawl rebuild 从 WARC 文件重建目录库",
        )
    digest = hashlib.sha256()
    for piece in record.iter_block():
        digest.update(piece)
        block.write(piece)
    length = record.finish()
    _compare(capture, "block", capture.block_digest, f"sha256:{digest.hexdigest()}")
    if length != capture.length:
        message = (
            f"{where}: the record is {length} bytes long, its row says {capture.length}; "
            "rebuild the catalog from the WARC files"
        )
        raise DigestMismatch(
            message,
            zh=f"{record.path}：偏移 {capture.offset} 处捕获 {capture.id}（{capture.url}）的记录长 {length} 字节，目录库所记为 {capture.length}；请用 govcrawl rebuild 从 WARC 文件重建目录库",
        )


_PARTS_ZH = {"block": "数据块", "payload": "载荷"}


def _compare(capture: Capture, what: str, expected: str | None, found: str | None) -> None:
    if expected != found:
        message = (
            f"{capture.warc_file}: the {what} of capture {capture.id} ({capture.url}) at offset {capture.offset} has "
            f"digest {found}, its row says {expected}; the file was damaged or changed: take it from a backup"
        )
        raise DigestMismatch(
            message,
            zh=f"{capture.warc_file}：偏移 {capture.offset} 处捕获 {capture.id}（{capture.url}）的{_PARTS_ZH.get(what, what)}摘要为 {found}，目录库所记为 {expected}；该文件已损坏或被改动：请从备份取回",
        )
