"""The status as a page of its own and as badges: complete, escaped, readable without colour and without a network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from catalogs import AGENCY, Sample, read_document
from click.testing import CliRunner
from lxml import etree, html
from rich.cells import cell_len

from archive.catalog_walks import Finding
from govcrawl import finding_words
from govcrawl.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """Two crawls: a good one, then one with an alarm whose facts hold markup."""
    one = Sample.make(tmp_path)
    one.list_("公示公告", "t1")
    one.put(read_document("t1", publish_date="2024-04-30"))
    one.catalog.put_verdict(one.crawl_id, AGENCY.name, "ok", (), one.now)
    one.finish()
    one.begin()
    page = one.capture("http://sfj.sample.test/gsgg/", kind="list", channel="公示公告")
    said = {"url": "http://sfj.sample.test/gsgg/", "message": "found <script>alert(1)</script>"}
    found = (
        Finding(kind="redesigned", severity="alarm", channel="公示公告", facts=said, capture_id=page.id),
        Finding(
            kind="partial",
            severity="warning",
            facts={"walked": 1, "of": 2, "channels": ["政策文件"], "why": "template"},
        ),
    )
    one.catalog.put_verdict(one.crawl_id, AGENCY.name, "alarm", found, one.now)
    one.finish("failed", "template: nothing found")
    yield one
    one.catalog.close()


def run(sample: Sample, *arguments: str, language: str = "en") -> Result:
    """Run ``govcrawl status``."""
    runner = CliRunner(env={"GOVCRAWL_LANG": language, "GOVCRAWL_DATA": str(sample.path.parent)})
    return runner.invoke(main, ["status", *arguments])


def test_status_names_the_verdict_and_what_it_rests_on(sample: Sample) -> None:
    """The text says verdict, findings and channels with gaps, in the user's language; --json has it all."""
    said = run(sample).stdout
    for words in (
        "✕ alarm",
        "alarm redesigned [公示公告]: the list selectors found nothing",
        "warning partial: 1 of 2",
    ):
        assert words in said
    assert "警报 网站改版 [公示公告]" in run(sample, language="zh").stdout
    (one,) = json.loads(run(sample, "--json").stdout)
    assert (one["verdict"], one["verdict_crawl_id"], one["newest_publish_date"]) == ("alarm", "crawl-2", "2024-04-30")
    first, second = one["findings"]
    assert (first["kind"], first["severity"], first["capture"][:10]) == ("redesigned", "alarm", "<urn:uuid:")
    assert "改版" in first["zh"]
    assert (second["channel"], second["facts"]["channels"]) == (None, ["政策文件"])
    assert [(row["channel"], row["verdict"], row["listed"]) for row in one["channels"]] == [
        ("公示公告", "alarm", 1),
        ("政策文件", "warning", 0),
    ]


def test_columns_of_the_table_stand_below_each_other(sample: Sample) -> None:
    """Every cell begins or ends below its heading, where characters are two columns wide too."""
    for language in ("en", "zh"):
        heading, line = run(sample, language=language).stdout.splitlines()[:2]
        starts = [cell_len(heading[: found.start()]) for found in re.finditer(r"\S(?:\S| (?! ))*", heading)]
        ends = [cell_len(heading[: found.end()]) for found in re.finditer(r"\S(?:\S| (?! ))*", heading)]
        for found in re.finditer(r"\S(?:\S| (?! ))*", line):
            assert cell_len(line[: found.start()]) in starts or cell_len(line[: found.end()]) in ends, found


def test_the_page_needs_nothing_else(sample: Sample, tmp_path: Path) -> None:
    """One file without script or outside address; what a site said is text; charts have titles, verdicts have words."""
    target = tmp_path / "new" / "status.html"
    assert run(sample, "--html", str(target), language="zh").exit_code == 0
    text = target.read_text("utf-8")
    page = html.fromstring(text)
    assert page.xpath("//script | //link | //img | //iframe | //@src") == []
    assert not re.search(r"url\(|@import", text)
    assert all(address.startswith("#") for address in page.xpath("//@href"))
    assert "found <script>" in page.xpath("string(//main)")
    assert len(page.xpath("//svg[@role='img']")) == 2
    assert all(chart.xpath("./title") and chart.xpath("./desc") for chart in page.xpath("//svg[@role='img']"))
    assert "✕ 警报" in page.xpath("string(//section)")
    assert len(set(page.xpath("//@id"))) == len(page.xpath("//@id"))
    assert page.xpath("//table//th[not(@scope)]") == []


def test_the_page_speaks_one_language(sample: Sample, tmp_path: Path) -> None:
    """It is written in the language of the command; only what a site calls itself stays Chinese, and is marked so."""
    pages = {}
    for language in ("zh", "en"):
        target = tmp_path / f"{language}.html"
        assert run(sample, "--html", str(target), language=language).exit_code == 0
        pages[language] = html.fromstring(target.read_text("utf-8"))
    assert {name: page.get("lang") for name, page in pages.items()} == {"zh": "zh-CN", "en": "en"}
    assert "Failures of the last crawl" not in pages["zh"].text_content()
    assert pages["en"].xpath("//nav") == []  # a file leads nowhere
    for chinese in pages["en"].xpath("//*[@lang='zh-CN'] | //svg | //style"):
        chinese.drop_tree()
    assert re.findall("[\u4e00-\u9fff]+", pages["en"].text_content()) == []


def test_badges(sample: Sample, tmp_path: Path) -> None:
    """An agency's badge is one SVG that says verdict and day in words."""
    assert run(sample, "--badges", str(tmp_path / "badges")).exit_code == 0
    root = etree.parse(tmp_path / "badges" / f"{AGENCY.name}.svg").getroot()
    assert "警报 alarm 2024-05-02" in root.get("aria-label")
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_a_place_that_cannot_be_written_is_told(sample: Sample, tmp_path: Path) -> None:
    """A page that cannot be written is an error with its path."""
    (tmp_path / "file").touch()
    failed = run(sample, "--html", str(tmp_path / "file" / "status.html"))
    assert failed.exit_code == 1
    assert "status.html cannot be written" in failed.stderr


def test_every_kind_is_documented() -> None:
    """docs/monitoring.md has a line for each kind of finding, and for no other."""
    rows = re.findall(r"^\| `([a-z_]+)` \|", (DOCS / "monitoring.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(finding_words.KINDS)
