"""``govcrawl changes``, ``diff``, ``feed`` and the exports of what happened, as they are called."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from catalogs import AGENCY, Sample, fetched, read_document, url_of
from click.testing import CliRunner, Result
from lxml import etree

from archive import export_history
from govcrawl.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ATOM = "{http://www.w3.org/2005/Atom}"
PDF = "http://sfj.sample.test/files/P1.pdf"
TEXT = "第一段\n报送时间为2024年3月5日\n第三段"


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """Two crawls: a document edited (title, text, table, attachment), one gone, one with a hostile title."""
    made = Sample.make(tmp_path)
    made.list_("公示公告", "t1")
    made.put(read_document("t1", text=TEXT, tables=((("甲", "1"),),)), attachments=[fetched(PDF, "a" * 64)])
    made.put(read_document("t2", title="<script>alert(1)</script>\x0b&amp;"))
    gone = made.put(read_document("t3")).document_id
    made.finish()
    made.begin()
    edited = TEXT.replace("3月5日", "3月15日")
    document = read_document("t1", title="关于t1的公示（更正）", text=edited, tables=((("甲", "2"),),))
    made.put(document, attachments=[fetched(PDF, "b" * 64)])
    capture = made.capture(url_of("t3"), status=404)
    made.catalog.put_absence(made.crawl_id, gone, capture.id, "status 404", made.now)
    made.finish()
    yield made
    made.catalog.close()


def govcrawl(sample: Sample, *arguments: str, language: str = "en", **more: Any) -> Result:
    """Run a command in this process on the sample's data directory."""
    environment = {"GOVCRAWL_DATA": str(sample.path.parent), "GOVCRAWL_LANG": language}
    return CliRunner(env=environment).invoke(main, arguments, catch_exceptions=False, **more)


def test_changes_in_both_languages(sample: Sample) -> None:
    """Time in China, agency, what changed, title, URL and what differs, in the order of events."""
    done = govcrawl(sample, "changes", "--agency", AGENCY.name, "--change", "changed", "--diff", language="zh")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "2024-05-02 09:07+08:00  sample_sfj  变更：附件、表格、正文、标题",
        "    关于t1的公示（更正）",
        f"    {url_of('t1')}",
        "    标题：关于t1的公示 → 关于t1的公示（更正）",
        "    正文：删 9 字，增 10 字",
        "    表 1：有变，1 行",
        "    附件：附件1 内容已换 sha256 aaaaaaaaaaaa… → bbbbbbbbbbbb…",
        "    @@ -1,3 +1,3 @@",
        "     第一段",
        "    -报送时间为2024年3月5日",
        "    +报送时间为2024年3月15日",
        "     第三段",
    ]
    lines = govcrawl(sample, "changes").stdout.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert [head.split("  ")[2] for head in heads] == [
        *["new"] * 3,
        "changed: attachments, tables, text, title",
        "suspected gone: status 404",
    ]


def test_days_are_chinas(sample: Sample) -> None:
    """--since and --until take days of the agencies' calendar, or instants; --until holds its day."""
    at = [json.loads(line)["at"] for line in govcrawl(sample, "changes", "--json").stdout.splitlines()]
    assert len(at) == 5
    counted = {
        ("--since", "2024-05-02"): 2,
        ("--until", "2024-05-01"): 3,
        ("--until", "2024-04-30"): 0,
        ("--since", at[3]): 2,
        ("--until", at[3]): 3,
        ("--since", "2024-05-02T01:07:03.456789+08:00"): 2,
        ("--limit", "1"): 1,
    }
    for options, expected in counted.items():
        lines = govcrawl(sample, "changes", "--json", *options).stdout.splitlines()
        assert len(lines) == expected, options
    assert json.loads(govcrawl(sample, "changes", "--json", "--limit", "1").stdout)["change"] == "suspected"
    sample.catalog.file.execute("UPDATE changes SET at = '2024-05-02T16:00:00.000000Z' WHERE change = 'suspected'")
    assert '"suspected"' in govcrawl(sample, "changes", "--json", "--since", "2024-05-03").stdout, "midnight in China"


