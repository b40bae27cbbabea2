"""Coverage: every line of a list is accounted for once, and gaps are stated with their reasons."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import openpyxl  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from catalogs import AGENCY, Sample, fetched, read_document, url_of
from click.testing import CliRunner

from archive.coverage import COVERAGE_FIELDS, agency_coverage
from govcrawl.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHANNEL = "公示公告"


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """A channel with a line of every case, and one that was never walked."""
    one = Sample.make(tmp_path)
    one.list_(CHANNEL, "t1", "t2", "robots", "broken", "waiting", "away", complete=True)
    one.list_(CHANNEL, "elsewhere", offsite=True)
    files = [
        fetched("http://sfj.sample.test/1.pdf", "a" * 64),
        fetched("http://sfj.sample.test/2.pdf", None, error="http_status: 500"),
    ]
    one.put(read_document("t1", publish_date="2024-04-01"), attachments=files)
    one.put(read_document("t2"))
    for name, reason in (("robots", "robots"), ("broken", "http_status"), ("broken", "timeout")):
        one.catalog.put_failure(
            one.crawl_id, AGENCY.name, url_of(name), "document", CHANNEL, reason, "so", None, None, one.now
        )
    one.capture(url_of("away"), status=302)
    one.catalog.finish_channel(
        one.crawl_id, AGENCY.name, CHANNEL, complete=True, pages=2, total=20, at=one.now, ending="capped", skipped=3
    )
    one.finish()
    yield one
    one.catalog.close()


def test_each_line_is_counted_once(sample: Sample) -> None:
    """Captured, off-site, refused, failed by reason and pending lines add up to those listed; the rest is told as unseen."""
    row, untouched = agency_coverage(sample.catalog, AGENCY.name)
    cases = {name: row[name] for name in ("captured", "off_site", "refused_by_robots", "failed", "pending")}
    assert cases == {"captured": 2, "off_site": 1, "refused_by_robots": 1, "failed": 2, "pending": 1}
    assert sum(cases.values()) == row["listed"] == 7
    assert row["failed_by_reason"] == {"timeout": 1, "redirected_away": 1}
    assert (row["list_total"], row["unseen"], row["capped"], row["list_ending"]) == (20, 10, True, "capped")
    assert (row["documents"], row["live"], row["undated"], row["first_publish_date"]) == (2, 2, 1, "2024-04-01")
    assert (row["attachments"], row["attachments_captured"], row["attachments_failed"]) == (2, 1, 1)
    assert row["attachments_failed_by_reason"] == {"http_status": 1}
    assert (untouched["listed"], untouched["walked_to_end_at"], untouched["list_ending"]) == (0, None, None)


def test_export_coverage(sample: Sample) -> None:
    """``export coverage`` writes the same rows as CSV and JSON lines; an unknown agency is refused."""
    runner = CliRunner(env={"GOVCRAWL_LANG": "en", "GOVCRAWL_DATA": str(sample.path.parent)})
    lines = runner.invoke(main, ["export", "coverage", "--format", "jsonl", "--output", "-"])
    assert (lines.exit_code, lines.stderr) == (0, "2 channels written to standard output\n")
    rows = [json.loads(line) for line in lines.stdout.splitlines()]
    assert [set(row) for row in rows] == [set(COVERAGE_FIELDS)] * 2
    table = runner.invoke(main, ["export", "coverage", "--format", "csv", "--output", "-"]).stdout
    read = list(csv.DictReader(io.StringIO(table.removeprefix("\ufeff"))))
    assert [int(row["listed"]) for row in read] == [row["listed"] for row in rows] == [7, 0]
    unknown = runner.invoke(main, ["export", "coverage", "--format", "csv", "--output", "-", "--agency", "nobody"])
    assert unknown.exit_code == 2
    assert "no agency 'nobody'" in unknown.stderr


def test_coverage_in_other_formats(sample: Sample, tmp_path: Path) -> None:
    """Parquet and XLSX hold the same figures, each column with its type."""
    runner = CliRunner(env={"GOVCRAWL_LANG": "en", "GOVCRAWL_DATA": str(sample.path.parent)})
    for form in ("parquet", "xlsx"):
        done = runner.invoke(main, ["export", "coverage", "--format", form, "--output", str(tmp_path / f"c.{form}")])
        assert done.exit_code == 0, done.stderr
    table = pq.read_table(tmp_path / "c.parquet")
    assert tuple(table.column_names) == COVERAGE_FIELDS
    assert table.column("listed").to_pylist() == [7, 0]
    assert table.column("capped").to_pylist() == ["true", "false"]
    sheet = openpyxl.load_workbook(tmp_path / "c.xlsx", read_only=True).worksheets[0]
    assert 7 in [cell for row in sheet.iter_rows(values_only=True) for cell in row]
