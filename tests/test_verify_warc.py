"""The verifier of WARC files: every seeded defect is found, nothing is found in what the project writes."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutants import (
    CASES,
    MUTANTS,
    block_of,
    find_record,
    read_records,
    scan,
    spoil,
    with_block,
    with_field,
    write_clean,
    write_records,
)

from archive.verify import CODES, Counts, silent, verify_paths
from archive.verify.warc import WarcScan
from govcrawl.engines.pool import PoolEngine
from govcrawl.engines.scanning import scan_with

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from archive.verify import Finding


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A file with every kind of capture."""
    return write_clean(tmp_path)


def verify(*paths: Path, jobs: int = 1) -> list[Finding]:
    """What is wrong with files, notes left out."""
    scan = scan_with(PoolEngine(paths[0].parent, jobs))
    found = verify_paths(paths, deep=False, counts=Counts(), progress=silent, scan=scan)
    return [finding for finding in found if finding.severity != "note"]


def codes(findings: list[Finding]) -> set[str]:
    """The codes of findings."""
    return {finding.code for finding in findings}


def test_nothing_is_found_in_what_the_project_writes(clean: Path) -> None:
    """Gzip, chunks, GBK, folds, interim heads, cut bodies, HEAD, POST, both revisits and notes: not one finding."""
    assert verify(clean) == []
    assert [finding.code for finding in scan(clean)] == ["http-none"]  # the one answer that is no HTTP, as a note


def test_the_clean_file_can_be_made_of_its_records(clean: Path) -> None:
    """Taking a file apart and putting it together, as every mutant does, adds no finding by itself."""
    write_records(clean, read_records(clean))
    assert verify(clean) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_every_seeded_defect_is_found(clean: Path, name: str) -> None:
    """The finding has the defect's code and names the file."""
    code = spoil(clean, name)
    found = verify(clean)
    assert code in codes(found), found
    assert {finding.file for finding in found} == {str(clean)}


def test_the_seeded_defects_are_all_there() -> None:
    """No mutant of the table is missing, and each expects a code that exists."""
    assert [name[:3] for name in MUTANTS] == [f"m{number:02}" for number in range(1, 37)]
    assert {code for code, _ in MUTANTS.values()} <= CODES.keys()


@pytest.mark.parametrize(
    ("name", "only"),
    [
        ("m02", {"gzip-truncated"}),
        ("m09", {"payload-digest-framing"}),
        ("m11", {"uri", "pair", "refers-to-uri"}),
        ("m16", {"garbage"}),
        ("m17", {"record-end"}),
        ("m18", {"digest-form"}),
        ("m20", {"revisit-payload"}),
        ("m32", {"refers-to-date"}),
        ("m33", {"date"}),
        ("m36", {"garbage"}),
    ],
)
def test_a_defect_is_not_told_as_others(clean: Path, name: str, only: set[str]) -> None:
    """One defect brings no findings of unrelated kinds."""
    spoil(clean, next(one for one in MUTANTS if one.startswith(name)))
    assert codes(verify(clean)) == only


def test_records_behind_a_damaged_one_are_still_read(clean: Path) -> None:
    """After a flipped bit the next member is found again: only the damaged capture is missing."""
    spoil(clean, "m35 gzip bit flip")
    found = verify(clean)
    assert codes(found) <= {"gzip-broken", "concurrent-to", "refers-to"}
    assert len(found) < 6


def replaced(kind: str, old: bytes, new: bytes, nth: int = 0) -> Callable[[list[bytes]], None]:
    """A change of the bytes of one record's block, with its digests as they should be."""

    def change(records: list[bytes]) -> None:
        at = find_record(records, kind, nth)
        block = block_of(records[at])
        assert old in block
        records[at] = with_block(records[at], block.replace(old, new))

    return change


