"""A clean WARC file of every kind of capture the project writes, and the 36 ways to spoil it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import itertools
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from warcs import PAGE, group_of, members_of, response_of

from archive.records import Revisit
from archive.verify.warc import WarcScan
from archive.writer import WarcWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from archive.verify import Finding

FIRST_AT = datetime(2024, 3, 5, 6, 7, 8, 90123, tzinfo=UTC)
URL = "https://sfj.haidao.test/tzgg/{}.html"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=1\r\ntext\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n"
KEPT = response_of("<p>原件</p>".encode(), b"Content-Type: text/html")

CASES: dict[str, tuple[bytes, str | None]] = {
    "plain": (KEPT, None),
    "gzip": (response_of(PAGE, b"Content-Encoding: gzip"), None),
    "chunked": (CHUNKED, None),
    "chunked and gzip": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(PAGE), PAGE),
        None,
    ),
    "transfer-coded": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(PAGE), PAGE),
        None,
    ),
    "GBK field": (
        response_of(b"x", b"Content-Disposition: attachment; filename=" + "收费.doc".encode("gbk")),
        None,
    ),
    "two cookies": (response_of(b"x", b"Set-Cookie: a=1", b"Set-Cookie: b=2"), None),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", None),
    "odd case": (b"HTTP/1.1  200   OK \r\ncontent-LENGTH :1\r\nX-Empty:\r\n\r\nx", None),
    "until close": (b"HTTP/1.0 200 OK\r\n\r\n<p>until close", None),
    "folded": (b'HTTP/1.1 200 OK\nETag: "a"\n b\nContent-Length: 1\n\nx', None),
    "no colon": (b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 1\r\n\r\nx", None),
    "interim": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response_of(b"x"), None),
    "redirect": (response_of(b"", b"Location: /a/", status=b"302 Found"), None),
    "empty": (response_of(b""), None),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", None),
    "304 of nothing": (b'HTTP/1.1 304 Not Modified\r\nContent-Length: 4000\r\nETag: "a"\r\n\r\n', None),
    "short": (response_of(PAGE)[:-10], "disconnect"),
    "over-size": (response_of(b"a" * 100_000)[:5000], "length"),
    "late": (b"HTTP/1.1 200 OK\r\nContent-Le", "time"),
    "broken chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\ncut", "disconnect"),
    "false chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n<p>none</p>", "disconnect"),
    "no HTTP": (b"\x15\x03\x01\x00\x02\x02\x28", "disconnect"),
    "huge head": (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\nContent-Length: 1\r\n\r\nx", None),
    "large": (response_of(b"0123456789" * 70_000), None),
}
"""Responses by name, and why they are cut where they are."""


def record_ids() -> Callable[[], str]:
    """Record ids of version 4 that count from 1."""
    numbers = itertools.count(1)
    return lambda: f"<urn:uuid:{uuid.UUID(int=next(numbers), version=4)}>"


def write_clean(folder: Path) -> Path:
    """Write one closed file with every case, a posted search, a HEAD, revisits of both kinds and a note."""
    writer = WarcWriter(
        folder, "haidao_sfj", warcinfo={"software": "crawler/1"}, now=lambda: FIRST_AT, new_id=record_ids()
    )
    groups = [
        group_of(response, url=URL.format(position), started_at=FIRST_AT + timedelta(seconds=position), truncated=cut)
        for position, (response, cut) in enumerate(CASES.values())
    ]
    placed = writer.write_groups(groups)
    later = FIRST_AT + timedelta(hours=1)
    original = Revisit(
        profile="identical-payload-digest", record_id=placed[0].record_id, url=URL.format(0), captured_at=FIRST_AT
    )
    kept = Revisit(
        profile="server-not-modified", record_id=placed[0].record_id, url=URL.format(0), captured_at=FIRST_AT
    )
    asked = b'GET /tzgg/0.html HTTP/1.1\r\nHost: sfj.haidao.test\r\nIf-None-Match: "a"\r\n\r\n'
    writer.write_groups(
        [
            group_of(KEPT, url=URL.format(0), started_at=later, revisit=original),
            group_of(
                b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
                url=URL.format(0),
                started_at=later + timedelta(seconds=1),
                request=asked,
                revisit=kept,
            ),
            group_of(
                response_of(b"{}"),
                url="https://sfj.haidao.test/search",
                method="POST",
                request=b"POST /search HTTP/1.1\r\nContent-Length: 6\r\n\r\npage=2",
                started_at=later + timedelta(seconds=2),
                ip="2001:DB8:0:0:0:0:0:1",
                tls_version="TLSv1.3",
                tls_cipher="TLS_AES_256_GCM_SHA384",
            ),
            group_of(
                b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n",
                url=URL.format(0),
                method="HEAD",
                request=b"HEAD /tzgg/0.html HTTP/1.1\r\nHost: sfj.haidao.test\r\n\r\n",
                started_at=later + timedelta(seconds=3),
            ),
        ]
    )
    writer.write_failure("https://sfj.haidao.test/b", {"reason": "dns"}, later)
    closed = writer.close()
    assert closed is not None
    return folder / closed.warc_file


def read_records(path: Path) -> list[bytes]:
    """The inflated records of a file."""
    return [record for _, record in members_of(path)]


def write_records(path: Path, records: list[bytes]) -> None:
    """Write records as gzip members."""
    path.write_bytes(b"".join(gzip.compress(record, 6, mtime=0) for record in records))


def find_record(records: list[bytes], kind: str, nth: int = 0) -> int:
    """The position of the n-th record of a type."""
    found = [at for at, record in enumerate(records) if b"\r\nWARC-Type: %b\r\n" % kind.encode() in record[:600]]
    return found[nth]


def with_head(record: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A record with another head."""
    head, end, rest = record.partition(b"\r\n\r\n")
    changed = change(head)
    assert changed != head, "the mutation changes nothing"
    return changed + end + rest


