"""The 国微CMS "P8" family: 盘锦 and its departments.

A list page is a frame: its script asks an endpoint for the rows, page by page. Document pages are static. Where a site signs
what its script asks, only a browser gets an answer: the agency names that channel in ``browser_channels``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from govcrawl.blocks import read_content
from govcrawl.citations import is_document_number
from govcrawl.containers import unlinked_length
from govcrawl.dates import parse_date
from govcrawl.errors import TemplateMismatch
from govcrawl.items import DocumentPage, ListEntry, ListPage, NextPage
from govcrawl.labels import read_line, read_value
from govcrawl.metas import read_metas
from govcrawl.pick import compiled, pick_some
from govcrawl.spider import DisclosureSpider
from govcrawl.urls import canonical_url, file_links, web_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from govcrawl.decode import Page

logger = logging.getLogger(__name__)

PAGE_NAMES = ("page", "pageNo", "pageno", "page_no", "pageIndex", "p", "pn")
_ROWS = "//*[@id='zwgk_list' or contains(concat(' ', normalize-space(@class), ' '), ' ny_list ')]//li[.//a[@href]]"
_FRAME = "//*[@id='zwgk_list' or contains(concat(' ', normalize-space(@class), ' '), ' ny_list ')]"
_PAGER = (
    "//*[@id='zwgk_page' or contains(@class, 'page') or contains(@class, 'fenye')]//a[normalize-space()='{number}' or "
    "normalize-space()='下一页' or normalize-space()='下页']"
)
_EMPTY = re.compile(r"暂无|没有(?:找到|查询到|相关)|无相关|未找到")
_CONTENT_ID = re.compile(r"/content-(\d+)\.\w+$")
_PINNED = re.compile(r"\[\s*置\s*顶\s*\]|【\s*置\s*顶\s*】")
_LITERAL = r"""'[^'\n]*'|"[^"\n]*\""""
_ADDED = rf"(?:{_LITERAL}|[\w$.]+(?:\([^()\n]*\))?)"
_ASKED = re.compile(
    rf"(?P<start>{_LITERAL})(?P<added>(?:\s*\+\s*{_ADDED})*)(?:\s*,\s*(?:data\s*:\s*)?\{{(?P<data>[^{{}}]*)\}})?"
)
_TERM = re.compile(rf"\+\s*({_ADDED})")
_ENDPOINT = re.compile(r"^[^\s'\"<>]*list[^\s'\"<>]*\.(?:php|json|do|action|jsp|aspx?)(?:\?|$)", re.IGNORECASE)
_FIELD = re.compile(rf"""["']?(\w+)["']?\s*:\s*({_ADDED})""")
_NEXT = compiled("//a[normalize-space()='下一页' or normalize-space()='下页'][@href]")
_STRING = compiled("string(.)")
_LONGEST_NUMBER_LINE = 60  # characters