def field(kind: str, name: str, value: str | None, nth: int = 0) -> Callable[[list[bytes]], None]:
    """A change of one field of one record."""

    def change(records: list[bytes]) -> None:
        at = find_record(records, kind, nth)
        records[at] = with_field(records[at], name, value)

    return change


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("field-missing", field("response", "WARC-Record-ID", None)),
        ("field-missing", field("response", "WARC-Type", None)),
        ("field-missing", field("response", "WARC-Target-URI", None)),
        ("field-missing", field("revisit", "WARC-Refers-To-Target-URI", None)),
        ("field-missing", field("revisit", "WARC-Refers-To-Date", None)),
        ("record-id", field("response", "WARC-Record-ID", "urn:uuid:1")),
        ("record-id", field("response", "WARC-Record-ID", "<urn:uuid:00000000-0000-1000-8000-000000000001>")),
        ("field-misplaced", field("metadata", "WARC-Payload-Digest", "sha256:" + "0" * 64)),
        ("field-misplaced", field("response", "WARC-Filename", "a.warc.gz")),
        ("field-misplaced", field("warcinfo", "WARC-Warcinfo-ID", "<urn:uuid:00000000-0000-4000-8000-000000000001>")),
        ("date", field("response", "WARC-Date", "2024-02-30T06:07:08Z")),
        ("date", field("response", "WARC-Date", "2024-03-05 06:07:08")),
        ("ip", field("response", "WARC-IP-Address", "2001:DB8::1")),
        ("ip", field("response", "WARC-IP-Address", "2001:db8:0:0:0:0:0:1")),
        ("truncated", field("response", "WARC-Truncated", "maybe")),
        ("content-length", field("response", "Content-Length", "-1")),
        ("content-length", field("response", "Content-Length", "999999999999999999")),
        ("content-type", field("response", "Content-Type", "text/html")),
        ("content-type", field("response", "Content-Type", "application/http; msgtype=request")),
        ("content-type", field("warcinfo", "Content-Type", "text/plain")),
        ("digest-unknown", field("response", "WARC-Block-Digest", "crc32:00000000")),
        ("digest-form", field("response", "WARC-Block-Digest", "sha256:00")),
        ("revisit-profile", field("revisit", "WARC-Profile", "http://netpreserve.org/warc/1.1/revisit/other")),
        ("refers-to-uri", field("revisit", "WARC-Refers-To-Target-URI", "https://sfj.haidao.test/other")),
        ("payload-digest", field("revisit", "WARC-Payload-Digest", "sha256:" + "1" * 64)),
        ("warcinfo-id", field("response", "WARC-Warcinfo-ID", None)),
        ("warcinfo-id", field("response", "WARC-Warcinfo-ID", "<urn:uuid:00000000-0000-4000-8000-0000000000ff>")),
        ("warcinfo-filename", field("warcinfo", "WARC-Filename", "other.warc.gz")),
        ("warcinfo-filename", field("warcinfo", "WARC-Filename", "../../etc/passwd")),
        ("warcinfo-fields", replaced("warcinfo", b"software", b"hardware")),
        ("pair", field("request", "WARC-Date", "2024-03-05T06:07:09Z")),
        ("pair", field("request", "WARC-IP-Address", "127.0.0.2")),
        ("pair-missing", field("request", "WARC-Concurrent-To", None)),
        ("head-syntax", field("metadata", "X-Word", "=?utf-8?B?5Lit?=")),
        ("revisit-block", replaced("revisit", b"\r\n\r\n", b"\r\n\r\nbody")),
        ("revisit-block", replaced("revisit", b"304 Not Modified", b"200 OK", 1)),
        ("revisit-block", replaced("request", b"If-None-Match", b"X-None-Match", len(CASES) + 1)),
        ("http-chunks", replaced("response", b"4;x=1\r\n", b"5;x=1\r\n", 2)),
        ("http-chunks", replaced("response", b"0\r\nX-Sum: 1\r\n\r\n", b"", 2)),
        ("http-length", replaced("response", b"Content-Length: 13", b"Content-Length: 12")),
        ("http-length", replaced("response", b"204 No Content\r\n\r\n", b"204 No Content\r\n\r\nx", 15)),
        ("http-head", replaced("response", b"Content-Length: 1\r\n\r\nx", b"Content-Length: 1", 7)),
        ("http-status-line", replaced("request", b" HTTP/1.1", b"")),
        ("version", lambda records: records.insert(2, records.pop(2).replace(b"WARC/1.1", b"WARC/1.0", 1))),
        ("version", lambda records: records.insert(2, records.pop(2).replace(b"WARC/1.1", b"WARC/2.0", 1))),
        ("head-syntax", lambda records: records.insert(2, records.pop(2).replace(b"\r\nWARC-", b"\r\n WARC-", 1))),
        (
            "head-syntax",
            lambda records: records.insert(2, records.pop(2).replace(b"\r\nWARC-", b"\r\nno colon\r\nWARC-", 1)),
        ),
        ("warcinfo-first", lambda records: records.pop(0)),
        ("garbage", lambda records: records.insert(2, b"no record at all")),
        ("member-empty", lambda records: records.insert(2, b"")),
        ("head-long", lambda records: records.insert(2, b"WARC/1.1\r\nX: " + b"y" * 100_000)),
    ],
)
def test_other_faults_have_their_codes(clean: Path, code: str, change: Callable[[list[bytes]], None]) -> None:
    """Every rule of the checklist that can be broken is told by its code."""
    records = read_records(clean)
    change(records)
    write_records(clean, records)
    assert code in codes(verify(clean))


