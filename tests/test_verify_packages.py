"""The verifier of CDXJ indexes and WACZ packages; the packages are made by hand, as WACZ 1.1.1 says."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutants import find_record, read_records, write_clean, write_records
from warcs import fields_of, members_of

from archive.verify import Counts, silent, verify_paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from archive.verify import Finding


def verify(path: Path) -> list[Finding]:
    """What is wrong with one file, notes left out."""
    found = verify_paths([path], deep=False, counts=Counts(), progress=silent)
    return [finding for finding in found if finding.severity != "note"]


def codes(path: Path) -> set[str]:
    """The codes of what is wrong."""
    return {finding.code for finding in verify(path)}


def index_of(warc: Path) -> list[bytes]:
    """The sorted CDXJ lines of a WARC file's responses and revisits."""
    lines = []
    members = members_of(warc)
    ends = [offset for offset, _ in members[1:]] + [warc.stat().st_size]
    for (offset, record), end in zip(members, ends, strict=True):
        fields = fields_of(record)
        if fields["WARC-Type"] not in {"response", "revisit"}:
            continue
        url = fields["WARC-Target-URI"]
        surt = "test,haidao,sfj)/" + url.partition("haidao.test/")[2]
        said = {
            "url": url,
            "mime": "warc/revisit" if fields["WARC-Type"] == "revisit" else "unk",
            "digest": fields.get("WARC-Payload-Digest", "-"),
            "length": str(end - offset),
            "offset": str(offset),
            "filename": warc.name,
        }
        lines.append(f"{surt} {re.sub('[^0-9]', '', fields['WARC-Date'])[:14]} {json.dumps(said)}".encode())
    return sorted(lines)


@pytest.fixture
def warc(tmp_path: Path) -> Path:
    """A clean WARC file."""
    return write_clean(tmp_path)


@pytest.fixture
def index(warc: Path) -> Path:
    """Its index, beside it."""
    path = warc.with_name("index.cdxj")
    path.write_bytes(b"".join(line + b"\n" for line in index_of(warc)))
    return path


# CDXJ


def test_a_right_index_has_no_finding(index: Path) -> None:
    """Sorted lines that point at what they describe; also compressed, with a header line, with pywb's bare digests."""
    assert verify(index) == []
    lines = index.read_bytes()
    index.write_bytes(b'!meta {"format": "cdxj"}\n' + lines.replace(b'"sha256:', b'"'))
    assert verify(index) == []
    packed = index.with_name("index.cdxj.gz")
    packed.write_bytes(gzip.compress(lines[:1000]) + gzip.compress(lines[1000:]))
    assert verify(packed) == []


def test_a_file_that_is_not_there_is_told_once(index: Path) -> None:
    """An index of which a whole WARC file lacks has one finding for the file, which says where it is looked for."""
    index.write_bytes(index.read_bytes().replace(b".warc.gz", b".other.warc.gz"))
    found = verify(index)
    assert [one.code for one in found] == ["cdxj-target"] * len({one.got for one in found})
    assert "more lines" in found[0].what
    assert "beside the index" in str(found[0].expected)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("cdxj-order", lambda data: b"\n".join(data.split(b"\n")[1::-1]) + b"\n"),
        ("cdxj-line", lambda data: data.rstrip(b"\n")),
        ("cdxj-line", lambda data: data.replace(b'"offset": "', b'"offset": "x', 1)),
        ("cdxj-line", lambda data: re.sub(rb'"offset": "(\d+)"', rb'"offset": \1', data, count=1)),
        ("cdxj-line", lambda data: data.replace(b'"filename"', b'"file"', 1)),
        ("cdxj-line", lambda data: data.replace(b'"filename": "', b'"filename": "../', 1)),
        ("cdxj-line", lambda data: data.replace(b'"filename": "', b'"filename": "/etc/', 1)),
        ("cdxj-line", lambda data: data.replace(b"} \n", b"\n").replace(b'"}\n', b'"\n', 1)),
        ("cdxj-line", lambda data: data.replace(b" 2024", b" 24", 1)),
        ("cdxj-line", lambda data: b"[" * 100_000 + b"\n" + data),
        ("cdxj-target", lambda data: re.sub(rb'"offset": "\d+"', b'"offset": "7"', data, count=1)),
        ("cdxj-target", lambda data: data.replace(b".warc.gz", b".other.warc.gz", 1)),
        ("cdxj-differs", lambda data: re.sub(rb'"length": "\d+"', b'"length": "7"', data, count=1)),
        ("cdxj-differs", lambda data: data.replace(b'"url": "https', b'"url": "http', 1)),
        ("cdxj-differs", lambda data: data.replace(b" 2024", b" 2023", 1)),
        ("cdxj-differs", lambda data: re.sub(rb'"digest": "sha256:\w+"', b'"digest": "sha256:00"', data, count=1)),
        ("cdxj-differs", lambda data: data.replace(b'"mime": "unk"', b'"mime": "warc/revisit"', 1)),
        ("cdxj-differs", lambda data: data.replace(b'"mime": "unk"', b'"mime": "image/png"', 1)),
        ("cdxj-differs", lambda data: data.replace(b'"mime"', b'"status": "404", "mime"', 1)),
    ],
)
def test_faults_of_an_index_have_their_codes(index: Path, code: str, change: Callable[[bytes], bytes]) -> None:
    """Order, syntax, and every field that says something else than the record."""
    before = index.read_bytes()
    index.write_bytes(change(before))
    assert index.read_bytes() != before
    assert code in codes(index)


