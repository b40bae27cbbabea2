"""WARC out: records byte for byte, files that never lose what was committed."""

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import io
import os
import random
import resource
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker
from warcs import (
    PAGE,
    REQUEST,
    STARTED_AT,
    block_of,
    context_of,
    exchange_of,
    fields_of,
    frozen_ids,
    frozen_now,
    group_of,
    members_of,
    response_of,
)

from archive.digest import digest_bytes, measure
from archive.errors import ArchiveWriteError
from archive.records import Group, Revisit, target_uri, warc_date
from archive.writer import WarcWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GBK_NAME = "收费目录.doc".encode("gbk")
ORACLE = {
    "plain": response_of(b"<p>ok</p>", b"Content-Type: text/html"),
    "gzip": response_of(PAGE, b"Content-Encoding: gzip"),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=1\r\ntext\r\n0\r\nX-Sum: 1\r\n\r\n",
    "chunked and gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(PAGE), PAGE),
    "two cookies": response_of(b"x", b"Set-Cookie: a=1", b"Set-Cookie: b=2; Path=/"),
    "raw GBK field": response_of(b"x", b"Content-Disposition: attachment; filename=" + GBK_NAME),
    "no reason phrase": b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx",
    "odd case and blanks": b"HTTP/1.1  200   OK \r\ncontent-LENGTH :1\r\nX-Empty:\r\n\r\nx",
    "HTTP/1.0 until close": b"HTTP/1.0 200 OK\r\n\r\n<p>until close",
    "bare line feeds and a fold": b"HTTP/1.1 200 OK\nX-Fold: a\n b\nContent-Length: 1\n\nx",
    "no colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 1\r\n\r\nx",
    "interim head": b"HTTP/1.1 100 Continue\r\n\r\n" + response_of(b"x"),
    "redirect": response_of(b"", b"Location: /a/", status=b"302 Found"),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n',
    "broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\ncut",
    "no HTTP": b"\x15\x03\x01\x00\x02\x02\x28",
}


def writer_in(folder: Path, **options: Any) -> WarcWriter:
    """A writer with frozen ids and dates."""
    usual: dict[str, Any] = {"warcinfo": {"software": "crawler/1"}, "now": frozen_now(), "new_id": frozen_ids()}
    return WarcWriter(folder, "haidao_sfj", **(usual | options))


def written(folder: Path, *groups: Group, **options: Any) -> list[bytes]:
    """The inflated records of a closed file that holds these groups."""
    writer = writer_in(folder, **options)
    writer.write_groups(groups)
    closed = writer.close()
    assert closed is not None
    return [record for _, record in members_of(folder / closed.warc_file)]


# Records