def test_json_lines_name_every_capture(sample: Sample) -> None:
    """An event as JSON has its captures with their records, and with --diff all that differs."""
    lines = govcrawl(sample, "changes", "--json", "--diff", "--document", url_of("t1")).stdout.splitlines()
    new, changed = map(json.loads, lines)
    assert new["comparison"] is None
    assert [capture["role"] for capture in changed["captures"]] == ["before", "page"]
    assert all(capture["record_id"].startswith("<urn:uuid:") for capture in changed["captures"])
    assert changed["fields"] == ["attachments", "tables", "text", "title"]
    assert changed["comparison"]["text"]["grain"] == "character"
    assert ["delete", "2024年3月5日"] in changed["comparison"]["text"]["ops"]
    assert changed["comparison"]["attachments"][0]["kind"] == "replaced"


def test_mistakes_are_told(sample: Sample) -> None:
    """What is not there is a mistake of the call, with the nearest names; nothing found is no failure."""
    wrong = govcrawl(sample, "changes", "--agency", "sampel_sfj")
    assert (wrong.exit_code, "the nearest: sample_sfj" in wrong.stderr) == (2, True)
    wrong = govcrawl(sample, "changes", "--channel", "公告公示")
    assert (wrong.exit_code, "公示公告" in wrong.stderr) == (2, True)
    assert govcrawl(sample, "changes", "--since", "yesterday").exit_code == 2
    assert govcrawl(sample, "changes", "--change", "edited").exit_code == 2
    assert govcrawl(sample, "changes", "--document", "http://nowhere.test/").exit_code == 1
    nothing = govcrawl(sample, "changes", "--since", "2030-01-01")
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "no such change\n")


def test_colours_are_for_terminals(sample: Sample) -> None:
    """A diff is coloured where colours are shown and plain elsewhere."""
    arguments = ("diff", url_of("t1"))
    assert "\x1b[" not in govcrawl(sample, *arguments).stdout
    assert "\x1b[31m-报送时间为2024年3月5日\x1b[0m" in govcrawl(sample, *arguments, color=True).stdout


def test_two_versions_compared(sample: Sample) -> None:
    """``diff`` shows any two versions: the last two unless told otherwise, in either direction, tables by their cells."""
    shown = govcrawl(sample, "diff", url_of("t1"), "--context", "0").stdout.splitlines()
    assert shown[0].endswith("version 1 → 2")
    assert shown[-6:] == [
        "@@ table 1 @@",
        "-甲 | 1",
        "+甲 | 2",
        "@@ -2,1 +2,1 @@",
        "-报送时间为2024年3月5日",
        "+报送时间为2024年3月15日",
    ]
    back = json.loads(govcrawl(sample, "diff", url_of("t1"), "--from", "2", "--to", "1", "--json").stdout)
    assert (back["from"], back["to"], back["fields"][0]["after"]) == (2, 1, "关于t1的公示")
    assert "no difference" in govcrawl(sample, "diff", url_of("t1"), "--from", "2", "--to", "2").stdout
    one = govcrawl(sample, "diff", url_of("t2"))
    assert (one.exit_code, "one version only" in one.stderr) == (1, True)
    none = govcrawl(sample, "diff", url_of("t1"), "--to", "7")
    assert (none.exit_code, "it has 1 to 2" in none.stderr) == (2, True)


def parse_feed(text: bytes) -> etree._Element:
    """A feed, checked against what RFC 4287 asks for (§4.1.1, §4.1.2, §4.2) and RFC 4151 of tag URIs."""
    feed = etree.fromstring(text)
    assert feed.tag == f"{ATOM}feed"
    for element, names in (
        (feed, ("id", "title", "updated")),
        *((entry, ("id", "title", "updated", "published", "content")) for entry in feed.iter(f"{ATOM}entry")),
    ):
        for name in names:
            assert len(element.findall(ATOM + name)) == 1, name
        assert element.findtext(f"{ATOM}author/{ATOM}name")
        assert re.fullmatch(r"tag:[\w.-]+,\d{4}(-\d\d){0,2}:[\w/%.~:-]+", element.findtext(f"{ATOM}id") or "")
        assert datetime.fromisoformat(element.findtext(f"{ATOM}updated") or "").tzinfo == UTC
        alternates = [link for link in element.findall(f"{ATOM}link") if link.get("rel") == "alternate"]
        assert len(alternates) <= 1
        assert all(link.get("href") for link in element.findall(f"{ATOM}link"))
    known = {
        "id",
        "title",
        "updated",
        "published",
        "author",
        "link",
        "category",
        "content",
        "entry",
        "generator",
        "name",
    }
    assert {etree.QName(element).localname for element in feed.iter()} <= known | {"feed"}
    for entry in feed.iter(f"{ATOM}entry"):
        assert entry.find(f"{ATOM}category").get("term")
        assert entry.find(f"{ATOM}content").get("type") == "html"
    ids = [entry.findtext(f"{ATOM}id") for entry in feed.iter(f"{ATOM}entry")]
    assert len(ids) == len(set(ids))
    return feed