def with_field(record: bytes, name: str, value: str | None) -> bytes:
    """A record with another value of a field; ``None`` takes it away, one that is not there is added."""
    pattern = re.compile(rb"\r\n%b: [^\r\n]*" % re.escape(name.encode()))
    line = b"" if value is None else f"\r\n{name}: {value}".encode()
    if pattern.search(record.partition(b"\r\n\r\n")[0]):
        return with_head(record, lambda head: pattern.sub(lambda _: line, head, count=1))
    return with_head(record, lambda head: head + line)


def with_block(record: bytes, block: bytes, *, payload: bytes | None = None) -> bytes:
    """A record with another block, its length and digests as they should be."""
    head = record.partition(b"\r\n\r\n")[0]
    record = head + b"\r\n\r\n" + block + b"\r\n\r\n"
    if b"\r\nContent-Length: %d\r\n" % len(block) not in head + b"\r\n":
        record = with_field(record, "Content-Length", str(len(block)))
    record = with_field(record, "WARC-Block-Digest", f"sha256:{hashlib.sha256(block).hexdigest()}")
    if payload is not None:
        record = with_field(record, "WARC-Payload-Digest", f"sha256:{hashlib.sha256(payload).hexdigest()}")
    return record


def block_of(record: bytes) -> bytes:
    """A record's block."""
    return record.partition(b"\r\n\r\n")[2][:-4]


Mutation = "Callable[[list[bytes]], bytes | None]"


def _changed(kind: str, change: Callable[[bytes], bytes], nth: int = 0) -> Callable[[list[bytes]], bytes | None]:
    def mutate(records: list[bytes]) -> None:
        at = find_record(records, kind, nth)
        records[at] = change(records[at])

    return mutate


def _field(kind: str, name: str, value: str | None, nth: int = 0) -> Callable[[list[bytes]], bytes | None]:
    return _changed(kind, lambda record: with_field(record, name, value), nth)


def _files(records: list[bytes]) -> bytes:
    return b"".join(gzip.compress(record, 6, mtime=0) for record in records)


def _twice(records: list[bytes]) -> None:
    first, second = find_record(records, "response", 1), find_record(records, "response", 2)
    stated = re.search(rb"WARC-Record-ID: ([^\r]+)", records[first])
    assert stated
    records[second] = with_field(records[second], "WARC-Record-ID", stated[1].decode())


def _framed(record: bytes) -> bytes:
    body = block_of(record).partition(b"\r\n\r\n")[2]
    return with_field(record, "WARC-Payload-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}")


def _style(record: bytes) -> bytes:
    digest = base64.b32encode(hashlib.sha1(block_of(record)).digest()).decode()  # noqa: S324 -- an old digest is the point
    return with_field(record, "WARC-Block-Digest", f"SHA-1:{digest}")


