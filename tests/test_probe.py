"""Probing: which family a site is of, its channels, one list, one document; against sites that answer by a function."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from family_sites import (
    HANWEB,
    HTML,
    JPAAS,
    UCAP,
    VSB,
    Answer,
    Asked,
    day,
    hanweb,
    jpaas,
    ok,
    title,
    ucap,
    vsb,
)

from govcrawl.channels import Link, agency_names, column_name, find_jump, find_links, is_channel
from govcrawl.decode import Page
from govcrawl.demo import agency as demo
from govcrawl.demo import pages
from govcrawl.errors import BadStatus, BlockedPage, NotAPage
from govcrawl.families import rank
from govcrawl.items import ListEntry, ListPage, NextPage
from govcrawl.loader import find_template, templates
from govcrawl.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from govcrawl.finding import Finding

FRAME = """<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="SiteName" content="泉山区司法局"><title>{title}</title></head><body>
<div class="nav"><a href="/">首页</a><a href="/ldzc/">领导之窗</a>{nav}<a href="/bmfw/">办事服务</a><a href="/rl/?d=1">公开日历</a></div>
{middle}<div class="foot"><p>主办单位：泉山区司法局</p><a href="http://www.other.test/zwgk/">泉山区人民政府政务公开</a></div></body></html>"""


@dataclass(frozen=True)
class Got:
    """A page without a capture: nothing is archived here."""

    page: Page
    capture: Any = None


@dataclass
class Offline:
    """Fetches from a function and from pages laid over it."""

    answer: Callable[[Asked], Answer]
    over: Mapping[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """Exchanges so far."""
        return len(self.asked)

    async def fetch(self, url: str, *, form: Mapping[str, str] | None = None, via: str | None = None) -> Got:
        """Answer one request."""
        del via
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self.asked.append(target)
        method = "POST" if form is not None else "GET"
        status, media_type, body = self.over.get(target) or self.answer(
            Asked(parts.path, dict(parse_qsl(parts.query)), dict(form or {}), method)
        )
        page = Page(url=url, body=body, content_type=media_type, status=status, method=method, form=form or {})
        return Got(page)


def home(nav: Mapping[str, str], extra: str = "", name: str = "泉山区司法局") -> Answer:
    """A home page with these channels in its navigation."""
    links = "".join(f'<li><a href="{url}">{text}</a></li>' for text, url in nav.items())
    return ok(FRAME.format(title=name, nav=links, middle=f"<p>{'欢迎访问。' * 60}</p>{extra}"))


def probe(site: Offline, url: str, channels: Mapping[str, str] | None = None, most: int = 40) -> Finding:
    """Probe a site."""
    return asyncio.run(Probe(site, templates(), most_requests=most).run(url, channels))


FAMILIES = {
    "hanweb": (hanweb, HANWEB, "hanweb", "/col/col1204/index.html"),
    "jpaas": (jpaas, JPAAS, "hanweb", "/col/col1229/index.html"),
    "ucap": (ucap, UCAP, "ucap", "/sft/c1/zfxxgk.shtml"),
    "vsb": (vsb, VSB, "vsb", "/zwgk/tzgg.htm"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_site_of_each_family_is_known_from_its_home_page(family: str) -> None:
    """From a home page that bears no mark of its own, the list, its family, one document and the official name are found."""
    answer, host, name, seed = FAMILIES[family]
    site = Offline(answer, {"/": home({"公告公示": seed})})
    found = probe(site, f"http://{host}/")
    assert found.family is not None
    assert found.family.name == name
    assert [(one.name, one.url) for one in found.channels] == [("公告公示", f"http://{host}{seed}")]
    assert (found.agency, found.agency_source) == ("泉山区司法局", "SiteName")
    case = found.list_case
    assert case is not None
    assert case.listed is not None
    assert case.listed.entries[0].title == title(1)
    assert found.document is not None
    assert found.document.document.title == title(1)
    assert found.document.document.publish_date == day(1)
    assert found.document.document.source == "公证科"
    assert not [target for target in site.asked if target.startswith(("/ldzc", "/bmfw", "/rl"))]
    assert found.requests == len(site.asked) <= 5


@pytest.mark.parametrize("family", FAMILIES)
def test_the_address_of_a_list_or_a_document_is_enough(family: str) -> None:
    """A probe may begin at a list page, and at a document it finds the list through the page's own navigation."""
    answer, host, name, seed = FAMILIES[family]
    found = probe(Offline(answer, {"/": home({"公告公示": seed})}), f"http://{host}{seed}")
    assert found.family is not None
    assert found.family.name == name
    assert f"http://{host}{seed}" in [one.url for one in found.channels]


