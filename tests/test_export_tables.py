"""Tables as data and annual reports as figures, out of a catalog and from the command line."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from catalogs import Sample, fetched, read_document, url_of
from click.testing import CliRunner, Result
from report_pages import (
    PERIOD,
    application_head,
    application_rows,
    applications,
    content,
    disclosure_rows,
    dispute_table,
    pdf_disputes,
    pdf_grid,
    table,
)

from archive.catalog_texts import put_file_text
from archive.export_tables import INDEX_FIELDS, LONG_FIELDS, WIDE_FIELDS, guarded
from archive.model import FileText
from govcrawl.cli import main
from govcrawl.figures import FIGURE_FIELDS, FINDING_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PDF = "http://sfj.sample.test/files/P1.pdf"
DOCX = "http://sfj.sample.test/files/P2.docx"
SMALL = (("甲", "乙"), ("-1.5", "=1+1"))
DISPUTES = [2, 1, 0, 3, 6, 1, 0, 0, 0, 1, 0, 0, 4, 0, 4]


def read_text(sha256: str, tables: list[list[list[str]]], text: str = "") -> FileText:
    """What was read out of an attachment."""
    return FileText(
        sha256=sha256,
        media_type="application/pdf",
        status="text",
        reason=None,
        pages=3,
        text=text,
        tables=tuple(tuple(tuple(row) for row in grid) for grid in tables),
        reader_version="1",
    )


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """Two reports (one wrong sum in the first), a document whose report is an attachment in two formats, a small table."""
    made = Sample.make(tmp_path)
    figures = applications()
    body = content(
        f"<p>{PERIOD.format(year=2023)}</p>",
        table(*disclosure_rows([1, 0, 12, 4, 2, 30, 844, 30, 0, 52.9])),
        table(*application_head(), *application_rows({**figures, "4": [*figures["4"][:6], 9]})),
        dispute_table(DISPUTES),
    )
    made.put(
        read_document("t1", title="样例市司法局2023年政府信息公开工作年度报告", text=body.text, tables=body.tables)
    )
    grids = [pdf_grid(figures), pdf_disputes(DISPUTES)]
    made.put(
        read_document("t2", title="样例市司法局2022年政府信息公开工作年度报告", text="见附件。"),
        attachments=[
            fetched(PDF, "a" * 64, label="年度报告（PDF）"),
            fetched(DOCX, "b" * 64, label="年度报告（Word）"),
        ],
    )
    for sha256 in ("a" * 64, "b" * 64):
        put_file_text(made.catalog, read_text(sha256, grids, "样例市司法局"), made.now)
    made.put(read_document("t3", title="统计公报", tables=(SMALL,), publish_date="2024-01-05"))
    made.finish()
    yield made
    made.catalog.close()


def govcrawl(sample: Sample, *arguments: str) -> Result:
    """Run a command in this process on the sample's data directory."""
    environment = {"GOVCRAWL_DATA": str(sample.path.parent), "GOVCRAWL_LANG": "en"}
    return CliRunner(env=environment).invoke(main, ["export", *arguments], catch_exceptions=False)


