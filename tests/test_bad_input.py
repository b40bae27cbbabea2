"""Hostile and broken pages: a document or a clear error, in bounded time, and never a guess."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcrawl.decode import Page
from govcrawl.errors import BlockedPage, CrawlError, UnreadablePage
from govcrawl.extract import extract, read_page
from govcrawl.guard import check
from spiders.templates.trt import FujianTrt

if TYPE_CHECKING:
    from archive.model import Document

URL = "http://sfj.yunling.test/zwgk/gsgg/202403/t20240305_12.htm"
ROOT = Path(__file__).parent.parent
LONGEST_SECONDS = 30  # half of what a reader is given
TEXT = "为规范公证服务，现就有关事项通知如下，请各单位遵照执行。㐂某负责解释。"


def page_of(body: bytes | str, content_type: str | None = "text/html") -> Page:
    """Return a page."""
    return Page(url=URL, body=body if isinstance(body, bytes) else body.encode(), content_type=content_type)


def trt(markup: str, head: str = "") -> str:
    """Return a page of the trt family with this body."""
    return f"<html><head>{head}</head><body><div class=article_title>题</div><div class=article_content>{markup}</div></body></html>"


def read(page: Page) -> Document:
    """Read a page as a crawl does."""
    return read_page(FujianTrt, page)


@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        ("<div>" * 10_000 + TEXT, "cannot be parsed whole"),
        ("<span>" * 10_000 + TEXT, "cannot be parsed whole"),
        ("<ul><li>" * 10_000 + TEXT, "cannot be parsed whole"),
        ("<table><tr><td>" * 10_000 + TEXT, "cannot be parsed whole"),
        ("<p>" + TEXT * 600_000 + "</p>", "bytes, more than the"),
        ("<p " + " ".join(f"a{n}=1" for n in range(100_000)) + f">{TEXT}</p>", "with 100000 attributes"),
        ("<p " + " ".join(f"a{n}" for n in range(100_000)) + f">{TEXT}</p>", "with 100000 attributes"),
        ("<p " + "".join(f"a{n}='>'" for n in range(100_000)) + f">{TEXT}</p>", "with 100000 attributes"),
    ],
    ids=["divs", "spans", "lists", "tables", "50 MB", "attributes", "bare attributes", "attributes in a row"],
)
def test_what_cannot_be_parsed_is_an_error(markup: str, reason: str) -> None:
    """10,000 nested tags, a page of 50 MB and a tag of 100,000 attributes are refused by name, with template and without."""
    page = page_of(trt(markup))
    for reading in (read, extract):
        with pytest.raises(UnreadablePage, match=reason):
            reading(page_of(page.body))


@pytest.mark.parametrize(
    ("markup", "rows", "cells"),
    [
        ("<table>" + ("<tr>" + "<td>数</td>" * 100 + "</tr>") * 1000 + "</table>", 1000, 100),
        ("<table>" + ("<tr>" + "<td colspan=9999 rowspan=9999>数</td>" * 30 + "</tr>") * 60 + "</table>", 60, 30),
    ],
    ids=["100,000 cells", "spans that claim millions"],
)
def test_huge_tables(markup: str, rows: int, cells: int) -> None:
    """A table of 100,000 cells is read whole, and one whose spans claim millions without expanding them."""
    began = time.monotonic()
    document = read(page_of(trt(markup)))
    assert time.monotonic() - began < LONGEST_SECONDS
    (table,) = document.tables
    assert (len(table), len(table[0])) == (rows, cells)


@pytest.mark.parametrize(
    "markup",
    [
        "<a href=x>" * 10_000 + TEXT,
        f"{TEXT}<br>" * 5_000,
        "来源：" * 50_000 + TEXT,
        "本办法自2024年" * 50_000 + TEXT,
        "本办法有效期至" * 50_000 + TEXT,
        "某〔2024" * 50_000 + TEXT,
        " \u3000" * 200_000 + TEXT,
        f"<p>{TEXT}</p>" + "<p>网站标识码<b></b></p>" * 5_000,
        "<p " + " ".join(f"a{n}=1" for n in range(1_900)) + f">{TEXT}</p>",
    ],
    ids=["links", "breaks", "labels", "since", "until", "numbers", "blanks", "site code", "attributes"],
)
def test_no_repetition_takes_long(markup: str) -> None:
    """What patterns look for, many thousand times without its end, costs seconds at most, and the text is there."""
    began = time.monotonic()
    document = read(page_of(trt(markup)))
    assert time.monotonic() - began < LONGEST_SECONDS
    assert TEXT in (document.text or "")


def test_an_image_in_the_page_is_no_attribute() -> None:
    """A long attribute, such as an image as data with line breaks and = in it, is read."""
    data = "data:image/png;base64," + "\n".join(["iVBORw0KGgo = " * 6] * 2_000)
    assert read(page_of(trt(f"<p>{TEXT}<img src='{data}'></p>"))).text == TEXT


MEASURED = """
import resource, sys
from govcrawl.decode import Page
from govcrawl.extract import extract, read_page
from spiders.templates.trt import FujianTrt
page = "<html><body><div class=article_title>题目的文字</div>%s</body></html>"
body = "正文的一句话，写在许多换行之前。" + "<br>" * 300_000
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for markup in (page % f"<div class=article_content>{body}</div>", page % f"<div>{body}</div>"):
    read = Page(url="http://a.test/1.htm", body=markup.encode())
    one = read_page(FujianTrt, read) if "article_content" in markup else extract(read)
    print(one.text.split()[-1], ",".join(one.extraction.flags))
