"""Searches under a name: kept as typed, in a plain file, and taken up again by search, feed and export."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING

import pytest
from catalogs import Sample, fetched, read_document
from click.testing import CliRunner
from lxml import etree
from web_site import served

from archive.errors import CatalogError
from archive.saved_searches import SEARCHES_NAME, read_searches
from archive.search_query import Query, parse_query, type_query
from govcrawl.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three documents, one of which has changed."""
    sample = Sample.make(tmp_path)
    sample.put(read_document("t1", title="法律援助条例", text="第一条", publish_date="2023-05-01"))
    sample.put(
        read_document("t2", title="法律援助解读", text="问答", publish_date="2024-05-01"),
        attachments=[fetched("http://sfj.sample.test/a.pdf", None)],
    )
    sample.put(read_document("t3", title="年报", text="数字"))
    sample.finish()
    sample.begin()
    sample.put(read_document("t1", title="法律援助条例", text="第一条 修改", publish_date="2023-05-01"))
    sample.finish()
    sample.catalog.close()
    return tmp_path


def run(folder: Path, *arguments: str, language: str = "en") -> Result:
    """Run a command over the data directory."""
    return CliRunner(env={"GOVCRAWL_LANG": language, "GOVCRAWL_DATA": str(folder)}).invoke(main, arguments)


def test_saved_listed_used_deleted(folder: Path) -> None:
    """A search is saved with its filters, listed, used again with further words, and deleted."""
    saved = run(folder, "search", "法律援助", "--until", "2023-12-31", "--no-attachment", "--save", "援助")
    assert (saved.exit_code, "saved as '援助'" in saved.stderr) == (0, True)
    assert run(folder, "search", "--searches").stdout == "援助\t法律援助 to:2023-12-31 has:no-attachment\n"
    (listed,) = json.loads(run(folder, "search", "--searches", "--json").stdout)
    assert (listed["name"], listed["query"]) == ("援助", "法律援助 to:2023-12-31 has:no-attachment")
    again = json.loads(run(folder, "search", "--saved", "援助", "--json").stdout)
    assert ["".join(piece["text"] for piece in hit["title"]) if isinstance(hit["title"], list) else hit["title"] for hit in again["hits"]] == ["法律援助条例"]  # fmt: skip
    assert run(folder, "search", "--saved", "援助", "解读").exit_code == 1
    assert run(folder, "search", "--forget", "援助").exit_code == 0
    assert read_searches(folder) == {}
    assert "no search is saved yet" in run(folder, "search", "--searches").stderr


def test_the_file_is_plain(folder: Path) -> None:
    """The file can be read and mended with an editor; one that cannot be understood is said, not overwritten."""
    run(folder, "search", "公开", "--save", "b")
    run(folder, "search", "法律", "--save", "a")
    path = folder / SEARCHES_NAME
    assert [one["name"] for one in json.loads(path.read_text())] == ["a", "b"]
    assert "法律" in path.read_text()
    path.write_text("[{]")
    broken = run(folder, "search", "法律", "--save", "c")
    assert (broken.exit_code, "mend or delete it" in broken.stderr) == (1, True)
    assert path.read_text() == "[{]"
    with pytest.raises(CatalogError, match="mend or delete"):
        read_searches(folder)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_mistakes(folder: Path, language: str) -> None:
    """An unknown name is answered with those there are, exit 2; so is what cannot go together."""
    run(folder, "search", "公开", "--save", "known")
    for arguments in (
        ("search", "--saved", "unknown"),
        ("search", "--forget", "unknown"),
        ("feed", "--saved", "unknown", "--output", "-"),
        ("export", "documents", "--saved", "unknown", "--format", "csv", "--output", "-"),
    ):
        answer = run(folder, *arguments, language=language)
        assert (answer.exit_code, "known" in answer.stderr) == (2, True), arguments
    assert run(folder, "search", "x", "--searches", language=language).exit_code == 2
    assert run(folder, "search", "x", "--save", "a\nb", language=language).exit_code == 1


