"""The benchmarks of large catalogs and of exports, in a small size: what they make is a sound catalog, and every question is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_counts import count_agency
from archive.catalog_search import differing_entries
from archive.catalog_summaries import read_summary
from benchmarks import exports
from benchmarks.catalog import make, sizes
from benchmarks.catalog_questions import ask_all
from benchmarks.made_catalog import Plan

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_made_catalogs_are_sound_and_answer(tmp_path: Path) -> None:
    """Crawled and copied rows refer to rows that are there, the index fits them, copies count as what they are copies of."""
    paces = make(tmp_path, Plan(documents=240, captures=1_200, agencies=8, characters=60), 3)
    assert len(paces) == 3
    assert all(one.cpu_rate > 0 for one in paces)
    with Catalog.open(tmp_path / CATALOG_NAME) as catalog:
        assert catalog.file.rows("PRAGMA foreign_key_check") == []
        assert catalog.file.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        catalog.file.execute("INSERT INTO search_index (search_index) VALUES ('integrity-check')")
        assert list(differing_entries(catalog)) == []
        for agency in ("c01_0000", "c02_0001"):
            counted = count_agency(catalog, agency)
            assert counted["documents"] > 0
            assert read_summary(catalog, agency) == counted
        assert count_agency(catalog, "c01_0000")["captures"] == count_agency(catalog, "c02_0000")["captures"]
    assert sum(sizes(tmp_path).values()) == (tmp_path / CATALOG_NAME).stat().st_size
    answers = {one.name: one for one in ask_all(tmp_path, rounds=1)}
    assert answers["search 公开"].rows
    assert answers["changes of a day"].rows
    assert answers["page: document"].median > 0


def test_exports_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """One format of a few documents: rows a second and memory are told, and memory has not grown."""
    assert exports.main(["--documents", "400", "--characters", "60", "--only", "csv"]) == 0
    assert "csv           400 rows" in capsys.readouterr().out
