"""WARC in: what is read back is what was written, or an error says what is wrong."""

from __future__ import annotations

import gzip
import io
import itertools
import tracemalloc
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warcs import PAGE, STARTED_AT, exchange_of, frozen_ids, frozen_now, group_of, members_of, response_of

from archive.digest import digest_bytes
from archive.errors import ArchiveError, CaptureMissing, DigestMismatch
from archive.model import Capture
from archive.reader import WARC_HEAD_LIMIT_BYTES, iter_records, open_capture, read_record
from archive.records import Group, Revisit
from archive.writer import Placed, WarcWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"


def no_original(record_id: str) -> Capture | None:
    """A catalog without revisits."""
    message = f"nothing refers to {record_id}"
    raise AssertionError(message)


def capture_of(group: Group, place: Placed, **fields: Any) -> Capture:
    """The row of a written group."""
    framing, revisit = group.framing, group.revisit
    usual: dict[str, Any] = {
        "id": 7,
        "agency": "haidao_sfj",
        "crawl_id": "crawl-1",
        "kind": "document",
        "url": group.exchange.url,
        "method": group.exchange.method,
        "request_digest": None,
        "status": framing.head.status,
        "media_type": framing.head.media_type,
        "captured_at": STARTED_AT,
        "warc_file": place.warc_file,
        "offset": place.offset,
        "length": place.length,
        "record_id": place.record_id,
        "block_digest": place.block_digest,
        "payload_digest": framing.payload_digest,
        "payload_bytes": framing.payload_bytes,
        "truncated": None,
        "revisit_profile": revisit.profile if revisit else None,
        "refers_to": revisit.record_id if revisit else None,
        "etag": None,
        "last_modified": None,
        "ip": "127.0.0.1",
    }
    return Capture(**(usual | fields))


def store_in(folder: Path, *groups: Group, close: bool = True) -> list[Capture]:
    """Write groups into a file and return their rows."""
    writer = WarcWriter(folder, "haidao_sfj", warcinfo={"software": "x"}, now=frozen_now(), new_id=frozen_ids())
    captures = [capture_of(group, place) for group, place in zip(groups, writer.write_groups(groups), strict=True)]
    if close:
        writer.close()
    return captures


def revisit_of(original: Capture, profile: Any = "identical-payload-digest") -> Revisit:
    """A revisit's reference to a row."""
    return Revisit(profile=profile, record_id=original.record_id, url=original.url, captured_at=original.captured_at)


def test_capture_comes_back_as_the_response_it_was(tmp_path: Path) -> None:
    """Head, fields, payload and content of a chunked, gzipped response come back, interim head included."""
    message = b"HTTP/1.1 103 Early Hints\r\n\r\n" + CHUNKED % (len(PAGE), PAGE)
    (capture,) = store_in(tmp_path, group_of(message))
    with open_capture(tmp_path, capture, original_of=no_original) as response:
        assert response.status == 200
        assert response.head == message[: message.index(b"\r\n\r\n", 40) + 4]
        assert response.headers == ((b"Transfer-Encoding", b"chunked"), (b"Content-Encoding", b"gzip"))
        assert b"".join(response.iter_payload()) == PAGE
        assert b"".join(response.iter_block()) == message
        assert response.read_content() == gzip.decompress(PAGE)
        assert response.read_content(max_bytes=100_000) == gzip.decompress(PAGE)


def test_capture_in_an_open_file_is_found(tmp_path: Path) -> None:
    """A committed capture can be read while its file is still being written."""
    (capture,) = store_in(tmp_path, group_of(), close=False)
    with open_capture(tmp_path, capture, original_of=no_original) as response:
        assert response.read_content() == gzip.decompress(PAGE)


def test_identical_revisit_has_its_own_head_and_the_payload_of_its_original(tmp_path: Path) -> None:
    """A revisit opens as its own head with the payload that its original holds."""
    first = group_of(CHUNKED % (len(PAGE), PAGE))
    (original,) = store_in(tmp_path / "1", first)
    again = group_of(response_of(PAGE, b"Content-Encoding: gzip", b"X-Hit: 2"), revisit=revisit_of(original))
    (capture,) = store_in(tmp_path / "2", again)
    original = replace(original, warc_file=f"1/{original.warc_file}")
    capture = replace(capture, warc_file=f"2/{capture.warc_file}")
    with open_capture(tmp_path, capture, original_of={original.record_id: original}.get) as response:
        assert response.original == original
        assert (b"X-Hit", b"2") in response.headers
        assert response.read_content() == gzip.decompress(PAGE)


