"""Page and hints to document."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcrawl.decode import Page
from govcrawl.errors import BlockedPage, CrawlError, NotAPage, UnreadablePage
from govcrawl.extract import agree, extract, read_file, read_page
from govcrawl.items import DocumentPage, ListEntry
from spiders.templates.trt import FujianTrt

URL = "http://sfj.yunling.test/zwgk/gsgg/202403/t20240305_12.htm"
BODY = "<p>　　为规范公证服务，根据云府办〔2024〕1号文件，现就有关事项通知如下。</p><p>　　一、各单位应当于月底前报送总结。</p><p>云岭市司法局</p>"
TEXT = (
    "为规范公证服务，根据云府办〔2024〕1号文件，现就有关事项通知如下。\n一、各单位应当于月底前报送总结。\n云岭市司法局"
)


def page_of(markup: str, head: str = "") -> Page:
    """Return a page whose body is this markup."""
    return Page(
        url=URL,
        body=f"<html><head>{head}</head><body>{markup}</body></html>".encode(),
        content_type="text/html; charset=utf-8",
    )


def hints_of(page: Page, **more: Any) -> DocumentPage:
    """Return hints with the element #c as container."""
    container = next(iter(page.root.xpath("//*[@id='c']")), None)
    return DocumentPage(container=container, container_name=None if container is None else "#c", **more)


def entry_of(**more: Any) -> ListEntry:
    """Return a list's line for the page."""
    return ListEntry(**{"url": URL, "title": "通知", "key": "12", **more})


# --- the body ---


def test_both_readings_agree() -> None:
    """Where trafilatura keeps every character of the container, that is recorded with versions and full agreement."""
    page = page_of(f"<div>页头</div><div id=c>{BODY}</div><div>页脚</div>")
    document = extract(page, hints_of(page))
    assert document.text == TEXT
    assert (document.extraction.method, document.extraction.agreement) == ("container+trafilatura", 1.0)
    assert document.extraction.container == "#c"
    assert document.extraction.encoding == "utf-8"
    assert document.extraction.trafilatura_version
    assert document.cites == ("云府办〔2024〕1号",)


def test_what_trafilatura_drops_is_kept() -> None:
    """A link's label at the end of the content, which trafilatura takes for navigation, stays; the disagreement is recorded."""
    page = page_of(f"<div id=c>{BODY * 3}<p><a href='./P01.doc'>二〇二四年抽查结果汇总表</a></p></div>")
    document = extract(page, hints_of(page))
    assert document.text == "\n".join([TEXT] * 3) + "\n二〇二四年抽查结果汇总表"
    assert document.extraction.method == "container"
    assert document.extraction.agreement is not None
    assert 0.5 < document.extraction.agreement < 1
    assert [link.filename for link in document.attachments] == ["P01.doc"]


def test_repeats_and_order() -> None:
    """A sentence that is printed three times is read three times."""
    same = "<p>未发现问题，检查结果依法向社会公示，接受社会监督。</p>"
    page = page_of(f"<div id=c>{same * 3}</div>")
    assert (extract(page, hints_of(page)).text or "").count("未发现问题") == 3


def test_short_notice_with_a_table() -> None:
    """A table after one short sentence is whole in tables and not in the text."""
    rows = "".join(f"<tr><td>{n}</td><td>云岭第{n}公证处</td></tr>" for n in range(1, 7))
    page = page_of(f"<div id=c><p>现将名单公布如下：</p><table><tr><th>序号</th><th>名称</th></tr>{rows}</table></div>")
    document = extract(page, hints_of(page))
    assert document.text == "现将名单公布如下："
    assert document.tables[0][0] == ("序号", "名称")
    assert len(document.tables[0]) == 7


def test_index_box_inside_the_body_is_no_text() -> None:
    """An index table that lies inside the container is cut out of the text and of the tables."""
    index = "<table><tr><td>索引号</td><td>A-1</td></tr><tr><td>发布机构</td><td>云岭市司法局</td></tr><tr><td>文号</td><td>云司〔2024〕9号</td></tr></table>"
    page = page_of(f"<div id=c>{index}{BODY}</div>")
    document = extract(page, hints_of(page))
    assert (document.text, document.tables, document.extraction.method) == (TEXT, (), "container+trafilatura")


