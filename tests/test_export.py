"""Documents out of the catalog: the contract's fields, JSON lines, CSV, and where they are written."""

from __future__ import annotations

import csv
import io
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from catalogs import AGENCY, EXTRACTION, Sample, fetched, key_of, read_document, url_of
from hypothesis import given
from hypothesis import strategies as st

from archive.catalog import Catalog
from archive.catalog_texts import EXPORTED
from archive.errors import ArchiveWriteError, CatalogError
from archive.export import (
    DOCUMENT_FIELDS,
    document_of_page,
    export_documents,
    json_line,
    opened,
    write_csv,
    write_jsonl,
)
from archive.model import FileLink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTRACT = [
    "document_id",
    "agency",
    "url",
    "aliases",
    "channels",
    "title",
    "publish_date",
    "publish_time",
    "publish_date_source",
    "written_date",
    "source",
    "publisher",
    "index_number",
    "document_number",
    "topic",
    "validity",
    "text",
    "tables",
    "attachments",
    "images",
    "cites",
    "state",
    "version_count",
    "first_captured_at",
    "last_captured_at",
    "last_checked_at",
    "extraction",
    "capture",
    "subtitle",
    "author",
    "editor",
    "genre",
    "keywords",
    "effective_date",
    "expiry_date",
    "site_id_code",
    "kind",
    "kind_rule",
    "origins",
]
PDF = "http://sfj.sample.test/files/P1.pdf"


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """An open catalog with its first crawl begun."""
    made = Sample.make(tmp_path)
    yield made
    made.catalog.close()


def filled(**values: Any) -> dict[str, Any]:
    """An exported document with most of it empty."""
    return dict.fromkeys(DOCUMENT_FIELDS) | values


def as_csv(*rows: dict[str, Any], **options: Any) -> bytes:
    """Rows as CSV bytes."""
    target = io.BytesIO()
    write_csv(rows, target, **options)
    return target.getvalue()


def test_exported_document(sample: Sample) -> None:
    """Every field of the contract is there, with aliases, channels in the site's order, files and their places."""
    sample.list_("政策文件", "t1")
    sample.list_("公示公告", "t1")
    pdf = sample.capture(PDF, kind="attachment", media_type="application/pdf")
    read = read_document(
        "t1",
        publish_date="2024-04-30",
        publish_date_source="label",
        document_number="样司〔2024〕3号",
        tables=((("甲", "乙"),),),
        cites=("样府〔2020〕1号",),
        genre="公示",
        origins={"title": "label", "publish_date": "label"},
    )
    kept = fetched(PDF, "a" * 64)
    lost = fetched("http://sfj.sample.test/files/P2.doc", None, error="404")
    put = sample.put(
        read,
        attachments=[*(type(kept)(**{**_fields(kept), "capture_id": pdf.id}),), lost],
        images=[fetched("http://sfj.sample.test/p.png", "c" * 64)],
        aliases=[(url_of("t9"), key_of(url_of("t9")))],
    )
    (row,) = export_documents(sample.catalog)
    assert sorted(row) == sorted(CONTRACT) == sorted(DOCUMENT_FIELDS)
    assert row["document_id"] == put.document_id
    assert (row["aliases"], row["channels"]) == ([url_of("t9")], ["公示公告", "政策文件"])
    assert (row["tables"], row["cites"]) == ([[["甲", "乙"]]], ["样府〔2020〕1号"])
    assert (row["state"], row["version_count"], row["publish_date_source"]) == ("live", 1, "label")
    assert (row["genre"], row["kind"], row["kind_rule"]) == ("公示", "公告公示", "title:公示")
    assert row["origins"] == {"title": "label", "publish_date": "label"}
    first, second = row["attachments"]
    assert first["capture"] == {
        "warc_file": pdf.warc_file,
        "offset": pdf.offset,
        "length": pdf.length,
        "record_id": pdf.record_id,
        "payload_digest": pdf.payload_digest,
    }
    assert (second["sha256"], second["capture"], second["error"]) == (None, None, "404")
    assert row["images"] == [
        {"url": "http://sfj.sample.test/p.png", "media_type": "application/pdf", "bytes": 3, "sha256": "c" * 64}
    ]
    assert row["capture"]["record_id"] == f"<urn:uuid:{sample.captures:032x}>"
    assert row["extraction"]["method"] == "container"
    assert row["extraction"]["flags"] == []
    assert row["first_captured_at"].endswith("Z")


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def test_order_and_filters(sample: Sample) -> None:
    """Documents come by agency and id; --since keeps undated ones; --changed-since goes by versions and states."""
    old = sample.put(read_document("t1", publish_date="2020-01-01"))
    new = sample.put(read_document("t2", publish_date="2024-04-01"))
    undated = sample.put(read_document("t3"))
    sample.begin(days=5)
    day = sample.now.date().isoformat()
    sample.put(read_document("t1", publish_date="2020-01-01", text="改"))
    sample.put(read_document("t2", publish_date="2024-04-01"))
    sample.catalog.put_absence(sample.crawl_id, undated.document_id, None, "404", sample.now)
    everything = [row["document_id"] for row in export_documents(sample.catalog)]
    assert everything == sorted(everything)
    assert len(everything) == 3
    recent = {row["document_id"] for row in export_documents(sample.catalog, since="2024-01-01")}
    assert recent == {new.document_id, undated.document_id}
    changed = {row["document_id"] for row in export_documents(sample.catalog, changed_since=day)}
    assert changed == {old.document_id, undated.document_id}
    with pytest.raises(CatalogError, match=f"no agency 'nobody'.*{AGENCY.name}"):
        list(export_documents(sample.catalog, agency="nobody"))