unit = 1024 if sys.platform == "linux" else 1024 * 1024  # KiB, bytes elsewhere
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // unit)
"""


def test_memory_of_a_page_of_line_breaks() -> None:
    """A page of 300,000 <br> is read, with container and without, in less than 200 MiB; trafilatura is not asked, and that is said."""
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True, cwd=ROOT)
    *lines, grown = done.stdout.split("\n")[:-1]
    assert all(line.startswith("正文的一句话") and "trafilatura_skipped" in line for line in lines), lines
    assert int(grown) < 200


def binaries() -> list[Any]:
    """Bytes of no text, under the name of a page."""
    random = Random(5)  # noqa: S311 -- the same bytes every time
    return [
        pytest.param(random.randbytes(20_000), id="noise"),
        pytest.param(b"\x1f\x8b\x08\x00" + random.randbytes(9_000), id="gzip"),
        pytest.param(b"\x00\x00\x01\xba" + bytes(range(32)) * 500, id="video"),
    ]


@pytest.mark.parametrize("body", binaries())
def test_binary_that_is_called_a_page(body: bytes) -> None:
    """It is told as what it is; nothing is read from it."""
    with pytest.raises(UnreadablePage, match="binary data, not a page"):
        read(page_of(body))


@pytest.mark.parametrize(("body", "error"), [(b"", BlockedPage), (b" \n", BlockedPage), (b"\0" * 5000, UnreadablePage)])
def test_nothing(body: bytes, error: type[CrawlError]) -> None:
    """An empty body, blanks and NULs are errors."""
    with pytest.raises(error):
        read(page_of(body))


@pytest.mark.parametrize(
    ("codec", "declared", "header"),
    [
        ("utf-8", "gb2312", "text/html"),
        ("utf-8", "gb2312", "text/html; charset=gbk"),
        ("gb18030", "gb2312", "text/html"),
        ("gb18030", "gbk", "text/html; charset=utf-8"),
        ("gb18030", "", "text/html"),
        ("gb18030", "", "text/html; charset=ISO-8859-1"),
        ("gb18030", "utf-8", "text/html"),
        ("gb18030", "no-such-codec", None),
        ("utf-8-sig", "gbk", "text/html; charset=gb2312"),
        ("utf-16", "gbk", "text/html; charset=gbk"),
    ],
)
def test_every_lie_about_the_encoding(codec: str, declared: str, header: str | None) -> None:
    """Whatever head and header say, the text is the one that was written, without a replacement character."""
    head = f"<meta charset={declared}>" if declared else ""
    document = read(page_of(trt(f"<p>{TEXT}</p>" * 3, head).encode(codec), header))
    assert document.text == "\n".join([TEXT] * 3)
    assert "undecodable" not in document.extraction.flags


PAGE = trt(
    f"<h2>一</h2><p>{TEXT}</p><table><tr><th>序号</th><th>名称</th></tr><tr><td>1</td><td>甲</td></tr></table>"
    f"<ul><li>{TEXT}</li></ul><p>本办法自2024年5月1日起施行。</p><p>（责任编辑：李四）</p>",
    "<meta name=ArticleTitle content=题><meta name=SiteIDCode content=3502000099>",
).encode()


@settings(deadline=None)
@given(st.integers(0, len(PAGE)), st.integers(0, len(PAGE)), st.binary(max_size=6))
def test_truncated_and_damaged_pages(end: int, place: int, noise: bytes) -> None:
    """A page cut anywhere and damaged anywhere gives a document of what is there, or an error of the project."""
    body = (PAGE[:place] + noise + PAGE[place:])[:end]
    try:
        document = read(page_of(body))
    except CrawlError:
        return
    assert document.effective_date in {None, "2024-05-01"} or place
    assert document.site_id_code in {None, "3502000099"} or place


@settings(deadline=None)
@given(st.text(alphabet="甲，。\t\n abc<>", min_size=1, max_size=400))
def test_text_is_never_taken_for_binary(text: str) -> None:
    """Pages of text pass, tabs and line breaks included."""
    said = ""
    try:
        check(page_of(f"<html><head><title>题</title></head><body><a href=x>{text}</a></body></html>"))
    except CrawlError as error:
        said = str(error)
    assert "binary" not in said
