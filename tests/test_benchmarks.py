"""The benchmark: its site is the same for everybody and shaped as it says, and its crawls lose nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.site import BODY_LEAST, BODY_MOST, DOCUMENTS, make_site

ROOT = Path(__file__).resolve().parent.parent


def test_the_site_is_made_of_the_same_bytes_every_time() -> None:
    """Two makings of the site agree byte for byte, and no page equals another."""
    one, other = make_site(60), make_site(60)
    assert one.document_pages() == other.document_pages()
    assert one.list_pages() == other.list_pages()
    assert one.search(81001, 1, 10) == other.search(81001, 1, 10)
    bodies = [notice.paragraphs for notice in one.notices]
    assert len(set(bodies)) == len(bodies)


def test_pages_are_spread_like_disclosure_pages() -> None:
    """The median page has 40 KB, bodies span the stated range, a fifth of the documents has tables."""
    site = make_site()
    sizes = [len(body) for body in site.document_pages().values()]
    assert len(sizes) == DOCUMENTS
    assert 36_000 < median(sizes) < 44_000
    characters = [sum(map(len, notice.paragraphs)) for notice in site.notices]
    assert min(characters) < BODY_LEAST + 100
    assert max(characters) > BODY_MOST / 2
    assert sum(bool(notice.tables) for notice in site.notices) == DOCUMENTS // 5


def test_lists_name_every_document_once() -> None:
    """The pages of a channel's list, HTML first and search after, have its documents in order."""
    site = make_site(400)
    code, listed = next(iter(site.lists.items()))
    first = site.list_pages()[f"/zwgk/{code}/"].decode()
    found = [row["docid"] for page in range(6, 8) for row in json.loads(site.search(81001, page, 10))["data"]]
    static, searched = listed[:50], listed[50:]
    assert [notice.id for notice in searched] == found
    assert all(f"t{notice.day:%Y%m%d}_{notice.id}.htm" in first for notice in static)
    assert first.count('<em id="rel_') == len(static)


def test_every_way_of_crawling_gets_every_page(tmp_path: Path) -> None:
    """A small run of the whole benchmark ends well, and govcrawl reads every document whole and with trafilatura."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "benchmarks.pipeline", "--pages", "12", "--repeat", "1", "--json", str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    medians = json.loads(report.read_text("utf-8"))["medians"]
    assert {name: one["pages"] for name, one in medians.items()} == {"plain": 18, "obvious": 18, "govcrawl": 18}
    assert medians["govcrawl"]["whole_texts"] == medians["govcrawl"]["read_by_trafilatura"] == 12
    assert medians["govcrawl"]["cpu_ms_per_page"] > 0
    assert "govcrawl / the obvious way" in done.stdout