def test_export_is_one_view(sample: Sample) -> None:
    """What a crawl commits while an export runs is not half in it."""
    for number in range(5):
        sample.put(read_document(f"t{number}"))
    with Catalog.open_read_only(sample.path) as reader:
        rows = export_documents(reader)
        first = next(rows)
        for number in range(5):
            sample.put(read_document(f"t{number}", text="改"))
        rest = list(rows)
    assert {row["text"] for row in (first, *rest)} == {"第一段\n第二段"}
    assert {row["version_count"] for row in (first, *rest)} == {1}


def test_jsonl_is_the_same_at_every_export(sample: Sample) -> None:
    """JSON lines are UTF-8 with Chinese unescaped, keys sorted, one document a line, and repeat byte for byte."""
    for name in ("t1", "t2"):
        sample.put(read_document(name))
    first, second = io.BytesIO(), io.BytesIO()
    assert write_jsonl(export_documents(sample.catalog), first) == 2
    write_jsonl(export_documents(sample.catalog), second)
    assert first.getvalue() == second.getvalue()
    lines = first.getvalue().decode().splitlines()
    assert "关于" in lines[0]
    assert [list(json.loads(line)) for line in lines] == [sorted(CONTRACT)] * 2


def test_page_outside_a_crawl_has_the_same_fields() -> None:
    """A page read without a catalog has the contract's fields; what only a catalog knows is null or empty."""
    read = read_document("t1", attachments=(FileLink(url=PDF, label="附件", filename="P1.pdf"),))
    row = document_of_page(read)
    assert sorted(row) == sorted(CONTRACT)
    assert row["attachments"][0] == dict.fromkeys(EXPORTED) | {
        "url": PDF,
        "label": "附件",
        "filename": "P1.pdf",
        "media_type": None,
        "bytes": None,
        "sha256": None,
        "capture": None,
        "error": None,
    }
    assert (row["document_id"], row["state"], row["aliases"], row["capture"]) == (None, None, [], None)
    assert row["extraction"]["container"] == EXTRACTION.container
    json_line(row)


def test_csv_form() -> None:
    """CSV begins with a BOM, ends lines with CRLF, doubles quotes, keeps line breaks and writes nested values as JSON."""
    data = as_csv(filled(title='说"甲"', text="一\n二", aliases=["甲"], version_count=1))
    assert data.startswith(b"\xef\xbb\xbfdocument_id,agency,url,")
    assert data.count(b"\r\n") == 2
    header, row = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert header == CONTRACT
    values = dict(zip(header, row, strict=True))
    assert (values["title"], values["text"], values["aliases"], values["version_count"]) == (
        '说"甲"',
        "一\n二",
        '["甲"]',
        "1",
    )
    assert values["source"] == ""
    assert not as_csv(filled(), bom=False).startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x.test")'])
def test_formula_cells(cell: str) -> None:
    """A cell that a spreadsheet would run begins with an apostrophe, and stays as it is with guard off."""
    for guard, expected in ((True, f"'{cell}"), (False, cell)):
        text = as_csv(filled(title=cell), guard=guard).decode("utf-8-sig")
        _, row = csv.reader(io.StringIO(text, newline=""))
        assert row[DOCUMENT_FIELDS.index("title")] == expected


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_any_text_survives_csv(texts: list[str]) -> None:
    """Whatever stands in a cell comes back from the CSV, and no cell begins like a formula."""
    data = as_csv(*(filled(text=text) for text in texts)).decode("utf-8-sig")
    _, *rows = csv.reader(io.StringIO(data, newline=""))
    cells = [row[DOCUMENT_FIELDS.index("text")] for row in rows]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    assert [cell if cell == text else cell.removeprefix("'") for cell, text in zip(cells, texts, strict=True)] == texts


def test_target_takes_its_name_only_when_complete(tmp_path: Path) -> None:
    """An export that breaks off leaves what stood there and no debris; a complete one replaces it."""
    target = tmp_path / "documents.jsonl"
    target.write_bytes(b"old")

    def break_off() -> None:
        with opened(str(target)) as file:
            file.write(b"half")
            assert target.read_bytes() == b"old"
            raise CatalogError("broken off")

    with pytest.raises(CatalogError):
        break_off()
    assert [path.name for path in tmp_path.iterdir()] == ["documents.jsonl"]
    assert target.read_bytes() == b"old"
    with opened(str(target)) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["documents.jsonl"]


def test_link_stays_a_link(tmp_path: Path) -> None:
    """A target that is a symbolic link is written through it."""
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "documents.jsonl"
    link.symlink_to(tmp_path / "elsewhere" / "real.jsonl")
    with opened(str(link)) as file:
        file.write(b"x")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "real.jsonl").read_bytes() == b"x"


def test_pipe_is_written_into(tmp_path: Path) -> None:
    """A named pipe is not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with opened(str(pipe)) as file:
        file.write(b"x")
    reader.join()
    assert got == [b"x"]
    assert pipe.is_fifo()


def test_unwritable_targets(tmp_path: Path) -> None:
    """A target that cannot be written is one clear error that names it."""
    for target, reason in (
        (tmp_path, "is a directory"),
        (tmp_path / "no" / "x.csv", "cannot be written: No such file"),
    ):
        with pytest.raises(ArchiveWriteError, match=reason) as error, opened(str(target)):
            pass
        assert str(target) in str(error.value)
    with pytest.raises(ArchiveWriteError, match="No space left"), opened("/dev/full") as file:
        file.write(b"x")