def test_not_modified_revisit_has_status_304_and_the_content_of_its_original(tmp_path: Path) -> None:
    """A 304 opens as the 304 it is, with the page it confirms."""
    first = group_of()
    again = group_of(b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n')
    original, capture = store_in(tmp_path, first, again)
    (capture,) = store_in(tmp_path, replace(again, revisit=revisit_of(original, "server-not-modified")))
    with open_capture(tmp_path, capture, original_of={original.record_id: original}.get) as response:
        assert response.status == 304
        assert response.headers == ((b"ETag", b'"a"'),)
        assert response.read_content() == gzip.decompress(PAGE)


@pytest.mark.parametrize("found", [None, "revisit"])
def test_revisit_without_its_original_is_named(tmp_path: Path, found: str | None) -> None:
    """A revisit whose original has no row, or is itself a revisit, cannot be opened."""
    (original,) = store_in(tmp_path, group_of())
    (capture,) = store_in(tmp_path, group_of(revisit=revisit_of(original)))
    rows = {original.record_id: capture} if found else {}
    with pytest.raises(CaptureMissing, match=r"capture 7 \(https://.*is a revisit of <urn:uuid:"):
        open_capture(tmp_path, capture, original_of=rows.get)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"warc_file": "gone.warc.gz"}, CaptureMissing, "no such WARC file"),
        ({"warc_file": "../../etc/passwd"}, CaptureMissing, "no such WARC file"),
        ({"warc_file": "/etc/passwd"}, CaptureMissing, "no such WARC file"),
        ({"offset": 3}, CaptureMissing, "no readable WARC record at offset 3"),
        ({"offset": 10**9}, CaptureMissing, "the file ends within"),
        ({"offset": 0}, CaptureMissing, "found record <urn:uuid:.*1>, its row says"),
        ({"record_id": "<urn:uuid:x>"}, CaptureMissing, "rebuild the catalog"),
        ({"block_digest": "sha256:00"}, DigestMismatch, "the block of capture 7 .* its row says sha256:00"),
        ({"payload_digest": "sha256:00"}, DigestMismatch, "the payload of capture 7"),
        ({"length": 1}, DigestMismatch, "bytes long, its row says 1"),
    ],
)
def test_row_that_does_not_fit_the_record_is_an_error(
    tmp_path: Path, change: dict[str, Any], error: type[ArchiveError], message: str
) -> None:
    """Whatever a row pins and the file does not hold is named."""
    (capture,) = store_in(tmp_path, group_of())
    with pytest.raises(error, match=message):
        open_capture(tmp_path, replace(capture, **change), original_of=no_original)


def test_every_flipped_bit_that_changes_a_record_is_noticed(tmp_path: Path) -> None:
    """No bit of a record's member can change what is read without an error."""
    (capture,) = store_in(tmp_path, group_of(response_of(b"<p>0123456789</p>")))
    path = tmp_path / capture.warc_file
    data = bytearray(path.read_bytes())
    member = slice(capture.offset, capture.offset + capture.length)
    record = gzip.decompress(data[member])
    for at, bit in itertools.product(range(member.start, member.stop), range(8)):
        data[at] ^= 1 << bit
        path.write_bytes(data)
        try:
            open_capture(tmp_path, capture, original_of=no_original).close()
        except (CaptureMissing, DigestMismatch):
            pass
        else:  # the header's time and system, and the bits that fill the last byte, say nothing
            assert gzip.decompress(data[member]) == record, f"byte {at}, bit {bit}"
        data[at] ^= 1 << bit


def test_records_are_walked_with_exact_members(tmp_path: Path) -> None:
    """A walk over a file gives every record with its member's place, read or not."""
    (capture,) = store_in(tmp_path, group_of())
    path = tmp_path / capture.warc_file
    walked = []
    for number, record in enumerate(iter_records(path)):
        if number % 2:
            assert len(record.read_block()) == record.block_bytes
        walked.append((record.offset, record.type, record.finish()))
    offsets = [offset for offset, _ in members_of(path)] + [path.stat().st_size]
    assert [(offset, offset + length) for offset, _, length in walked] == list(itertools.pairwise(offsets))
    assert [kind for _, kind, _ in walked] == ["warcinfo", "response", "request", "metadata"]
    assert [record.offset for record in iter_records(path, start=capture.offset)] == offsets[1:4]


