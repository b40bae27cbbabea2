"""One document has one address: twins, gateways, channels, moves and traditional copies, crawled from a small site."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import opencc
import pytest
from small_site import HOST, Answer, SmallSite, crawl, paragraphs

from archive.catalog import Catalog
from archive.export import export_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BASE = f"http://{HOST}"
API = "/gkmlpt/api/all/"
LIST = "/zwgk/tzgg/"
AGENCY = '''"""小城市司法局, invented."""
from spiders.templates.{module} import {template}


class small_sfj({template}):
    """小城市司法局."""

    name = "small_sfj"
    agency = "小城市司法局"
    base_url = "{base}"
    channels = {channels!r}
'''
GKMLPT, TRS = ("gkmlpt", "Gkmlpt"), ("trs", "TrsWcm")


@pytest.fixture
def site() -> Iterator[SmallSite]:
    """A site that has nothing but its rules."""
    with SmallSite({"/robots.txt": (200, {"Content-Type": "text/plain"}, b"")}) as running:
        yield running


def declare(folder: Path, family: tuple[str, str], channels: Mapping[str, str]) -> None:
    """Write the agency's file."""
    package = folder / "smallspiders"
    package.mkdir()
    (package / "__init__.py").touch()
    text = AGENCY.format(module=family[0], template=family[1], base=BASE, channels=dict(channels))
    (package / "small_sfj.py").write_text(text, "utf-8")


def documents(folder: Path) -> dict[str, dict[str, Any]]:
    """The exported documents by the path of their address."""
    with Catalog.open_read_only(folder / "data" / "catalog.db") as catalog:
        return {row["url"].removeprefix(BASE): row for row in export_documents(catalog)}


def html(head: str, body: str) -> Answer:
    """A page."""
    text = f'<!DOCTYPE html><html><head><meta charset="utf-8">{head}</head><body>{body}</body></html>'
    return 200, {"Content-Type": "text/html; charset=utf-8"}, text.encode()


# --- gkmlpt ---


def index() -> Answer:
    """The page that says which site it is."""
    return html(
        "<title>政府信息公开目录</title><script>window._CONFIG = { SID: '660001', TREE: [], X: '' };</script>",
        '<div id="app"></div>',
    )


def post(ident: int) -> str:
    """The path of a post."""
    return f"/gkmlpt/content/0/{ident // 1000}/post_{ident}.html"


def listed(count: int, *rows: tuple[int, str]) -> Answer:
    """A JSON list of (id, address)."""
    articles = [
        {"id": ident, "title": f"第{ident}号公告", "url": url, "display_publish_time": 1782874800}
        for ident, url in rows
    ]
    body = json.dumps({"classify": {"id": 1, "post_count": count}, "articles": articles})
    return 200, {"Content-Type": "application/json"}, body.encode()


def article(title: str, seed: str) -> Answer:
    """A document page."""
    head = f'<meta name="ArticleTitle" content="{title}"><meta name="PubDate" content="2026-07-01 11:00">'
    return html(
        head, f'<div class="content"><h1>{title}</h1><div class="article-content">{paragraphs(seed)}</div></div>'
    )


def test_twins_gateway_copies_and_channels_are_addresses_of_one_document(site: SmallSite, tmp_path: Path) -> None:
    """What lists name at its mobile twin, through the big5 gateway or in a second channel is asked for once, at its own address."""
    declare(tmp_path, GKMLPT, {"公告": "/gkmlpt/index#1", "文件": "/gkmlpt/index#2"})
    twin, gateway = post(1001).replace("post_", "mpost_"), f"/gate/big5/{HOST}{post(1002)}"
    site.routes |= {
        "/gkmlpt/index": index(),
        f"{API}1?page=1&sid=660001": listed(3, (1001, BASE + post(1001)), (1001, BASE + twin), (1002, BASE + gateway)),
        f"{API}2?page=1&sid=660001": listed(2, (1002, BASE + post(1002)), (7, "https://mp.weixin.qq.com/s/x")),
        post(1001): article("第1001号公告", "甲"),
        post(1002): article("第1002号公告", "乙"),
    }
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    found = documents(tmp_path)
    assert set(found) == {post(1001), post(1002)}
    assert found[post(1001)]["aliases"] == [BASE + twin]
    assert found[post(1002)]["aliases"] == [BASE + gateway]
    assert sorted(found[post(1002)]["channels"]) == ["公告", "文件"]
    asked = site.targets()
    assert asked.count("/gkmlpt/index") == 1, "two categories, one page that says where they are"
    assert not [target for target in asked if "mpost" in target or "/gate/" in target]


def test_a_page_of_a_list_that_the_platform_does_not_give_caps_it(site: SmallSite, tmp_path: Path) -> None:
    """Where more is counted than given, what is given is kept, and the gap is said."""
    declare(tmp_path, GKMLPT, {"公告": "/gkmlpt/index#1"})
    site.routes |= {
        "/gkmlpt/index": index(),
        f"{API}1?page=1&sid=660001": listed(300, (1001, BASE + post(1001))),
        post(1001): article("第1001号公告", "甲"),
    }
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    assert set(documents(tmp_path)) == {post(1001)}
    assert "list capped" in done.stdout


