"""One WARC file, checked record by record in one pass and bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archive.verify.blocks import BlockReader
from archive.verify.findings import find
from archive.verify.heads import HEAD_LIMIT_BYTES, check_head, parse_head
from archive.verify.members import BrokenMember, Bytes, Member, Plain
from archive.verify.rows import RecordRow, row_of
from archive.verify.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.verify.blocks import Block
    from archive.verify.findings import Finding
    from archive.verify.heads import Head, Wrong
    from archive.verify.members import Reads

BATCH_RECORDS = 2000
WAITING_LIMIT = 1000

_END = b"\r\n\r\n"


@dataclass(slots=True)
class Batch:
    """What was found in a stretch of a file; ``sha256`` stands in the last one of a file only."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    rows: list[RecordRow] = field(default_factory=list)
    bytes: int = 0  # of the file, read so far
    sha256: str | None = None


class WarcScan:
    """Reads one WARC file and says what is in it and what is wrong with it.

    ``name`` is what findings call the file; ``filename`` is the name that its warcinfo record should state, ``None``
    where that is not to be compared.
    """

    def __init__(self, file: Reads, name: str, *, filename: str | None = None) -> None:
        self._bytes = Bytes(file)
        self._name = name
        self._filename = filename
        self._batch = Batch(name)
        self._first = True
        self._version: str | None = None
        self._warcinfos: set[str | None] = set()  # so far in this file
        self._unnamed = 0  # records that do not name their warcinfo
        self._waiting: dict[str, Finding] = {}  # bodies that are missing, until their request says that it was HEAD

    def run(self) -> Iterator[Batch]:
        """Yield batches; the last one has the file's digest."""
        source = self._bytes
        source.holds(5)
        if not source.data:
            self._add("file-empty", "the file has no bytes", 0)
        elif source.data[:2] == b"\x1f\x8b":
            yield from self._run_members()
        elif source.data[:5] == b"WARC/":
            yield from self._run_plain()
        elif source.data[:4] == b"\x28\xb5\x2f\xfd":
            self._add("file-kind", "a Zstandard file", 0, "zstd", "gzip, which every WARC tool reads")
        else:
            self._add("garbage", "the file begins with", 0, source.data[:16], "a gzip member, or WARC/1.1")
            if source.skip_to_magic():
                yield from self._run_members()
        self._batch.findings += self._waiting.values()
        if self._unnamed:
            self._add("warcinfo-id", "records that name no warcinfo", None, self._unnamed, "WARC-Warcinfo-ID on each")
        self._batch.sha256 = source.hexdigest()
        self._batch.bytes = source.total
        yield self._batch

    def _add(self, code: str, what: str, offset: int | None, got: object = None, expected: object = None) -> None:
        self._batch.findings.append(find(code, self._name, what, offset=offset, got=got, expected=expected))

    def _full_batch(self) -> Iterator[Batch]:
        if len(self._batch.rows) >= BATCH_RECORDS or len(self._batch.findings) >= BATCH_RECORDS:
            batch, self._batch = self._batch, Batch(self._name)
            batch.bytes = self._bytes.offset
            yield batch

    def _run_members(self) -> Iterator[Batch]:
        source = self._bytes
        while source.at < len(source.data) or source.fill():
            offset = source.offset
            if not (source.holds(2) and source.data[source.at : source.at + 2] == b"\x1f\x8b"):
                rest = source.data[source.at : source.at + 16]
                self._add("garbage", "bytes that are no gzip member", offset, rest, "a gzip member")
                if not source.skip_to_magic():
                    break
                continue
            try:
                self._take_member(Member(source))
            except BrokenMember as error:
                self._add(error.code, str(error), offset, None, "a whole gzip member")
                if error.code == "gzip-truncated" or not source.skip_to_magic():
                    break
            yield from self._full_batch()

    def _take_member(self, member: Member) -> None:
        data = member.read()
        if member.ended and self._take_whole(data, member):
            return
        window = Window(member)
        window.put(data)
        found: list[tuple[Head, Block]] = []
        while window.at < len(window.data) or window.more():
            if found:
                if window.peek(5) != b"WARC/":
                    what = "bytes behind the record in its gzip member"
                    self._add("garbage", what, member.offset, window.peek(16), "the member's end")
                    break
                if len(found) == 1:
                    self._add("member-records", "records in one gzip member", member.offset, "2 or more", "1")
                if len(found) > 1:  # their rows are made at once: a member may hold a million
                    self._note(*found.pop(), member.offset, None)
            record = self._take_record(window, member.offset)
            if record is None:
                break
            found.append(record)
        window.drop()
        if window.taken == 0:
            self._add("member-empty", "a gzip member without a record", member.offset)
        for head, block in found:
            self._note(head, block, member.offset, member.length if len(found) == 1 else None)

    def _take_whole(self, data: bytes, member: Member) -> bool:
        """Read the one record of a small member, as nearly all are; ``False`` where it has to be looked at closely."""
        end = data.find(_END)
        if end < 0 or end > HEAD_LIMIT_BYTES or data[-4:] != _END:
            return False
        start = end + len(_END)
        head = parse_head(data[:start])
        declared = head.fields.get("Content-Length", "")
        if head.faults or declared != str(len(data) - start - len(_END)):
            return False
        self._batch.findings += check_head(head, self._name, member.offset)
        reader = BlockReader(head)
        if declared != "0":
            reader.feed(memoryview(data)[start : -len(_END)])
        self._note(head, self._close(reader, head, int(declared), 0, member.offset), member.offset, member.length)
        return True

    def _run_plain(self) -> Iterator[Batch]:
        window = Window(Plain(self._bytes))
        while window.at < len(window.data) or window.more():
            offset = window.taken
            record = self._take_record(window, offset)
            if record is not None:
                self._note(*record, offset, window.taken - offset)
            elif window.skip_to(_END + b"WARC/"):
                window.at += len(_END)
            yield from self._full_batch()

    def _take_record(self, window: Window, offset: int) -> tuple[Head, Block] | None:
        """Read one record; ``None`` where nothing behind it can be trusted to be where it should."""
        end = self._head_end(window, offset)
        if end is None:
            return None
        head = parse_head(window.data[window.at : end])
        self._batch.findings += check_head(head, self._name, offset)
        window.at = end
        declared = head.fields.get("Content-Length", "")
        if not (declared.isascii() and declared.isdecimal() and len(declared) <= 18):  # noqa: PLR2004
            return None
        length = int(declared)
        reader = BlockReader(head)
        missing = _feed(window, reader, length)

        block = self._close(reader, head, length, missing, offset)
        wrong = self._wrong(head, offset)
        if not missing and not self._take_end(window, head, wrong):
            self._leave(window, length, wrong)
        return head, block

    def _close(self, reader: BlockReader, head: Head, length: int, missing: int, offset: int) -> Block:
        """Say what a block was that was read to its end, and keep what is wrong with it."""
        wrong = self._wrong(head, offset)
        block, findings = reader.close(length, wrong)
        if missing:
            findings = [wrong("content-length", "bytes of the block", length - missing, length)]
        if findings:
            self._keep(findings, head, block)
        return block

    def _wrong(self, head: Head, offset: int) -> Wrong:
        def wrong(code: str, what: str, got: object = None, expected: object = None) -> Finding:
            record_id = head.fields.get("WARC-Record-ID")
            return find(code, self._name, what, offset=offset, record_id=record_id, got=got, expected=expected)

        return wrong

    def _head_end(self, window: Window, offset: int) -> int | None:
        if window.peek(5) != b"WARC/":
            self._add("garbage", "bytes where a record was expected", offset, window.peek(16), "WARC/1.1")
            return None
        while (end := window.data.find(_END, window.at)) < 0:
            if len(window.data) - window.at > HEAD_LIMIT_BYTES or not window.more():
                break
        bare = window.data.find(b"\n\n", window.at, end if end >= 0 else len(window.data))
        if bare >= 0:
            return bare + 2
        if end < 0 or end - window.at > HEAD_LIMIT_BYTES:
            what = f"no end of the WARC head within {HEAD_LIMIT_BYTES} bytes"
            self._add("head-long", what, offset, len(window.data) - window.at)
            return None
        return end + len(_END)

    def _take_end(self, window: Window, head: Head, wrong: Wrong) -> bool:
        """Take the two line ends behind a block; ``False`` where something else stands there."""
        end = window.peek(len(_END))
        if end == _END:
            window.at += len(_END)
            return True
        if end[:2] == b"\n\n" and any(code == "line-ends" for code, _, _ in head.faults):
            window.at += 2
            return True
        one_line_end = end[:2] == b"\r\n" and (len(end) == 2 or window.peek(7)[2:] == b"WARC/")  # noqa: PLR2004
        if end and not one_line_end:
            return False
        window.at += 2 if one_line_end else 0
        self._batch.findings.append(wrong("record-end", "behind the block", end[:2] or "nothing", "two line ends"))
        return True

    def _leave(self, window: Window, length: int, wrong: Wrong) -> None:
        """Say that a block goes on behind its declared end, and go to where the next record may begin."""
        found = window.peek(16)
        if window.of_member:
            more, last = window.drop()
            real = length + more - (len(_END) if last == _END else 0)
        else:
            began = window.taken
            more_records = window.skip_to(_END + b"WARC/")
            real = length + window.taken - began
            if more_records:
                window.at += len(_END)
        what = f"bytes of the block; behind its declared end stands {found!r}"
        self._batch.findings.append(wrong("content-length", what, length, real))

    def _keep(self, findings: list[Finding], head: Head, block: Block) -> None:
        """Keep findings; that a body is missing waits for the request, which may say that none was asked for."""
        record_id = head.fields.get("WARC-Record-ID")
        bodiless = block.message is not None and block.message.body_bytes == 0 and record_id is not None
        for finding in findings:
            if bodiless and finding.code in {"http-length", "http-chunks"}:
                self._waiting[record_id or ""] = finding
            else:
                self._batch.findings.append(finding)
        if len(self._waiting) > WAITING_LIMIT:
            self._batch.findings.append(self._waiting.pop(next(iter(self._waiting))))

    def _note(self, head: Head, block: Block, offset: int, length: int | None) -> None:
        """Keep a record's row, and compare it with the file it stands in."""
        fields = head.fields
        kind, record_id = fields.get("WARC-Type"), fields.get("WARC-Record-ID")
        if self._version is None:
            self._version = head.version
        elif head.version != self._version:
            what = "a file holds records of one version"
            self._add_of("version", what, offset, record_id, f"WARC/{head.version}", f"WARC/{self._version}")
        if self._first:
            self._first = False
            if kind != "warcinfo":
                self._add_of("warcinfo-first", "type of the first record", offset, record_id, kind, "warcinfo")
        if kind == "warcinfo":
            self._warcinfos.add(record_id)
            self._check_warcinfo(head, block, offset)
        elif "WARC-Warcinfo-ID" not in fields:
            self._unnamed += 1
        elif fields["WARC-Warcinfo-ID"] not in self._warcinfos:
            named = fields["WARC-Warcinfo-ID"]
            self._add_of("warcinfo-id", "WARC-Warcinfo-ID", offset, record_id, named, "a warcinfo record before it")
        if kind == "request" and block.message is not None and block.message.method == "HEAD":
            self._waiting.pop(fields.get("WARC-Concurrent-To", ""), None)
        self._batch.rows.append(row_of(head, block, offset, length))

    def _check_warcinfo(self, head: Head, block: Block, offset: int) -> None:
        fields = head.fields
        record_id = fields.get("WARC-Record-ID")
        filename = fields.get("WARC-Filename")
        if filename is not None and ("/" in filename or "\\" in filename or filename in {".", ".."}):
            self._add_of("warcinfo-filename", "WARC-Filename", offset, record_id, filename, "a name without a path")
        elif (
            offset == 0 and self._filename is not None and filename != self._filename
        ):  # later ones came with copied records
            self._add_of("warcinfo-filename", "WARC-Filename", offset, record_id, filename or "none", self._filename)
        if "software" not in block.fields:
            self._add_of(
                "warcinfo-fields", "fields of the block", offset, record_id, ", ".join(block.fields), "software"
            )

    def _add_of(self, code: str, what: str, offset: int, record_id: str | None, got: object, expected: object) -> None:
        self._batch.findings.append(
            find(code, self._name, what, offset=offset, record_id=record_id, got=got, expected=expected)
        )


def _feed(window: Window, reader: BlockReader, length: int) -> int:
    """Give a block to its reader; return how many bytes are missing."""
    left = length
    while left:
        if window.at >= len(window.data) and not window.more():
            return left
        there = len(window.data) - window.at
        if window.at == 0 and there <= left:
            reader.feed(window.data)
            taken = there
        else:
            taken = min(there, left)
            reader.feed(memoryview(window.data)[window.at : window.at + taken])
        window.at += taken
        left -= taken
    return 0