def test_a_plain_file_is_read_as_well(clean: Path) -> None:
    """A .warc without compression has the same records and no finding but its own name."""
    plain = clean.with_name(clean.name.removesuffix(".gz"))
    plain.write_bytes(b"".join(read_records(clean)))
    assert codes(verify(plain)) == {"warcinfo-filename"}
    data = plain.read_bytes()
    at = data.index(b"until close")
    plain.write_bytes(data[:at] + b"U" + data[at + 1 :])
    assert codes(verify(plain)) == {"warcinfo-filename", "block-digest", "payload-digest"}


def test_a_short_length_in_a_plain_file_does_not_hide_the_rest(clean: Path) -> None:
    """Behind a wrong length the next record is found again."""
    records = read_records(clean)
    at = find_record(records, "response", 3)
    records[at] = with_field(records[at], "Content-Length", "3")
    plain = clean.with_name(clean.name.removesuffix(".gz"))
    plain.write_bytes(b"".join(records))
    found = verify(plain)
    assert codes(found) == {"warcinfo-filename", "content-length", "block-digest", "payload-digest"}


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "file-empty"), (b"PK\x03\x04", "garbage"), (b"\x28\xb5\x2f\xfd0000", "file-kind"), (b"\x1f", "garbage")],
)
def test_what_is_no_warc_file_is_told(tmp_path: Path, data: bytes, code: str) -> None:
    """An empty file, another kind of file and Zstandard each have their finding."""
    path = tmp_path / "a.warc.gz"
    path.write_bytes(data)
    assert codes(verify(path)) == {code}


@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_a_flipped_bit_never_raises(clean_bytes: bytes, at: int, bit: int) -> None:
    """Whatever bit is flipped, the file is read to its end and told about in bounded terms."""
    data = bytearray(clean_bytes)
    data[at % len(data)] ^= 1 << bit
    batches = list(WarcScan(io.BytesIO(bytes(data)), "a.warc.gz").run())
    assert batches[-1].sha256 is not None
    assert batches[-1].bytes == len(data)


@given(
    data=st.binary(max_size=3000),
    head=st.sampled_from([b"", b"\x1f\x8b\x08", b"WARC/1.1\r\n", b"WARC/1.1\r\nContent-Length: 9\r\n\r\n"]),
)
def test_hostile_bytes_never_raise(data: bytes, head: bytes) -> None:
    """Any bytes, plain or within a gzip member, give findings and an end."""
    for file in (head + data, gzip.compress(head + data)):
        batches = list(WarcScan(io.BytesIO(file), "a.warc.gz").run())
        assert sum(len(batch.findings) for batch in batches) > 0


@pytest.fixture(scope="module")
def clean_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a small clean file."""
    return write_clean(tmp_path_factory.mktemp("clean")).read_bytes()


def test_a_bomb_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """A record that unfolds to 200 MB out of 200 KB costs a few MB, in a block, in a head and in a coded body."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = deflater.compress(b"WARC/1.1\r\nContent-Length: 200000000\r\n\r\n")
    for _ in range(200):
        data += deflater.compress(b"\0" * 1_000_000)
    data += deflater.flush()
    endless = zlib.compressobj(9, zlib.DEFLATED, 31)
    data += (
        endless.compress(b"WARC/1.1\r\nX: ")
        + b"".join(endless.compress(b"x" * 1_000_000) for _ in range(50))
        + endless.flush()
    )
    path = tmp_path / "bomb.warc.gz"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        found = verify(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert {"record-end", "head-long"} <= codes(found)
    assert peak_bytes < 24 << 20


def test_many_equal_faults_are_told_in_sum(clean: Path) -> None:
    """Of one kind of fault in one file fifty are told one by one, the rest as a number."""
    records = read_records(clean)
    bad = [with_field(records[find_record(records, "metadata")], "WARC-Date", f"{number}") for number in range(90)]
    write_records(clean, [*records, *bad])
    dates = [finding for finding in verify(clean) if finding.code == "date"]
    assert len(dates) == 51
    assert dates[-1].what.startswith("40 more of this kind")


def test_processes_find_what_one_finds(tmp_path: Path) -> None:
    """Files read side by side give the same findings as one after the other."""
    paths = []
    for number, name in enumerate(list(MUTANTS)[:6]):
        folder = tmp_path / str(number)
        path = write_clean(folder)
        spoil(path, name)
        paths.append(path)
    big = tmp_path / "padding.warc.gz"
    big.write_bytes(b"\0" * (20 << 20))  # makes a second process worth while
    one, two = verify(*paths, big), verify(*paths, big, jobs=2)
    assert sorted(map(repr, one)) == sorted(map(repr, two))
    assert len(one) > 6
