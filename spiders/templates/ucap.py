"""开普 UCAP: www.gov.cn, Heilongjiang, Shanxi, 证监会, 国家卫健委 and many others.

Lists are static pages (``common_list.shtml``, ``common_list_2.shtml``) or answers of a search service with JSON; a column page
may be a frame that only names its channel.
"""

from __future__ import annotations

import copy
import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from govcrawl.articles import read_article
from govcrawl.containers import unlinked_length
from govcrawl.dates import parse_date
from govcrawl.errors import TemplateMismatch
from govcrawl.items import DocumentPage, ListEntry, ListPage, NextPage
from govcrawl.labels import read_value
from govcrawl.listing import find_dated_rows, find_rows, read_headings, read_row, says_empty
from govcrawl.pagers import read_pager
from govcrawl.pick import compiled
from govcrawl.spider import DisclosureSpider
from govcrawl.urls import web_url

if TYPE_CHECKING:
    from govcrawl.decode import Page

DEFAULT_PAGE_ROWS = 15
_ARTICLE = re.compile(
    r"/[0-9a-f]{32}\.s?html?$|/\d{6}/(?:t\d+_)?(?:[0-9a-f]{32}|c?\d{5,})\.s?html?$|/c\d+/content\.s?html?$|/content_\d+\.s?html?$"
)
_ID = re.compile(
    r"/([0-9a-f]{32})\.s?html?$|/(c\d{5,})/content\.s?html?$|/content_(\d{5,})\.s?html?$|/\d{6}/c?(\d{5,})\.s?html?$"
)
_SEARCH = re.compile(r"""["'(=]?((?:https?:)?/{1,2}?[\w./:-]*/?search(?:List)?/([0-9a-f]{32}))""")
_CHANNEL = re.compile(r"""\bchannel_?id["']?\s*[:=]\s*["']([0-9a-f]{32})["']""", re.IGNORECASE)
_TAGS = re.compile(r"<[^<>]*>")
_BREAKS = re.compile(r"#PAGE_BREAK#", re.IGNORECASE)
_NAMES = {  # domainMetaList's keys and those of rows, by catalog field name
    "document_number": ("refno", "fileno", "fileNum"),
    "index_number": ("indexnumber", "indexno"),
    "source": ("source", "pubunit"),
    "publisher": ("publisher", "puborg"),
    "written_date": ("writedate",),
    "topic": ("theme",),
}
_DATES = ("publishedTimeStr", "publishedTime", "pubdate", "DOCRELPUBTIME", "date")
_BODIES = ("//*[@id='UCAP-CONTENT']", "ucapcontent", "//*[@id='zoomcon']")


class Ucap(DisclosureSpider):
    """Sites of 开普 UCAP.

    An agency sets ``name``, ``agency``, ``base_url`` and ``channels`` (printed name → list page, or the address of the search
    service, e.g. ``/common/search/<channel>?_isAgg=true&_isJson=true&_pageSize=15&_template=index&page=1``).
    """

    template_name = "ucap"
    signals = (
        "<UCAPTITLE>",
        "<PUBLISHTIME>",
        "<UCAPCONTENT>",
        "UCAP-CONTENT",
        "cmspro_documents",
        "pucha.kaipuyun.cn",
        "kaipuyun",
        "laypageForManuscript",
        "manuscriptId",
        "/common/search/",
        "publishedTimeStr",
        "domainMetaList",
        "channelCodeName",
        "createPageHTML('page_div'",
        "common_list",
        "firstpublishedtime",
        ".shtml",
    )

    @classmethod
    def read_list(cls, page: Page) -> ListPage:
        """Read a static list page, a frame that names its channel, or an answer of the search service."""
        if "json" in page.media_type or page.body.lstrip()[:1] in {b"{", b"["}:
            return _read_search(page)
        return _read_static(page)

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read title, labels, index table, body and attachments of a document page."""
        title = "ucaptitle" if any(_text(e) for e in page.root.iter("ucaptitle")) else ""
        read = read_article(page, title=title, content=_body(page), key=manuscript_id(page.url))
        printed = next((text for e in page.root.iter("publishtime") if parse_date(text := _text(e))), None)
        if printed:
            read = replace(read, fields={"publish_date": printed, **read.fields})
        if read.container is not None and _BREAKS.search("".join(read.container.itertext())):
            read = replace(read, container=_without_breaks(read.container))
        return read


def is_article(url: str) -> bool:
    """Tell an article by its address: ``/202403/<32 hex>.shtml``, ``/c<id>/content.shtml``, ``/content_<id>.htm``."""
    return _ARTICLE.search(urlsplit(url).path) is not None


def manuscript_id(url: str) -> str | None:
    """Return the article's id by its address."""
    found = _ID.search(urlsplit(url).path)
    return next(filter(None, found.groups())) if found else None


# --- lists ---


def _read_static(page: Page) -> ListPage:
    rows = find_rows(page, is_article) or find_dated_rows(page)
    headings = read_headings(rows[0]) if rows else {}
    read = (read_row(page, row, is_article=is_article, key_of=manuscript_id, columns=headings) for row in rows)
    entries = tuple({entry.url: entry for entry in read if entry is not None}.values())
    pager = read_pager(page)
    service = _find_service(page)
    if service and (not entries or (pager.next_url is None and pager.pages is None)):
        return ListPage(entries=(), next=NextPage(url=service, number=1))
    if not entries:
        if pager.total != 0 and not says_empty(page):
            raise TemplateMismatch(
                f"{page.url}: no row with a link like /YYYYMM/<32 hex>.shtml and no channel of the search service; expected one of them or a text that says the list is empty; the list was redesigned or is filled by a script"
            )
        return ListPage(entries=(), number=pager.number, pages=pager.pages, total=0)
    following = NextPage(url=pager.next_url, number=pager.number + 1) if pager.next_url else None
    return ListPage(
        entries=entries, number=pager.number, pages=pager.pages, total=pager.total, next=following, capped=pager.capped
    )


