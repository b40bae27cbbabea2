"""An archived page made fit to be looked at: nothing in it runs, nothing in it leads outside.

Two walls: the page is rewritten, and it is served with headers that make browsers sandbox it (:data:`PAGE_HEADERS`).
Pure functions; who serves the result decides what a reference may lead to.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urljoin

import lxml.etree

from govcrawl.decode import Page
from govcrawl.urls import web_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Use = Literal["image", "style", "link"]

Place = Callable[[str, Use], "str | None"]
"""Says where the captured copy of an absolute address is served, ``None`` where there is none."""

_CLOSED = "default-src 'none'; form-action 'none'; base-uri 'none'"
_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-DNS-Prefetch-Control": "off",
}
SVG = "image/svg+xml"

PAGE_HEADERS: Mapping[str, str] = {
    **_COMMON,
    "Content-Security-Policy": (
        f"sandbox allow-downloads; {_CLOSED}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; frame-ancestors 'self'"
    ),
}
"""Of an archived page and everything of it. No Cross-Origin-Resource-Policy: a sandboxed page is of no origin, and would
lose its own images."""

SVG_HEADERS: Mapping[str, str] = {**PAGE_HEADERS, "Content-Disposition": "attachment"}
"""Of a captured SVG: as a picture it is still, but opened by itself it is a document, and browsers connect to what its frames
name before they ask the policy."""

FRAME_HEADERS: Mapping[str, str] = {
    **_COMMON,
    "Content-Security-Policy": f"{_CLOSED}; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Of the page around it, which says what it is; what is framed there cannot be led to another site."""

_REMOVED = frozenset({"script", "iframe", "template"})  # with everything in them
_UNWRAPPED = frozenset(
    {
        *("base", "meta", "param", "source", "track", "bgsound", "embed", "frame"),
        *("object", "applet", "portal", "fencedframe", "audio", "video"),
        *("animate", "animatemotion", "animatetransform", "set"),
    }
)
"""Elements that go while what stands in them stays: a fallback, or what libxml2 took to be their content."""

_REFERENCES = frozenset(
    [
        "action",
        "formaction",
        "background",
        "cite",
        "data",
        "dynsrc",
        "lowsrc",
        "href",
        "xlink:href",
        "longdesc",
        "manifest",
        "ping",
        "poster",
        "profile",
        "src",
        "srcdoc",
        "srcset",
        "imagesrcset",
        "classid",
        "codebase",
        "archive",
        "code",
        "icon",
        "target",
        "download",
        "nonce",
        "integrity",
        "crossorigin",
    ]
)
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SEARCHED_CHARACTERS = 4096
_DOCTYPE = re.compile(r"<!doctype\s+html\b", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what lxml does not take as a value
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_CSS_IMPORT = re.compile(r"@import\b([^;{}]*);?", re.IGNORECASE)
_CSS_ADDRESS = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^"')\s]*))\s*\)""", re.IGNORECASE)
_CSS_STRING = re.compile(r"""["']([^"']*)["']""")
_CSS_LETTER = re.compile(r"\\0{0,4}([46][1-9a-f]|[57][0-9a])(?:\r\n|[ \t\r\n\f])?|\\([g-z])", re.IGNORECASE)
_CSS_IMAGES = re.compile(r"\b(?:-webkit-)?(?:image-set|image|cross-fade|src)\s*\(", re.IGNORECASE)
_NOTHING = 'url("data:,")'


def render_replay(content: bytes, *, url: str, content_type: str | None, place: Place) -> bytes:
    """Rewrite an archived page: UTF-8 HTML without scripts, frames, forms' targets or references that are not placed.

    Images and style sheets lead to their captured copies or nowhere; links to captured files stay links; every other link
    keeps its address as a tooltip only.

    Args:
        content: the page as the agency sent it, content-decoded.
        url: its address.
        content_type: the header as sent, ``None`` where there was none.
        place: where captured copies are served.

    Raises:
        UnreadablePage: there is nothing to parse, or more than is parsed.
    """
    page = Page(url=url, body=content, content_type=content_type)
    root = page.root
    rewriter = _Rewriter(_base_of(root, url), page.encoding, place)
    _drop_controls(root)
    for element in list(root.iter()):
        rewriter.rewrite(element)
    # Without a doctype browsers lay a page out as in 1998, and with it they do not: the page keeps what it had.
    doctype = b"<!DOCTYPE html>\n" if _DOCTYPE.search(page.text[:_SEARCHED_CHARACTERS]) else b""
    rendered: bytes = lxml.etree.tostring(root, encoding="utf-8", method="html", with_tail=False)
    return doctype + rendered


