"""HTTP messages as they lie in the store: heads, payloads, contents, digests."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tracemalloc
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.codings import CODINGS_LIMIT, PIECE_BYTES
from archive.digest import (
    HEAD_LIMIT_BYTES,
    digest_bytes,
    digest_pieces,
    iter_content,
    iter_payload,
    measure,
    read_head,
    read_request,
    text_digest,
)
from archive.errors import UnreadableContent

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PAGE = "<p>第一条 为了规范行政执法</p>".encode() * 50
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def payload_of(message: bytes, method: str = "GET") -> bytes:
    """The payload of a message in one piece."""
    return b"".join(iter_payload(message, read_head(message), method))


def content_of(payload: bytes, *codings: bytes, max_bytes: int | None = None) -> bytes:
    """The content of a payload with these Content-Encoding fields."""
    headers = tuple((b"Content-Encoding", coding) for coding in codings)
    return b"".join(iter_content([payload], headers, max_bytes=max_bytes))


# Heads


def test_head_says_status_version_fields_and_place() -> None:
    """A plain head is read with its fields in order, repeated ones too."""
    message = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Type: Text/HTML; charset=GBK\r\n\r\nx"
    head = read_head(message)
    assert (head.status, head.version, head.complete) == (200, "1.1", True)
    assert (head.start, message[head.end :]) == (0, b"x")
    assert head.values(b"Set-Cookie") == [b"a=1", b"b=2"]
    assert head.headers[1][0] == b"set-cookie"
    assert head.media_type == "text/html"


def test_final_head_follows_interim_ones() -> None:
    """Interim heads are passed over; the final head is the one that counts."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    head = read_head(interim + b"HTTP/1.1 404 Not Found\r\n\r\n")
    assert (head.start, head.status) == (len(interim), 404)


def test_switching_protocols_is_final() -> None:
    """101 ends HTTP on the connection and is followed by no other head."""
    head = read_head(b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    assert head.status == 101


def test_interim_head_alone_has_no_status() -> None:
    """When the connection ends after an interim head, no final status was received."""
    assert read_head(b"HTTP/1.1 100 Continue\r\n\r\n").status is None


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.1 200", 200),
        (b"HTTP/1.1 200 ", 200),
        (b"HTTP/1.0 503 \xcd\xfc\xc2\xe7\xb4\xed\xce\xf3", 503),
        (b"HTTP/2 200 OK", 200),
        (b"HTTP/1.1 2000 OK", None),
        (b"HTTP/1.1 abc", None),
        (b"http/1.1 200 OK", None),
        (b"SSH-2.0-OpenSSH_9.2", None),
        (b"<html>", None),
    ],
)
def test_status_line_forms(line: bytes, status: int | None) -> None:
    """A status needs a status line; a missing or Chinese reason phrase does no harm."""
    assert read_head(line + b"\r\n\r\n").status == status


def test_bare_line_feeds_folds_and_lines_without_colon() -> None:
    """Bare LF ends lines, folded lines are joined, a line without colon is passed over."""
    head = read_head(b"\r\nHTTP/1.1 200 OK\nX-Long : one\n\t two  \nnonsense\n goes with it\nX-Next:3\n\nbody")
    assert head.headers == ((b"X-Long", b"one two"), (b"X-Next", b"3"))
    assert head.end == len(b"\r\nHTTP/1.1 200 OK\nX-Long : one\n\t two  \nnonsense\n goes with it\nX-Next:3\n\n")


def test_raw_gbk_in_a_field_is_kept_byte_for_byte() -> None:
    """Header bytes that are no Latin text come back as they were sent."""
    name = "收费目录.doc".encode("gbk")
    head = read_head(b"HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=" + name + b"\r\n\r\n")
    assert head.values(b"content-disposition") == [b"attachment; filename=" + name]
    value = head.value(b"Content-Disposition")
    assert value is not None
    assert value.encode("latin-1").endswith(name)


