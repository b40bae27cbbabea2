"""Error pages that answer 200 with the site's own furniture, learned by asking for what does not exist."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.genuine import CHROME, FOOT
from govcrawl.decode import Page
from govcrawl.soft404 import find_unused_path, is_expected, is_same_page, read_fingerprint, shape_of

URL = "http://www.yunling.test/zwgk/gsgg/202403/t20240305_12.htm"
UNUSED = "http://www.yunling.test/zwgk/gsgg/202403/t20240305_9123.htm"


def page_of(body: str, url: str = URL, title: str = "云岭市司法局") -> Page:
    """A page with the site's furniture."""
    text = f"<html><head><title>{title}</title></head><body>{CHROME * 3}{body}{FOOT}</body></html>"
    return Page(url=url, body=text.encode(), content_type="text/html; charset=utf-8", status=200)


def error_page(url: str) -> Page:
    """What the invented server shows for anything it does not have."""
    return page_of(f"<div>您要的内容找不到了：{url} 时间 2024-03-05 09:3{len(url) % 10}:11</div>", url)


LEARNED = read_fingerprint(error_page(UNUSED), UNUSED)


def test_the_error_page_is_known_again_whatever_it_repeats() -> None:
    """The address and a clock in it do not matter."""
    assert is_same_page(read_fingerprint(error_page(URL), URL), LEARNED)


@pytest.mark.parametrize(
    "body",
    [
        "<h1>停水通知</h1><div>发布时间：2024-03-05 来源：云岭市水务局</div><p>明日九时至十二时停水，请各单位提前储水备用。</p>",
        "<h1>关于开展法律援助宣传活动的通知</h1><p>" + "各县区司法局应当按照通知要求做好有关工作。" * 20 + "</p>",
    ],
)
def test_a_short_document_under_the_same_title_is_no_error_page(body: str) -> None:
    """Sites print their own name as title of everything; what else stands on the page decides."""
    assert not is_same_page(read_fingerprint(page_of(body), URL), LEARNED)


def test_another_status_or_title_is_another_page() -> None:
    """Pages are compared with those of their kind."""
    other = page_of("<div>您要的内容找不到了</div>", title="关于某事的通知")
    assert not is_same_page(read_fingerprint(other, URL), LEARNED)


def test_a_redirect_to_the_same_place_is_the_same_answer() -> None:
    """A host that sends everything unknown to one page shows its latest news there."""
    home = "http://www.yunling.test/index.html"
    one, two = (read_fingerprint(page_of(f"<p>{news}</p>" * 40, home), URL) for news in ("甲新闻", "完全不同的乙"))
    assert is_same_page(one, two)


@pytest.mark.parametrize(
    ("url", "pattern"),
    [
        (URL, r"http://www\.yunling\.test/zwgk/gsgg/202403/t20240305_9\d{11}\.htm"),
        (
            "http://a.test/gkmlpt/content/9/9103/post_9103540.html#721",
            r"http://a\.test/gkmlpt/content/9/9103/post_9\d{11}\.html",
        ),
        ("http://a.test/art/2024/art_ab.html?x=1", r"http://a\.test/art/2024/art_ab[0-9a-f]{12}\.html"),
        ("http://a.test/info/12", r"http://a\.test/info/9\d{11}"),
        ("http://a.test/", r"http://a\.test/[0-9a-f]{12}"),
    ],
)
def test_the_unused_path_has_the_documents_shape(url: str, pattern: str) -> None:
    """Servers hand addresses to their CMS by their shape: only the number is another."""
    assert re.fullmatch(pattern, find_unused_path(url))


def test_addresses_of_one_shape_share_what_was_learned() -> None:
    """One request for all documents whose addresses differ in digits."""
    assert shape_of(URL) == shape_of(UNUSED) != shape_of("http://www.yunling.test/a/post_1.html")


def document(title: str | None, text: str = "", **more: Any) -> Any:
    """What expectations look at."""
    return SimpleNamespace(title=title, subtitle=None, text=text, tables=(), attachments=(), images=(), **more)


@pytest.mark.parametrize(
    ("title", "known", "expected"),
    [
        ("关于停水的通知", ["关于停水的通知"], True),
        ("关于开展二〇二四年法律援助宣传活动的通知", ["关于开展二〇二四年法律援助…"], True),
        ("云岭市司法局关于停水的通知", ["关于停水的通知"], True),
        ("关于停水的通知（修订）", ["关于停水通知"], True),
        ("您访问的内容找不到了", ["关于停水的通知"], False),
        ("云岭市司法局", ["关于停水的通知"], False),
    ],
)
def test_a_document_bears_the_title_that_its_list_said(title: str, known: list[str | None], *, expected: bool) -> None:
    """Lists cut titles and pages add the agency's name; an error page bears another title."""
    assert is_expected(document(title), known) is expected


def test_without_a_known_title_length_decides() -> None:
    """Where nothing is known of a document, only a short page is suspected."""
    assert is_expected(document("某页", "正文" * 200), [])
    assert not is_expected(document("某页", "找不到了"), [None])