def test_the_feed_is_atom(sample: Sample) -> None:
    """Latest first, with stable ids, the agency as author, links to the originals and HTML that is escaped."""
    done = govcrawl(sample, "feed", "--agency", AGENCY.name, "--output", "-", language="zh")
    feed = parse_feed(done.stdout_bytes)
    assert feed.findtext(f"{ATOM}title") == "样例市司法局：公开文件的变动"
    entries = list(feed.iter(f"{ATOM}entry"))
    assert [entry.find(f"{ATOM}category").get("term") for entry in entries] == ["suspected", "changed", *["new"] * 3]
    assert feed.findtext(f"{ATOM}updated") == entries[0].findtext(f"{ATOM}updated")
    changed = entries[1]
    assert changed.findtext(f"{ATOM}title") == "[变更] 关于t1的公示（更正）"
    assert changed.find(f"{ATOM}link").get("href") == url_of("t1")
    assert "<p>报送时间为<del>2024年3月5日</del><ins>2024年3月15日</ins></p>" in changed.findtext(f"{ATOM}content")
    (hostile,) = (entry for entry in entries if "script" in entry.findtext(f"{ATOM}title"))
    assert hostile.findtext(f"{ATOM}title") == "[新增] <script>alert(1)</script>&amp;"
    assert "<script" not in hostile.findtext(f"{ATOM}content")
    again = parse_feed(govcrawl(sample, "feed", "--agency", AGENCY.name, "--output", "-", language="zh").stdout_bytes)
    assert etree.tostring(again) == etree.tostring(feed)


def test_feeds_are_chosen(sample: Sample) -> None:
    """By kind, channel and number; all agencies; one with no entry is a feed as well."""
    options = ("--change", "new", "--limit", "2", "--self-url", "http://a.test/feed?x=1&y=2")
    feed = parse_feed(govcrawl(sample, "feed", *options, "--output", "-").stdout_bytes)
    assert len(list(feed.iter(f"{ATOM}entry"))) == 2
    (itself,) = (link for link in feed.findall(f"{ATOM}link") if link.get("rel") == "self")
    assert itself.get("href") == "http://a.test/feed?x=1&y=2"
    feed = parse_feed(govcrawl(sample, "feed", "--channel", "政策文件", "--output", "-").stdout_bytes)
    assert list(feed.iter(f"{ATOM}entry")) == []
    assert govcrawl(sample, "feed", "--agency", "nobody", "--output", "-").exit_code == 2


@pytest.mark.parametrize(
    ("name", "fields", "count"),
    [
        ("changes", export_history.CHANGE_FIELDS, 5),
        ("versions", export_history.VERSION_FIELDS, 4),
        ("captures", export_history.CAPTURE_FIELDS, 6),
        ("crawls", export_history.CRAWL_FIELDS, 2),
    ],
)
def test_what_happened_is_exported(sample: Sample, name: str, fields: tuple[str, ...], count: int) -> None:
    """Each as JSON lines and as CSV with the same rows, a byte order mark and no cell that runs as a formula."""
    lines = govcrawl(sample, "export", name, "--format", "jsonl", "--output", "-").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == count
    assert all(set(row) == set(fields) for row in rows)
    sample.catalog.file.execute("UPDATE versions SET title = '=1+1' WHERE number = 2")
    target = sample.path.parent / "out.csv"
    done = govcrawl(sample, "export", name, "--format", "csv", "--output", str(target), "--agency", AGENCY.name)
    assert (done.exit_code, done.stderr.startswith(f"{count} ")) == (0, True)
    text = target.read_bytes()
    assert text.startswith("﻿".encode())
    table = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))
    assert tuple(table[0]) == fields
    assert len(table) == count + 1
    assert not any(cell.startswith("=") for line in table for cell in line)
    assert govcrawl(sample, "export", name, "--format", "csv", "--output", "-", "--agency", "nobody").exit_code == 2