class P8(DisclosureSpider):
    """Sites of the 国微CMS "P8" family.

    An agency sets ``name``, ``agency``, ``base_url`` and ``channels`` (printed name → list directory), and ``browser_channels``
    where the list's endpoint refuses (403) what a plain client asks.
    """

    template_name = "p8"
    browser_answer = r"/[^?#]*list[^/?#]*\.(?:php|json|do|action|jsp)\?"
    signals = (
        "ny_mb_inner_box",
        "xwnr_txt",
        "fbsj_llcs_box",
        "zwgk_list",
        "zh_tran(",
        "zh_choose",
        "P8SESSION",
        "/attachment/core/",
        "国微CMS",
    )

    @classmethod
    def read_list(cls, page: Page) -> ListPage:
        """Read an answer of the list's endpoint, a list page's frame, or a list as a browser rendered it."""
        if "json" in page.media_type or page.body.lstrip()[:1] == b"{":
            return _read_answer(page)
        return _read_frame(page)

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read title, labels, body and attachment block of a document page."""
        return _read_document(page)


# --- lists ---


def _read_answer(page: Page) -> ListPage:
    answer = page.json()
    told = answer if isinstance(answer, Mapping) else {}
    rows = next((told[name] for name in ("list", "data", "rows") if isinstance(told.get(name), list)), None)
    if rows is None or _integer(told.get("code")) not in {None, 0, 1, 200}:
        raise TemplateMismatch(
            f"{page.url}: an answer without a list of rows: {page.text[:80]!r}; see whether the endpoint changed, or whether only a browser gets it (browser_channels)"
        )
    total = _integer(told.get("total")) if "total" in told else _integer(told.get("count"))
    pages = _integer(told.get("pages")) if "pages" in told else _integer(told.get("pageCount"))
    number = _integer(told.get("page")) or _page_number(page.url) or 1
    if not rows and (total or number <= (pages or 0)):
        raise TemplateMismatch(
            f"{page.url}: page {number} of {pages} has no rows of {total}; expected at least 1; ask again"
        )
    entries = tuple(filter(None, (_read_found(page, row) for row in rows)))
    if rows and not entries:
        raise TemplateMismatch(f"{page.url}: {len(rows)} rows, none with title and url; expected both: {rows[0]!r}")
    following = _next_page(page.url, number + 1) if number < (pages or 0) else None
    skipped = len(rows) - len(entries)
    return ListPage(entries=entries, number=number, pages=pages, total=total, next=following, skipped=skipped)


def _read_found(page: Page, row: Any) -> ListEntry | None:
    """Read one row of an answer; None, with a warning, where it names nothing that can be fetched."""
    told = row if isinstance(row, Mapping) else {}
    fields = {name: str(value).strip() for name, value in told.items() if value is not None}
    title = read_value(fields.get("title"))
    url = web_url(fields.get("url") or fields.get("link"), page.url)
    if not title or url is None:
        logger.warning("list row unread title=%r href=%r url=%s", title, fields.get("url"), page.url)
        return None
    printed = next((fields[name] for name in ("time", "date", "addtime", "pubdate") if fields.get(name)), None)
    return ListEntry(
        url=url, title=title, publish_date=_iso(printed), date_text=printed, key=_key(url) or fields.get("id")
    )


def _next_page(url: str, number: int) -> NextPage:
    """Return the page after an answer: its own address with another number, or what a reader clicks."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    name = next((name for name, _ in query if name in PAGE_NAMES), PAGE_NAMES[0])
    asked = urlencode([*((n, v) for n, v in query if n != name), (name, str(number))])
    return NextPage(url=urlunsplit(parts._replace(query=asked)), number=number, click=_PAGER.format(number=number))


def _page_number(url: str) -> int | None:
    query = dict(parse_qsl(urlsplit(url).query))
    return next((_integer(query[name]) for name in PAGE_NAMES if name in query), None)


def _read_frame(page: Page) -> ListPage:
    """Read rows that stand on the page, else where its script gets them."""
    rows = compiled(_ROWS)(page.root)
    if rows:
        entries = tuple(filter(None, (_read_row(page, row) for row in rows)))
        links = (web_url(link.get("href"), page.url, query_encoding=page.encoding) for link in _NEXT(page.root))
        following = next((url for url in links if url and url != page.url), None)
        number = (_page_number(page.url) or 1) + 1
        more = NextPage(url=following, number=number) if following else None
        return ListPage(entries=entries, next=more, skipped=len(rows) - len(entries))
    endpoint = next(_endpoints(page), None)
    if endpoint is not None:
        return ListPage(entries=(), next=NextPage(url=endpoint, number=1))
    frames = compiled(_FRAME)(page.root)
    if frames and any(_EMPTY.search("".join(frame.itertext())) for frame in frames):
        return ListPage(entries=(), total=0)
    raise TemplateMismatch(
        f"{page.url}: no row in {_ROWS!r} and no script that asks an endpoint for them; expected either; the list was redesigned"
    )


