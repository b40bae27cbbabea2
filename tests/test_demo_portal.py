"""The replica portal: it answers as its truth says, and misbehaves where it should."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import http.client
import io
import json
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from lxml import html

from govcrawl.demo import agency, files
from govcrawl.demo.model import Cell, read_blocks, resolve_spans
from govcrawl.demo.portal import COOKIE, Portal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def portal() -> Iterator[Portal]:
    """Run a portal on a free port."""
    with Portal() as running:
        yield running


def ask(
    portal: Portal, target: str, *, method: str = "GET", body: str | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """Send one request as a client that knows the agency by its own name; header names with ``_`` for ``-``."""
    connection = http.client.HTTPConnection("127.0.0.1", portal.port, timeout=10)
    try:
        sent = {"Host": portal.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, target, body, sent)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def tree(body: bytes) -> html.HtmlElement:
    """Return the page as a tree; the closing tags of the old skin's included banner would end it too early."""
    return html.fromstring(re.sub(r"</(?:html|body)>", "", body.decode()))


def path_of(url: str) -> str:
    """Return the request target of an address of the agency."""
    assert urlsplit(url).hostname == agency.HOST
    return urlsplit(url).path


def listed(portal: Portal, code: str) -> list[tuple[str, str, str]]:
    """Walk a channel as a visitor's browser would: (address, title, date) of every line."""
    _, body = ask(portal, f"/zwgk/{code}/")
    page = body.decode()
    groups = tree(body).xpath('//div[starts-with(@ms-visible, "$showStatic(")]')
    assert [group.get("ms-visible") for group in groups] == [f"$showStatic({1 + 5 * n})" for n in range(len(groups))]
    base = f"{agency.BASE_URL}/zwgk/{code}/"
    found = [
        (
            urljoin(base, line.xpath("a/@href")[0]),
            line.xpath("a/@title")[0],
            line.xpath('span[@class="bf-pass"]/text()')[0],
        )
        for group in groups
        for line in group.xpath(".//li")
    ]
    told = re.search(r"pageChnlInfo = (\{.*?\});", page)
    assert told
    info = json.loads(told[1])
    for number in range(2, info["pageCount"] + 1):
        form = urlencode(
            {"channelid": 229105, "classsql": f"chnlid={info['chnlId']}", "page": number, "prepage": info["prepage"]}
        )
        response, body = ask(portal, "/fjdzapp/search", method="POST", body=form)
        assert response.status == 200
        rows = json.loads(body)["data"]
        found += [(row["chnldocurl"], row["doctitle"], row["docreltime"][:10]) for row in rows]
    assert len(found) == info["recordCount"]
    return found


@pytest.mark.parametrize("day", agency.DAYS)
def test_lists_name_every_expected_document(portal: Portal, day: agency.Day) -> None:
    """Static groups and search endpoint together give each live document of each of its channels exactly once."""
    portal.day = day
    live = [truth for truth in portal.expected(day) if truth.state == "live"]
    for section in agency.SECTIONS:
        lines = [line for line in listed(portal, section.code) if line[0].startswith(agency.BASE_URL)]
        here = [truth for truth in live if section.name in truth.channels]
        assert len(lines) == len(here)
        for address, title, date in lines:
            match = next(truth for truth in here if address in {truth.url, *truth.aliases})
            assert (title, date) == (match.title, match.publish_date)


@pytest.mark.parametrize("day", agency.DAYS)
def test_every_expected_page_and_file_is_served(portal: Portal, day: agency.Day) -> None:
    """Each document's paragraphs stand on its page under each address, and each file has its promised digest."""
    portal.day = day
    for truth in portal.expected(day):
        for file in (*truth.attachments, *truth.images):
            response, content = ask(portal, path_of(file.url))
            assert (response.status, hashlib.sha256(content).hexdigest()) == (200, file.sha256)
        if truth.text is None or truth.state != "live":
            continue
        for url in {truth.url, *truth.aliases}:
            response, body = ask(portal, path_of(url), Cookie=f"{COOKIE}=1")
            if response.status == 503:
                response, body = ask(portal, path_of(url), Cookie=f"{COOKIE}=1")
            if response.status == 302:
                assert urljoin(url, response.headers["Location"]) == truth.url
                continue
            assert response.status == 200
            shown = re.sub(r"\s", "", "".join(tree(body).itertext()))
            assert all(paragraph.replace(" ", "") in shown for paragraph in truth.text.split("\n")), url
            assert truth.title in shown
            assert "示例数据" in body.decode()


