"""One document's records as a WARC file: byte for byte, with originals, nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from datadirs import FILE_URL, URL, begin, finish, make_data, put_document, told, warcs_in
from warcs import AGENCY, STARTED_AT, block_of, context_of, exchange_of, fields_of, members_of, response_of

from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_exchange import Choice
from archive.errors import ArchiveError, CaptureMissing, CatalogError, DigestMismatch
from archive.excerpt import About, export_warc
from archive.store import Store
from archive.verify import Counts, silent, verify_paths
from govcrawl.cli import main

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = About(title="样例", software="crawler/1")


def export(data: Path, document_id: str, filename: str = "one.warc.gz") -> bytes:
    """The WARC file of a document."""
    target = io.BytesIO()
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        export_warc(catalog, data, target, choice=Choice(document_id=document_id), filename=filename, about=ABOUT)
    return target.getvalue()


def documents(data: Path) -> dict[str, str]:
    """Ids of the documents by URL."""
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        return {known.url: known.document_id for known in catalog.known_documents(AGENCY.name)}


def compressed_members(path: Path) -> list[bytes]:
    """The gzip members of a file as they are."""
    data = path.read_bytes()
    starts = [offset for offset, _ in members_of(path)]
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three crawls; each has a page of its own, and the file that all pages link to."""
    return make_data(tmp_path / "data")


def test_records_are_copied_byte_for_byte(data: Path, tmp_path: Path) -> None:
    """After a warcinfo record of its own, the file holds members of the source files, unchanged and each once."""
    target = tmp_path / "one.warc.gz"
    target.write_bytes(export(data, documents(data)[URL.format("new2")]))
    own, *copied = compressed_members(target)
    source = {member for path in warcs_in(data) for member in compressed_members(path)}
    assert own not in source
    assert set(copied) <= source
    assert len(set(copied)) == len(copied)
    heads = [fields_of(record) for _, record in members_of(target)]
    assert {head.get("WARC-Target-URI") for head in heads} == {None, URL.format("new2"), FILE_URL}
    types = [head["WARC-Type"] for head in heads]
    assert types[:2] == ["warcinfo", "warcinfo"]
    assert (types.count("response"), types.count("revisit"), types.count("request")) == (2, 2, 4)
    assert heads[0]["WARC-Filename"] == "one.warc.gz"
    assert "样例" in block_of(members_of(target)[0][1]).decode()


def test_every_record_that_is_named_is_there(data: Path, tmp_path: Path) -> None:
    """Originals of revisits and the warcinfo records of the copied ones lie in the same file."""
    target = tmp_path / "one.warc.gz"
    target.write_bytes(export(data, documents(data)[URL.format("new3")]))
    heads = [fields_of(record) for _, record in members_of(target)]
    ids = {head["WARC-Record-ID"] for head in heads}
    named = {
        head[name]
        for head in heads
        for name in ("WARC-Refers-To", "WARC-Concurrent-To", "WARC-Warcinfo-ID")
        if name in head
    }
    assert named <= ids
    findings = verify_paths([target], deep=True, counts=Counts(), progress=silent)
    assert told(list(findings)) == set()


def test_certificates_and_rendered_pages_come_along(tmp_path: Path) -> None:
    """What a capture names and what was made from it is copied with it, once each, and nothing of other captures."""
    data = tmp_path / "data"
    with Store.open(data) as store:
        begin(store, 1)
        url = URL.format("tls")
        chained = {"tls_version": "TLSv1.3", "tls_chain": (b"a certificate",)}
        exchanges = [
            exchange_of(response_of(b"<p>a</p>"), url=url, **chained),
            exchange_of(response_of(b"<p>b</p>"), url=f"{url}?2", tls_version="TLSv1.3", tls_chain=(b"another",)),
            exchange_of(response_of(b"<p>c</p>"), url=url, started_at=STARTED_AT + timedelta(days=1), **chained),
        ]
        captures = store.put_captures([(one, context_of(crawl_id="crawl-1")) for one in exchanges])
        for capture in captures:
            store.put_resource(capture, f"urn:rendered:{capture.url}", b"<p>shown</p>", "text/html", STARTED_AT)
        put_document(store, 1, [captures[0], captures[0], captures[0], captures[0]])
        finish(store, 1)
    target = tmp_path / "one.warc.gz"
    target.write_bytes(export(data, documents(data)[url]))
    heads = [fields_of(record) for _, record in members_of(target)]
    resources = [head["WARC-Target-URI"] for head in heads if head["WARC-Type"] == "resource"]
    assert resources == ["urn:govcrawl:tls:sfj.haidao.test:443", f"urn:rendered:{url}", f"urn:rendered:{url}"]
    findings = verify_paths([target], deep=True, counts=Counts(), progress=silent)
    assert told(list(findings)) == set()