def render_css(text: str, *, base: str, place: Place, encoding: str = "utf-8") -> str:
    """Rewrite a style sheet: its images and imports lead to captured copies or nowhere.

    Comments go, and letters that are written as escapes are written plainly, so that neither hides an address.
    """

    def placed(address: str, use: Use) -> str | None:
        absolute = web_url(address, base, query_encoding=encoding)
        return place(absolute, use) if absolute else None

    def imported(match: re.Match[str]) -> str:
        found = _CSS_ADDRESS.search(match[1]) or _CSS_STRING.search(match[1])
        local = placed(_first_group(found), "style") if found else None
        return f'@import "{local}";' if local else ""

    def addressed(match: re.Match[str]) -> str:
        address = _first_group(match).strip()
        if address.lower().startswith("data:") or address.startswith("#"):
            return str(match[0])
        local = placed(address, "image")
        return f'url("{local}")' if local else _NOTHING

    plain = _CSS_LETTER.sub(lambda match: match[2] or chr(int(match[1], 16)), _CSS_COMMENT.sub(" ", text))
    plain = _CSS_IMAGES.sub("none(", plain)  # these take addresses as plain strings; no page of ours uses them
    pieces, end = [], 0
    for match in _CSS_IMPORT.finditer(plain):
        pieces += [_CSS_ADDRESS.sub(addressed, plain[end : match.start()]), imported(match)]
        end = match.end()
    return "".join([*pieces, _CSS_ADDRESS.sub(addressed, plain[end:])])


def _first_group(match: re.Match[str]) -> str:
    return next((str(group) for group in match.groups() if group is not None), "")


def _base_of(root: Any, url: str) -> str:
    """The address that relative ones begin at: the first ``<base href>``, else the page's own."""
    for element in root.iter("base"):
        if element.get("href"):
            try:
                return urljoin(url, str(element.get("href")).strip())
            except ValueError:
                return url
    return url


class _Rewriter:
    """Makes the elements of one page harmless."""

    def __init__(self, base: str, encoding: str, place: Place) -> None:
        self._base = base
        self._encoding = encoding
        self._place = place

    def rewrite(self, element: Any) -> None:
        tag = element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""
        if not tag or tag in _REMOVED:
            _drop(element)
        elif tag in _UNWRAPPED:
            element.drop_tag()
        elif tag == "link":
            self._rewrite_link(element)
        else:
            if tag == "style":
                css = self._styled(element.text or "")
                element.text = _NOT_XML.sub("", css.replace("<", ""))  # none shall end its element
            self._rewrite_attributes(element, tag)

    def _rewrite_link(self, element: Any) -> None:
        href = self._placed(element.get("href"), "style")
        if href is None or "stylesheet" not in (element.get("rel") or "").lower().split():
            _drop(element)
            return
        media = element.get("media")
        element.attrib.clear()
        element.attrib.update({"rel": "stylesheet", "href": href, "media": _NOT_XML.sub("", media or "all")})

    def _rewrite_attributes(self, element: Any, tag: str) -> None:
        kept = dict(self._references(element, tag))
        for name, value in element.attrib.items():
            lowered = name.lower()
            if lowered.startswith("on") or lowered in _REFERENCES or _PLAIN_NAME.fullmatch(name) is None:
                continue
            kept[name] = self._styled(value) if lowered == "style" else value
        element.attrib.clear()  # all at once: names that HTML allows and XML does not cannot be taken out one by one
        element.attrib.update({name: _NOT_XML.sub("", value) for name, value in kept.items()})

    def _styled(self, css: str) -> str:
        return render_css(css, base=self._base, place=self._place, encoding=self._encoding)

    def _references(self, element: Any, tag: str) -> Iterator[tuple[str, str]]:
        """Yield what is left of an element's references."""
        href = element.get("href") or element.get("xlink:href") or element.get(_XLINK)
        if tag in {"img", "input"}:
            source = (element.get("src") or "").strip()
            local = source if source.lower().startswith("data:image/") else self._placed(source, "image")
            if local:
                yield "src", local
        elif tag in {"a", "area", "use"} and href and href.strip().startswith("#"):
            yield "href", href.strip()
        elif tag in {"a", "area"} and href:
            local = self._placed(href, "link")
            if local:
                yield "href", local
            else:
                yield "title", href.strip()
        elif tag == "image" and (local := self._placed(href, "image")):
            yield "href", local
        if local := self._placed(element.get("background"), "image"):
            yield "background", local

    def _placed(self, address: str | None, use: Use) -> str | None:
        absolute = web_url(address, self._base, query_encoding=self._encoding)
        return self._place(absolute, use) if absolute else None


def _drop_controls(root: Any) -> None:
    """Take control characters out of all text: libxml2 reads them, and lxml refuses to put them where a dropped element was."""
    for element in root.iter():
        if element.text and _NOT_XML.search(element.text):
            element.text = _NOT_XML.sub("", element.text)
        if element.tail and _NOT_XML.search(element.tail):
            element.tail = _NOT_XML.sub("", element.tail)


def _drop(element: Any) -> None:
    """Take an element out of its tree; the text behind it stays."""
    parent = element.getparent()
    if parent is None:
        return
    before, tail = element.getprevious(), element.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(element)


def escape(value: object) -> str:
    """A value as text of an HTML page or of an attribute in quotes."""
    return html.escape(str(value), quote=True)