def test_table_truth_resolves_spans() -> None:
    """A cell that spans rows and columns stands in every place of the truth's grid."""
    (table,) = read_blocks("| 项目{r2} | 金额{c2}\n| 预算 | 决算\n| 基本{c2} | 3")
    assert table.rows[0][1] == Cell("金额", colspan=2)
    assert resolve_spans(table.rows) == (("项目", "金额", "金额"), ("项目", "预算", "决算"), ("基本", "基本", "3"))
    for truth in agency.expected(2):
        for grid in truth.tables:
            assert len({len(row) for row in grid}) == 1
            assert all(cell for row in grid for cell in row)


def test_second_day_differs_in_the_five_stated_ways() -> None:
    """Body, title and attachment change once each, one document appears in the middle, one goes away."""
    first = {truth.url: truth for truth in agency.expected(1)}
    second = {truth.url: truth for truth in agency.expected(2)}
    changes = {truth.change: truth for truth in second.values() if truth.change}
    assert set(changes) == {"new", "body", "title", "attachment", "gone"}
    assert changes["body"].text != first[changes["body"].url].text
    assert changes["title"].title != first[changes["title"].url].title
    (before,), (after,) = first[changes["attachment"].url].attachments, changes["attachment"].attachments
    assert before.url == after.url
    assert before.sha256 != after.sha256
    assert set(second) - set(first) == {changes["new"].url}
    assert changes["gone"].state == "suspected"
    order = [row.date for row in agency.rows("gsgg", 2)]
    assert 0 < order.index(changes["new"].publish_date) < len(order) - 1
    untouched = [url for url, truth in second.items() if truth.change is None]
    assert all(second[url] == first[url] for url in untouched)


def test_gone_document_answers_a_soft_404(portal: Portal) -> None:
    """The address of the withdrawn document gives 200 and a refresh to the folder above."""
    portal.day = 2
    (gone,) = (truth for truth in portal.expected(2) if truth.change == "gone")
    response, body = ask(portal, path_of(gone.url))
    assert response.status == 200
    assert b'<meta http-equiv="refresh" content="0;URL=../">' in body


def test_page_bytes_change_and_content_does_not(portal: Portal) -> None:
    """Two fetches of one page differ in counters and clocks only."""
    target = path_of(portal.expected(1)[-1].url)
    first, second = ask(portal, target)[1], ask(portal, target)[1]
    assert first != second
    contents = [tree(body).xpath('string(//div[@class="article_content"])') for body in (first, second)]
    assert contents[0] == contents[1]


def test_skins_print_their_own_date_line(portal: Portal) -> None:
    """Old, middle and new pages and the index box print date, time and source as their generation did."""
    chosen = {draft.skin: draft for draft in agency.documents(1)}
    shown = {skin: ask(portal, draft.path)[1].decode() for skin, draft in chosen.items() if skin != "file"}
    assert re.search(r"日期:\d{4}-\d\d-\d\d</span> 字体大小:\[ ", shown["old"])
    assert re.search(r"发表日期:\d{4}-\d\d-\d\d \d\d:\d\d</span> 字体显示:", shown["mid"])
    assert re.search(r"时间：\d{4}-\d\d-\d\d \d\d:\d\d</span>", shown["new"])
    assert "来源：" in shown["new"]
    box = tree(shown["box"].encode()).xpath('//div[@class="index_box"]/ul[@class="trt-row"]/li')
    assert [re.sub(r"\s", "", line.text) for line in box] == [
        f"{label}："
        for label in ("索引号", "主题分类", "发文机关", "成文日期", "标题", "发文字号", "发布日期", "有效性")
    ]