def test_channels_behind_a_landing_page_in_printed_order() -> None:
    """Links of a landing page are followed, the landing page itself is left out with its reason, and the order is the printed one."""
    landing = FRAME.format(
        title="政务公开",
        nav='<a href="/zwgk/">政务公开</a>',
        middle=f'<ul><li><a href="/zwgk/tzgg.htm">通知公告</a></li><li><a href="/zwgk/none.htm">规划计划</a></li></ul><p>{"政务公开栏目。" * 90}</p>',
    )
    site = Offline(
        vsb,
        {"/": home({"政务公开": "/zwgk/"}), "/zwgk/": ok(landing), "/zwgk/none.htm": ok(landing.replace("none", "x"))},
    )
    found = probe(site, f"http://{VSB}/")
    assert [one.name for one in found.channels] == ["通知公告"]
    assert {one.name for one in found.left_out} == {"政务公开", "规划计划"}
    assert all("no list" in one.reason for one in found.left_out)


def test_the_limit_of_requests_is_kept() -> None:
    """What was not looked at for want of requests is named."""
    nav = {f"公告公示{n}": f"/zwgk/tzgg{n}.htm" for n in range(30)}
    site = Offline(vsb, {"/": home({"通知公告": "/zwgk/tzgg.htm", **nav})})
    found = probe(site, f"http://{VSB}/", most=12)
    assert len(site.asked) <= 12
    assert len(found.unseen) >= 15
    assert found.document is not None


def test_named_channels_only() -> None:
    """Where channels are given, no others are looked for; one that is no list is left out with its reason."""
    site = Offline(
        vsb, {"/": home({"政务公开": "/zwgk/"}), "/zwgk/x.htm": (404, HTML, b"<html><body>404</body></html>")}
    )
    given = {"通知": f"http://{VSB}/zwgk/tzgg.htm", "没有": f"http://{VSB}/zwgk/x.htm"}
    found = probe(site, f"http://{VSB}/", given)
    assert [one.name for one in found.channels] == ["通知"]
    assert [(one.name, "404" in one.reason) for one in found.left_out] == [("没有", True)]
    assert "/zwgk/" not in site.asked


def test_the_tree_of_gkmlpt() -> None:
    """Categories come from the tree that the CMS prints, and only one of their lists is asked for."""
    tree = '[{"id":1,"name":"法定主动公开内容","children":[{"id":11,"name":"政策文件","children":[]},{"id":12,"name":"规划计划","children":[]}]}]'
    index = f"<html><head><title>政府信息公开目录</title></head><body><div id=\"app\"></div><p>{'政府信息公开目录。' * 50}</p><script>window._CONFIG = {{ SID: '660001', TREE: {tree} }};</script></body></html>"
    rows = ",".join(
        f'{{"id":{n},"title":"{title(n)}","url":"http://www.gk.test/gkmlpt/content/0/1/post_{n}.html","created_at":"{day(n)} 10:00:00","display_publish_time":0}}'
        for n in range(1, 4)
    )
    answer = f'{{"classify":{{"post_count":3}},"articles":[{rows}]}}'
    document = f'<html><head><title>{title(1)}</title><meta name="ArticleTitle" content="{title(1)}"><meta name="PubDate" content="{day(1)} 10:00"></head><body><h1 class="title">{title(1)}</h1><div class="article-content"><p>{"各单位应当按时报送。" * 20}</p></div></body></html>'
    over = {
        "/": home({"政府信息公开": "/gkmlpt/index"}),
        "/gkmlpt/index": ok(index),
        "/gkmlpt/api/all/11?page=1&sid=660001": ok(answer, "application/json"),
        "/gkmlpt/content/0/1/post_1.html": ok(document),
    }
    site = Offline(lambda _: (404, HTML, b"<html><body>404 Not Found</body></html>"), over)
    found = probe(site, "http://www.gk.test/")
    assert found.family is not None
    assert found.family.name == "gkmlpt"
    assert [(one.name, one.url.partition("#")[2]) for one in found.channels] == [("政策文件", "11"), ("规划计划", "12")]
    assert [one.listed is not None for one in found.channels] == [True, False]
    assert sum("/api/all/" in target for target in site.asked) <= 2
    assert found.document is not None
    assert found.document.document.title == title(1)


