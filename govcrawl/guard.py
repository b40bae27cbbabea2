"""Challenge pages, walls, soft 404s: raise, never parse as content.

What they look like stands in :mod:`govcrawl.signatures`; here is how much it weighs. One answer alone is judged; what the rest
of the host says beside it is asked by :mod:`govcrawl.control`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from govcrawl import signatures as signs
from govcrawl.errors import BadStatus, BlockedPage, NotAPage, RefusedPage, UnreadablePage

if TYPE_CHECKING:
    from govcrawl.decode import Page
    from govcrawl.signatures import Signature

GONE = frozenset({404, 410})
REFUSING = frozenset({401, 403, 405, 406, 418, 429, 451})
"""Statuses of a refusal: of this document where the host answers otherwise, else of us."""
_REDIRECTS, _ERRORS, _SERVER_ERRORS = 300, 400, 500
_FIREWALLS_BUSY = frozenset({500, 501, 503})  # server errors at which firewalls show their pages, too
_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0e-\x1f\x7f]")  # not NUL, which some pages are padded with
_MOST_CONTROLS, _FEW_CONTROLS = 0.01, 16
_PREFIX_BYTES = 65_536
_DATA_BYTES = 4096  # a firewall's answer to a script is shorter

TINY_BYTES = 300
"""trt gateways answer with 2 to 300 bytes until the home page was visited (site-templates, Fujian TRS)."""

_LEAST_CHARACTERS = 12
_FEW_CHARACTERS = 60  # 正在加载，请稍候…
_SHORT_SCRIPT = 300
_FEW_LINKS = 8  # beside a log-in form; a page of the site has its navigation, and a box to log in at the top of it

_REFRESH = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(?:[;,]\s*(?:url\s*=)?\s*['\"]?([^'\"]*)['\"]?)?\s*$", re.IGNORECASE)
_JUMP = re.compile(r"""(?:location(?:\.href)?\s*=|location\.(?:replace|assign)\s*\()\s*["']([^"']{1,300})["']""")
_ALERT = re.compile(r"""\b(?:alert|confirm)\s*\(\s*["']([^"']{1,120})["']""")
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
        BlockedPage: a challenge, a firewall's refusal, a log-in wall (``signature`` names it), or an empty or tiny body
            (``signature`` is empty: it may be the document, too).
        NotAPage: 404 or 410, or a soft 404: a quick refresh or script jump to the parent or home, a 404 sentence at 200.
        RefusedPage: 401, 403 and their like without any sign of a firewall.
        BadStatus: any other status that brings no page.
        UnreadablePage: the page cannot be parsed, or is binary data.
    """
    if page.status >= _REDIRECTS:
        _check_status(page)
    body = page.body.strip()
    if is_file(page):
        return
    if not body:
        raise BlockedPage(
            f"{page.url}: status {page.status} with an empty body of {len(page.body)} bytes; the home page may have to be visited first"
        )
    if _is_data(page, body):
        _check_data(page, body)
        return
    _check_binary(page)
    _check_markup(page, body)


def is_file(page: Page) -> bool:
    """Tell whether the body is a file (PDF, Office, archive, image) by its first bytes."""
    return page.begins.startswith(_FILE_MAGICS)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a page shows, as far as walls show anything."""

    title: str
    shown: str  # the beginning of the visible text, one character more than any wall shows
    source: str

    @property
    def furnished(self) -> bool:
        """Whether the site's own furniture of an article is printed."""
        return signs.FURNITURE.search(self.shown) is not None


def _look(page: Page) -> _Look:
    title = " ".join("".join(page.root.xpath("string((//title)[1])")).split())
    shown = _shown(page, signs.BRANDED + 1)
    if len(shown) <= _FEW_CHARACTERS:  # what a script says to the reader, where it says nothing else
        script = "\n".join(page.root.xpath("//script/text()"))
        if len(script) <= _SHORT_SCRIPT:
            shown = " ".join([shown, *_ALERT.findall(script)]).strip()
    return _Look(title, shown, page.text[:_PREFIX_BYTES])


def _check_status(page: Page) -> None:
    if page.status in GONE:
        raise NotAPage(f"{page.url}: status {page.status}")
    if page.status >= _ERRORS:
        _check_error(page)
    if page.status in REFUSING:
        raise RefusedPage(f"{page.url}: status {page.status}, and no firewall named", page.status)
    kind = "a redirect that was not followed" if page.status < _ERRORS else "an error"
    raise BadStatus(f"{page.url}: status {page.status}, {kind}; nothing is said about the document", page.status)


def _check_error(page: Page) -> None:
    """Raise where a status says that a firewall answers, or the page that came with it."""
    name = signs.STATUSES.get(page.status)
    if name and "Cloudflare" not in page.text[:_PREFIX_BYTES]:  # whose 521 says that the server behind it is down
        raise BlockedPage(f"{page.url}: status {page.status}, {name}; it is not solved", name)
    if page.status >= _SERVER_ERRORS and page.status not in _FIREWALLS_BUSY:
        return
    try:
        look = _look(page)
    except UnreadablePage:
        return
    signed = (*signs.PRODUCTS, *(one for one in signs.SENTENCES if one.wall in {"challenge", "refusal"}))
    busy = page.status == 503  # noqa: PLR2004 - an overloaded server, unless a challenge's script says otherwise
    found = _find(signs.PRODUCTS if busy else signed, look, at_least=signs.BRANDED)
    if found is None and _is_script_challenge(page, look):
        found = ("脚本挑战", "a script that sets a cookie and comes again")
    if found:
        raise BlockedPage(
            f"{page.url}: status {page.status} and {found[1]!r} ({found[0]}): a firewall refuses", found[0]
        )


def _is_data(page: Page, body: bytes) -> bool:
    """Tell whether an answer is data or plain text rather than markup."""
    declared = page.media_type
    if _RECORDS.match(body):
        return True
    return body[:1] in (b"{", b"[") or (declared != "" and not any(kind in declared for kind in ("html", "xml")))


def _check_data(page: Page, body: bytes) -> None:
    """Raise where a firewall answers in the form that was asked for."""
    if len(body) > _DATA_BYTES:
        return
    found = _find(signs.PRODUCTS, _Look("", "", page.text))
    if found:
        raise BlockedPage(f"{page.url}: {len(body)} bytes of data with {found[1]!r} ({found[0]})", found[0])


def _check_binary(page: Page) -> None:
    """Raise where what is called a page is no text in any encoding."""
    start = page.text[:_PREFIX_BYTES]
    odd = len(_CONTROLS.findall(start))
    if odd > max(_MOST_CONTROLS * len(start), _FEW_CONTROLS):
        raise UnreadablePage(
            f"{page.url}: {len(page.body)} bytes declared {page.content_type or 'nothing'}, beginning {page.body[:8]!r}: {odd} of "
            f"the first {len(start)} characters are control characters in {page.encoding}; binary data, not a page; fetch it as a file"
        )


def _check_markup(page: Page, body: bytes) -> None:
    if b"<" not in body:
        if len(body) < TINY_BYTES:
            found = _find(signs.SENTENCES, _Look("", page.text, ""))
            raise BlockedPage(
                f"{page.url}: {len(body)} bytes without markup: {body[:40]!r}; the home page may have to be visited first",
                found[0] if found else "",
            )
        return
    try:
        look = _look(page)
    except UnreadablePage:
        if len(body) < TINY_BYTES:
            raise BlockedPage(f"{page.url}: {len(body)} bytes that hold nothing: {body[:40]!r}") from None
        raise
    if len(look.shown) > signs.BRANDED:
        return
    official = _has_official_metas(page)
    if not official:
        _check_scripts(page, look)  # before jumps: a challenge's script jumps, too
    _check_jumps(page, look)
    if not official and not look.furnished:
        _check_walls(page, look)
        _check_gone(page, look)
        _check_forms(page, look)
        nothing = not look.title and not page.root.xpath(
            "//a[@href] | //img"
        )  # a titled shell is a page that scripts fill
        if len(body) < TINY_BYTES and len(look.shown) < _LEAST_CHARACTERS and nothing:
            raise BlockedPage(
                f"{page.url}: {len(body)} bytes showing {look.shown!r}; the home page may have to be visited first"
            )


def _check_scripts(page: Page, look: _Look) -> None:
    """Raise where the page is a challenge's script and next to nothing else."""
    found = None if look.furnished else _find(signs.PRODUCTS, look)
    if found:
        raise BlockedPage(
            f"{page.url}: {found[0]} ({found[1]!r}) and {len(look.shown)} characters of text; a challenge is not solved",
            found[0],
        )
    if _is_script_challenge(page, look):
        raise BlockedPage(
            f"{page.url}: a script that makes a cookie or hides what it does, and {len(look.shown)} characters of text; "
            "a script challenge is not solved",
            "脚本挑战",
        )


def _is_script_challenge(page: Page, look: _Look) -> bool:
    if len(look.shown) > _FEW_CHARACTERS:
        return False
    scripts = "\n".join(page.root.xpath("//script[not(@src)]/text()"))
    cookie, reload = signs.COOKIE_SCRIPT.search(scripts), signs.RELOAD_SCRIPT.search(scripts)
    if cookie and reload:
        return True
    if len(look.shown) > _LEAST_CHARACTERS or page.root.xpath("//script[@src] and (//*[@id='app'] or //*[@id='root'])"):
        return False
    return bool(cookie or (not look.title and signs.PACKED_SCRIPT.search(scripts)))


def _check_walls(page: Page, look: _Look) -> None:
    """Raise where a page says little more than that its reader is stopped."""
    titles = tuple(one for one in signs.SENTENCES if one.where == "title")
    found = _find(titles, look)
    if found is None and not _is_titled_as_document(page, look):
        found = _find(signs.SENTENCES, look)
    if found:
        raise BlockedPage(f"{page.url}: status {page.status}, but it says {found[1]!r} ({found[0]})", found[0])


def _check_gone(page: Page, look: _Look) -> None:
    """Raise where a page says little more than that something is not there."""
    gone = signs.GONE_TITLE.search(look.title)
    branded = signs.GONE_MARKUP.search(look.source) is not None
    if gone is None and not _is_titled_as_document(page, look):
        gone = signs.GONE_TEXT.search(look.shown) if branded or len(look.shown) <= signs.SHELL else None
    if gone:
        raise NotAPage(f"{page.url}: status {page.status}, but it says {gone.group().strip()!r}")


def _check_forms(page: Page, look: _Look) -> None:
    """Raise where the page is a form to log in or to be let through."""
    short = len(look.shown) <= signs.SHELL
    if not short and not signs.LOGIN_PATH.search(urlsplit(page.url).path):
        return
    if page.root.xpath("//input[@type='password']") and len(page.root.xpath("//a[@href]")) <= _FEW_LINKS:
        raise BlockedPage(f"{page.url}: a log-in form and {len(look.shown)} characters of text", "登录")
    fields = page.root.xpath("//input[not(@type) or @type='text']")
    if short and len(fields) == 1 and "验证码" in look.shown and not _is_titled_as_document(page, look):
        raise BlockedPage(f"{page.url}: a field for a 验证码 and {len(look.shown)} characters of text", "验证页")
    frames = page.root.xpath("//iframe/@src | //frame/@src")
    if short and any(signs.VERIFY_PATH.search(place_of(page.url, src)) for src in frames):
        raise BlockedPage(f"{page.url}: a frame {frames[0]!r} and {len(look.shown)} characters of text", "验证页")


def _check_jumps(page: Page, look: _Look) -> None:
    """Raise where an all but empty page sends its reader on at once."""
    if len(look.shown) > signs.SHELL:
        return
    for meta in page.root.iter("meta"):
        found = (
            _REFRESH.match(meta.get("content") or "") if (meta.get("http-equiv") or "").lower() == "refresh" else None
        )
        if found and found[2] and float(found[1]) <= _QUICK_SECONDS:
            _check_target(page, found[2].strip())
            raise NotAPage(f"{page.url}: a soft 404, refreshed to {found[2].strip()!r} after {found[1]} s")
    if len(look.shown) > _FEW_CHARACTERS:
        return
    jump = next((m for m in map(_JUMP.search, page.root.xpath("//script/text()")) if m), None)
    if jump is None:
        return
    _check_target(page, jump[1])
    if len(look.shown) <= _LEAST_CHARACTERS and (_is_above(page.url, jump[1]) or leads_to_error(page.url, jump[1])):
        raise NotAPage(f"{page.url}: a soft 404, a script jumps to {jump[1]!r}")


def _check_target(page: Page, target: str) -> None:
    """Raise where a page that shows nothing sends its reader to a log-in or verification page."""
    wall = find_wall(page.url, target)
    if wall:
        raise BlockedPage(f"{page.url}: sent on to {target!r}, a page to log in or to be verified", wall)


def find_wall(url: str, target: str) -> str:
    """Return which wall a jump or redirect from ``url`` leads to (登录, 验证页), empty for none."""
    here, there = place_of(url, url), place_of(url, target)
    if signs.LOGIN_PATH.search(there) and not signs.LOGIN_PATH.search(here):
        return "登录"
    return "验证页" if signs.VERIFY_PATH.search(there) and not signs.VERIFY_PATH.search(here) else ""


def leads_to_error(url: str, target: str) -> bool:
    """Tell whether a jump or redirect leads to an error page, by its address."""
    return bool(signs.ERROR_PATH.search(place_of(url, target)) and not signs.ERROR_PATH.search(place_of(url, url)))


def place_of(url: str, target: str) -> str:
    """Return host and path of a target as seen from an address; empty where it cannot be read."""
    try:
        parts = urlsplit(urljoin(url, target))
    except ValueError:
        return ""
    return f"{parts.netloc}{parts.path}"


def _is_above(url: str, target: str) -> bool:
    """Tell whether a target is the home page or a directory above the address."""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, target))
    except ValueError:
        return False
    path = re.sub(r"index\.\w+$", "", there.path) or "/"
    return path.endswith("/") and (path == "/" or here.path.startswith(path))


def _find(table: tuple[Signature, ...], look: _Look, *, at_least: int = 0) -> tuple[str, str] | None:
    """Return (name, what was found) of the first sign that a page bears; ``at_least``: how much it may show in any case."""
    for one in table:
        if len(look.shown) > max(one.most_characters, at_least):
            continue
        found = one.find({"source": look.source, "title": look.title, "text": look.shown}[one.where])
        if found:
            return one.name, found
    return None


def _is_titled_as_document(page: Page, look: _Look) -> bool:
    """Tell whether title or first headings read like those of a disclosed document."""
    heads = (" ".join("".join(head.itertext()).split()) for head in page.root.xpath("(//h1 | //h2)[position() < 4]"))
    return any(signs.DOCUMENT_TITLE.search(text) for text in (look.title, *heads) if text)


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
        if length >= most:  # a page of the site, nearly always after a few elements
            break
    return " ".join(pieces)


_SILENT = frozenset({"script", "style", "noscript", "title", "template"})


def _has_official_metas(page: Page) -> bool:
    return any(
        (meta.get("name") or "").lower() in _OFFICIAL and (meta.get("content") or "").strip()
        for meta in page.root.iter("meta")
    )
