"""WACZ packages: what is in them, that everything named is there, and that the same choice gives the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from datadirs import FILE_URL, URL, make_data, told, warcs_in
from warcs import AGENCY, fields_of, members_of

from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_exchange import Choice
from archive.errors import CaptureMissing, CatalogError, DigestMismatch
from archive.excerpt import About
from archive.verify import Counts, silent, verify_paths
from archive.wacz import export_wacz
from govcrawl.cli import main

if TYPE_CHECKING:
    from pathlib import Path

DAYS = [date(2024, 3, 6), date(2024, 3, 7), date(2024, 3, 8)]


def package(data: Path, **choice: Any) -> bytes:
    """A package of a data directory."""
    target = io.BytesIO()
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        about = About(title="海岛市司法局", software="crawler/1")
        export_wacz(catalog, data, target, choice=Choice(**choice), name="part", about=about)
    return target.getvalue()


def opened(packed: bytes) -> dict[str, bytes]:
    """The files in a package by path; WARC files are stored as they are."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for info in archive.infolist():
            stored = info.compress_type == zipfile.ZIP_STORED
            assert stored == info.filename.startswith("archive/")
        return {info.filename: archive.read(info) for info in archive.infolist()}


def pages_of(files: dict[str, bytes]) -> list[dict[str, str]]:
    """The page list without its header line."""
    header, *lines = files["pages/pages.jsonl"].splitlines()
    assert json.loads(header)["format"] == "json-pages-1.0"
    return [json.loads(line) for line in lines]


def index_of(files: dict[str, bytes]) -> list[dict[str, str]]:
    """The entries of the index; each leads to a record of its URL."""
    entries = []
    lines = files["indexes/index.cdx"].splitlines()
    assert lines == sorted(lines)
    for line in lines:
        key, timestamp, said = line.decode().split(" ", 2)
        entry = {"key": key, "timestamp": timestamp, **json.loads(said)}
        warc = files[f"archive/{entry['filename']}"]
        record = zlib.decompressobj(31).decompress(warc[int(entry["offset"]) :][: int(entry["length"])])
        assert fields_of(record)["WARC-Target-URI"] == entry["url"]
        entries.append(entry)
    return entries


def records_of(files: dict[str, bytes], folder: Path) -> list[dict[str, str]]:
    """The heads of all records of all WARC files in a package."""
    heads = []
    for name, content in files.items():
        if name.startswith("archive/"):
            path = folder / "unpacked.warc.gz"
            path.write_bytes(content)
            heads += [fields_of(record) for _, record in members_of(path)]
    return heads


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three crawls, a day each; pages repeat, one is confirmed by 304 from the second on."""
    return make_data(tmp_path / "data")


def test_whole_agency(data: Path, tmp_path: Path) -> None:
    """WARC files go in as they are; index, page list and digests are right, and the verifier finds nothing."""
    packed = package(data, agency=AGENCY.name)
    files = opened(packed)
    assert {name: files[f"archive/{name}"] for name in (path.name for path in warcs_in(data))} == {
        path.name: path.read_bytes() for path in warcs_in(data)
    }
    assert len(index_of(files)) == 10
    description = json.loads(files["datapackage.json"])
    assert (description["profile"], description["wacz_version"]) == ("data-package", "1.1.1")
    resources = {one["path"]: (one["hash"], one["bytes"]) for one in description["resources"]}
    assert resources == {
        name: (f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
        for name, content in files.items()
        if not name.startswith("datapackage")
    }
    digest = json.loads(files["datapackage-digest.json"])
    assert digest["hash"] == f"sha256:{hashlib.sha256(files['datapackage.json']).hexdigest()}"
    path = tmp_path / "all.wacz"
    path.write_bytes(packed)
    assert told(list(verify_paths([path], deep=True, counts=Counts(), progress=silent))) == set()


def test_pages_come_from_the_catalog(data: Path) -> None:
    """Each version is a page with title, text and the instant its capture has in the index."""
    files = opened(package(data))
    pages = pages_of(files)
    assert [(page["url"], page["title"], page["text"]) for page in pages] == sorted(
        ((URL.format(f"new{n}"), f"第{n}号", "文") for n in (1, 2, 3)),
        key=lambda page: [one["id"] for one in pages if one["url"] == page[0]],
    )
    stamps = {(entry["url"], entry["timestamp"]) for entry in index_of(files)}
    assert {(page["url"], "".join(c for c in page["ts"] if c.isdigit())) for page in pages} <= stamps
    assert len({page["id"] for page in pages}) == 3


def test_the_same_again(data: Path) -> None:
    """Two exports of the same catalog are the same bytes, whole or in part."""
    for choice in ({}, {"since": DAYS[1]}):
        assert package(data, **choice) == package(data, **choice)


def test_days_with_the_originals_of_their_revisits(data: Path, tmp_path: Path) -> None:
    """A package of one day has that day's records, and the earlier ones that they stand for."""
    files = opened(package(data, since=DAYS[2], until=DAYS[2]))
    heads = records_of(files, tmp_path)
    ids = {head["WARC-Record-ID"] for head in heads}
    revisits = [head for head in heads if head["WARC-Type"] == "revisit"]
    assert len(revisits) == 3, "the repeated page, the file, the page confirmed by 304"
    assert {head["WARC-Refers-To"] for head in revisits} <= ids
    days = {head["WARC-Date"][:10] for head in heads if head["WARC-Type"] == "response"}
    assert days == {"2024-03-06", "2024-03-08"}
    assert not any(head.get("WARC-Target-URI") == URL.format("new2") for head in heads)
    confirmed = [entry for entry in index_of(files) if entry["url"] == URL.format(1)]
    assert [(entry["status"], entry["timestamp"][:8]) for entry in confirmed] == [("200", "20240306")]
    assert [page["url"] for page in pages_of(files)] == [URL.format("new3")]