def test_a_list_whose_endpoint_refuses_a_plain_client() -> None:
    """Such a channel is kept as one that needs a browser, with what was refused."""
    listing = (
        '<html><head><title>{0}</title></head><body><a href="javascript:zh_tran(1)">繁体</a><p>{1}</p><div class="ny_list"><ul id="zwgk_list"></ul></div>'
        "<script>fetch('/zwgk/list.php?cid={2}&page=' + page)</script></body></html>"
    )
    rows = '{"code":0,"total":2,"pages":1,"page":1,"list":[{"id":1,"title":"关于开展普法的通知","url":"/2026_01/05_10/content-1.html","time":"2026-01-05"},{"id":2,"title":"关于公证的公告","url":"/2026_01/04_10/content-2.html","time":"2026-01-04"}]}'
    document = '<html><head><title>x</title></head><body><div class="ny_mb_inner_box"><p>关于开展普法的通知</p><div class="source"><span>信息来源：泉山区司法局</span></div><div class="fbsj_llcs_box"><span>浏览次数：3</span><span>发布时间：2026-01-05 10:00</span></div><div class="xwnr_txt"><p>{}</p></div></div></body></html>'
    over = {
        "/": home({"通知公告": "/zwgk/tzgg/", "行政执法": "/zwgk/xzzf/"}),
        "/zwgk/tzgg/": ok(listing.format("通知公告", "通知公告栏目。" * 40, 1)),
        "/zwgk/xzzf/": ok(listing.format("行政执法", "行政执法栏目。" * 40, 2)),
        "/zwgk/list.php?cid=1&page=1": ok(rows, "application/json"),
        "/2026_01/05_10/content-1.html": ok(document.format("各单位应当按时报送。" * 20)),
    }
    refused = (403, "application/json", b'{"code":403,"msg":"bad sign"}')
    found = probe(Offline(lambda _: refused, over), "http://sfj.p8.test/")
    assert found.family is not None
    assert found.family.name == "p8"
    assert [(one.name, one.browser is not None) for one in found.channels] == [("通知公告", False), ("行政执法", True)]
    assert found.document is not None
    assert found.document.document.source == "泉山区司法局"


def test_a_start_page_that_sends_its_reader_on() -> None:
    """An empty home page that refreshes to the real one is followed."""
    jump = b'<html><head><meta http-equiv="refresh" content="0;url=/index.htm"></head><body></body></html>'
    site = Offline(vsb, {"/": (200, HTML, jump), "/index.htm": home({"通知公告": "/zwgk/tzgg.htm"})})
    found = probe(site, f"http://{VSB}/")
    assert found.url == f"http://{VSB}/index.htm"
    assert [one.name for one in found.channels] == ["通知公告"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((521, HTML, b"<script>document.cookie='__jsl_clearance=1'</script>"), BlockedPage),
        ((200, HTML, b"\r\n"), BlockedPage),
        ((404, HTML, b"<html><body>404 Not Found</body></html>"), NotAPage),
        ((500, HTML, b"<html><body>error</body></html>"), BadStatus),
    ],
)
def test_a_start_page_that_is_none(answer: Answer, error: type[Exception]) -> None:
    """A challenge, an empty body, a missing page and an error each raise what they are."""
    with pytest.raises(error):
        probe(Offline(lambda _: answer), "http://www.none.test/")