def _read_row(page: Page, row: Any) -> ListEntry | None:
    link = next(row.iter("a"))
    title = read_value(link.get("title")) or read_value("".join(link.itertext()))
    url = web_url(link.get("href"), page.url, query_encoding=page.encoding)
    if not title or url is None:
        logger.warning("list row unread title=%r href=%r url=%s", title, link.get("href"), page.url)
        return None
    spans = ["".join(span.itertext()).strip() for span in row.iter("span", "em", "i")]
    printed = next(filter(parse_date, spans), None)
    pinned = any(_PINNED.search(text) for text in spans)
    return ListEntry(url=url, title=title, publish_date=_iso(printed), date_text=printed, key=_key(url), pinned=pinned)


def _endpoints(page: Page) -> Iterator[str]:
    """Yield the addresses, of the first page, that the page's scripts ask for a list."""
    for script in compiled("//script[not(@src)]")(page.root):
        text = "".join(script.itertext())
        for found in _ASKED.finditer(text):
            if _ENDPOINT.match(found["start"][1:-1]):
                address = _evaluated(found["start"][1:-1], found["added"] or "", text)
                if found["data"]:
                    address += ("&" if "?" in address else "?") + urlencode(list(_fields(found["data"], text)))
                yield canonical_url(address, page.url, query_encoding=page.encoding)


def _evaluated(address: str, added: str, script: str) -> str:
    """Return an address that a script puts together: literals, variables with a literal value, and 1 for the page."""
    for term in _TERM.findall(added):
        asked = re.search(r"[?&](\w+)=$", address)
        address += _value(term, asked[1] if asked else "", script)
    return address


def _fields(data: str, script: str) -> Iterator[tuple[str, str]]:
    for name, term in _FIELD.findall(data):
        yield name, _value(term, name, script)


def _value(term: str, name: str, script: str) -> str:
    """Return what a term of a script stands for; a call and what has no literal value add nothing."""
    if term[0] in "'\"":
        return term[1:-1]
    if name in PAGE_NAMES:
        return "1"
    if term.isdecimal():
        return term
    told = re.search(rf"""(?<![\w.$]){re.escape(term)}\s*=\s*(?:"([^"]*)"|'([^']*)'|(\d+))""", script)
    return next((value for value in told.groups() if value is not None), "") if told else ""


def _key(url: str) -> str | None:
    found = _CONTENT_ID.search(urlsplit(url).path)
    return found[1] if found else None


def _iso(text: str | None) -> str | None:
    found = parse_date(text)
    return found.day.isoformat() if found else None


def _integer(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if text.isdecimal() else None


# --- documents ---


def _read_document(page: Page) -> DocumentPage:
    root = page.root
    titles = pick_some(page, ".ny_mb_inner_box > p", "the title")
    bodies = pick_some(page, ".xwnr_txt", "the body")
    container = max(bodies, key=unlinked_length)
    lines = compiled(".source, .fbsj_llcs_box")(root)
    fields = read_line(element for element in lines if container not in element.iterancestors())
    title = next(filter(None, (read_value("".join(element.itertext())) for element in titles)), None)
    if title:
        fields["title"] = title
    number = _own_number(container)
    if number:
        fields.setdefault("document_number", number)
    metas = dict(read_metas(root))
    key = metas.pop("key", None)
    return DocumentPage(
        container=container,
        container_name=".xwnr_txt",
        fields=fields,
        metas=metas,
        attachments=file_links(compiled(".fj_box")(root), page.url, trusted=True, query_encoding=page.encoding),
        key=_key(page.url) or key,
    )


def _own_number(container: Any) -> str | None:
    """Return the document number where it is the body's first line (GB/T 9704: 发文字号 stands above the text)."""
    if "号" not in _STRING(container).strip()[:_LONGEST_NUMBER_LINE]:
        return None
    first = next(iter(read_content(container).paragraphs), "")
    return first if is_document_number(first) else None