def test_attachment_only() -> None:
    """A body without text keeps its files and says so; trafilatura has nothing to read."""
    page = page_of("<div id=c><p><a href='./P01.pdf'></a></p></div>")
    document = extract(page, hints_of(page))
    assert (document.text, document.extraction.flags) == ("", ("attachment_only",))
    assert document.extraction.trafilatura_version is None


def test_images_and_files() -> None:
    """Content images and attachments are read from the container and the attachment block, each address once."""
    page = page_of(f"<div id=c>{BODY}<img src='W01.jpg'><a href='P01.doc'></a></div><a href='P02.pdf'>说明</a>")
    from govcrawl.urls import file_links  # noqa: PLC0415 - as a template does

    document = extract(page, hints_of(page, attachments=file_links([page.root], page.url)))
    assert [link.filename for link in document.attachments] == ["P01.doc", "P02.pdf"]
    assert [link.filename for link in document.images] == ["W01.jpg"]


def test_chrome_does_not_change_the_document() -> None:
    """Counter, clock, related list and neighbours may change: the document is the same."""

    def read(views: int, related: str) -> Any:
        page = page_of(
            f"<p>现在是2026年{views}月</p><div id=c>{BODY}<div class=share>分享{views}</div></div><span>浏览量：{views}</span><ul><li>{related}</li></ul><p>上一篇：{related}</p>"
        )
        return extract(page, hints_of(page, fields={"title": "通知"}))

    assert read(1, "甲通知") == read(9, "乙公告")


def test_deep_markup_is_read_without_trafilatura() -> None:
    """Nesting that trafilatura cannot descend costs its opinion, not the text."""
    page = page_of(f"<div id=c>{'<font>' * 1500}{'一句正文。' * 30}</div>")
    document = extract(page, hints_of(page))
    assert document.text == "一句正文。" * 30
    assert document.extraction.method in {"container", "container+trafilatura"}


def test_agree() -> None:
    """Agreement is 1 for the same characters in the same order, 0 for nothing in common, and never 1 by rounding."""
    assert agree("甲 乙｜丙", "| 甲乙 | 丙 |") == 1.0
    assert agree("甲乙丙丁", "") == 0.0
    assert agree("", "") == 1.0
    long = "".join(chr(0x4E00 + n) for n in range(20_000))
    assert agree(long, long[:-1]) == 0.9999


# --- fields ---


def read_fields(hints: dict[str, Any], entry: ListEntry | None = None) -> Any:
    """Read a page with these hints."""
    page = page_of(f"<div id=c>{BODY}</div>")
    return extract(page, hints_of(page, **hints), entry)


def test_order_of_trust() -> None:
    """The printed value wins over index, meta tag and list; who says something else is flagged."""
    document = read_fields(
        {
            "fields": {"title": "印着的标题", "publish_date": "2024-03-05", "source": "云岭市司法局"},
            "index_fields": {"publish_date": "2024-03-05", "document_number": "云司〔2024〕9号"},
            "metas": {"title": "标签的标题", "publish_date": "2024-03-06 08:00", "source": "云岭市"},
        },
        entry_of(publish_date="2024-03-07", date_text="2024-03-07"),
    )
    assert (document.title, document.publish_date, document.publish_date_source) == (
        "印着的标题",
        "2024-03-05",
        "label",
    )
    assert (document.source, document.document_number, document.key) == ("云岭市司法局", "云司〔2024〕9号", "12")
    assert document.publish_time is None
    assert document.extraction.flags == ("list_date_differs", "publish_date_differs", "source_differs", "title_differs")


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (
            {"index_fields": {"publish_date": "2024年3月5日"}, "metas": {"publish_date": "2024-03-05 09:30:25"}},
            ("2024-03-05", "09:30", "index"),
        ),
        (
            {"fields": {"publish_date": "2024-03-05"}, "metas": {"publish_date": "2024-03-05 09:30"}},
            ("2024-03-05", "09:30", "label"),
        ),
        (
            {"fields": {"publish_date": "2024-03-05 10:00"}, "metas": {"publish_date": "2024-03-05 09:30"}},
            ("2024-03-05", "10:00", "label"),
        ),
        ({"metas": {"publish_date": "2024-03-05 00:00:00"}}, ("2024-03-05", None, "meta")),
        ({}, ("2024-03-01", None, "list")),
    ],
)
def test_publish_date(hints: dict[str, Any], expected: tuple[str, str | None, str]) -> None:
    """The first that names a day gives it; the meta tag adds the time of the same day; midnight is no time."""
    document = read_fields(hints, entry_of(publish_date="2024-03-01", date_text="2024-03-01 08:00"))
    assert (document.publish_date, document.publish_time, document.publish_date_source) == expected