def test_files_wholly_within_the_days_are_not_copied(data: Path) -> None:
    """Of a range that covers some crawls, their WARC files go in as they are."""
    files = opened(package(data, until=DAYS[1]))
    names = {name for name in files if name.startswith("archive/")}
    assert names == {f"archive/{path.name}" for path in warcs_in(data)[:2]}


def test_one_document(data: Path, tmp_path: Path) -> None:
    """A document's package has its page and files, every capture of them, and opens with its page."""
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        (wanted,) = [one for one in catalog.known_documents(AGENCY.name) if one.url == URL.format("new2")]
    files = opened(package(data, document_id=wanted.document_id))
    heads = records_of(files, tmp_path)
    assert {head.get("WARC-Target-URI") for head in heads} == {None, URL.format("new2"), FILE_URL}
    assert [(entry["url"], entry["mime"]) for entry in index_of(files)] == [
        (FILE_URL, "application/pdf"),
        (FILE_URL, "warc/revisit"),
        (FILE_URL, "warc/revisit"),
        (URL.format("new2"), "unk"),
    ]
    description = json.loads(files["datapackage.json"])
    assert description["mainPageUrl"] == URL.format("new2")
    assert [page["url"] for page in pages_of(files)] == [URL.format("new2")]


def test_a_crawl_that_goes_on(tmp_path: Path) -> None:
    """Of a WARC file that is still written, the records that are in the catalog go in."""
    data = make_data(tmp_path / "data", 1)
    (path,) = warcs_in(data)
    path.rename(path.with_name(f"{path.name}.open"))
    with Catalog.open(data / CATALOG_NAME) as catalog, catalog.atomic():
        catalog.file.execute("UPDATE warc_files SET closed_at = NULL, sha256 = NULL, bytes = NULL")
    files = opened(package(data))
    assert [name for name in files if name.startswith("archive/")] == ["archive/part.warc.gz"]
    assert len(index_of(files)) == 4


def test_larger_than_zip_was_made_for(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members and packages beyond the old limits are written in the ZIP64 form and read back the same."""
    whole = opened(package(data))
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 500)
    large = package(data)
    assert b"PK\x06\x06" in large, "ZIP64 end of central directory"
    assert opened(large) == whole


def test_members_are_found_by_the_central_directory_alone(data: Path) -> None:
    """Where a field stands in front of a member's bytes, the directory has one too: ReplayWeb.page counts on that."""
    packed = package(data)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for info in archive.infolist():
            local_extra_bytes = int.from_bytes(packed[info.header_offset + 28 : info.header_offset + 30], "little")
            assert bool(local_extra_bytes) == bool(info.extra)


def test_changed_file(data: Path) -> None:
    """A WARC file whose bytes are not those it was closed with is not handed on."""
    path = warcs_in(data)[1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DigestMismatch, match=path.name):
        package(data)


def test_longer_file(data: Path) -> None:
    """A WARC file that something was added to is not handed on either."""
    path = warcs_in(data)[1]
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DigestMismatch, match=path.name):
        package(data)


def test_lost_original(data: Path) -> None:
    """A revisit whose original has no row ends the export: the package would lack its content."""
    with Catalog.open(data / CATALOG_NAME) as catalog, catalog.atomic():
        catalog.file.execute("UPDATE captures SET refers_to = '<urn:uuid:0>' WHERE revisit_profile IS NOT NULL")
    with pytest.raises(CaptureMissing, match="has no row"):
        package(data, since=DAYS[1])


def test_nothing_there(data: Path) -> None:
    """Days without a capture are an error that says what was asked for; so is an unknown agency."""
    with pytest.raises(CatalogError, match="until 2020-01-01"):
        package(data, until=date(2020, 1, 1))
    with pytest.raises(CatalogError, match=AGENCY.name):
        package(data, agency="nobody")


def test_command(data: Path, tmp_path: Path) -> None:
    """``govcrawl export wacz`` takes agency and days, or a document, and names the WARC file inside after them."""
    runner = CliRunner(env={"GOVCRAWL_LANG": "en"})
    target = tmp_path / "day.wacz"
    arguments = ["export", "wacz", "--data", str(data), "--output", str(target)]
    result = runner.invoke(
        main, [*arguments, "--agency", AGENCY.name, "--since", "2024-03-08", "--until", "2024-03-08"]
    )
    assert (result.exit_code, "pages written to" in result.stderr) == (0, True)
    files = opened(target.read_bytes())
    assert f"archive/{AGENCY.name}-since-2024-03-08-until-2024-03-08.warc.gz" in files
    assert json.loads(files["datapackage.json"])["title"] == f"{AGENCY.title} 2024-03-08 – 2024-03-08"
    both = runner.invoke(main, [*arguments, "--agency", AGENCY.name, "--document", URL.format("new1")])
    assert (both.exit_code, "not both" in both.stderr) == (2, True)
    never = runner.invoke(main, [*arguments, "--since", "8.3.2024"])
    assert never.exit_code == 2