def packed(record: bytes) -> bytes:
    """A gzip member of these bytes."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, 31)
    return deflater.compress(record) + deflater.flush()


def read_whole(data: bytes, path: Path) -> int:
    """Read one record to its end."""
    return read_record(io.BytesIO(data), 0, path).finish()


RECORD = b"WARC/1.1\r\nWARC-Type: metadata\r\nContent-Length: 4\r\n\r\ntext\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file ends within the gzip member"),
        (b"not gzip at all", "gzip: "),
        (packed(RECORD)[:-1], "the file ends within"),
        (packed(RECORD)[:-8] + b"\x00" * 8, "gzip: .*incorrect"),
        (packed(RECORD[:-1]), "behind the block stands"),
        (packed(RECORD + RECORD), "behind the block stands"),
        (packed(RECORD.replace(b": 4", b": 99")), "short of its Content-Length 99"),
        (packed(RECORD.replace(b": 4", b": -4")), "Content-Length is '-4'"),
        (packed(RECORD.replace(b": 4", b": " + b"9" * 100)), "expected a number of bytes"),
        (packed(RECORD.replace(b"Content-Length: 4\r\n", b"")), "Content-Length is ''"),
        (packed(RECORD.replace(b"WARC/1.1", b"HTTP/1.1")), "expected WARC/1.1"),
        (packed(RECORD.replace(b"\r\n", b"\n")), "no WARC head"),
        (packed(b"WARC/1.1\r\n" + b"a: b\r\n" * WARC_HEAD_LIMIT_BYTES), "no WARC head within 65536 bytes"),
    ],
)
def test_what_is_no_record_is_an_error(tmp_path: Path, data: bytes, message: str) -> None:
    """Damaged members, false lengths and endless heads are told apart."""
    with pytest.raises(CaptureMissing, match=message):
        read_whole(data, tmp_path / "x.warc.gz")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.integers(0, len(RECORD)))
def test_hostile_bytes_are_read_or_refused(tmp_path: Path, noise: bytes, at: int) -> None:
    """Whatever stands in a member, it is a record or one kind of error."""
    data = packed(RECORD[:at] + noise + RECORD[at:])
    with suppress(CaptureMissing):
        assert read_whole(data, tmp_path / "x.warc.gz") == len(data)


@pytest.mark.parametrize("read", [lambda record: record.finish(), lambda record: sum(map(len, record.iter_block()))])
def test_bombs_are_read_in_bounded_memory(tmp_path: Path, read: Callable[[Any], int]) -> None:
    """A record that inflates a thousandfold is walked without being held."""
    size = 100_000_000
    bomb = packed(b"WARC/1.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size) + b"\r\n\r\n")
    tracemalloc.start()
    try:
        assert read(read_record(io.BytesIO(bomb), 0, tmp_path)) in {size, len(bomb)}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
    with pytest.raises(CaptureMissing, match="at most 1048576 were expected"):
        read_record(io.BytesIO(bomb), 0, tmp_path).read_block()


def test_large_capture_is_opened_in_bounded_memory(tmp_path: Path) -> None:
    """A capture of 32 MiB is verified and read piece by piece."""
    message = response_of(bytes(32 << 20))
    (capture,) = store_in(tmp_path, group_of(message))
    tracemalloc.start()
    try:
        with open_capture(tmp_path, capture, original_of=no_original) as response:
            assert sum(map(len, response.iter_content())) == 32 << 20
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


def test_garbage_response_opens_without_status(tmp_path: Path) -> None:
    """What came and was no HTTP can be read as the bytes it was."""
    (capture,) = store_in(tmp_path, group_of(b"\x15\x03\x01"))
    with open_capture(tmp_path, capture, original_of=no_original) as response:
        assert (response.status, response.head, response.read_content()) == (None, b"", b"")
        assert b"".join(response.iter_block()) == b"\x15\x03\x01"
    assert capture.block_digest == digest_bytes(b"\x15\x03\x01")


def test_head_answer_has_no_payload(tmp_path: Path) -> None:
    """The answer to HEAD is opened by its method, whatever length it declares."""
    exchange = exchange_of(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", method="HEAD")
    (capture,) = store_in(tmp_path, group_of(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", method=exchange.method))
    with open_capture(tmp_path, capture, original_of=no_original) as response:
        assert response.read_content() == b""