def test_the_same_again(data: Path) -> None:
    """The same document gives the same bytes; another document has another first record."""
    ids = documents(data)
    first = export(data, ids[URL.format("new1")])
    assert export(data, ids[URL.format("new1")]) == first
    assert export(data, ids[URL.format("new2")])[:200] != first[:200]


def test_records_of_a_crawl_that_goes_on(tmp_path: Path) -> None:
    """A WARC file that still bears .open gives its records too."""
    data = make_data(tmp_path / "data", 1)
    (path,) = warcs_in(data)
    whole = export(data, documents(data)[URL.format("new1")])
    path.rename(path.with_name(path.name + ".open"))
    assert export(data, documents(data)[URL.format("new1")]) == whole


def test_unknown_document(data: Path) -> None:
    """A document that is not there is an error."""
    with pytest.raises(CatalogError, match="no document nothing-0"):
        export(data, "nothing-0")


def flip(path: Path, member: int) -> None:
    """Flip a bit in the middle of a gzip member."""
    content = bytearray(path.read_bytes())
    starts = [offset for offset, _ in members_of(path)] + [len(content)]
    content[(starts[member] + starts[member + 1]) // 2] ^= 1
    path.write_bytes(content)


def test_damaged_records_are_not_handed_on(data: Path, tmp_path: Path) -> None:
    """A flipped bit in a record ends the export, and no file appears."""
    wanted = documents(data)[URL.format("new1")]
    source = warcs_in(data)[0]
    types = [fields_of(record)["WARC-Type"] for _, record in members_of(source)]
    flip(source, [n for n, kind in enumerate(types) if kind == "response"][1])
    with pytest.raises((CaptureMissing, DigestMismatch)):
        export(data, wanted)
    target = tmp_path / "out" / "one.warc.gz"
    target.parent.mkdir()
    result = CliRunner(env={"GOVCRAWL_LANG": "en"}).invoke(
        main, ["export", "warc", "--document", wanted, "--data", str(data), "--output", str(target)]
    )
    assert (result.exit_code, list(target.parent.iterdir())) == (1, [])


@pytest.mark.parametrize(
    ("column", "value", "error"),
    [
        ("warc_file", "../../etc/passwd", "passwd"),
        ("record_id", "<urn:uuid:00000000-0000-4000-8000-00000000ffff>", "its row says"),
        ("block_digest", f"sha256:{'0' * 64}", "its row says"),
        ("group_length", 1_000_000_000, "no readable WARC record|end at"),
        ("offset", 1, "no readable WARC record"),
    ],
)
def test_rows_that_lie(data: Path, column: str, value: Any, error: str) -> None:
    """A catalog that points elsewhere, or out of the data directory, ends the export with an error that says so."""
    wanted = documents(data)[URL.format("new1")]
    with Catalog.open(data / CATALOG_NAME) as catalog, catalog.atomic():
        if column == "warc_file":
            (row, *_) = catalog.rows("SELECT * FROM warc_files")
            catalog.file.insert("warc_files", {**row, "path": value})
        catalog.file.update("captures", {"url": URL.format("new1")}, {column: value})
    with pytest.raises(ArchiveError, match=error):
        export(data, wanted)


def test_command(data: Path, tmp_path: Path) -> None:
    """``govcrawl export warc --document`` takes an id or a URL, to a file or to standard output."""
    wanted = documents(data)[URL.format("new1")]
    runner = CliRunner(env={"GOVCRAWL_LANG": "en"})
    target = tmp_path / "one.warc.gz"
    result = runner.invoke(
        main, ["export", "warc", "--document", URL.format("new1"), "--data", str(data), "--output", str(target)]
    )
    assert (result.exit_code, "captures written to" in result.stderr) == (0, True)
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        title = f"第1号 ({wanted})"
        assert title in block_of(members_of(target)[0][1]).decode()
        assert catalog.known_documents(AGENCY.name)
    piped = runner.invoke(main, ["export", "warc", "--document", wanted, "--data", str(data), "--output", "-"])
    assert piped.exit_code == 0
    assert hashlib.sha256(piped.stdout_bytes).digest() != hashlib.sha256(target.read_bytes()).digest()
    assert f"{wanted}.warc.gz" in members_head(piped.stdout_bytes)


def members_head(data: bytes) -> str:
    """The head of the first record of a WARC file in memory."""
    with gzip.open(io.BytesIO(data)) as file:
        return file.read(400).decode("utf-8", "replace")
