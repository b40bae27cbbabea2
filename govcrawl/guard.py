"""Challenge pages, walls, soft 404s: raise, never parse as content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from govcrawl.errors import BadStatus, BlockedPage, NotAPage, UnreadablePage

if TYPE_CHECKING:
    from govcrawl.decode import Page

GONE = frozenset({404, 410})
REFUSING = frozenset({401, 403, 405, 406, 418, 429, 503})
_REDIRECTS, _ERRORS = 300, 400
_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0e-\x1f\x7f]")  # not NUL, which some pages are padded with
_MOST_CONTROLS, _FEW_CONTROLS = 0.01, 16
_PREFIX_BYTES = 65_536

TINY_BYTES = 300
"""trt gateways answer with 2 to 300 bytes until the home page was visited (site-templates, Fujian TRS)."""

_SHELL_CHARACTERS = 240  # visible text of a page that is nothing but a challenge or an error sentence
_NOTICE_CHARACTERS = 600  # … with the furniture of a branded error page
_LEAST_CHARACTERS = 12

_SCRIPTS = {
    "瑞数": ("$_ts=window['$_ts']", "$_ts = window", "$_ts.nsd", "$_ts.cd", "FSSBBIl1UgzbN7N"),
    "加速乐": ("__jsl_clearance", "('_')+('_')+('j')"),
    "知道创宇": ("knownsec.com/static", "jiasule.com", "yunaq.com/static"),
    "a cookie challenge": ("document.cookie=", "document.cookie ="),
}
_WALLS = re.compile(
    "访问验证|人机验证|安全验证|滑动验证|滑块验证|完成验证|请输入验证码|创宇盾|网站防火墙|云防护|安全狗|云锁|WAF|访问被拦截|请求被拦截|访问被拒绝|拒绝访问|"
    "疑似黑客|不合法参数|访问过于频繁|访问频率过高|Access Denied|Request Rejected|Forbidden|Checking your browser|enable JavaScript",
    re.IGNORECASE,
)
_GONE_TEXTS = re.compile(
    r"(?:页面|网页|文章|信息|内容|文件|资源|链接|地址|記錄|记录|頁面)\s*(?:已(?:经)?(?:被)?(?:删除|移除|撤销|下架|失效)|不存在|没有找到|未找到|找不到|无法找到)"
    r"|(?:找不到|无法找到|未找到|没有找到)(?:您|你)?(?:所|要)?(?:访问|请求|浏览|查看)?的?(?:页面|网页|文件|资源|内容|信息)|404\s*(?:Not Found|错误|页面)|Not Found|HTTP 404"
)
_GONE_TITLE = re.compile(
    r"^\s*(?:404\b|HTTP 404|Not Found|页面不存在|找不到页面|您访问的页面不存在|出错了|错误页面)", re.IGNORECASE
)
_REFRESH = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(?:[;,]\s*(?:url\s*=)?\s*['\"]?([^'\"]*)['\"]?)?\s*$", re.IGNORECASE)
_JUMP = re.compile(r"""(?:location(?:\.href)?\s*=|location\.(?:replace|assign)\s*\()\s*["']([^"']{1,300})["']""")
_QUICK_SECONDS = 5
_OFFICIAL = ("articletitle", "pubdate")
_RECORDS = re.compile(rb"\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:datastore|recordset)\b", re.IGNORECASE)
"""A list's records as Hanweb's proxy sends them; without records 54 bytes, which is the list's end and no wall."""

_FILE_MAGICS = (
    b"%PDF",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"{\\rtf",
    b"II*\x00",
    b"MM\x00*",
)


def check(page: Page) -> None:
    """Raise unless the answer may be read as a page of the site; a genuine page passes.

    Files, JSON and plain text pass when their status is fine and something came.

    Raises:
        BlockedPage: a challenge (521, 412, 瑞数, 加速乐, 访问验证), a firewall's refusal, a login wall, an empty or tiny body.
        NotAPage: 404 or 410, or a soft 404: a quick refresh or script jump to the parent or home, a 404 sentence at 200.
        BadStatus: any other status that brings no page.
        UnreadablePage: the page cannot be parsed, or is binary data.
    """
    _check_status(page)
    body = page.body.strip()
    if is_file(page):
        return
    if not body:
        raise BlockedPage(
            f"{page.url}: status {page.status} with an empty body of {len(page.body)} bytes; the home page may have to be visited first"
        )
    if _is_data(page, body):
        return
    _check_binary(page)
    _check_scripts(page)
    if len(body) <= _PREFIX_BYTES or b"efresh" in body[:_PREFIX_BYTES]:
        _check_markup(page, body)


def is_file(page: Page) -> bool:
    """Tell whether the body is a file (PDF, Office, archive, image) by its first bytes."""
    return page.body.lstrip()[:8].startswith(_FILE_MAGICS)


def _check_status(page: Page) -> None:
    if page.status in GONE:
        raise NotAPage(f"{page.url}: status {page.status}")
    if page.status == 521:  # noqa: PLR2004 - 加速乐
        raise BlockedPage(f"{page.url}: status 521, the 加速乐 cookie challenge; it is not solved")
    if page.status == 412:  # noqa: PLR2004 - 瑞数
        raise BlockedPage(f"{page.url}: status 412, the 瑞数 script challenge; it is not solved")
    if page.status in REFUSING:
        wall = _WALLS.search(page.text[:_PREFIX_BYTES]) if len(page.body) <= _PREFIX_BYTES else None
        if wall and page.status != 503:  # noqa: PLR2004 - an overloaded server, unless a challenge's script says otherwise
            raise BlockedPage(f"{page.url}: status {page.status} and {wall.group()!r}: a firewall refuses")
        _check_scripts(page)
    if page.status >= _REDIRECTS:
        kind = "a redirect that was not followed" if page.status < _ERRORS else "an error"
        raise BadStatus(f"{page.url}: status {page.status}, {kind}; nothing is said about the document")


def _is_data(page: Page, body: bytes) -> bool:
    """Tell whether an answer is data or plain text rather than markup."""
    declared = page.media_type
    if _RECORDS.match(body):
        return True
    return body[:1] in (b"{", b"[") or (declared != "" and not any(kind in declared for kind in ("html", "xml")))


def _check_binary(page: Page) -> None:
    """Raise where what is called a page is no text in any encoding."""
    start = page.text[:_PREFIX_BYTES]
    odd = len(_CONTROLS.findall(start))
    if odd > max(_MOST_CONTROLS * len(start), _FEW_CONTROLS):
        raise UnreadablePage(
            f"{page.url}: {len(page.body)} bytes declared {page.content_type or 'nothing'}, beginning {page.body[:8]!r}: {odd} of "
            f"the first {len(start)} characters are control characters in {page.encoding}; binary data, not a page; fetch it as a file"
        )


def _check_scripts(page: Page) -> None:
    """Raise where a known challenge's script stands on a page that shows next to nothing."""
    text = page.text
    if "<script" not in text and "<SCRIPT" not in text:
        return
    for name, marks in _SCRIPTS.items():
        mark = next((mark for mark in marks if mark in text), None)
        if mark is None:
            continue
        shown = _shown(page, _SHELL_CHARACTERS + 1)
        limit = _LEAST_CHARACTERS if mark.startswith("document.cookie") else _SHELL_CHARACTERS
        if len(shown) <= limit and not _has_official_metas(page):
            raise BlockedPage(
                f"{page.url}: {name} ({mark!r}) and {len(shown)} characters of text; a script challenge is not solved"
            )


def _check_markup(page: Page, body: bytes) -> None:
    if b"<" not in body:
        if len(body) < TINY_BYTES:
            raise BlockedPage(
                f"{page.url}: {len(body)} bytes without markup: {body[:40]!r}; the home page may have to be visited first"
            )
        return
    try:
        shown = _shown(page, _NOTICE_CHARACTERS + 1)
    except UnreadablePage:
        if len(body) < TINY_BYTES:
            raise BlockedPage(f"{page.url}: {len(body)} bytes that hold nothing: {body[:40]!r}") from None
        raise
    if len(shown) > _NOTICE_CHARACTERS:
        return
    _check_jumps(page, shown)
    if not _has_official_metas(page):
        _check_sentences(page, body, shown)


def _check_sentences(page: Page, body: bytes, shown: str) -> None:
    """Raise where a page without official meta tags says little more than that something is missing or refused."""
    title = "".join(page.root.xpath("string((//title)[1])")).strip()
    gone = _GONE_TITLE.search(title) or (_GONE_TEXTS.search(shown) if len(shown) <= _SHELL_CHARACTERS else None)
    if gone:
        raise NotAPage(f"{page.url}: status 200, but it says {gone.group().strip()!r}")
    wall = _WALLS.search(title) or (_WALLS.search(shown) if len(shown) <= _SHELL_CHARACTERS else None)
    if wall:
        raise BlockedPage(f"{page.url}: status 200, but it says {wall.group()!r}")
    if len(shown) <= _SHELL_CHARACTERS and page.root.xpath("//input[@type='password']"):
        raise BlockedPage(f"{page.url}: a log-in form and {len(shown)} characters of text")
    nothing = not title and not page.root.xpath("//a[@href] | //img")  # a titled shell is a page that scripts fill
    if len(body) < TINY_BYTES and len(shown) < _LEAST_CHARACTERS and nothing:
        raise BlockedPage(
            f"{page.url}: {len(body)} bytes showing {shown!r}; the home page may have to be visited first"
        )


def _check_jumps(page: Page, shown: str) -> None:
    """Raise where an all but empty page sends its reader on at once."""
    if len(shown) > _SHELL_CHARACTERS:
        return
    for meta in page.root.iter("meta"):
        found = (
            _REFRESH.match(meta.get("content") or "") if (meta.get("http-equiv") or "").lower() == "refresh" else None
        )
        if found and found[2] and float(found[1]) <= _QUICK_SECONDS:
            raise NotAPage(f"{page.url}: a soft 404, refreshed to {found[2].strip()!r} after {found[1]} s")
    if len(shown) > _LEAST_CHARACTERS:
        return
    jump = next((m for m in map(_JUMP.search, page.root.xpath("//script/text()")) if m), None)
    if jump and _is_above(page.url, jump[1]):
        raise NotAPage(f"{page.url}: a soft 404, a script jumps to {jump[1]!r}")


def _is_above(url: str, target: str) -> bool:
    """Tell whether a target is the home page or a directory above the address."""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, target))
    except ValueError:
        return False
    path = re.sub(r"index\.\w+$", "", there.path) or "/"
    return path.endswith("/") and (path == "/" or here.path.startswith(path))


def _shown(page: Page, most: int) -> str:
    """Return the first ``most`` visible characters of the page's body."""
    body = page.root.find("body")
    pieces: list[str] = []
    length = 0
    for element in (page.root if body is None else body).iter():
        texts = (None if element.tag in _SILENT else element.text, element.tail)
        for text in texts:
            shown = " ".join((text or "").split())
            if shown:
                pieces.append(shown)
                length += len(shown)
        if length >= most:
            break
    return " ".join(pieces)


_SILENT = frozenset({"script", "style", "noscript", "title", "template"})


def _has_official_metas(page: Page) -> bool:
    return any(
        (meta.get("name") or "").lower() in _OFFICIAL and (meta.get("content") or "").strip()
        for meta in page.root.iter("meta")
    )