def test_cut_head_keeps_status_and_finished_fields() -> None:
    """A head that was cut off has its whole fields, not the one in the middle of which it ended."""
    head = read_head(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12")
    assert (head.status, head.complete) == (200, False)
    assert head.headers == ((b"Content-Type", b"text/html"),)
    assert measure(b"HTTP/1.1 200 OK\r\nContent-Le", "GET").payload_digest is None


@pytest.mark.parametrize("message", [b"", b"\r\n", b"\x16\x03\x01\x02\x00", b"\x00" * 3_000_000])
def test_garbage_has_neither_status_nor_payload(message: bytes) -> None:
    """Bytes that are no HTTP have no status, no fields, no payload."""
    framing = measure(message, "GET")
    assert (framing.head.status, framing.head.headers, framing.payload_digest) == (None, (), None)
    assert framing.block_digest == digest_bytes(message)


def test_endless_head_is_not_read_beyond_its_limit() -> None:
    """A head without end is read up to the limit and counts as cut."""
    head = read_head(b"HTTP/1.1 200 OK\r\n" + b"X-Fill: 0123456789\r\n" * (HEAD_LIMIT_BYTES // 10))
    assert head.status == 200
    assert not head.complete


def test_request_is_split_into_fields_and_body() -> None:
    """A posted form is the request's body; a GET has none."""
    headers, body = read_request(b"POST /search HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\npage=2")
    assert headers == ((b"Host", b"a.test"), (b"Content-Length", b"6"))
    assert body == b"page=2"
    assert read_request(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")[1] == b""
    assert read_request(b"GET / HT")[1] == b""


# Payloads


@pytest.mark.parametrize(
    ("fields", "body", "payload"),
    [
        (b"Content-Length: 4\r\n", b"text and more", b"text"),
        (b"Content-Length: 40\r\n", b"cut", b"cut"),
        (b"Content-Length: 4, 4\r\n", b"text!", b"text"),
        (b"Content-Length: 4\r\nContent-Length: 5\r\n", b"text!!", b"text!!"),
        (b"Content-Length: -1\r\n", b"text", b"text"),
        (b"Content-Length: 4_0\r\n", b"text", b"text"),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", b"text", b"text"),
        (b"", b"until the end", b"until the end"),
        (b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n", b"text", b"te"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", b"4\r\ntext\r\n0\r\n\r\n", b"text"),
    ],
)
def test_payload_length(fields: bytes, body: bytes, payload: bytes) -> None:
    """The payload ends where RFC 9112 says; a length that says nothing sensible is not believed."""
    assert payload_of(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body) == payload


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b"4\r\ntext\r\n0\r\n\r\n", b"text"),
        (b'4;name="a;b"\r\ntext\r\n00A ; x\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n', b"text0123456789"),
        (b"4\ntext\n0\n\n", b"text"),
        (b"4\r\ntext4\r\nmore\r\n0\r\n\r\n", b"textmore"),
        (b"4\r\ntext\r\nff\r\ncut", b"textcut"),
        (b"4\r\ntext\r\n1", b"text"),
        (b"4\r\ntext\r", b"text"),
        (b"4\r\ntext\r\n", b"text"),
        (b"fffffffffffffff\r\ntext", b"text"),
        (b"", b""),
        (b"<html>\n<p>", b"<html>\n<p>"),
        (b"4\r\ntext\r\n-5\r\nabc", b"text-5\r\nabc"),
        (b"ffffffffffffffffffff\r\nabc", b"ffffffffffffffffffff\r\nabc"),
    ],
)
def test_chunks_are_joined_and_of_broken_ones_what_is_there_is_taken(body: bytes, payload: bytes) -> None:
    """Extensions, trailers, bare LF and missing line ends are no obstacle; what is no chunk is taken as it is."""
    assert payload_of(CHUNKED + body) == payload


def test_transfer_coding_under_the_chunks_is_undone() -> None:
    """Transfer-Encoding: gzip, chunked is undone to the entity-body."""
    packed = gzip.compress(PAGE, mtime=0)
    message = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        len(packed),
        packed,
    )
    assert payload_of(message) == PAGE