def test_a_search_of_a_day_is_told_where_to_look(folder: Path) -> None:
    """The index holds present versions: --as-of is refused in words that say what has the past."""
    refused = run(folder, "search", "条例", "--as-of", "2024-05-01")
    assert refused.exit_code == 2
    assert "export documents --as-of 2024-05-01" in refused.stderr
    assert "show ID --as-of 2024-05-01" in run(folder, "search", "条例", "--as-of", "2024-05-01", language="zh").stderr


def test_feed_and_export_of_a_saved_search(folder: Path) -> None:
    """The feed holds the events of what the search finds, by kind where asked; the export its documents."""
    run(folder, "search", "法律援助", "--save", "援助")
    feed = etree.fromstring(run(folder, "feed", "--saved", "援助", "--output", "-").stdout_bytes)
    assert len(feed.findall(f"{ATOM}entry")) == 3
    assert "援助" in feed.findtext(f"{ATOM}title", "")
    new = etree.fromstring(run(folder, "feed", "--query", "年报", "--change", "new", "--output", "-").stdout_bytes)
    assert len(new.findall(f"{ATOM}entry")) == 1
    rows = run(folder, "export", "documents", "--saved", "援助", "--format", "jsonl", "--output", "-").stdout
    assert {json.loads(line)["title"] for line in rows.splitlines()} == {"法律援助条例", "法律援助解读"}


def test_a_page_gives_away_exactly_what_it_shows(folder: Path) -> None:
    """The search page's downloads and its command line export what is found, no more; the saved searches are linked."""
    run(folder, "search", "法律", "--save", "法")
    asked = "q=%E6%B3%95%E5%BE%8B&has=attachment&from=2024-01-01"
    with served(folder) as site:
        page = site.get(f"/?{asked}")
        (command,) = re.findall(r"govcrawl export documents --query '([^']*)'", page.shown)
        assert "Saved searches 法" in page.shown
        table = site.get(f"/export/search.csv?{asked}")
        assert table.headers["Content-Disposition"] == 'attachment; filename="search.csv"'
        titles = [row["title"] for row in csv.DictReader(io.StringIO(table.body.decode("utf-8-sig")))]
        lines = site.get(f"/export/search.jsonl?{asked}").text.splitlines()
        assert titles == [json.loads(line)["title"] for line in lines] == ["法律援助解读"]
        assert run(
            folder, "export", "documents", "--query", command, "--format", "jsonl", "--output", "-"
        ).stdout == "".join(f"{line}\n" for line in lines)
        assert site.get("/export/search.exe").status == 404
        assert site.get("/export/search.csv?from=x").status == 400
        document = json.loads(lines[0])["document_id"]
        shown = json.loads(run(folder, "show", document, "--json").stdout)
        assert json.loads(site.get(f"/document/{document}/data.json").body) == shown
    with served(folder, token="t") as site:  # noqa: S106 - a test's
        headers = {"Authorization": "Bearer t"}
        assert site.get("/export/search.csv", headers=headers).status == 404
        assert "/export/" not in site.get("/", headers=headers).text


@pytest.mark.parametrize(
    "filters",
    [
        Query(agencies=("a_b", "c"), channels=('有 空格 "引号"',), kinds=("年度报告",), states=("live", "withdrawn")),
        Query(since="2024-01-01", until="2024-12-31", cites=("国办发〔2019〕14号",), has_attachment=True),
        Query(has_attachment=False),
        Query(),
    ],
    ids=["names", "days", "without", "none"],
)
def test_what_would_have_to_be_typed(filters: Query) -> None:
    """Words and filters written as one line are read back as the same query."""
    for words in ("法律 OR 援助 -解读", '标题:"政务 公开"', ""):
        assert parse_query(type_query(words, filters)) == parse_query(words, filters)