def test_unreadable_date() -> None:
    """A printed date that is none is kept as text and flagged; nothing is made of it."""
    document = read_fields({"fields": {"publish_date": "三月五日"}, "index_fields": {"written_date": "2024年3月"}})
    assert (document.publish_date, document.publish_date_source, document.publish_date_text) == (None, None, "三月五日")
    assert document.written_date is None
    assert document.extraction.flags == ("publish_date_unreadable", "written_date_unreadable")


def test_nothing_printed_is_none() -> None:
    """Dates and organs in the text, the address and the footer are never taken for fields."""
    document = read_fields({})
    assert (document.title, document.publish_date, document.source, document.author) == (None, None, None, None)
    assert document.extraction.flags == ()


def test_title_cut_by_the_list_is_no_disagreement() -> None:
    """Titles that begin alike and were cut with dots do not differ."""
    page = page_of(f"<div id=c>{BODY}</div>")
    document = extract(
        page,
        hints_of(page, fields={"title": "关于公证服务的通知"}, metas={"title": "关于公证…"}),
        entry_of(title="关于公证服务..."),
    )
    assert (document.title, document.extraction.flags) == ("关于公证服务的通知", ())


# --- without template ---


def test_generic_page() -> None:
    """A strong hint, labels around it, the index and the metas are found without template."""
    page = page_of(
        "<div class=nav>首页</div><div class=wrap><h1>关于公证服务的通知</h1><div class=info>来源：云岭市司法局 发布时间：2024-03-05 09:30 【字体：大 中 小】</div>"
        f"<div id=zoom>{BODY}</div><p><a href='/P01.PDF'>附件</a></p></div><div class=footer>2026-01-01</div>",
        "<title>关于公证服务的通知_云岭市司法局</title><meta name=SiteName content=云岭市司法局>",
    )
    document = extract(page)
    assert (document.title, document.source, document.publish_date, document.publish_time) == (
        "关于公证服务的通知",
        "云岭市司法局",
        "2024-03-05",
        "09:30",
    )
    assert (document.text, document.extraction.container) == (TEXT, "#zoom")
    assert [link.filename for link in document.attachments] == ["P01.PDF"]


def test_page_without_any_hint() -> None:
    """Without a hint the passage is read whole, tables included, as trafilatura reads the repaired page; the flag says so."""
    paragraphs = "".join(
        f"<p>第{n}条　各单位应当于每月{n}日前报送公证服务工作总结，确保真实、准确、完整。</p>" for n in range(1, 9)
    )
    table = (
        "<table><tr><th>序号</th><th>名称</th></tr>"
        + "".join(f"<tr><td>{n}</td><td>第{n}公证处</td></tr>" for n in range(1, 9))
        + "</table>"
    )
    page = page_of(
        f"<div><a href=/>首页</a></div></body></html><div class=main><h2>小标题</h2>{paragraphs}{table}</div>",
        "<title>公证服务办法</title>",
    )
    document = extract(page)
    assert document.extraction.method == "passage+trafilatura"
    assert document.extraction.flags == ("no_container",)
    assert "第8条" in (document.text or "")
    assert document.tables[0][0] == ("序号", "名称")
    assert len(document.tables[0]) == 9


def test_no_document() -> None:
    """A page without any content is no document."""
    with pytest.raises(NotAPage, match=URL):
        extract(page_of("<div id=zoom></div>" + "<script>var a;</script>" * 20))