def test_tower_of_transfer_codings_is_left_as_it_is() -> None:
    """A server that stacks absurdly many transfer codings does not keep its answer from being measured."""
    message = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + b"gzip, " * 1000 + b"chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n"
    assert payload_of(message) == b"4\r\ntext\r\n0\r\n\r\n"


def test_payload_stays_content_encoded() -> None:
    """The payload digest is over the compressed bytes inside the chunks."""
    packed = gzip.compress(PAGE, mtime=0)
    framing = measure(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed), "GET")
    assert framing.payload_digest == "sha256:" + hashlib.sha256(packed).hexdigest()
    assert framing.payload_bytes == len(packed)


@pytest.mark.parametrize(("method", "status"), [("HEAD", b"200"), ("head", b"200"), ("GET", b"204"), ("GET", b"304")])
def test_messages_without_payload(method: str, status: bytes) -> None:
    """Answers to HEAD, and 204 and 304, have no payload whatever their fields say."""
    message = b"HTTP/1.1 %b X\r\nContent-Length: 3\r\n\r\nabc" % status
    assert payload_of(message, method) == b""
    assert measure(message, method).payload_digest is None


def test_empty_payload_has_a_digest() -> None:
    """A 200 with an empty body has a payload of no bytes."""
    framing = measure(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET")
    assert (framing.payload_digest, framing.payload_bytes) == (digest_bytes(b""), 0)


def test_two_readers_of_one_file_do_not_disturb_each_other() -> None:
    """Payload iterators keep their own place in the file."""
    message = CHUNKED + b"10000\r\n" + b"a" * 65536 + b"\r\n10000\r\n" + b"b" * 65536 + b"\r\n0\r\n\r\n"
    file = io.BytesIO(message)
    head = read_head(file)
    pairs = list(zip(iter_payload(file, head, "GET"), iter_payload(file, head, "GET"), strict=True))
    assert all(one == other for one, other in pairs)
    assert b"".join(one for one, _ in pairs) == b"a" * 65536 + b"b" * 65536


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.data())
def test_any_chunking_gives_the_body_and_any_cut_a_prefix_of_it(chunks: list[bytes], data: st.DataObject) -> None:
    """However a body is chunked it comes out whole, and cut anywhere its beginning comes out."""
    body = b"".join(b"%x;n\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    whole = b"".join(chunks)
    assert payload_of(CHUNKED + body) == whole
    cut = data.draw(st.integers(0, len(body)))
    rest = payload_of(CHUNKED + body[:cut])
    assert whole.startswith(rest) or rest == body[:cut]  # "1;" alone may be text as well as a size


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", CHUNKED]), st.sampled_from(["GET", "HEAD"])
)
def test_no_bytes_are_refused(tail: bytes, start: bytes, method: str) -> None:
    """Whatever came over the wire is measured without an error."""
    framing = measure(start + tail, method)
    assert framing.block_digest == digest_bytes(start + tail)
    assert framing.payload_bytes <= len(tail)


# Contents