def jsonl(sample: Sample, *arguments: str) -> list[dict[str, Any]]:
    """Run a JSON lines export to standard output."""
    result = govcrawl(sample, *arguments, "--format", "jsonl", "--output", "-")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def rows_of(data: bytes) -> list[list[str]]:
    """CSV as rows."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_tables_long(sample: Sample, tmp_path: Path) -> None:
    """Long: one cell a row with its place; signs of numbers stay, formulas are made harmless."""
    document_id = next(
        one.document_id for one in sample.catalog.known_documents("sample_sfj") if one.url == url_of("t3")
    )
    cells = jsonl(sample, "tables", "--document", document_id)
    assert [(one["row"], one["column"], one["cell"]) for one in cells] == [
        (0, 0, "甲"), (0, 1, "乙"), (1, 0, "-1.5"), (1, 1, "=1+1"),
    ]  # fmt: skip
    assert set(cells[0]) == set(LONG_FIELDS)
    assert (cells[0]["source"], cells[0]["file_url"], cells[0]["table"]) == ("body", None, 0)
    target = tmp_path / "long.csv"
    result = govcrawl(sample, "tables", "--format", "csv", "--document", url_of("t3"), "--output", str(target))
    assert result.exit_code == 0
    assert "4 cells written" in result.stderr
    head, *body = rows_of(target.read_bytes())
    assert head == list(LONG_FIELDS)
    assert [row[-1] for row in body] == ["甲", "乙", "-1.5", "'=1+1"]


def test_tables_wide(sample: Sample, tmp_path: Path) -> None:
    """Wide: a JSON object for each table, or a CSV file for each in a directory or ZIP with an index; attachments too."""
    tables = jsonl(sample, "tables", "--shape", "wide")
    assert [(one["source"], one["file_url"], one["table"]) for one in tables if one["title"] != "统计公报"].count(
        ("attachment", PDF, 1)
    ) == 1
    assert len(tables) == 3 + 4 + 1
    assert set(tables[0]) == set(WIDE_FIELDS)
    small = next(one for one in tables if one["title"] == "统计公报")
    assert (small["rows"], small["columns"], small["cells"]) == (2, 2, [list(row) for row in SMALL])
    folder, package = tmp_path / "tables", tmp_path / "tables.zip"
    for target in (folder, package):
        result = govcrawl(sample, "tables", "--format", "csv", "--shape", "wide", "--output", str(target))
        assert result.exit_code == 0, result.output
        assert "8 tables written" in result.stderr
    head, *index = rows_of((folder / "tables.csv").read_bytes())
    assert head == list(INDEX_FIELDS)
    assert len(index) == 8
    with zipfile.ZipFile(package) as zipped:
        assert zipped.testzip() is None
        assert set(zipped.namelist()) == {"tables.csv", *(row[0] for row in index)}
        for row, kept in zip(index, tables, strict=True):
            data = (folder / row[0]).read_bytes()
            assert zipped.read(row[0]) == data
            assert rows_of(data) == [[guarded(cell) for cell in line] for line in kept["cells"]]


def test_wide_targets(sample: Sample, tmp_path: Path) -> None:
    """Many files do not go to standard output, nor over what is there; the failure leaves nothing behind."""
    assert govcrawl(sample, "tables", "--format", "csv", "--shape", "wide", "--output", "-").exit_code == 2
    there = tmp_path / "there"
    there.mkdir()
    before = sorted(tmp_path.iterdir())
    for target, reason in ((there, "is there already"), (tmp_path / "no" / "x", "cannot be made")):
        result = govcrawl(sample, "tables", "--format", "csv", "--shape", "wide", "--output", str(target))
        assert result.exit_code == 1
        assert reason in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_figures(sample: Sample, tmp_path: Path) -> None:
    """Figures come from bodies, and from the first of equal attachments where the body has none; each has its place."""
    figures = jsonl(sample, "figures")
    assert set(figures[0]) == set(FIGURE_FIELDS)
    by_year = {year: [one for one in figures if one["year"] == year] for year in (2022, 2023)}
    assert {year: len(ones) for year, ones in by_year.items()} == {2022: 190, 2023: 200}
    assert {(one["source"], one["file_url"]) for one in by_year[2022]} == {("attachment", PDF)}
    granted = next(one for one in by_year[2023] if one["item"] == "予以公开" and one["applicant"] == "自然人")
    assert (granted["value"], granted["printed"], granted["item_code"]) == (1, "1", "3.1")
    grid = jsonl(sample, "tables", "--shape", "wide", "--document", granted["document_id"])[granted["table_number"]]
    assert grid["cells"][granted["row"]][granted["column"]] == granted["printed"]
    target = tmp_path / "figures.csv"
    result = govcrawl(sample, "figures", "--format", "csv", "--output", str(target))
    assert "390 figures written" in result.stderr
    assert "2 annual reports; 84 sums checked, 2 disagree, 0 are left open by blank cells" in result.stderr
    head, *rows = rows_of(target.read_bytes())
    assert head == list(FIGURE_FIELDS)
    assert len(rows) == 390


def test_report_findings(sample: Sample) -> None:
    """Each sum that does not agree is a row with document, rule, both sides and cells."""
    findings = jsonl(sample, "report-findings")
    assert set(findings[0]) == set(FINDING_FIELDS)
    wrong = [one for one in findings if one["finding"] == "sum_differs"]
    assert {(one["year"], one["item"], one["applicant"]) for one in wrong} == {
        (2023, "结转下年度继续办理", None), (2023, None, "总计"),
    }  # fmt: skip
    row = next(one for one in wrong if one["item"] == "结转下年度继续办理")
    assert (row["got"], row["expected"], len(row["cells"])) == (9, 7, 7)
    assert [(one["finding"], one["table"], one["year"]) for one in findings if one not in wrong] == [
        ("missing_table", "主动公开", 2022)
    ]


def test_agency_and_since(sample: Sample) -> None:
    """Exports are narrowed by agency and day; an unknown agency is an error that names the known ones."""
    assert {one["title"] for one in jsonl(sample, "tables", "--since", "2024-01-06")} == {
        "样例市司法局2022年政府信息公开工作年度报告", "样例市司法局2023年政府信息公开工作年度报告",
    }  # fmt: skip
    result = govcrawl(sample, "figures", "--format", "csv", "--output", "-", "--agency", "nobody")
    assert result.exit_code == 2
    assert "sample_sfj" in result.stderr
    assert govcrawl(sample, "figures", "--format", "jsonl", "--output", "-", "--raw").exit_code == 2


def test_guard() -> None:
    """Only what a spreadsheet would run is guarded."""
    assert [guarded(text) for text in ("-12.5%", "+3", "-", "--1", "@x", "=1", "-1+2", "甲")] == [
        "-12.5%", "+3", "-", "'--1", "'@x", "'=1", "'-1+2", "甲",
    ]  # fmt: skip


def test_reports_in_an_archive(tmp_path: Path) -> None:
    """Each member of a ZIP is a report of its own, with its year and place; the same report as .pdf and .docx counts once."""
    made = Sample.make(tmp_path)
    grids = [pdf_grid(applications()), pdf_disputes(DISPUTES)]
    read = read_text("c" * 64, [*(grid for _ in range(3) for grid in grids), [["甲", "乙"]]])
    names = (
        "甲局2022年政府信息公开工作年度报告.pdf",
        "甲局2022年政府信息公开工作年度报告.docx",
        "乙局2023年政府信息公开工作年度报告.pdf",
    )
    members: list[dict[str, Any]] = [
        {"name": f"年报/{name}", "text": "正文", "tables": [2 * n, 2 * n + 2]} for n, name in enumerate(names)
    ]
    members += [
        {"name": "附表.xlsx", "text": None, "tables": [6, 7]},
        {"name": "说明.txt", "text": "说明", "tables": [7, 7]},
    ]
    made.put(read_document("t1", title="各单位年度报告汇总"), attachments=[fetched(PDF, "c" * 64, label="年报.zip")])
    put_file_text(made.catalog, replace(read, members=tuple(members)), made.now)
    made.finish()
    try:
        rows = jsonl(made, "figures")
        found = {
            (row["member"], row["year"], min(r["table_number"] for r in rows if r["member"] == row["member"]))
            for row in rows
        }
        assert found == {(f"年报/{names[0]}", 2022, 0), (f"年报/{names[2]}", 2023, 4)}
        assert {row["file_url"] for row in rows} == {PDF}
        assert all(row["member"] for row in jsonl(made, "report-findings"))
    finally:
        made.catalog.close()
