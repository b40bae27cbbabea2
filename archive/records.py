"""WARC/1.1 records as bytes: what a capture, a note and a file's first record consist of.

Follows WARC 1.1 (IIPC text of ISO 28500:2017). Blocks are written byte for byte as they are given; one record makes one
gzip member; nothing here opens a file.
"""

from __future__ import annotations

import io
import ipaddress
import json
import re
import ssl
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlsplit

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from archive.digest import digest_bytes, read_request

if TYPE_CHECKING:
    from archive.digest import Framing, Head
    from archive.model import Context, Exchange

NewId = Callable[[], str]
"""Makes a record id: ``<urn:uuid:…>``, never the same twice (WARC 1.1, 'WARC-Record-ID')."""

Headers = list[tuple[str, str]]
RevisitProfile = Literal["identical-payload-digest", "server-not-modified"]
NoteKind = Literal["failure", "decision", "recovery"]

HTTP_RESPONSE = "application/http; msgtype=response"
HTTP_REQUEST = "application/http; msgtype=request"
WARC_FIELDS = "application/warc-fields"
PEM_CHAIN = "application/pem-certificate-chain"
PROFILE_URI = "http://netpreserve.org/warc/1.1/revisit/"

_CODINGS = {"gzip": (b"\x1f\x8b\x08",), "x-gzip": (b"\x1f\x8b\x08",), "zstd": (b"\x28\xb5\x2f\xfd",)}
_FORMATS = (
    b"PK\x03\x04",
    b"\xff\xd8\xff",
    b"\x89PNG",
    b"Rar!\x1a",
    b"7z\xbc\xaf",
)  # ZIP, and with it DOCX, XLSX, OFD; JPEG …
_CHUNK_LINE_BYTES = 16  # a body's first bytes, behind the size of the first chunk where there are chunks

_URI_SAFE = "%/:?#[]@!$&'()*+,;=~-._"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNSAFE_IN_JSON = re.compile(r"[\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisit:
    """The earlier capture whose payload a revisit stands for (WARC 1.1, 'revisit')."""

    profile: RevisitProfile
    record_id: str
    url: str
    captured_at: datetime  # of the original, with its microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A capture ready to be written: response (or revisit), request and metadata belong together."""

    exchange: Exchange
    context: Context
    framing: Framing
    revisit: Revisit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A free-standing metadata record ready to be written: what no exchange shows and a rebuild of the catalog needs."""

    kind: NoteKind
    url: str
    fields: Mapping[str, str | None]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A record written: its id, and its gzip member's place relative to where writing began."""

    record_id: str
    offset: int
    length: int
    block_digest: str


@dataclass(frozen=True, slots=True)
class _Block:
    file: IO[bytes]
    length: int
    digest: str
    content_type: str
    plain_bytes: int | None = None  # of its beginning; what comes behind is compressed already


class _VerbatimWriter(WARCWriter):  # type: ignore[misc]  # warcio is untyped
    """warcio's writer without its wish to add digests of its own kind to records that must not have them."""

    def write_member(self, record: Any, member: _MemberSink | _StoringSink) -> None:
        """Write a record as one gzip member."""
        self._write_warc_record(member, record)

    def ensure_digest(self, record: Any, block: bool = True, payload: bool = True) -> None:  # noqa: FBT001, FBT002 -- warcio's signature
        """Leave the record's digests to the caller."""


class _MemberSink:
    """Turns what warcio writes for one record into one gzip member; warcio flushes at the record's end."""

    def __init__(self, out: IO[bytes], level: int) -> None:
        self._out = out
        self._deflater = zlib.compressobj(level, zlib.DEFLATED, 31)

    def write(self, data: bytes) -> None:
        self._out.write(self._deflater.compress(data))

    def flush(self) -> None:
        self._out.write(self._deflater.flush())


_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"  # RFC 1952: deflate, no name, no time; as zlib writes it
_STORED_BYTES = 0xFFFF  # of one block at most
_STORED_END = b"\x01\x00\x00\xff\xff"  # a last block with nothing in it


class _StoringSink:
    """Does the same for a record whose block is compressed already from ``plain_bytes`` on.

    WARC head and plain beginning are deflated; the rest stands in stored blocks (RFC 1951 section 3.2.4): trying to make it
    smaller makes it longer, and costs more than everything else that is done for a record.
    """

    def __init__(self, out: IO[bytes], level: int, plain_bytes: int) -> None:
        self._out = out
        self._left: int | None = None  # of the plain beginning; None: the WARC head, which comes first in one piece
        self._plain_bytes = plain_bytes
        self._deflater = zlib.compressobj(level, zlib.DEFLATED, -15)
        self._crc = self._size = 0
        out.write(_GZIP_HEAD)

    def write(self, data: bytes) -> None:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        if self._left is None:
            self._left = self._plain_bytes
            self._out.write(self._deflater.compress(data))
            return
        if self._left:
            plain, data = data[: self._left], data[self._left :]
            self._left -= len(plain)
            self._out.write(self._deflater.compress(plain))
            if not self._left:
                self._out.write(self._deflater.flush(zlib.Z_SYNC_FLUSH))  # stored blocks begin at a byte's border
        for start in range(0, len(data), _STORED_BYTES):
            piece = data[start : start + _STORED_BYTES]
            self._out.write(_stored_head(len(piece)) + piece)

    def flush(self) -> None:
        self._out.write(_STORED_END + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))