def _flip(data: bytes, at: int, bit: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def _flipped_payload(record: bytes) -> bytes:
    return _flip(record, len(record) - 8)


def _flipped_gzip(records: list[bytes]) -> bytes:
    data = _files(records)
    return _flip(data, len(_files(records[:4])) + 30)


def _old_version(records: list[bytes]) -> None:
    records[:] = [record.replace(b"WARC/1.1\r\n", b"WARC/1.0\r\n", 1) for record in records]


def _bare_lines(record: bytes) -> bytes:
    head, _, rest = record.partition(b"\r\n\r\n")
    return head.replace(b"\r\n", b"\n") + b"\n\n" + rest


def _shorter(record: bytes) -> bytes:
    return with_field(record, "Content-Length", str(len(block_of(record)) - 3))


def _other_length(record: bytes) -> bytes:
    block = block_of(record).replace(b"Content-Length: 13", b"Content-Length: 14")
    return with_block(record, block)


def _other_status(record: bytes) -> bytes:
    return with_block(record, block_of(record).replace(b"HTTP/1.1 200 OK", b"HTTP/2 200"))


DANGLING = f"<urn:uuid:{uuid.UUID(int=10**9, version=4)}>"

MUTANTS: dict[str, tuple[str, Callable[[list[bytes]], bytes | None]]] = {
    "m01 payload bit flip": ("block-digest", _changed("response", _flipped_payload)),
    "m02 truncated gzip tail": ("gzip-truncated", lambda records: _files(records)[:-10]),
    "m03 all records in one member": ("member-records", lambda records: gzip.compress(b"".join(records), mtime=0)),
    "m04 Content-Length short": ("content-length", _changed("response", _shorter)),
    "m05 no WARC-Date": ("field-missing", _field("response", "WARC-Date", None)),
    "m06 duplicate Record-ID": ("record-id-twice", _twice),
    "m07 revisit without Profile": ("revisit-profile", _field("revisit", "WARC-Profile", None)),
    "m08 dangling Concurrent-To": ("concurrent-to", _field("request", "WARC-Concurrent-To", DANGLING)),
    "m09 payload digest over chunk framing": ("payload-digest-framing", _changed("response", _framed, 2)),
    "m10 no Content-Type": ("content-type", _field("response", "Content-Type", None)),
    "m11 URI with space": ("uri", _field("response", "WARC-Target-URI", "https://sfj.haidao.test/a b")),
    "m12 URI with raw UTF-8": ("uri", _field("response", "WARC-Target-URI", "https://sfj.haidao.test/通知")),
    "m13 LF line ends": ("line-ends", _changed("response", _bare_lines)),
    "m14 WARC-Date twice": (
        "field-repeated",
        _changed("response", lambda one: with_head(one, lambda head: head + b"\r\nWARC-Date: 2024-03-05T06:07:08Z")),
    ),
    "m15 Target-URI on warcinfo": (
        "field-misplaced",
        _field("warcinfo", "WARC-Target-URI", "https://sfj.haidao.test/"),
    ),
    "m16 trailing garbage": ("garbage", lambda records: _files(records) + b"garbage"),
    "m17 one trailing CRLF": ("record-end", _changed("response", lambda record: record[:-2])),
    "m18 digest label SHA-1": ("digest-form", _changed("response", _style)),
    "m19 IP on warcinfo": ("field-misplaced", _field("warcinfo", "WARC-IP-Address", "127.0.0.1")),
    "m20 revisit without Payload-Digest": ("revisit-payload", _field("revisit", "WARC-Payload-Digest", None)),
    "m21 revisit without WARC-Truncated": ("revisit-truncated", _field("revisit", "WARC-Truncated", None)),
    "m22 ten fraction digits": ("date", _field("response", "WARC-Date", "2024-03-05T06:07:08.0901230000Z")),
    "m23 dangling Refers-To": ("refers-to", _field("revisit", "WARC-Refers-To", DANGLING)),
    "m24 two records in one member": (
        "member-records",
        lambda records: _files([*records[:3], records[3] + records[4], *records[5:]]),
    ),
    "m25 URI in angle brackets": ("uri", _field("response", "WARC-Target-URI", f"<{URL.format(0)}>")),
    "m26 bad IP": ("ip", _field("response", "WARC-IP-Address", "127.0.0.256")),
    "m27 unknown type": ("type-unknown", _field("metadata", "WARC-Type", "metadatum")),
    "m28 Refers-To on response": ("field-misplaced", _field("response", "WARC-Refers-To", DANGLING)),
    "m29 HTTP Content-Length mismatch": ("http-length", _changed("response", _other_length)),
    "m30 wrong payload digest, block right": (
        "payload-digest",
        _field("response", "WARC-Payload-Digest", f"sha256:{'0' * 64}"),
    ),
    "m31 date with local offset": ("date", _field("response", "WARC-Date", "2024-03-05T14:07:08+08:00")),
    "m32 revisit with wrong Refers-To-Date": (
        "refers-to-date",
        _field("revisit", "WARC-Refers-To-Date", "2024-03-05T06:07:08Z"),
    ),
    "m33 WARC/1.0 with microseconds": ("date", _old_version),
    "m34 HTTP/2 200 status line": ("http-status-line", _changed("response", _other_status)),
    "m35 gzip bit flip": ("gzip-broken", _flipped_gzip),
    "m36 zero-filled tail": ("garbage", lambda records: _files(records) + b"\0" * 4096),
}
"""The seeded defects by name: the code of the finding, and what is done to the records (or made of them)."""


def spoil(path: Path, name: str) -> str:
    """Spoil a clean file in one of the ways; returns the code that is to be found."""
    code, mutate = MUTANTS[name]
    records = read_records(path)
    data = mutate(records)
    path.write_bytes(_files(records) if data is None else data)
    return code


def scan(path: Path) -> list[Finding]:
    """What is wrong with a file by itself."""
    with path.open("rb") as file:
        return [found for batch in WarcScan(file, path.name, filename=path.name).run() for found in batch.findings]