def test_files_are_revalidated(portal: Portal) -> None:
    """A file has both validators, answers 304 to either, and is whole again once its bytes have changed."""
    (truth,) = (truth for truth in portal.expected(2) if truth.change == "attachment")
    target = path_of(truth.attachments[0].url)
    response, content = ask(portal, target)
    etag, modified = response.headers["ETag"], response.headers["Last-Modified"]
    for validators in ({"If_None_Match": etag}, {"If_Modified_Since": modified}):
        response, body = ask(portal, target, **validators)
        assert (response.status, body) == (304, b"")
    assert ask(portal, target, If_None_Match='"other"', If_Modified_Since=modified)[0].status == 200
    assert ask(portal, target, If_Modified_Since="not a date")[0].status == 200
    portal.day = 2
    response, changed = ask(portal, target, If_None_Match=etag, If_Modified_Since=modified)
    assert response.status == 200
    assert changed != content


def test_answers_come_gzipped_and_chunked(portal: Portal) -> None:
    """All four combinations of content-coding and framing occur, and gzip only where it is asked for."""
    seen = set()
    for truth in portal.expected(1):
        response, body = ask(portal, path_of(truth.url), Accept_Encoding="gzip")
        zipped, chunked = (response.headers.get(name) for name in ("Content-Encoding", "Transfer-Encoding"))
        seen.add((zipped, chunked))
        if zipped:
            assert gzip.decompress(body)
        assert ask(portal, path_of(truth.url))[0].headers["Content-Encoding"] is None
    assert seen == {(None, None), ("gzip", None), (None, "chunked"), ("gzip", "chunked")}


def test_busy_page_asks_for_patience_once(portal: Portal) -> None:
    """One document answers 503 with Retry-After: 1 the first time and its page afterwards."""
    (draft,) = (draft for draft in agency.documents(1) if draft.id == agency.BUSY_ONCE)
    response, _ = ask(portal, draft.path)
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    response, body = ask(portal, draft.path)
    assert response.status == 200
    assert draft.title in body.decode()


def test_page_is_empty_without_the_home_pages_cookie(portal: Portal) -> None:
    """One document is two bytes long until the cookie that the home page sets comes with the request."""
    (draft,) = (draft for draft in agency.documents(1) if draft.id == agency.NEEDS_COOKIE)
    assert len(ask(portal, draft.path)[1]) == 2
    cookie = ask(portal, "/")[0].headers["Set-Cookie"].partition(";")[0]
    assert draft.title in ask(portal, draft.path, Cookie=cookie)[1].decode()


def test_chrome_leads_into_traps(portal: Portal) -> None:
    """Every page links a calendar, a session, a loop, a disallowed directory and another host, each logged as such."""
    _, body = ask(portal, "/zwgk/gsgg/")
    links = tree(body).xpath('//div[contains(@class, "header_tools")]/a/@href')
    kinds = []
    for link in links:
        if link.startswith("/"):
            ask(portal, link)
            kinds.append(portal.requests[-1].kind)
    assert kinds == ["trap", "trap", "trap", "disallowed"]
    assert [link for link in links if not link.startswith("/")] == ["http://www.yunling.example/"]
    calendar = ask(portal, "/rl/index.htm?date=2031-03")[1].decode()
    assert "date=2032-01" in calendar
    sessions = [re.findall(r"jsessionid=\w+", ask(portal, "/hd/index.htm")[1].decode())[0] for _ in range(2)]
    assert sessions[0] != sessions[1]


def test_robots_txt_closes_a_directory_and_sets_no_delay(portal: Portal) -> None:
    """robots.txt disallows one directory and states a Crawl-delay of zero."""
    body = ask(portal, "/robots.txt")[1].decode()
    assert "Disallow: /nbzl/" in body
    assert "Crawl-delay: 0" in body