def _find_service(page: Page) -> str | None:
    """Return the search service's first page for the channel that a frame names."""
    texts = [*compiled("//script/text()")(page.root), *compiled("//@data-url | //script/@src")(page.root)]
    found = next((m for text in texts if (m := _SEARCH.search(text))), None)
    channel = found[2] if found else next((m[1] for text in texts if (m := _CHANNEL.search(text))), None)
    if channel is None:
        return None
    path = urlsplit(urljoin(page.url, found[1])).path if found else f"/common/search/{channel}"
    query = {"_isAgg": "true", "_isJson": "true", "_pageSize": DEFAULT_PAGE_ROWS, "_template": "index", "page": 1}
    return f"{urljoin(page.url, path)}?{urlencode(query)}"


def _read_search(page: Page) -> ListPage:
    """Read an answer of the search service.

    Raises:
        TemplateMismatch: there is no list of results, or a page that must have rows has none.
    """
    answer = page.json()
    data = answer.get("data", answer) if isinstance(answer, dict) else {"results": answer}
    rows = data.get("results") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise TemplateMismatch(
            f"{page.url}: an answer without the list data.results: {page.text[:80]!r}; see whether the search service changed"
        )
    asked = dict(parse_qsl(urlsplit(page.url).query, keep_blank_values=True))
    number = _integer(asked.get("page")) or _integer(data.get("page")) or 1
    total = _integer(data.get("total"))
    size = _integer(data.get("rows")) or (len(rows) if number == 1 else None) or _integer(asked.get("_pageSize"))
    size = size or DEFAULT_PAGE_ROWS
    pages = None if total is None else -(-total // size)
    if not rows:
        if total and pages and number <= pages:
            raise TemplateMismatch(
                f"{page.url}: page {number} of {pages} has no results; expected at least 1 of {total}; ask again"
            )
        return ListPage(entries=(), number=number, pages=pages, total=total or 0)
    more = isinstance(answer, dict) and (number < pages if pages is not None else len(rows) >= size)
    entries = tuple({entry.url: entry for entry in (_read_result(page, row) for row in rows)}.values())
    return ListPage(
        entries=entries,
        number=number,
        pages=pages,
        total=total,
        skipped=len(rows) - len(entries),
        next=NextPage(url=_asked(page.url, number + 1), number=number + 1) if more else None,
    )


def _asked(url: str, number: int) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | {"page": str(number)}
    return urlunsplit(parts._replace(query=urlencode(query)))


def _read_result(page: Page, row: Any) -> ListEntry:
    given = row if isinstance(row, Mapping) else {}
    fields = {str(name): str(value) for name, value in given.items() if isinstance(value, str | int)}
    title = _plain(fields.get("title") or fields.get("TITLE"))
    url = web_url(fields.get("url") or fields.get("URL"), page.url)
    if title is None or url is None:
        raise TemplateMismatch(f"{page.url}: a result has title {title!r} and url {fields.get('url')!r}; expected both")
    said = _read_domain(given.get("domainMetaList"))
    extra = {
        name: value
        for name, keys in _NAMES.items()
        if (value := next((v for key in keys if (v := _plain(said.get(key) or fields.get(key)))), None))
    }
    printed = next((text for name in _DATES if (text := _plain(fields.get(name))) and parse_date(text)), None)
    printed = printed or _plain(said.get("pubdate"))
    found = parse_date(printed)
    return ListEntry(
        url=url,
        title=title,
        publish_date=found.day.isoformat() if found else None,
        date_text=printed,
        key=manuscript_id(url) or fields.get("manuscriptId"),
        extra=extra,
    )


def _read_domain(listed: Any) -> dict[str, str]:
    """Return key → value of ``domainMetaList[].resultList[]``."""
    out: dict[str, str] = {}
    for domain in listed if isinstance(listed, list) else ():
        for item in (domain.get("resultList") if isinstance(domain, Mapping) else None) or ():
            if isinstance(item, Mapping) and item.get("value") is not None:
                out.setdefault(str(item.get("key")), str(item["value"]))
    return out


def _plain(text: str | None) -> str | None:
    """Return a value without the tags and entities that the service leaves in it."""
    return read_value(html.unescape(_TAGS.sub("", text))) if text else None


def _integer(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if text.isdecimal() else None


# --- documents ---


def _body(page: Page) -> str:
    """Return the first of the family's containers that holds anything, empty where none does."""
    for selector in _BODIES:
        if any(unlinked_length(e) or e.xpath(".//img | .//a[@href]") for e in compiled(selector)(page.root)):
            return selector
    return ""


def _without_breaks(container: Any) -> Any:
    """Return a copy of a body without the marks at which the page's script cuts it into pages."""
    whole = copy.deepcopy(container)
    for element in whole.iter():
        element.text = _BREAKS.sub("", element.text) if element.text else element.text
        element.tail = _BREAKS.sub("", element.tail) if element.tail and element is not whole else element.tail
    return whole


def _text(element: Any) -> str | None:
    return read_value("".join(element.itertext()))