def test_title_from_title_element() -> None:
    """The title element is the last resort, without the site's name behind it; the site's name alone is no title."""
    site = "<meta name=SiteName content=云岭市司法局>"
    assert (
        extract(page_of(f"<div id=zoom>{BODY}</div>", "<title>公证通知 - 云岭市司法局</title>" + site)).title
        == "公证通知"
    )
    assert extract(page_of(f"<div id=zoom>{BODY}</div>", "<title>云岭市司法局</title>" + site)).title is None


# --- read_page, read_file ---


def test_file_row() -> None:
    """A list's line that is a file is a document without text, with the file as its one attachment."""
    document = read_file(
        "http://sfj.yunling.test/x/P01.pdf",
        "application/pdf",
        entry_of(title="规划", publish_date="2022-06-21", date_text="2022-06-21"),
    )
    assert (document.title, document.publish_date, document.publish_date_source, document.text) == (
        "规划",
        "2022-06-21",
        "list",
        None,
    )
    assert [(link.label, link.filename) for link in document.attachments] == [("规划", "P01.pdf")]
    assert (document.extraction.method, document.extraction.trafilatura_version) == ("binary", None)


def test_file_row_that_answers_with_a_page() -> None:
    """A file's address that answers with a web page holds no file."""
    with pytest.raises(NotAPage, match="text/html"):
        read_file("http://sfj.yunling.test/x/P01.pdf", "text/html; charset=utf-8")


def test_read_page_takes_a_file_by_its_bytes() -> None:
    """A page's address may hold a file."""
    page = Page(url=URL, body=b"%PDF-1.4 \x00", content_type="text/html")
    assert read_page(FujianTrt, page).extraction.method == "binary"


def test_read_page_guards() -> None:
    """A challenge is never parsed as content."""
    with pytest.raises(BlockedPage):
        read_page(FujianTrt, Page(url=URL, body=b"\r\n"))


TRT = (
    "<html><head><meta name=DocId content=12></head><body><div class=article_title>标题</div><span class=article_time>时间：2024-03-05 09:30</span>"
    f"<div class=article_content><div class=TRS_Editor>{BODY}</div></div><div class=article_attachment><a href=P01.doc>附件</a></div></body></html>"
).encode()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(TRT)), st.binary(max_size=60))
def test_truncated_and_corrupted_pages(cut: int, noise: bytes) -> None:
    """A page cut anywhere and continued with anything is read or refused with an error of the crawl's own."""
    page = Page(url=URL, body=TRT[:cut] + noise, content_type="text/html")
    for read in (lambda p: read_page(FujianTrt, p), extract):
        try:
            assert read(replace(page)).url == URL
        except CrawlError as error:
            assert str(error)  # noqa: PT017 - either outcome is right


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=2000))
def test_any_bytes(body: bytes) -> None:
    """Binary served as HTML neither hangs nor crashes."""
    try:
        extract(Page(url=URL, body=b"<html><body><div id=zoom>" + body))
    except CrawlError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    "body",
    [
        b"<div id=zoom>" + b"<div>" * 60_000 + b"x",
        b"<div id=zoom>" + b"x" * 50_000_000,
        b"<div id=zoom>" + b"<table><tr><td>" * 3000,
    ],
)
def test_absurd_pages(body: bytes) -> None:
    """Nesting and sizes beyond reason are refused by name."""
    with pytest.raises(UnreadablePage):
        extract(Page(url=URL, body=body))


def test_text_of_absurd_length() -> None:
    """A text that trafilatura would take minutes for is read completely without it; a page of that size without container is refused."""
    body = ("一句正文。" * 9 + "<br>").encode() * 25_000
    document = extract(Page(url=URL, body=b"<div id=zoom>" + body))
    assert (document.extraction.method, document.extraction.flags) == ("container", ("trafilatura_skipped",))
    assert len(document.text or "") > 1_000_000
    with pytest.raises(UnreadablePage, match="no known container"):
        extract(Page(url=URL, body=b"<div>" + body * 4))


def test_many_nested_tables() -> None:
    """Tables inside tables as deep as the parser goes are read in reasonable time."""
    body = b"<div id=zoom>" + b"<table><tr><td>a</td><td>" * 200 + "底".encode()
    assert "底" in str(extract(Page(url=URL, body=body)))