@pytest.mark.parametrize("original_first", [True, False])
def test_a_traditional_copy_is_no_second_document(site: SmallSite, tmp_path: Path, *, original_first: bool) -> None:
    """A copy in traditional characters, at an address no rule knows, becomes an address of its original, whichever comes first."""
    declare(tmp_path, GKMLPT, {"公告": "/gkmlpt/index#1"})
    copy = f"/fanti/content/0/9/post_{9001}.html"
    rows = [(1001, BASE + post(1001)), (9001, BASE + copy)]
    turn = opencc.OpenCC("s2t").convert
    title, seed = "小城市司法局关于规范行政执法标准的通知", "关于规范行政执法"
    traditional = turn(article(title, seed)[2].decode())
    site.routes |= {
        "/gkmlpt/index": index(),
        f"{API}1?page=1&sid=660001": listed(2, *(rows if original_first else rows[::-1])),
        post(1001): article(title, seed),
        copy: (200, {"Content-Type": "text/html; charset=utf-8"}, traditional.encode()),
    }
    for _ in range(2):
        done = crawl(tmp_path, site, "-a", "mode=full", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
        assert done.returncode == 0, done.stdout
        (found,) = documents(tmp_path).values()
        assert found["url"] == BASE + post(1001)
        assert found["title"] == title
        assert found["aliases"] == [BASE + copy]


# --- TRS ---


def rows_page(rows: list[tuple[str, str]], pages: int, number: int) -> Answer:
    """A list page of (href, title), page ``number`` of ``pages`` counted from 0."""
    lines = "".join(f'<li><a href="{href}">{title}</a><span>2026-03-05</span></li>' for href, title in rows)
    return html("", f'<ul>{lines}</ul><script>createPageHTML({pages}, {number}, "index", "htm");</script>')


def notice(ident: int) -> Answer:
    """A document page."""
    head = f'<meta name="ArticleTitle" content="第{ident}号通知"><meta name="PubDate" content="2026-03-05 09:00">'
    return html(
        head,
        f'<div class="tit">第{ident}号通知</div><div id="zoom"><div class="TRS_Editor">{paragraphs(str(ident))}</div></div>',
    )


def in_turn(*answers: Answer) -> Any:
    """Give one answer after another, the last again and again."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


STUB = html("<title>通知公告</title>", "&nbsp;" * 50)


def two_pages(site: SmallSite, second: Any) -> None:
    """A list of two pages with one document each."""
    first = rows_page([("./202603/t20260305_1.htm", "第1号通知")], 2, 0)
    site.routes |= {LIST: first, f"{LIST}index_1.htm": second}
    site.routes |= {f"{LIST}202603/t20260305_{n}.htm": notice(n) for n in (1, 2)}


def test_a_stub_is_asked_for_again(site: SmallSite, tmp_path: Path) -> None:
    """A later page of a list that comes as a broken stub is asked for again, and so is one that shows an earlier page."""
    declare(tmp_path, TRS, {"公告": LIST})
    first = rows_page([("./202603/t20260305_1.htm", "第1号通知")], 2, 0)
    two_pages(site, in_turn(STUB, first, rows_page([("./202603/t20260305_2.htm", "第2号通知")], 2, 1)))
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    assert len(documents(tmp_path)) == 2
    assert site.targets().count(f"{LIST}index_1.htm") == 3


def test_a_stub_that_stays_leaves_the_walk_incomplete(site: SmallSite, tmp_path: Path) -> None:
    """The crawl fails with the page's name after it was asked for again; what was found is kept."""
    declare(tmp_path, TRS, {"公告": LIST})
    two_pages(site, STUB)
    done = crawl(tmp_path, site)
    assert done.returncode == 1
    assert "stub" in done.stdout
    assert f"{BASE}{LIST}index_1.htm" in done.stdout
    assert len(documents(tmp_path)) == 1
    assert site.targets().count(f"{LIST}index_1.htm") == 3


def test_a_document_that_moves_is_found_by_its_key(site: SmallSite, tmp_path: Path) -> None:
    """A DocId listed in another channel is looked at again: moved there, its address changes and the old one stays an alias."""
    declare(tmp_path, TRS, {"公告": LIST, "规划": "/zwgk/ghjh/"})
    old, new = f"{LIST}202603/t20260305_1.htm", "/zwgk/ghjh/202603/t20260305_1.htm"
    site.routes |= {
        LIST: rows_page([("./202603/t20260305_1.htm", "第1号通知"), ("./202603/t20260305_2.htm", "第2号通知")], 1, 0),
        "/zwgk/ghjh/": rows_page([("./202603/t20260305_3.htm", "第3号通知")], 1, 0),
        old: notice(1),
        f"{LIST}202603/t20260305_2.htm": notice(2),
        "/zwgk/ghjh/202603/t20260305_3.htm": notice(3),
    }
    assert crawl(tmp_path, site).returncode == 0
    known = documents(tmp_path)[old]["document_id"]
    site.routes |= {
        LIST: rows_page([("./202603/t20260305_2.htm", "第2号通知")], 1, 0),
        "/zwgk/ghjh/": rows_page(
            [("./202603/t20260305_1.htm", "第1号通知"), ("./202603/t20260305_3.htm", "第3号通知")], 1, 0
        ),
        old: (302, {"Location": new}, b""),
        new: notice(1),
    }
    done = crawl(tmp_path, site)
    assert done.returncode == 0, done.stdout
    found = documents(tmp_path)
    assert len(found) == 3
    assert found[new]["document_id"] == known
    assert found[new]["aliases"] == [BASE + old]
    assert found[new]["version_count"] == 1
