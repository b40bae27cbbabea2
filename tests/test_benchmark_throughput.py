"""The benchmark of fetching and keeping: its ways of crawling lose nothing, side by side and over a wide site; the model of scale."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import scale, throughput
from benchmarks.site import make_site
from benchmarks.wide import WideSite

ROOT = Path(__file__).resolve().parent.parent
PAGES = 18


def test_lists_of_a_wide_site_lead_to_its_documents() -> None:
    """Every line of a list of a wide site is a document that the site has, and no two are alike."""
    site = WideSite.of(100)
    listed = [notice for code in site.lists for notice in site.lists[code]]
    pages = {notice.path: site.document_page(notice.path) for notice in listed}
    assert len(pages) == len(set(pages.values())) == len(listed) == 100
    assert None not in pages.values()


def test_what_a_wide_site_does_not_list_is_not_there() -> None:
    """A path behind the end of a list, of no channel, or of another day has no page."""
    site = WideSite.of(100)
    last = site.lists["gsgg"][-1].path
    number = last.rpartition("_")[2].removesuffix(".htm")
    beyond = last.replace(number, str(int(number) + 1))
    for path in (beyond, last.replace("gsgg", "none"), last.replace("/t20", "/t19"), "/"):
        assert site.document_page(path) is None


def test_crawls_side_by_side_keep_every_response(tmp_path: Path) -> None:
    """One crawl and two at once, each of a site of its own, ask for every page and keep what came, with what that cost."""
    told = tmp_path / "told.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks.throughput",
        "--pages",
        str(PAGES),
        "--repeat",
        "1",
        "--json",
        str(told),
    ]
    command += ["--only", "warcio_only", "--only", "captures"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert "failed" not in done.stderr, done.stderr
    pages = PAGES + make_site(PAGES).list_count
    runs = json.loads(told.read_text("utf-8"))["runs"]
    assert {run["variant"] for run in runs} == {"warcio_only", "captures"}
    assert all(run["pages"] == run["processes"] * pages and run["cpu_ms_per_page"] > 0 for run in runs)


def test_a_long_crawl_tells_its_memory_on_the_way(tmp_path: Path) -> None:
    """A crawl of a wide site asks for as many URLs as it was told, and marks its memory until the last of them."""
    told = throughput.crawl_long(150, tmp_path / "long")
    assert 145 <= told["pages"] <= 150
    assert told["marks"]
    assert told["marks"][-1][0] > throughput.WARM_SHARE
    assert all(rss > 0 for _, rss in told["marks"])


def test_twice_the_agencies_ask_for_twice_as_much() -> None:
    """Requests, documents and computing of the model grow with the number of agencies; no part gets emptier."""
    figures = scale.read_figures(scale.MEASURED, [])
    one, two = scale.model(1000, figures), scale.model(2000, figures)
    assert two.requests == pytest.approx(2 * one.requests)
    assert two.documents_first == pytest.approx(2 * one.documents_first)
    assert two.recrawl_core_hours == pytest.approx(2 * one.recrawl_core_hours)
    used = {part.name: part.used for part in one.parts}
    assert all(part.used >= used[part.name] for part in two.parts)


def test_a_figure_that_there_is_not_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--set`` with a name that is no figure ends with 2 and names those there are."""
    monkeypatch.setattr("sys.argv", ["scale", "--set", "documents=5"])
    assert scale.main() == 2
    assert "documents_per_agency" in capsys.readouterr().err