def deflate_raw(data: bytes) -> bytes:
    """Deflate without the zlib wrapper, as some servers send it."""
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize(
    ("codings", "payload"),
    [
        ([], PAGE),
        ([b"identity"], PAGE),
        ([b"gzip"], gzip.compress(PAGE, mtime=0)),
        ([b"X-GZIP"], gzip.compress(PAGE, mtime=0)),
        ([b"gzip"], gzip.compress(PAGE[:500], mtime=0) + gzip.compress(PAGE[500:], mtime=0)),
        ([b"gzip"], gzip.compress(PAGE, mtime=0) + b"\x00\x00trailing"),
        ([b"deflate"], zlib.compress(PAGE)),
        ([b"deflate"], deflate_raw(PAGE)),
        ([b"br"], brotli.compress(PAGE)),
        ([b"zstd"], zstd.compress(PAGE)),
        ([b"zstd"], zstd.compress(PAGE[:500]) + zstd.compress(PAGE[500:])),
        ([b"gzip, br"], brotli.compress(gzip.compress(PAGE, mtime=0))),
        ([b"gzip", b"br"], brotli.compress(gzip.compress(PAGE, mtime=0))),
        ([b"utf-8"], PAGE),
        ([b"gzip"], PAGE),
        ([b"deflate"], PAGE),
        ([b"zstd"], PAGE),
        ([b"gzip"], b""),
        ([b"br"], b""),
    ],
)
def test_content_codings(codings: list[bytes], payload: bytes) -> None:
    """Known codings are undone, in reverse order; a payload that is not what it claims passes as it is."""
    assert content_of(payload, *codings) == (PAGE if payload else b"")


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        (b"gzip", gzip.compress(PAGE * 400, compresslevel=1, mtime=0)),
        (b"deflate", zlib.compress(PAGE * 400, 1)),
        (b"br", brotli.compress(PAGE * 400, quality=0)),
        (b"zstd", zstd.compress(PAGE * 400)),
    ],
)
@given(st.data())
def test_cut_stream_yields_its_beginning(coding: bytes, packed: bytes, data: st.DataObject) -> None:
    """Of a compressed body that was cut off, what can be read is a beginning of the page."""
    cut = data.draw(st.integers(24, len(packed)))
    assert (PAGE * 400).startswith(content_of(packed[:cut], coding))


def test_cut_gzip_yields_nearly_all_that_was_received() -> None:
    """Cutting the check sum off a gzip body loses nothing of the page."""
    assert content_of(gzip.compress(PAGE, mtime=0)[:-8], b"gzip") == PAGE


@pytest.mark.parametrize(
    ("coding", "packed", "tail_bytes"),
    [
        (b"gzip", gzip.compress(PAGE, mtime=0), 200),
        (b"deflate", zlib.compress(PAGE), 200),
        (b"br", brotli.compress(PAGE), 0),  # its decoder refuses the last piece with its tail
        (b"zstd", zstd.compress(PAGE), 200),
    ],
)
@given(st.binary(max_size=200), st.integers(1, 7))
def test_pieces_of_any_size_give_the_same_content(
    coding: bytes, packed: bytes, tail_bytes: int, tail: bytes, size: int
) -> None:
    """How the payload is cut into pieces does not matter, also where something else follows the stream."""
    payload = packed + tail[:tail_bytes]
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    assert b"".join(iter_content(pieces, ((b"Content-Encoding", coding),))) == PAGE


@pytest.mark.parametrize(
    ("coding", "compress"),
    [(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"br", brotli.compress), (b"zstd", zstd.compress)],
)
def test_bomb_comes_out_in_small_pieces_and_stops_at_the_limit(coding: bytes, compress: object) -> None:
    """A bomb is never held in memory, and more than the limit is an error, not a shorter file."""
    assert callable(compress)
    bomb = compress(bytes(24_000_000))
    headers = ((b"Content-Encoding", coding),)
    tracemalloc.start()
    try:
        longest = max(len(piece) for piece in iter_content([bomb], headers))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert longest <= 2 * PIECE_BYTES
    assert peak < 8_000_000
    with pytest.raises(UnreadableContent, match="more than 1000000 bytes"):
        content_of(bomb, coding, max_bytes=1_000_000)


def test_towers_of_codings_are_refused() -> None:
    """More codings than any page uses are an error."""
    with pytest.raises(UnreadableContent, match="stacked"):
        content_of(PAGE, b", ".join([b"gzip"] * (CODINGS_LIMIT + 1)))


# Digests


def test_digest_form() -> None:
    """Digests are sha256: and lower-case hex, over all pieces."""
    assert digest_pieces([b"ab", b"", b"c"]) == ("sha256:" + hashlib.sha256(b"abc").hexdigest(), 3)


def test_text_digest_ignores_width_and_blanks_and_nothing_else() -> None:
    """Full-width forms and runs of blanks do not change a text; a character does."""
    assert text_digest("第１条\u3000 为了\n\n规范 ") == text_digest("第1条 为了 规范")
    assert text_digest("第1条") != text_digest("第2条")
    assert text_digest("\ud800") == text_digest("\ud800")