def test_capture_group_byte_for_byte(tmp_path: Path) -> None:
    """With ids and dates frozen, a file with one capture is these very bytes."""
    context = context_of(
        channel="通知公告",
        via="https://sfj.haidao.test/tzgg/",
        hops="LL",
        entry={"title": "关于\n收费", "date": "2024-03-05"},
    )
    info, response, request, metadata = written(
        tmp_path,
        group_of(
            response_of(b"text", b"Content-Type: text/html"),
            context=context,
            tls_version="TLSv1.3",
            tls_cipher="TLS_AES_256_GCM_SHA384",
        ),
    )
    info_block = b"software: crawler/1\r\n"
    shared = (
        b"WARC-Date: 2024-03-05T06:07:08.090123Z\r\n"
        b"WARC-Target-URI: https://sfj.haidao.test/tzgg/1.html\r\n"
        b"WARC-Warcinfo-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\n"
    )
    connection = (
        b"WARC-IP-Address: 127.0.0.1\r\n"
        b"WARC-Protocol: http/1.1\r\nWARC-Protocol: tls/1.3\r\nWARC-Cipher-Suite: TLS_AES_256_GCM_SHA384\r\n"
    )
    pairing = b"WARC-Concurrent-To: <urn:uuid:00000000-0000-0000-0000-000000000002>\r\n"
    assert info == (
        b"WARC/1.1\r\nWARC-Type: warcinfo\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\n"
        b"WARC-Date: 2024-03-05T06:00:00.000000Z\r\n"
        b"WARC-Filename: haidao_sfj-20240305060000-00000.warc.gz\r\n"
        b"WARC-Block-Digest: " + digest_bytes(info_block).encode() + b"\r\n"
        b"Content-Type: application/warc-fields\r\nContent-Length: 21\r\n\r\n" + info_block + b"\r\n\r\n"
    )
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\ntext"
    assert response == (
        b"WARC/1.1\r\nWARC-Type: response\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000002>\r\n"
        + shared
        + connection
        + b"WARC-Payload-Digest: "
        b"sha256:982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1\r\n"
        b"WARC-Block-Digest: " + digest_bytes(block).encode() + b"\r\n"
        b"Content-Type: application/http; msgtype=response\r\nContent-Length: 67\r\n\r\n" + block + b"\r\n\r\n"
    )
    assert request == (
        b"WARC/1.1\r\nWARC-Type: request\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000003>\r\n"
        + shared
        + pairing
        + connection
        + b"WARC-Block-Digest: "
        + digest_bytes(REQUEST).encode()
        + b"\r\n"
        b"Content-Type: application/http; msgtype=request\r\nContent-Length: 52\r\n\r\n" + REQUEST + b"\r\n\r\n"
    )
    said = (
        b"fetchTimeMs: 250\r\nvia: https://sfj.haidao.test/tzgg/\r\nhopsFromSeed: LL\r\n"
        b"agency: haidao_sfj\r\ncrawl: crawl-1\r\nkind: document\r\n"
        + 'channel: 通知公告\r\nentry: {"date":"2024-03-05","title":"关于\\n收费"}\r\n'.encode()
    )
    assert metadata == (
        b"WARC/1.1\r\nWARC-Type: metadata\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000004>\r\n"
        + shared
        + pairing
        + b"WARC-Block-Digest: "
        + digest_bytes(said).encode()
        + b"\r\n"
        b"Content-Type: application/warc-fields\r\nContent-Length: %d\r\n\r\n" % len(said) + said + b"\r\n\r\n"
    )


@pytest.mark.parametrize("name", ORACLE)
def test_blocks_are_the_bytes_that_crossed_the_wire(tmp_path: Path, name: str) -> None:
    """Nothing of a response or request is rewritten, however odd it is."""
    request = b"GET /a?b=%C3%C3 HTTP/1.1\r\nX-Odd:  " + GBK_NAME + b"\r\n\r\n"
    _, response, sent, _ = written(tmp_path, group_of(ORACLE[name], request=request))
    assert block_of(response) == ORACLE[name]
    assert block_of(sent) == request