def _stored_head(length: int) -> bytes:
    return struct.pack("<BHH", 0, length, length ^ 0xFFFF)


def warc_date(at: datetime) -> str:
    """Format an instant with microseconds, as WARC/1.1 allows ('WARC-Date'); the same instant always the same way."""
    if at.tzinfo is None:
        message = f"{at!r} has no time zone; captures are dated in UTC"
        raise ValueError(message)
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def target_uri(url: str) -> str:
    """Percent-encode what a URI must not contain (RFC 3986 section 2); what is encoded already stays."""
    return quote(url, safe=_URI_SAFE, errors="replace")


def plain_url(url: str) -> str | None:
    """Return a URL that its WARC-Target-URI does not say as it is, to be said beside it; ``None`` where it does."""
    return None if target_uri(url) == url else url


def chain_uri(url: str) -> str:
    """Name the certificates of a URL's host and port."""
    parts = urlsplit(url)
    return f"urn:govcrawl:tls:{target_uri(parts.hostname or '')}:{parts.port or 443}"


def warc_fields(values: Mapping[str, str | None]) -> bytes:
    """Format an ``application/warc-fields`` block; values on one line each, ``None`` and empty ones left out."""
    lines = [f"{name}: {one_line(value)}\r\n" for name, value in values.items() if value]
    return "".join(lines).encode("utf-8", "replace")