def test_log_names_method_target_status_kind_and_day(portal: Portal) -> None:
    """What was asked can be read back in order."""
    ask(portal, "/zwgk/czxx/")
    portal.day = 2
    ask(portal, "/no/such/page.htm", method="HEAD")
    ask(portal, "/", method="DELETE")
    ask(portal, "/fjdzapp/search")
    ask(portal, "/", Host="other.example")
    told = [(one.method, one.target, one.status, one.kind, one.day) for one in portal.requests]
    assert told == [
        ("GET", "/zwgk/czxx/", 200, "list", 1),
        ("HEAD", "/no/such/page.htm", 404, "missing", 2),
        ("DELETE", "/", 405, "refused", 2),
        ("GET", "/fjdzapp/search", 405, "refused", 2),
        ("GET", "/", 421, "refused", 2),
    ]


@pytest.mark.parametrize(
    "form", ["", "page=x&prepage=-3&classsql=chnlid=70101", "classsql=chnlid=1;drop", "page=99&classsql=chnlid=70101"]
)
def test_search_survives_odd_questions(portal: Portal, form: str) -> None:
    """The search endpoint answers JSON to any form."""
    response, body = ask(portal, "/fjdzapp/search", method="POST", body=form)
    assert response.status == 200
    assert isinstance(json.loads(body)["data"], list)


@pytest.mark.parametrize("raw", [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"GET /"])
def test_portal_outlives_a_client_that_speaks_no_http(portal: Portal, raw: bytes) -> None:
    """A connection with garbage is closed, the next one is answered."""

    async def shout() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
        writer.write(raw)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    assert asyncio.run(shout()) == b""
    assert ask(portal, "/")[0].status == 200


def test_portal_runs_in_a_given_loop() -> None:
    """As an async context manager the portal serves in the running loop and closes its port at the end."""

    async def visit() -> int:
        async with Portal() as portal:
            reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
            writer.write(f"GET / HTTP/1.1\r\nHost: {portal.host}\r\n\r\n".encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
        with pytest.raises(OSError, match=r".*"):
            await asyncio.open_connection("127.0.0.1", portal.port)
        return portal.port

    assert asyncio.run(visit()) > 0


def test_port_in_use_is_an_error(portal: Portal) -> None:
    """A second portal on the same port says so instead of hanging."""
    with pytest.raises(OSError, match="in use"):
        Portal(port=portal.port).start()


def test_unknown_day_is_refused(portal: Portal) -> None:
    """Only the days that exist can be set."""
    with pytest.raises(ValueError, match="3"):
        portal.day = 3  # type: ignore[assignment]


def test_files_are_what_their_names_say() -> None:
    """The generated PDF, Word, Excel and PNG files are well-formed and the same at every call."""
    document = files.pdf(["示例数据"])
    assert document == files.pdf(["示例数据"])
    start = int(re.search(rb"startxref\n(\d+)", document)[1])  # type: ignore[index]
    assert document[start:].startswith(b"xref")
    offsets = [int(line[:10]) for line in document[start:].splitlines()[3:12]]
    assert all(document[at:].startswith(b"%d 0 obj" % number) for number, at in enumerate(offsets, 1))
    for package, part, text in (
        (files.docx(["条款<一>"]), "word/document.xml", "条款&lt;一&gt;"),
        (files.xlsx([["合计", 1.5]]), "xl/worksheets/sheet1.xml", "<v>1.5</v>"),
    ):
        with zipfile.ZipFile(io.BytesIO(package)) as opened:
            assert opened.testzip() is None
            assert text in opened.read(part).decode()
            assert f'PartName="/{part}"' in opened.read("[Content_Types].xml").decode()
    picture = files.png(8, 4, (50, 100))
    assert struct.unpack(">II", picture[16:24]) == (8, 4)
    size = struct.unpack(">I", picture[33:37])[0]
    assert len(zlib.decompress(picture[41 : 41 + size])) == 4 * (8 + 1)