def test_warcio_check_finds_only_what_it_is_known_to_misread(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checker of warcio takes chunk framing and the head behind an interim one for payload; else it finds nothing."""
    writer = writer_in(tmp_path)
    places = dict(zip(ORACLE, writer.write_groups([group_of(response) for response in ORACLE.values()]), strict=True))
    original = group_of(ORACLE["gzip"], revisit=revisit_of())
    writer.write_groups([original])
    writer.write_failure("https://sfj.haidao.test/b", {"reason": "dns"}, STARTED_AT)
    closed = writer.close()
    assert closed is not None
    checker = Checker(type("Options", (), {"inputs": [str(tmp_path / closed.warc_file)], "verbose": False})())
    assert checker.process_all() == 1
    told = capsys.readouterr().out
    failed = {name for name, place in places.items() if f"WARC-Record-ID {place.record_id}" in told}
    assert failed == {"chunked", "chunked and gzip", "broken chunk", "interim head"}
    assert told.count("payload digest failed") == len(failed)
    assert told.count("failed") == len(failed)


def test_posted_body_has_a_payload_digest(tmp_path: Path) -> None:
    """Only a request with a body has a payload, and so a payload digest."""
    request = b"POST /search HTTP/1.1\r\nContent-Length: 6\r\n\r\npage=2"
    records = written(tmp_path, group_of(request=request, method="POST"))
    assert fields_of(records[2])["WARC-Payload-Digest"] == digest_bytes(b"page=2")
    assert "WARC-Payload-Digest" not in fields_of(records[3])


@pytest.mark.parametrize("reason", ["length", "time", "disconnect", "unspecified"])
def test_truncated_capture_says_why(tmp_path: Path, reason: str) -> None:
    """A cut capture is kept as far as it came, with the reason."""
    cut = response_of(PAGE)[:-10]
    record = written(tmp_path, group_of(cut, truncated=reason))[1]
    assert fields_of(record)["WARC-Truncated"] == reason
    assert block_of(record) == cut


@pytest.mark.parametrize(
    ("ip", "kept"),
    [
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("/run/x", None),
    ],
)
def test_addresses_have_one_form(tmp_path: Path, ip: str, kept: str | None) -> None:
    """IPv6 addresses are written as RFC 5952 says, mapped IPv4 addresses as IPv4; what is no address is left out."""
    records = written(tmp_path, group_of(ip=ip))
    assert [fields_of(record).get("WARC-IP-Address") for record in records] == [None, kept, kept, None]


@pytest.mark.parametrize(
    ("openssl", "version", "protocols"),
    [
        ("TLSv1.3", b"HTTP/1.1", [b"http/1.1", b"tls/1.3"]),
        ("TLSv1", b"HTTP/1.0", [b"http/1.0", b"tls/1.0"]),
        ("SSLv3", b"HTTP/1.1", [b"http/1.1", b"ssl/3.0"]),
        (None, b"HTTP/1.1", []),
    ],
)
def test_protocols_of_an_encrypted_exchange(
    tmp_path: Path, openssl: str | None, version: bytes, protocols: list[bytes]
) -> None:
    """Only what came over TLS names its protocols, each in a field of its own."""
    record = written(tmp_path, group_of(version + b" 200 OK\r\n\r\n", tls_version=openssl))[1]
    head = record.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert [line[15:] for line in head if line.startswith(b"WARC-Protocol: ")] == protocols


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.test/%C3%B3?q=%E4%B8%AD&b=1~", "https://a.test/%C3%B3?q=%E4%B8%AD&b=1~"),
        ("https://a.test/收费 目录<1>.doc", "https://a.test/%E6%94%B6%E8%B4%B9%20%E7%9B%AE%E5%BD%95%3C1%3E.doc"),
        ("https://a.test/a\r\nWARC-Type: x", "https://a.test/a%0D%0AWARC-Type:%20x"),
    ],
)
def test_target_uri_is_percent_encoded(url: str, kept: str) -> None:
    """What a URI must not contain is encoded; what is encoded stays."""
    assert target_uri(url) == kept


def test_header_values_cannot_add_lines(tmp_path: Path) -> None:
    """Line ends in values from outside end up as blanks."""
    context = context_of(via="https://a.test/\r\nkind: robots", channel="一\n二\u2028三")
    _, response, _, metadata = written(
        tmp_path, group_of(context=context, tls_version="TLSv1.2", tls_cipher="A\r\nB: C")
    )
    assert fields_of(response)["WARC-Cipher-Suite"] == "A B: C"
    assert block_of(metadata).decode().split("\r\n")[1] == "via: https://a.test/ kind: robots"
    assert "channel: 一 二 三" in block_of(metadata).decode()


def test_date_is_utc_with_microseconds_always() -> None:
    """The same instant is always written the same way; one without time zone is refused."""
    beijing = timezone(timedelta(hours=8))
    assert warc_date(datetime(2024, 3, 5, 8, 0, tzinfo=beijing)) == "2024-03-05T00:00:00.000000Z"
    with pytest.raises(ValueError, match="no time zone"):
        warc_date(datetime(2024, 3, 5, 8, 0))  # noqa: DTZ001 -- that is what is refused


def test_no_response_byte_is_no_capture(tmp_path: Path) -> None:
    """An exchange that brought nothing is refused and leaves no record."""
    writer = writer_in(tmp_path)
    with pytest.raises(ValueError, match="record a failure"):
        writer.write_groups([group_of(), group_of(b"")])
    assert writer.close() is None
    assert list(tmp_path.iterdir()) == []


def revisit_of(profile: Any = "identical-payload-digest") -> Revisit:
    """An original that was captured a year before, on a whole second."""
    return Revisit(
        profile=profile,
        record_id="<urn:uuid:aaaaaaaa-0000-4000-8000-000000000000>",
        url="https://sfj.haidao.test/旧.html",
        captured_at=datetime(2023, 3, 5, 6, 7, 8, tzinfo=UTC),
    )


def test_identical_revisit_has_the_head_and_points_to_its_original(tmp_path: Path) -> None:
    """A revisit holds the received head, interim heads too, and everything a reader needs to find the payload."""
    message = b"HTTP/1.1 100 Continue\r\n\r\n" + response_of(PAGE, b"Content-Encoding: gzip")
    _, record, request, metadata = written(tmp_path, group_of(message, revisit=revisit_of()))
    assert block_of(record) == message[: -len(PAGE)]
    fields = fields_of(record)
    assert fields["WARC-Type"] == "revisit"
    assert fields["WARC-Profile"] == "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
    assert fields["WARC-Refers-To"] == "<urn:uuid:aaaaaaaa-0000-4000-8000-000000000000>"
    assert fields["WARC-Refers-To-Target-URI"] == "https://sfj.haidao.test/%E6%97%A7.html"
    assert fields["WARC-Refers-To-Date"] == "2023-03-05T06:07:08.000000Z"
    assert fields["WARC-Payload-Digest"] == digest_bytes(PAGE)
    assert fields["WARC-Block-Digest"] == digest_bytes(message[: -len(PAGE)])
    assert fields["WARC-Truncated"] == "length"
    assert (
        fields_of(request)["WARC-Concurrent-To"]
        == fields_of(metadata)["WARC-Concurrent-To"]
        == fields["WARC-Record-ID"]
    )


def test_not_modified_revisit_is_the_real_304(tmp_path: Path) -> None:
    """A 304 is kept as it came, whole, without a payload digest."""
    message = b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n'
    record = written(tmp_path, group_of(message, revisit=revisit_of("server-not-modified")))[1]
    fields = fields_of(record)
    assert block_of(record) == message
    assert fields["WARC-Profile"].endswith("/server-not-modified")
    assert fields["WARC-Refers-To"] == revisit_of().record_id
    assert not {"WARC-Payload-Digest", "WARC-Truncated"} & set(fields)


def test_note_stands_alone(tmp_path: Path) -> None:
    """A failure is a metadata record of its own, with what it was for."""
    writer = writer_in(tmp_path)
    place = writer.write_failure(
        "https://sfj.haidao.test/b", {"reason": "dns", "message": "no such host", "x": None}, STARTED_AT
    )
    writer.close()
    offset, record = members_of(tmp_path / place.warc_file)[1]
    assert (offset, fields_of(record)["WARC-Record-ID"]) == (place.offset, place.record_id)
    assert fields_of(record)["WARC-Type"] == "metadata"
    assert "WARC-Concurrent-To" not in fields_of(record)
    assert block_of(record) == b"note: failure\r\nreason: dns\r\nmessage: no such host\r\n"


# Places and files


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_000])
def test_bodies_that_are_compressed_already_are_stored_as_they_are(tmp_path: Path, size: int) -> None:
    """A body behind gzip's magic number, in chunks or not, stands in its member as it came; gzip and warcio read it."""
    body = b"\x1f\x8b\x08" + random.Random(size).randbytes(size)  # noqa: S311 - the same bytes every time
    framed = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    sent = [response_of(body, b"Content-Encoding: gzip"), framed % (len(body), body), response_of(b"PK\x03\x04" + body)]
    records = written(tmp_path, *(group_of(response) for response in sent))
    assert [block_of(record) for record in records[1::3]] == sent
    (file,) = tmp_path.iterdir()
    assert file.read_bytes().count(body[:1000]) >= len(sent)
    with file.open("rb") as stream:
        told = [record.raw_stream.read() for record in ArchiveIterator(stream) if record.rec_type == "response"]
    assert (told[0], told[2]) == (body, b"PK\x03\x04" + body)


def test_places_are_those_of_the_gzip_members(tmp_path: Path) -> None:
    """Offsets and lengths lead to the very members, one record each."""
    writer = writer_in(tmp_path)
    first, second = writer.write_groups([group_of(), group_of(ORACLE["chunked"])])
    (third,) = writer.write_groups([group_of(ORACLE["204"])])
    closed = writer.close()
    assert closed is not None
    data = (tmp_path / closed.warc_file).read_bytes()
    assert (closed.bytes, closed.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    offsets = [offset for offset, _ in members_of(tmp_path / closed.warc_file)]
    for number, place in enumerate((first, second, third)):
        assert place.offset == offsets[1 + 3 * number]
        assert place.request_offset == offsets[2 + 3 * number]
        record = gzip.decompress(data[place.offset : place.offset + place.length])
        assert fields_of(record)["WARC-Record-ID"] == place.record_id
        assert fields_of(record)["WARC-Block-Digest"] == place.block_digest
    assert second.offset == first.offset + first.group_length
    assert third.offset + third.group_length == len(data)


def test_file_is_named_open_and_locked_until_closed(tmp_path: Path) -> None:
    """No file before the first capture; then .open under a lock; then the final name, which warcinfo bears."""
    writer = writer_in(tmp_path)
    assert list(tmp_path.iterdir()) == []
    writer.write_groups([group_of()])
    (path,) = tmp_path.iterdir()
    assert path.name == "haidao_sfj-20240305060000-00000.warc.gz.open"
    with path.open("rb") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["haidao_sfj-20240305060000-00000.warc.gz"]
    assert writer.close() is None


@pytest.mark.parametrize("suffix", ["", ".open", ".tail-20240305060001"])
def test_no_name_is_used_twice(tmp_path: Path, suffix: str) -> None:
    """A file, an open file or a tail laid aside keeps its serial number for itself."""
    there = tmp_path / f"haidao_sfj-20240305060000-00000.warc.gz{suffix}"
    there.write_bytes(b"precious")
    writer = writer_in(tmp_path)
    (place,) = writer.write_groups([group_of()])
    writer.close()
    assert place.warc_file == "haidao_sfj-20240305060000-00001.warc.gz"
    assert there.read_bytes() == b"precious"


def test_rotation_keeps_groups_and_batches_together(tmp_path: Path) -> None:
    """A full file is closed before the next batch; its warcinfo comes anew; no batch is split."""
    writer = writer_in(tmp_path, max_bytes=20_000)
    batch = [group_of(response_of(os.urandom(3000))), group_of(response_of(os.urandom(3000)))]
    names = [{place.warc_file for place in writer.write_groups(batch)} for _ in range(3)]
    assert [len(name) for name in names] == [1, 1, 1]
    assert len(set.union(*names)) == 3
    assert [closed.warc_file for closed in writer.closed] == [name.pop() for name in names[:2]]
    writer.keep()
    assert writer.closed == []
    writer.close()
    for path in sorted(tmp_path.iterdir()):
        records = [fields_of(record) for _, record in members_of(path)]
        assert [record["WARC-Type"] for record in records] == ["warcinfo", *["response", "request", "metadata"] * 2]
        assert records[0]["WARC-Filename"] == path.name
        assert {record["WARC-Warcinfo-ID"] for record in records[1:]} == {records[0]["WARC-Record-ID"]}


def test_undo_cuts_off_the_last_batch_and_keep_forbids_it(tmp_path: Path) -> None:
    """What the catalog did not take is cut off again; what it took stays, and the digest follows."""
    writer = writer_in(tmp_path)
    writer.write_groups([group_of()])
    writer.keep()
    writer.undo()
    (path,) = tmp_path.iterdir()
    kept = path.read_bytes()
    writer.write_groups([group_of(), group_of()])
    writer.undo()
    assert path.read_bytes() == kept
    (place,) = writer.write_groups([group_of(ORACLE["plain"])])
    assert place.offset == len(kept)
    closed = writer.close()
    assert closed is not None
    assert closed.sha256 == hashlib.sha256((tmp_path / closed.warc_file).read_bytes()).hexdigest()


def test_file_whose_only_batch_was_undone_is_removed(tmp_path: Path) -> None:
    """A file that holds nothing but its own first record leaves no trace."""
    writer = writer_in(tmp_path)
    writer.write_groups([group_of()])
    writer.undo()
    assert writer.close() is None
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def _small_files() -> Iterator[None]:
    """Let the kernel refuse files over 20,000 bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("_small_files")
def test_refused_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """When the disk takes only part of a batch, none of it stays; smaller ones still fit afterwards."""
    writer = writer_in(tmp_path)
    writer.write_groups([group_of()])
    writer.keep()
    (path,) = tmp_path.iterdir()
    kept = path.read_bytes()
    with pytest.raises(
        ArchiveWriteError, match=r"warc\.gz\.open: could not write captures of haidao_sfj .*EFBIG.*make room"
    ):
        writer.write_groups([group_of(), group_of(response_of(os.urandom(30_000)))])
    assert path.read_bytes() == kept
    writer.write_groups([group_of()])
    closed = writer.close()
    assert closed is not None
    assert len(members_of(tmp_path / closed.warc_file)) == 7


def test_failed_sync_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a sync fails the batch is cut off and the error says what to do."""
    writer = writer_in(tmp_path)
    writer.write_groups([group_of()])
    (path,) = tmp_path.iterdir()
    kept = path.read_bytes()
    real_fsync = os.fsync
    failures = [OSError(errno.EIO, "Input/output error")]

    def fsync(fd: int) -> None:
        if failures:
            raise failures.pop()
        real_fsync(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ArchiveWriteError, match=r"EIO.*nothing of this batch is kept.*check the disk"):
        writer.write_groups([group_of()])
    assert path.read_bytes() == kept
    assert len(writer.write_groups([group_of()])) == 1
    writer.close()


def test_writer_that_cannot_cut_back_writes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When even cutting back fails, the writer refuses everything after and says so."""
    writer = writer_in(tmp_path)
    writer.write_groups([group_of()])

    def refuse(_fd: int, *_rest: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        patch.setattr(os, "ftruncate", refuse)
        with pytest.raises(ArchiveWriteError):
            writer.write_groups([group_of()])
    with pytest.raises(ArchiveWriteError, match="could not be cut off again"):
        writer.write_groups([group_of()])
    writer.close()


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    """Where the folder cannot be made, the error names it."""
    (tmp_path / "warc").write_bytes(b"")
    with pytest.raises(ArchiveWriteError, match="warc/haidao_sfj: could not write"):
        writer_in(tmp_path / "warc" / "haidao_sfj").write_groups([group_of()])


def test_large_bodies_do_not_fill_memory(tmp_path: Path) -> None:
    """A body of 32 MiB goes through without being held."""
    path = tmp_path / "body"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n"
    with path.open("wb") as out:
        out.write(head)
        for _ in range(32):
            out.write(os.urandom(1 << 20))
    writer = writer_in(tmp_path / "warc", compress_level=1)
    with path.open("rb") as file:
        exchange = replace(exchange_of(), response=file, response_bytes=path.stat().st_size)
        tracemalloc.start()
        try:
            group = Group(exchange=exchange, context=context_of(), framing=measure(file, "GET"))
            (place,) = writer.write_groups([group])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    writer.close()
    assert peak < 24_000_000
    data = (tmp_path / "warc" / place.warc_file).read_bytes()
    record = io.BytesIO(gzip.decompress(data[place.offset : place.offset + place.length]))
    assert hashlib.file_digest(io.BytesIO(block_of(record.read())), "sha256").hexdigest() == place.block_digest[7:]


def test_certificates_are_written_once_per_host_and_file(tmp_path: Path) -> None:
    """A chain comes before the first capture that needs it; another host, another chain and another file have their own."""

    def secure(url: str, *chain: bytes) -> Group:
        return group_of(response_of(os.urandom(3000)), url=url, tls_version="TLSv1.3", tls_chain=chain)

    writer = WarcWriter(tmp_path, "haidao_sfj", warcinfo={}, now=frozen_now(), new_id=frozen_ids(), max_bytes=45_000)
    one, other = "https://sfj.haidao.test/1.html", "https://czj.haidao.test/1.html"
    writer.write_groups([secure(one, b"leaf", b"root")])
    writer.keep()
    writer.write_groups([secure(other, b"leaf", b"root")])
    writer.undo()
    placed = writer.write_groups([secure(one, b"leaf", b"root"), secure(other, b"leaf", b"root"), secure(one, b"new")])
    writer.keep()
    writer.write_groups([secure(one, b"leaf", b"root") for _ in range(6)])
    writer.close()
    files = [
        [(offset, fields_of(record)) for offset, record in members_of(path)] for path in sorted(tmp_path.iterdir())
    ]
    chains = [
        [(f["WARC-Target-URI"], f["WARC-Record-ID"]) for _, f in file if f["WARC-Type"] == "resource"] for file in files
    ]
    czj, sfj = "urn:govcrawl:tls:czj.haidao.test:443", "urn:govcrawl:tls:sfj.haidao.test:443"
    assert [[uri for uri, _ in file] for file in chains] == [[sfj, czj, sfj], [sfj]]
    ids = {record_id for file in chains for _, record_id in file}
    assert len(ids) == 4
    types = {offset: fields["WARC-Type"] for offset, fields in files[0]}
    assert [types[place.offset] for place in placed] == ["response"] * 3
    named = [
        record.partition(b"certificates: ")[2].partition(b"\r\n")[0].decode()
        for path in sorted(tmp_path.iterdir())
        for _, record in members_of(path)
        if b"certificates: " in record
    ]
    assert set(named) == ids