def dump_json(value: object) -> str:
    """Format a value as JSON on one line, keys sorted, so that equal values are equal bytes.

    What a block of warc-fields or UTF-8 would not keep is escaped: reading it gives the same value again.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class RecordWriter:
    """Writes records one behind the other into a binary file: one gzip member each.

    ``warcinfo_id`` names the file's first record where that is written already.
    """

    def __init__(self, out: IO[bytes], *, new_id: NewId, level: int, warcinfo_id: str | None = None) -> None:
        self._out = out
        self._new_id = new_id
        self._level = level
        self._warcinfo_id = warcinfo_id
        self._writer = _VerbatimWriter(out, gzip=False, warc_version="1.1")

    def write_warcinfo(self, filename: str, fields: Mapping[str, str], at: datetime) -> Member:
        """Write the first record of a file (WARC 1.1, 'warcinfo'); the records behind it name it."""
        headers = [("WARC-Date", warc_date(at)), ("WARC-Filename", filename)]
        member = self._write_bytes("warcinfo", headers, warc_fields(fields), WARC_FIELDS)
        self._warcinfo_id = member.record_id
        return member

    def write_note(self, kind: NoteKind, url: str, fields: Mapping[str, str | None], at: datetime) -> Member:
        """Write a free-standing metadata record: what no exchange shows and a rebuild of the catalog needs."""
        return self._write_bytes(
            "metadata", self._shared_headers(url, at), warc_fields({"note": kind, **fields}), WARC_FIELDS
        )

    def write_resource(self, url: str, content: bytes, content_type: str, partner: str, at: datetime) -> Member:
        """Write something made from a capture that no server sent (WARC 1.1, 'resource'); ``partner`` is its record id."""
        headers = [
            *self._shared_headers(url, at),
            ("WARC-Concurrent-To", partner),
            ("WARC-Payload-Digest", digest_bytes(content)),
        ]
        return self._write_bytes("resource", headers, content, content_type)

    def write_chain(self, url: str, chain: Sequence[bytes], at: datetime) -> Member:
        """Write the certificates a host showed, as PEM (RFC 8555 section 9.1); captures name the record by its id."""
        content = "".join(ssl.DER_cert_to_PEM_cert(certificate) for certificate in chain).encode("ascii")
        headers = [*self._shared_headers(chain_uri(url), at), ("WARC-Payload-Digest", digest_bytes(content))]
        return self._write_bytes("resource", headers, content, PEM_CHAIN)

    def write_group(self, group: Group, chain_id: str | None = None) -> tuple[Member, Member, Member]:
        """Write a capture: response or revisit, request, metadata (WARC 1.1, 'WARC-Concurrent-To').

        ``chain_id`` is the record that holds the certificates of the connection. Raises ValueError where no byte of a response arrived: then there is no capture, only a failure.
        """
        exchange = group.exchange
        if exchange.response_bytes <= 0:
            message = f"{exchange.url}: no byte of a response arrived, so there is no capture; record a failure instead"
            raise ValueError(message)
        shared = self._shared_headers(exchange.url, exchange.started_at)
        connection = _connection_headers(exchange, group.framing.head.version)
        response = self._write_response(group, shared + connection)
        pairing = [("WARC-Concurrent-To", response.record_id)]
        _, body = read_request(exchange.request)
        payload = [("WARC-Payload-Digest", digest_bytes(body))] if body else []
        request = self._write_bytes("request", shared + pairing + connection + payload, exchange.request, HTTP_REQUEST)
        made = {
            "fetchTimeMs": str(round(exchange.elapsed_seconds * 1000)),
            "rebuiltBy": exchange.rebuilt_by,
            "url": plain_url(exchange.url),
            "certificates": chain_id,
        }
        block = warc_fields({**made, **context_fields(group.context)})
        return response, request, self._write_bytes("metadata", shared + pairing, block, WARC_FIELDS)

    def _shared_headers(self, url: str, at: datetime) -> Headers:
        if self._warcinfo_id is None:
            message = "a WARC file begins with its warcinfo record; write that first"
            raise ValueError(message)
        return [
            ("WARC-Date", warc_date(at)),
            ("WARC-Target-URI", target_uri(url)),
            ("WARC-Warcinfo-ID", self._warcinfo_id),
        ]

    def _write_response(self, group: Group, headers: Headers) -> Member:
        exchange, framing, revisit = group.exchange, group.framing, group.revisit
        exchange.response.seek(0)
        if revisit is None:
            if framing.payload_digest:
                headers = [*headers, ("WARC-Payload-Digest", framing.payload_digest)]
            if exchange.truncated:
                headers = [*headers, ("WARC-Truncated", exchange.truncated)]
            plain_bytes = framing.head.end if _is_compressed(exchange.response, framing.head) else None
            block = _Block(exchange.response, exchange.response_bytes, framing.block_digest, HTTP_RESPONSE, plain_bytes)
            return self._write("response", headers, block)
        head = exchange.response.read(framing.head.end)
        headers = [*headers, *_revisit_headers(revisit, framing)]
        if len(head) < exchange.response_bytes:
            headers.append(("WARC-Truncated", "length"))
        return self._write_bytes("revisit", headers, head, HTTP_RESPONSE)

    def _write_bytes(self, record_type: str, headers: Headers, block: bytes, content_type: str) -> Member:
        return self._write(
            record_type, headers, _Block(io.BytesIO(block), len(block), digest_bytes(block), content_type)
        )

    def _write(self, record_type: str, headers: Headers, block: _Block) -> Member:
        record_id = self._new_id()
        all_headers = [
            ("WARC-Type", record_type),
            ("WARC-Record-ID", record_id),
            *((name, one_line(value)) for name, value in headers),
            ("WARC-Block-Digest", block.digest),
        ]
        record = ArcWarcRecord(
            "warc",
            # For a revisit warcio would write no block; told that it is a response, it writes what it is given.
            "response" if record_type == "revisit" else record_type,
            StatusAndHeaders("", all_headers, protocol="WARC/1.1"),
            block.file,
            None,
            block.content_type if block.length else None,
            block.length,
        )
        offset = self._out.tell()
        sink = (
            _MemberSink(self._out, self._level)
            if block.plain_bytes is None
            else _StoringSink(self._out, self._level, block.plain_bytes)
        )
        self._writer.write_member(record, sink)
        length = self._out.tell() - offset
        return Member(record_id=record_id, offset=offset, length=length, block_digest=block.digest)


def _is_compressed(response: IO[bytes], head: Head) -> bool:
    """Tell whether a response's body is compressed: by a coding it declares and begins as, or a file's format."""
    response.seek(head.end)
    begins = response.read(_CHUNK_LINE_BYTES)
    response.seek(0)
    declared = (head.value(b"Content-Encoding") or "").strip().lower()
    magics = _CODINGS.get(declared) if declared else _FORMATS
    return magics is not None and any(magic in begins for magic in magics)


def context_fields(context: Context) -> dict[str, str | None]:
    """Say as warc-fields why an exchange took place (WARC 1.1, 'metadata'; from ``agency`` on this project's own)."""
    return {
        "via": context.via,
        "hopsFromSeed": context.hops,
        "agency": context.agency,
        "crawl": context.crawl_id,
        "kind": context.kind,
        "channel": context.channel,
        "entry": dump_json(dict(context.entry)) if context.entry else None,
    }


def _revisit_headers(revisit: Revisit, framing: Framing) -> Headers:
    headers = [
        ("WARC-Profile", PROFILE_URI + revisit.profile),
        ("WARC-Refers-To", revisit.record_id),
        ("WARC-Refers-To-Target-URI", target_uri(revisit.url)),
        ("WARC-Refers-To-Date", warc_date(revisit.captured_at)),
    ]
    if revisit.profile == "identical-payload-digest" and framing.payload_digest:
        headers.append(("WARC-Payload-Digest", framing.payload_digest))
    return headers


def _connection_headers(exchange: Exchange, http_version: str | None) -> Headers:
    headers: Headers = []
    if ip := ip_text(exchange.ip):
        headers.append(("WARC-IP-Address", ip))
    if exchange.tls_version or exchange.http_version:
        headers.append(("WARC-Protocol", exchange.http_version or f"http/{http_version or '1.1'}"))
    if exchange.tls_version:
        headers.append(("WARC-Protocol", _tls_name(exchange.tls_version)))
        if exchange.tls_cipher:
            headers.append(("WARC-Cipher-Suite", exchange.tls_cipher))
    return headers


@lru_cache(maxsize=1024)
def ip_text(ip: str | None) -> str | None:
    """Write an address in its one form (RFC 5952); an IPv4 peer of a dual-stack socket is an IPv4 address.

    What is no IP address (the path of a local socket) gives ``None``: WARC-IP-Address has no place for it.
    """
    try:
        address = ipaddress.ip_address((ip or "").partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _tls_name(openssl_name: str) -> str:
    """Turn OpenSSL's name of a TLS version into that of WARC-Protocol: TLSv1.3 → tls/1.3, TLSv1 → tls/1.0."""
    name, _, version = openssl_name.lower().partition("v")
    return f"{name}/{version if '.' in version else f'{version}.0'}"


def one_line(value: str) -> str:
    """Return a text as warc-fields can hold it: controls and line ends as blanks, none at its ends."""
    if value.isascii() and value.isprintable():
        return value.strip(" ")
    return _CONTROLS.sub(" ", value).encode("utf-8", "replace").decode("utf-8").strip(" ")