def test_an_unknown_site() -> None:
    """A site without any family's marks gives no family and no channel; its links are left out or not lists."""
    page = ok(FRAME.format(title="某网站", nav='<a href="/news/">通知公告</a>', middle=f"<p>{'一些文字。' * 100}</p>"))
    found = probe(Offline(lambda _: page), "http://www.unknown.test/")
    assert (found.family, found.channels, found.document) == (None, [], None)


# --- the parts ---


def demo_page(url: str, text: str) -> Page:
    """A page of the built-in portal."""
    return Page(url=url, body=text.encode(), content_type=HTML)


def test_rank_counts_the_marks_of_each_family() -> None:
    """Marks of all pages count once, with the first page that bears them; the generic TRS family comes after trt."""
    moving = pages.Moving(3, "2026-01-01")
    code = demo.SECTIONS[0].code
    listing = demo_page("http://x.test/zwgk/", pages.list_page(code, demo.rows(code, 1), moving))
    draft = next(draft for draft in demo.documents(1) if draft.skin != "file")
    document = demo_page("http://x.test/d.htm", pages.document_page(draft, draft.channel, moving))
    ranked = rank([listing, document], templates())
    assert ranked[0].name == "trt"
    assert ranked[0].marks["pageChnlInfo"] == "http://x.test/zwgk/"
    assert ranked[0].score > 2 * max((family.score for family in ranked[1:]), default=0)
    assert rank([demo_page("http://x.test/", "<p>nothing</p>")], [find_template("trt")]) == []


@pytest.mark.parametrize(
    ("anchor", "name"),
    [
        ('<a href="/zwgk/gsgg/">公告公示</a>', "公告公示"),
        ('<a href="/zwgk/gsgg/" title="公告公示"><img src="x.png"></a>', "公告公示"),
        ('<a href="/zwgk/gsgg/"><img src="x.png" alt="公告公示"></a>', "公告公示"),
        ('<a href="/zwgk/gsgg/">&gt;&gt; 公告公示 (12)</a>', "公告公示"),
        ('<a href="/zfxxgk/abc/">内设科室</a>', "内设科室"),
        ('<a href="http://www.x.test/zwgk/gsgg/index.htm">公告公示</a>', "公告公示"),
        ('<a href="/zwgk/zfxxgkzn/">政府信息公开指南</a>', None),
        ('<a href="/ysqgk/">依申请公开</a>', None),
        ('<a href="/jgzn/">机构职能</a>', None),
        ('<a href="/x/">关于我们</a>', None),
        ('<a href="http://www.other.test/zwgk/">政务公开</a>', None),
        ('<a href="/zwgk/gsgg/t20240101_1.htm">公告公示</a>', None),
        ('<a href="/zwgk/gsgg/index_1.htm">公告公示</a>', None),
        ('<a href="/zwgk/a.pdf">公告公示</a>', None),
        ('<a href="/zwgk/ys/2024.htm">2024年部门预算公开</a>', None),
        ('<a href="javascript:;">公告公示</a>', None),
        ('<a href="/">政务公开</a>', None),
        ('<a href="/zwgk/gsgg/">关于开展全市行政执法人员年度资格考试有关工作安排的公告</a>', None),
        ('<a href="/zwgk/gsgg/">Notices</a>', None),
    ],
)
def test_links_that_may_be_channels(anchor: str, name: str | None) -> None:
    """A link counts by its printed name and its address; documents, pagers, files, other hosts and services do not."""
    page = Page(url="http://www.x.test/", body=f"<html><body>{anchor}</body></html>".encode())
    assert [link.name for link in find_links(page)] == ([name] if name else [])


def test_one_address_is_one_link() -> None:
    """A list linked with and without its index file is one link, by the name printed first."""
    anchors = '<a href="/zwgk/gsgg/">公告</a><a href="/zwgk/gsgg/index.html">公告公示</a><a href="https://www.x.test/zwgk/gsgg/">公示</a>'
    page = Page(url="http://www.x.test/", body=f"<html><body>{anchors}</body></html>".encode())
    assert [link.name for link in find_links(page)] == ["公告"]