@given(st.binary(max_size=400))
def test_hostile_indexes_never_raise(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Any bytes are an index with findings, or an empty one."""
    path = tmp_path_factory.mktemp("index") / "a.cdxj"
    path.write_bytes(data)
    assert bool(verify(path)) == bool(data)


# WACZ


@dataclass
class Package:
    """What goes into a package; ``rehash`` makes datapackage.json agree with it."""

    entries: dict[str, bytes]
    deflated: set[str] = field(default_factory=set)
    resources: list[dict[str, Any]] = field(default_factory=list)
    datapackage: dict[str, Any] = field(default_factory=dict)

    def rehash(self) -> None:
        """Make the resources those of the entries."""
        self.resources = [
            {
                "name": name.rpartition("/")[2],
                "path": name,
                "hash": f"sha256:{hashlib.sha256(data).hexdigest()}",
                "bytes": len(data),
            }
            for name, data in self.entries.items()
        ]

    def write(self, path: Path) -> Path:
        """Write the package with its two JSON files."""
        data = json.dumps(
            {"profile": "data-package", "wacz_version": "1.1.1", "resources": self.resources} | self.datapackage
        ).encode()
        digest = {"path": "datapackage.json", "hash": f"sha256:{hashlib.sha256(data).hexdigest()}"}
        entries = self.entries | {"datapackage.json": data, "datapackage-digest.json": json.dumps(digest).encode()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in entries.items():
                stored = name.startswith("archive/") and name not in self.deflated
                archive.writestr(name, content, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
        return path


PAGES = (
    b'{"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}\n'
    b'{"id": "1", "url": "https://sfj.haidao.test/tzgg/0.html", "ts": "2024-03-05T06:07:08Z", "title": "t"}\n'
)


@pytest.fixture
def package(warc: Path) -> Package:
    """A right package."""
    made = Package(
        {
            f"archive/{warc.name}": warc.read_bytes(),
            "indexes/index.cdx": b"".join(line + b"\n" for line in index_of(warc)),
            "pages/pages.jsonl": PAGES,
        }
    )
    made.rehash()
    return made


def test_a_right_package_has_no_finding(package: Package, tmp_path: Path) -> None:
    """WARC stored, index, pages, every file listed with its digest."""
    assert verify(package.write(tmp_path / "a.wacz")) == []
    package.entries["indexes/index.cdx.gz"] = gzip.compress(package.entries.pop("indexes/index.cdx"))
    package.rehash()
    assert verify(package.write(tmp_path / "b.wacz")) == []


def without(prefix: str) -> Callable[[Package], None]:
    """A package that lacks what begins so, and says so."""

    def change(package: Package) -> None:
        package.entries = {name: data for name, data in package.entries.items() if not name.startswith(prefix)}
        package.rehash()

    return change


def lost_index(package: Package) -> None:
    """An index whose lines lead nowhere."""
    data = package.entries["indexes/index.cdx"]
    package.entries["indexes/index.cdx"] = re.sub(rb'"offset": "(\d+)"', rb'"offset": "\g<1>1"', data)
    package.rehash()


def deflated_warc(package: Package) -> None:
    """A WARC file that is compressed within the ZIP."""
    package.deflated = set(package.entries)


def bad_hash(package: Package) -> None:
    """A resource with another hash."""
    package.resources[1]["hash"] = f"sha256:{'0' * 64}"


def unlisted(package: Package) -> None:
    """A file that datapackage.json does not know."""
    package.entries["archive/other.txt"] = b"x"


def changed_warc(package: Package, *, rehash: bool = False) -> None:
    """A WARC file whose first response says something else."""
    name = next(iter(package.entries))
    folder = package.entries[name]
    records = [record for _, record in _members(folder)]
    at = find_record(records, "response")
    records[at] = records[at].replace("原件".encode(), "改件".encode())
    package.entries[name] = b"".join(gzip.compress(record, 6, mtime=0) for record in records)
    if rehash:
        package.rehash()


def _members(data: bytes) -> list[tuple[int, bytes]]:
    """The members of a file in memory."""

    class InMemory:
        def read_bytes(self) -> bytes:
            return data

    return members_of(InMemory())  # type: ignore[arg-type]  # all it asks of a path


def changed_and_hashed(package: Package) -> None:
    """The same, with datapackage.json made to agree."""
    changed_warc(package, rehash=True)


def malformed_pages(package: Package) -> None:
    """A page list with a line that is no JSON."""
    package.entries["pages/pages.jsonl"] = PAGES + b"{no json\n"
    package.rehash()


TEN = {
    "no WARC": ("wacz-no-warc", without("archive/")),
    "no index": ("wacz-no-index", without("indexes/")),
    "no pages": ("wacz-no-pages", without("pages/")),
    "index pointing to nothing": ("cdxj-target", lost_index),
    "deflated WARC": ("wacz-deflated", deflated_warc),
    "bad datapackage hash": ("wacz-digest", bad_hash),
    "unlisted file": ("wacz-unlisted", unlisted),
    "WARC bytes changed, hash stale": ("wacz-digest", changed_warc),
    "changed, hash recomputed": ("block-digest", changed_and_hashed),
    "malformed pages.jsonl": ("wacz-pages", malformed_pages),
}


@pytest.mark.parametrize("name", TEN)
def test_every_seeded_defect_is_found(package: Package, tmp_path: Path, name: str) -> None:
    """The ten ways to spoil a package, each with its code."""
    code, change = TEN[name]
    change(package)
    assert code in codes(package.write(tmp_path / "a.wacz"))


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("wacz-datapackage", lambda package: package.datapackage.update(profile="other")),
        ("wacz-datapackage", lambda package: package.datapackage.update(wacz_version="9")),
        ("wacz-datapackage", lambda package: package.datapackage.update(resources=[])),
        ("wacz-datapackage", lambda package: package.datapackage.update(resources=["x"])),
        ("wacz-resource", lambda package: package.resources.append({"path": "archive/none", "hash": "", "bytes": 0})),
        ("wacz-digest", lambda package: package.resources[0].update(bytes=1)),
        ("wacz-digest", lambda package: package.entries.update({"datapackage-digest.json": b'{"hash": "sha256:0"}'})),
        ("wacz-entry", lambda package: package.entries.update({"../outside": b"x"})),
        ("wacz-entry", lambda package: package.entries.update({"/etc/passwd": b"x"})),
        ("wacz-pages", lambda package: package.entries.update({"pages/pages.jsonl": PAGES.replace(b'"ts"', b'"when"')})),
        ("wacz-pages", lambda package: package.entries.update({"pages/pages.jsonl": PAGES.replace(b"0.html", b"none")})),
        ("wacz-pages", lambda package: package.entries.update({"pages/pages.jsonl": PAGES.partition(b"\n")[2]})),
        ("wacz-no-pages", lambda package: package.entries.update({"pages/pages.jsonl": PAGES.partition(b"\n")[0]})),
        ("wacz-no-index", lambda package: package.entries.update({"indexes/index.cdx": b""})),
    ],
)  # fmt: skip
def test_other_faults_of_a_package(
    package: Package, tmp_path: Path, code: str, change: Callable[[Package], object]
) -> None:
    """What a package says of itself, entries that lead outside, page lists that are none."""
    change(package)
    path = tmp_path / "a.wacz"
    if "datapackage-digest.json" in package.entries:
        wrong = package.entries.pop("datapackage-digest.json")
        package.write(path)
        with zipfile.ZipFile(path) as archive:
            entries = {info: archive.read(info) for info in archive.infolist()}
        with zipfile.ZipFile(path, "w") as archive:
            for info, data in entries.items():
                archive.writestr(info, wrong if info.filename == "datapackage-digest.json" else data)
    else:
        package.write(path)
    assert code in codes(path)
    assert not (tmp_path.parent / "outside").exists()


def test_a_revisit_whose_original_is_not_in_the_package(package: Package, tmp_path: Path) -> None:
    """Replay would show nothing: the original must be shipped along."""
    name = next(iter(package.entries))
    records = [record for _, record in _members(package.entries[name])]
    package.entries[name] = b"".join(gzip.compress(record, 6, mtime=0) for record in [records[0], *records[4:]])
    package.rehash()
    assert "refers-to" in codes(package.write(tmp_path / "a.wacz"))


def test_a_broken_zip_is_told(package: Package, tmp_path: Path) -> None:
    """No ZIP at all, one that is cut, one with a flipped byte in an entry."""
    path = package.write(tmp_path / "a.wacz")
    data = path.read_bytes()
    at = data.index("原件".encode()) if "原件".encode() in data else 5000
    flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    for content, expected in ((b"no zip", "wacz-zip"), (data[:-40], "wacz-zip"), (flipped, "wacz-zip")):
        path.write_bytes(content)
        assert expected in codes(path)


@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_package_never_raises(
    small_package: bytes, tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    """Whatever bit of a package is flipped, it is read to an end."""
    data = bytearray(small_package)
    data[at % len(data)] ^= 1 << bit
    path = tmp_path_factory.mktemp("wacz") / "a.wacz"
    path.write_bytes(bytes(data))
    verify(path)


@pytest.fixture(scope="module")
def small_package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a package with one capture."""
    folder = tmp_path_factory.mktemp("small")
    warc = write_clean(folder)
    write_records(warc, read_records(warc)[:4])
    package = Package(
        {
            f"archive/{warc.name}": warc.read_bytes(),
            "indexes/index.cdx": b"".join(line + b"\n" for line in index_of(warc)),
            "pages/pages.jsonl": PAGES,
        }
    )
    package.rehash()
    data = package.write(folder / "a.wacz").read_bytes()
    assert zipfile.is_zipfile(io.BytesIO(data))
    return data
