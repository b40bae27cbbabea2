"""Quality flags: each is a fact about the page, documented in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govcrawl.decode import Page
from govcrawl.extract import extract
from govcrawl.quality import FLAGS, is_split

ROOT = Path(__file__).parent.parent
URL = "http://sfj.yunling.test/zwgk/gsgg/202403/t20240305_12.htm"
LONG = "<p>为规范公证服务，根据有关规定，现就做好年度总结报送工作的有关事项通知如下，请各单位遵照执行。</p>"
SENTENCES = "".join(
    f"<p>第{n}条　各单位应当于每月{n}日前报送公证服务工作总结，确保真实、准确、完整。</p>" for n in range(1, 9)
)


def page_of(markup: str) -> Page:
    """Return a page with this body."""
    return Page(url=URL, body=f"<html><head><title>通知</title></head><body>{markup}</body></html>".encode())


@pytest.mark.parametrize(
    ("markup", "flags"),
    [
        (LONG, ()),
        ("<p>现予公示。</p>", ("short_text",)),
        ("<p>现予公示。</p><a href='P1.pdf'>附件</a>", ()),
        ("<p>现予公示。</p><table><tr><td>序号</td><td>名称</td></tr><tr><td>1</td><td>甲</td></tr></table>", ()),
        ("<p>通知</p><p><img src='W1.jpg'></p><p><img src='W2.jpg'></p>", ("scanned_images",)),
        (LONG * 2 + "<img src='W1.jpg'>", ()),
        (LONG + "<a href='./t20240305_12_1.htm'>下一页</a>", ("split_pages",)),
        (LONG + "<script>createPageHTML(3, 0, 't20240305_12', 'htm');</script>", ("split_pages",)),
        (LONG + "<script>createPageHTML(1, 0, 't20240305_12', 'htm');</script>", ()),
    ],
)
def test_flags_of_a_body(markup: str, flags: tuple[str, ...]) -> None:
    """Short texts, scans and further pages are told; what explains a short text takes its flag away."""
    assert extract(page_of(f"<div id=zoom>{markup}</div>")).extraction.flags == flags


def test_a_whole_page_is_read_twice() -> None:
    """Without container a second reading by text density stands beside trafilatura's; where they part, that is told."""
    same = extract(page_of(f"<div class=menu><a href=/>首页</a></div><div class=main>{SENTENCES}</div>")).extraction
    assert (same.method, same.flags) == ("passage+trafilatura", ("no_container",))
    assert same.agreement is not None
    assert same.agreement > 0.95
    other = "".join(
        f"<p>另一栏第{n}段：近日，我局组织开展宣传活动，发放资料若干，现场气氛热烈，群众反响良好。</p>"
        for n in range(12)
    )
    parted = extract(page_of(f"<article>{SENTENCES}</article><div class=sidebar>{other}</div>")).extraction
    assert parted.agreement is not None
    assert ("readers_disagree" in parted.flags) == (parted.agreement < 0.85)


def test_further_pages_of_another_document_are_none_of_this_one() -> None:
    """A link whose name only begins like the page's own, or leads far on, is no further page."""
    for link in ("t20240305_123.htm", "t20240305_12_9.htm", "t20240305_12_1.pdf"):
        assert not is_split(page_of(f"<a href='./{link}'>x</a>"))


def test_every_flag_is_documented() -> None:
    """docs/extraction.md explains each flag in both languages, and no module sets one that is not listed."""
    told = (ROOT / "docs" / "extraction.md").read_text("utf-8")
    for flag, (zh, en) in FLAGS.items():
        assert f"| `{flag}` | {zh} | {en} |" in told
    for module in ("extract", "fields", "quality", "articles"):
        source = (ROOT / "govcrawl" / f"{module}.py").read_text("utf-8")
        named = set(re.findall(r"""(?:flags\.add\(|yield )"(\w+)\"""", source))
        assert named <= set(FLAGS), module