@pytest.mark.parametrize(
    ("markup", "target"),
    [
        ('<meta http-equiv="refresh" content="0; url=/portal/index.html">', "http://www.x.test/portal/index.html"),
        ("<script>window.location.href='index.shtml';</script>", "http://www.x.test/index.shtml"),
        ('<script>location.replace("/web/");</script>', "http://www.x.test/web/"),
        ('<frameset><frame src="/main.htm"></frameset>', "http://www.x.test/main.htm"),
        ('<meta http-equiv="refresh" content="0; url=http://www.elsewhere.test/">', None),
        ('<meta http-equiv="refresh" content="0; url=/">', None),
        ("<p>政务公开</p>", None),
    ],
)
def test_jumps(markup: str, target: str | None) -> None:
    """An all but empty page is followed where it sends its reader, on its own site only."""
    assert find_jump(Page(url="http://www.x.test/", body=f"<html><body>{markup}</body></html>".encode())) == target
    full = f"<html><body>{markup}<p>{'很多文字。' * 60}</p></body></html>"
    assert find_jump(Page(url="http://www.x.test/", body=full.encode())) is None


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ('<meta name="SiteName" content="云岭市司法局">', ("云岭市司法局", "SiteName")),
        ('<meta name="SiteName" content="云岭市司法局门户网站">', ("云岭市司法局", "SiteName")),
        ("<p>主办单位：云岭市人民政府办公室 承办：云岭市大数据中心</p>", ("云岭市人民政府", "主办单位")),
        ("<p>版权所有:云岭市司法局 备案号</p>", ("云岭市司法局", "版权所有")),
        ("<title>公告公示_云岭市司法局</title>", ("云岭市司法局", "title")),
        ('<meta name="SiteName" content="网站名称"><title>首页</title>', None),
    ],
)
def test_whose_site_it_is(markup: str, found: tuple[str, str] | None) -> None:
    """The official name is read from SiteName, the footer or the title, and only where it is an organ's."""
    page = Page(url="http://www.x.test/", body=f"<html><head>{markup}</head><body>{markup}</body></html>".encode())
    assert next(agency_names(page), None) == found


def test_column_name() -> None:
    """A list names itself by ColumnName, else by the first part of its title."""
    with_meta = b'<html><head><meta name="ColumnName" content="\xe5\x85\xac\xe5\x91\x8a"><title>x</title></head></html>'
    assert column_name(Page(url="http://x.test/", body=with_meta)) == "公告"
    assert column_name(Page(url="http://x.test/", body="<title>公示_云岭市司法局</title>".encode())) == "公示"
    assert column_name(Page(url="http://x.test/", body=b"<p>x</p>")) is None


def rows(*urls: str) -> tuple[ListEntry, ...]:
    """Lines of a list."""
    return tuple(ListEntry(url=url, title="题") for url in urls)


@pytest.mark.parametrize(
    ("url", "named", "listed", "verdict"),
    [
        ("http://x.test/zwgk/gsgg/", False, ListPage(entries=rows("http://x.test/zwgk/gsgg/1.htm")), True),
        (
            "http://x.test/zwgk/",
            False,
            ListPage(entries=rows("http://x.test/yw/1.htm", "http://x.test/yw/2.htm")),
            False,
        ),
        ("http://x.test/zwgk/", True, ListPage(entries=rows("http://x.test/yw/1.htm")), True),
        ("http://x.test/zwgk/", False, ListPage(entries=rows("http://x.test/yw/1.htm"), total=9), True),
        (
            "http://x.test/zwgk/",
            False,
            ListPage(entries=rows("http://x.test/yw/1.htm"), next=NextPage(url="http://x.test/2", number=2)),
            True,
        ),
        ("http://x.test/", True, ListPage(entries=rows("http://x.test/1.htm"), total=3), False),
        ("http://x.test/zwgk/", False, ListPage(entries=(), total=0), True),
        ("http://x.test/zwgk/", False, ListPage(entries=()), False),
    ],
)
def test_lists_and_landing_pages(url: str, named: bool, listed: ListPage, verdict: bool) -> None:  # noqa: FBT001
    """A list pages, counts, or holds what lies below it; rows of other folders on a page of another name are a landing page."""
    assert is_channel(Link("栏目", url, entry=False, named=named), listed) is verdict
