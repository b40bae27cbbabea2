"""Rows in every format: the same rows, typed columns, nothing that a spreadsheet runs, limits told."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import openpyxl  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from catalogs import Sample, fetched, read_document
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.export_rows import FORMATS, write_rows
from archive.export_xlsx import CELL_CHARACTERS, CUT_MARK, write_xlsx
from archive.resources import RESOURCES, Field, Resource
from govcrawl.cli import main
from govcrawl.figures import FIGURES, FINDINGS

if TYPE_CHECKING:
    from pathlib import Path

TINY = Resource(
    "tiny", "小表", "For tests.",
    (
        Field("a", "text", "甲", "Text."), Field("n", "integer", "数", "Number."), Field("r", "real", "比", "Ratio."),
        Field("l", "texts", "列", "List."), Field("t", "tables", "表", "Tables."), Field("j", "json", "余", "Rest."),
    ),
    ("a",),
)  # fmt: skip
ROW = {"a": "=1+1", "n": 3, "r": 0.5, "l": ["甲", "乙"], "t": [[["x", "y"]]], "j": {"b": 1, "a": "中"}}
EMPTY = dict.fromkeys(ROW)


@pytest.mark.parametrize("resource", [*RESOURCES, FIGURES, FINDINGS], ids=lambda one: one.name)
def test_every_column_is_described(resource: Resource) -> None:
    """Every column of every table has a name of its own and a meaning in both languages; the key is among them."""
    assert len(set(resource.names)) == len(resource.names)
    assert set(resource.key) <= set(resource.names)
    for field in resource.fields:
        assert field.zh
        assert field.en.endswith((".", "…")), field.name


def test_parquet_is_typed() -> None:
    """Numbers are numbers, lists lists, other nested values JSON text, missing ones null; meanings go with the columns."""
    target = io.BytesIO()
    assert write_rows([ROW, EMPTY], target, TINY, "parquet").rows == 2
    table = pq.read_table(io.BytesIO(target.getvalue()))
    assert table.to_pylist() == [{**ROW, "j": '{"a": "中", "b": 1}'}, EMPTY]
    metadata = table.schema.field("a").metadata
    assert (metadata[b"zh"].decode(), metadata[b"en"]) == ("甲", b"Text.")
    assert [str(field.type) for field in table.schema][:3] == ["string", "int64", "double"]


def test_xlsx_has_no_formula() -> None:
    """A workbook holds text as text and numbers as numbers under a header in Chinese; a second sheet explains the columns."""
    target = io.BytesIO()
    write_rows([ROW, EMPTY], target, TINY, "xlsx")
    book = openpyxl.load_workbook(io.BytesIO(target.getvalue()))
    rows = list(book["tiny"].values)
    assert rows[0] == ("甲", "数", "比", "列", "表", "余")
    assert rows[2] == ("=1+1", 3, 0.5, "甲\n乙", '[[["x", "y"]]]', '{"a": "中", "b": 1}')
    assert book["tiny"]["A3"].data_type == "s"
    assert [row[1] for row in book["字段 columns"].values][1:7] == ["甲", "数", "比", "列", "表", "余"]
    assert b"<f>" not in zipfile.ZipFile(io.BytesIO(target.getvalue())).read("xl/worksheets/sheet1.xml")


def test_xlsx_limits_are_told() -> None:
    """What is longer than a cell is cut with a mark and counted; more rows than a sheet has go on the next one."""
    target = io.BytesIO()
    written = write_xlsx(({**EMPTY, "a": "😀" * CELL_CHARACTERS} for _ in range(5)), target, TINY, sheet_rows=4)
    assert (written.rows, written.cut) == (5, 5)
    book = openpyxl.load_workbook(io.BytesIO(target.getvalue()))
    assert [sheet.max_row for sheet in book.worksheets[:3]] == [4, 4, 3]
    cell: Any = book["tiny"]["A3"].value
    assert cell.endswith(CUT_MARK)
    assert len(cell.encode("utf-16-le")) // 2 <= CELL_CHARACTERS


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a workbook takes its time
@given(
    st.lists(
        st.fixed_dictionaries({**{name: st.none() for name in ROW}, "a": st.none() | st.text(max_size=20)}), max_size=5
    )
)
def test_any_text_survives(rows: list[dict[str, Any]]) -> None:
    """Whatever stands in a text comes out of every format; a workbook leaves out what XML has no form for."""
    for form in ("parquet", "jsonl", "csv", "xlsx"):
        target = io.BytesIO()
        clean = [
            {**row, "a": row["a"] and "".join(c for c in row["a"] if not 0xD800 <= ord(c) < 0xE000)} for row in rows
        ]
        write_rows(clean, target, TINY, form, guard=False)
        if form == "parquet":
            assert pq.read_table(io.BytesIO(target.getvalue())).column("a").to_pylist() == [row["a"] for row in clean]
        elif form == "jsonl":
            assert [json.loads(line)["a"] for line in target.getvalue().splitlines()] == [row["a"] for row in clean]
        elif form == "csv":
            assert (
                len(list(csv.reader(io.StringIO(target.getvalue().decode("utf-8-sig"), newline="")))) == len(rows) + 1
            )
        else:
            assert openpyxl.load_workbook(io.BytesIO(target.getvalue()))


def library(folder: Path) -> Path:
    """A data directory with a document in two versions, with an attachment and a table."""
    sample = Sample.make(folder)
    sample.put(
        read_document("t1", title="甲", text="根据国办发〔2019〕14号", tables=((("a", "b"),),)),
        attachments=[fetched("http://sfj.sample.test/a.pdf", "a" * 64)],
    )
    sample.put(read_document("t2", title="乙", text="别的"))
    sample.begin()
    sample.put(read_document("t1", title="甲（更正）", text="根据国办发〔2019〕14号"))
    sample.finish()
    sample.catalog.close()
    return folder


@pytest.mark.parametrize(
    "name", ["documents", "versions", "attachments", "captures", "changes", "crawls", "citations", "tables"]
)
def test_commands_in_every_format(tmp_path: Path, name: str) -> None:
    """Every table is written in every format with the same number of rows."""
    data = library(tmp_path)
    counts = set()
    for form in FORMATS:
        target = tmp_path / f"{name}.{form}"
        result = CliRunner(env={"GOVCRAWL_LANG": "en"}).invoke(
            main,
            ["export", name, "--format", form, "--output", str(target), "--data", str(data)],
            catch_exceptions=False,
        )
        assert result.exit_code == 0, result.output
        if form == "parquet":
            counts.add(pq.read_metadata(target).num_rows)
        elif form == "jsonl":
            counts.add(len(target.read_bytes().splitlines()))
        elif form == "csv":
            counts.add(len(list(csv.reader(io.StringIO(target.read_text("utf-8-sig"), newline="")))) - 1)
        else:
            counts.add(openpyxl.load_workbook(target)[name].max_row - 2)
    assert len(counts) == 1


def test_export_is_exactly_what_a_search_finds(tmp_path: Path) -> None:
    """With --query the documents are those that the search finds, and no others."""
    data = library(tmp_path)
    run = CliRunner(env={"GOVCRAWL_LANG": "en"})
    options = ["export", "documents", "--format", "jsonl", "--output", "-", "--data", str(data)]
    found = run.invoke(main, [*options, "--query", "国办发(2019)14号"], catch_exceptions=False)
    assert [json.loads(line)["title"] for line in found.stdout.splitlines()] == ["甲（更正）"]
    assert run.invoke(main, [*options, "--query", '"'], catch_exceptions=False).exit_code == 2


def test_nothing_is_written_for_an_unknown_agency(tmp_path: Path) -> None:
    """An agency that is not there is said before a header is written."""
    data = library(tmp_path)
    for name in ("documents", "versions", "attachments", "citations"):
        result = CliRunner().invoke(
            main, ["export", name, "--format", "csv", "--output", "-", "--agency", "nobody", "--data", str(data)]
        )
        assert (result.exit_code in {1, 2}, result.stdout) == (True, "")
