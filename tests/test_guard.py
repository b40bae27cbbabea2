"""What is no page of the site raises; a genuine page passes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcrawl.decode import Page
from govcrawl.errors import BadStatus, BlockedPage, CrawlError, NotAPage
from govcrawl.guard import check, is_file

URL = "http://www.yunling.test/zwgk/gsgg/202403/t20240305_12.htm"
NAV = "".join(f'<li><a href="/c{n}/">栏目名称{n}</a></li>' for n in range(90))


def page_of(markup: str | bytes, status: int = 200, content_type: str = "text/html; charset=utf-8") -> Page:
    """Return a page with this body."""
    return Page(
        url=URL, body=markup.encode() if isinstance(markup, str) else markup, content_type=content_type, status=status
    )


BLOCKED = {
    "521": (521, "<html><script>document.cookie='__jsl_clearance_s='+1+';path=/';location.reload();</script></html>"),
    "412": (
        412,
        "<html><head><meta id='9Dhefwq' content='{#}'><script>$_ts=window['$_ts']||{};</script></head><body></body></html>",
    ),
    "ruishu-200": (
        200,
        "<html><head><script>$_ts=window['$_ts']||{};$_ts.nsd=58431;</script></head><body></body></html>",
    ),
    "jsl-200": (
        200,
        "<script>document.cookie=('_')+('_')+('j')+('s')+('l');location.href=location.pathname</script>" + " " * 300,
    ),
    "cookie-200": (
        200,
        "<html><body><script>" + "var a=1;" * 60 + "document.cookie='k='+a;location.reload();</script></body></html>",
    ),
    "verify": (
        200,
        "<html><head><title>访问验证</title></head><body><p>请完成滑动验证后继续访问</p></body></html>" + " " * 300,
    ),
    "waf-403": (
        403,
        "<html><head><title>403</title></head><body>您的请求疑似黑客攻击，已被网站防火墙拦截。</body></html>",
    ),
    "waf-200": (200, "<html><body><h1>创宇盾</h1><p>当前访问疑似黑客攻击</p></body></html>"),
    "empty": (200, ""),
    "two-bytes": (200, "\r\n"),
    "two-characters": (200, "OK"),
    "shell": (200, "<html><head></head><body></body></html>"),
    "comment": (200, "<!-- -->"),
    "login": (200, "<html><body><form>用户名<input name=u>密码<input type='password'></form></body></html>"),
}


@pytest.mark.parametrize("case", BLOCKED)
def test_blocked(case: str) -> None:
    """Challenges, firewalls, log-in walls and empty shells block, at whatever status they come."""
    status, markup = BLOCKED[case]
    with pytest.raises(BlockedPage, match=URL):
        check(page_of(markup, status))


GONE = {
    "404": (404, "<html><body><h1>404 Not Found</h1></body></html>"),
    "410": (410, ""),
    "refresh-parent": (200, '<html><head><meta http-equiv="refresh" content="0;URL=../"></head><body></body></html>'),
    "refresh-quoted": (
        200,
        "<html><head><META HTTP-EQUIV=Refresh CONTENT=\"1; url='/'\"></head><body>页面跳转中</body></html>",
    ),
    "script-home": (
        200,
        "<html><head><script>window.location.href='/index.html';</script></head><body></body></html>" + " " * 300,
    ),
    "script-above": (200, "<html><body><script>location.replace('../')</script></body></html>" + " " * 300),
    "sentence": (
        200,
        "<html><head><title>提示</title></head><body><p>对不起，您访问的页面不存在！</p><a href='/'>返回首页</a></body></html>",
    ),
    "deleted": (200, "<html><body><div>该信息已被删除</div></body></html>" + " " * 300),
    "title": (
        200,
        f"<html><head><title>404-页面没有找到</title></head><body><p>{'云岭市人民政府' * 50}</p></body></html>",
    ),
}


@pytest.mark.parametrize("case", GONE)
def test_gone(case: str) -> None:
    """404, 410 and their soft forms say that no document stands there."""
    status, markup = GONE[case]
    with pytest.raises(NotAPage, match=URL):
        check(page_of(markup, status))


@pytest.mark.parametrize("status", [301, 400, 403, 429, 500, 502, 503])
def test_other_statuses_say_nothing_about_the_document(status: int) -> None:
    """An error that is no known wall is neither a block nor an absence."""
    with pytest.raises(BadStatus, match=str(status)):
        check(page_of("<html><body>Too busy</body></html>", status))


GENUINE = {
    "ordinary": f"<html><body><ul>{NAV}</ul><p>正文。</p><script>document.cookie='seen=1'</script></body></html>",
    "short-notice": "<html><head><meta name=ArticleTitle content='停水通知'></head><body><p>明日停水。</p></body></html>",
    "without-metas": "<html><body><h1>停水通知</h1><p>明日九时至十二时停水，请各单位提前储水。</p></body></html>"
    + " " * 300,
    "about-firewalls": f"<html><body><ul>{NAV}</ul><h1>关于网站防火墙采购的公告</h1><p>访问验证服务一项。</p></body></html>",
    "about-404": f"<html><head><title>云司〔2024〕404号</title></head><body><ul>{NAV}</ul><p>内容不存在错误。</p></body></html>",
    "slow-refresh": f"<html><head><meta http-equiv=refresh content='600;url=/'></head><body><ul>{NAV}</ul></body></html>",
    "refresh-with-text": f"<html><head><meta http-equiv=refresh content='0;url=/'></head><body><ul>{NAV}</ul></body></html>",
    "login-in-header": f"<html><body><form><input type=password></form><ul>{NAV}</ul></body></html>",
    "filled-by-script": "<html><head><title>通知公告</title></head><body><div id=app></div><script src=/app.js></script></body></html>",
    "image-only": "<html><body><img src='./W01.jpg'></body></html>",
    "json": '{"data": [], "pageCount": 0}',
}


@pytest.mark.parametrize("case", GENUINE)
def test_genuine(case: str) -> None:
    """A page that shows something passes, also where it writes about walls and missing pages."""
    check(page_of(GENUINE[case]))


@pytest.mark.parametrize(
    "magic", [b"%PDF-1.7", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x89PNG", b"Rar!\x1a"]
)
def test_files_pass(magic: bytes) -> None:
    """A file is told by its first bytes and passes, however short and whatever its declared type."""
    page = page_of(magic + b"\x00" * 8)
    assert is_file(page)
    check(page)


def test_plain_text_passes() -> None:
    """A short text file is no stub of a page; an empty one is."""
    check(page_of("User-agent: *\nDisallow: /nbzl/\n", content_type="text/plain"))
    with pytest.raises(BlockedPage):
        check(page_of("\r\n", content_type="text/plain"))


@settings(deadline=None)
@given(st.binary(max_size=500), st.sampled_from([200, 200, 403, 404, 500, 521]))
def test_any_bytes(body: bytes, status: int) -> None:
    """Any body at any status passes or raises an error of the crawl's own tree."""
    try:
        check(page_of(body, status))
    except CrawlError as error:
        assert URL in str(error)  # noqa: PT017 - either outcome is right
