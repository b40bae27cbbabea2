"""The Fujian TRS "trt" family (avalon front end): provincial departments, 厦门, 平潭 and their districts.

A list page prints its first rows in static groups and asks a search service for the rest; document pages are static.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from govcrawl.citations import is_document_number
from govcrawl.containers import unlinked_length
from govcrawl.dates import parse_date
from govcrawl.errors import TemplateMismatch
from govcrawl.index_box import find_index, read_index
from govcrawl.items import DocumentPage, ListEntry, ListPage, NextPage
from govcrawl.labels import read_line, read_value, visible_text
from govcrawl.metas import read_metas
from govcrawl.pick import compiled, pick_some
from govcrawl.spider import DisclosureSpider
from govcrawl.urls import file_links, web_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from govcrawl.decode import Page

logger = logging.getLogger(__name__)

SEARCH_PATH = "/fjdzapp/search"
DEFAULT_PAGE_ROWS = 20
_ROWS = '//*[starts-with(@ms-visible,"$showStatic(")]//li[.//a[@href]]'
_AREAS = "//*[@ms-controller='list'] | //*[contains(@class, 'list_base')]"
_EMPTY = re.compile(r"暂无|没有(?:找到|查询到|搜索到|相关)|无相关|未找到")
_DOC_ID = re.compile(r"/t\d{8}_(\d+)\.\w+$")
_REL = re.compile(r"rel_(\d+)")
_PINNED = re.compile(r"\[\s*置\s*顶\s*\]|【\s*置\s*顶\s*】")
_DAY = re.compile(r"\d{1,2}\D\d{1,2}")  # as in [03-05]: printed, but no full date
_EDITORS = {"TRS_Editor", "TRS_UEDITOR", "trs_editor_view"}
_COVERING = 0.9  # share of the content's text that an inner editor block must hold to be read alone


class FujianTrt(DisclosureSpider):
    """Sites of the Fujian TRS "trt" family.

    An agency sets ``name``, ``agency``, ``base_url`` and ``channels`` (printed name → list directory).
    """

    template_name = "trt"
    signals = (
        "ms-controller=",
        "$showStatic(",
        "pageChnlInfo",
        "trt_iconfont",
        "trt-iconfont",
        "siteMsgType",
        "/ssp/main/index.html",
        "list2.trsapi",
        "trt-row",
    )

    @classmethod
    def read_list(cls, page: Page) -> ListPage:
        """Read a static list page or an answer of the search service."""
        if "json" in page.media_type or page.body.lstrip()[:1] == b"{":
            return _read_search(page)
        return _read_groups(page)

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read title, labels, index box, container and attachment block of a document page."""
        return _read_document(page)


# --- lists ---


def _read_groups(page: Page) -> ListPage:
    rows = compiled(_ROWS)(page.root)
    entries = tuple(filter(None, (_read_row(page, row) for row in rows)))
    total = _number(page.text, "recordCount")
    pages = _number(page.text, "pageCount")
    if not entries:
        if total != 0 and not any(_EMPTY.search(visible_text(area)) for area in compiled(_AREAS)(page.root)):
            raise TemplateMismatch(
                f"{page.url}: no row in the groups {_ROWS!r} and no text that says the list is empty; expected at least 1; the list was redesigned or is filled by a script"
            )
        return ListPage(entries=(), pages=pages, total=0)
    return ListPage(entries=entries, pages=pages, total=total, next=_first_search(page, len(rows), pages, total))


def _read_row(page: Page, row: Any) -> ListEntry | None:
    """Read one row; None, with a warning, where it names nothing that can be fetched (a script's link)."""
    link = next(row.iter("a"))
    title = read_value(link.get("title")) or read_value("".join(link.itertext()))
    url = web_url(link.get("href"), page.url, query_encoding=page.encoding)
    if not title or url is None:
        logger.warning("list row unread title=%r href=%r url=%s", title, link.get("href"), page.url)
        return None
    spans = _texts(row.iter("span"))
    printed = next(filter(parse_date, spans), None) or next((text for text in spans if _DAY.search(text)), None)
    return ListEntry(
        url=url,
        title=title,
        publish_date=_iso(printed),
        date_text=printed,
        key=_key(url, next((m[1] for em in row.iter("em") if (m := _REL.fullmatch(em.get("id") or ""))), None)),
        pinned=any(_PINNED.search("".join(em.itertext())) for em in row.iter("em", "span", "i", "font")),
    )


def _first_search(page: Page, rows: int, pages: int | None, total: int | None) -> NextPage | None:
    """Return the first question to the search service: the page that begins behind the rows that were read."""
    size = _number(page.text, "prepage") or DEFAULT_PAGE_ROWS
    number = rows // size + 1
    if (total is not None and rows >= total) or (pages is not None and number > pages):
        return None
    if total is None and pages is None and rows % size:
        return None
    site, channel = _number(page.text, "searchId"), _number(page.text, "chnlId") or _meta_number(page, "chnlid")
    if site is None or channel is None:
        raise TemplateMismatch(
            f"{page.url}: the list goes on after {rows} rows, but searchId is {site} and ChnlId {channel}; expected both in SiteInfo and pageChnlInfo"
        )
    form = {
        "channelid": str(site),
        "classsql": f"chnlid={channel}",
        "sortfield": "-docorderpri,-docreltime",
        "classcol": "publishyear",
        "classnum": "100",
        "classsort": "0",
        "cache": "true",
        "page": str(number),
        "prepage": str(size),
    }
    return NextPage(url=urljoin(page.url, SEARCH_PATH), number=number, form=form)


def _read_search(page: Page) -> ListPage:
    answer = page.json()
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise TemplateMismatch(
            f"{page.url}: an answer without the list 'data': {page.text[:80]!r}; see whether the search service changed"
        )
    pages, total = _integer(answer.get("pageCount")), _integer(answer.get("count"))
    number = _integer(page.form.get("page")) or 1
    if not rows and number <= (pages or 0):
        raise TemplateMismatch(f"{page.url}: page {number} of {pages} has no rows; expected at least 1; ask again")
    following = None
    if rows and page.form and number < (pages or 0):
        following = NextPage(url=page.url, number=number + 1, form={**page.form, "page": str(number + 1)})
    return ListPage(
        entries=tuple(filter(None, (_read_found(page, row) for row in rows))),
        number=number,
        pages=pages,
        total=total,
        next=following,
    )


def _read_found(page: Page, row: Any) -> ListEntry | None:
    """Read one row of an answer; None, with a warning, where it has no title or no address."""
    given = row if isinstance(row, Mapping) else {}
    fields = {name: str(value).strip() for name, value in given.items() if value is not None}
    title = read_value(fields.get("doctitle"))
    # the channel's own address first, as its static rows print it
    url = web_url(fields.get("chnldocurl") or fields.get("docpuburl"), page.url)
    if not title or url is None:
        logger.warning("list row unread row=%.120r url=%s", row, page.url)
        return None
    printed = fields.get("docreltime") or fields.get("pubdate")
    names = {"document_number": "fileno", "source": "docsourcename", "publisher": "puborg", "index_number": "idxid"}
    extra = {name: value for name, field in names.items() if (value := read_value(fields.get(field)))}
    key = _key(url, fields.get("docid"))
    return ListEntry(url=url, title=title, publish_date=_iso(printed), date_text=printed, key=key, extra=extra)


def _key(url: str, given: str | None) -> str | None:
    """Return the DocId: as given, else from a t<date>_<id>.htm address."""
    found = _DOC_ID.search(url)
    return given or (found[1] if found else None)


def _iso(text: str | None) -> str | None:
    found = parse_date(text)
    return found.day.isoformat() if found else None


def _number(text: str, name: str) -> int | None:
    """Return a number of the page's SiteInfo or pageChnlInfo, which are script, not JSON."""
    found = re.search(rf"""\b{name}["']?\s*:\s*["']?(\d+)""", text)
    return int(found[1]) if found else None


def _meta_number(page: Page, name: str) -> int | None:
    return next(
        (_integer(meta.get("content")) for meta in page.root.iter("meta") if (meta.get("name") or "").lower() == name),
        None,
    )


def _integer(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if text.isdecimal() else None


# --- documents ---


def _read_document(page: Page) -> DocumentPage:
    root = page.root
    named = _by_class(root)
    titles = _texts(named["article_title"] or pick_some(page, ".article_title", "the title"))
    contents = named["article_content"] or pick_some(page, ".article_content", "the body")
    content = max(contents, key=unlinked_length) if contents[1:] else contents[0]
    container, name = _inner(content)
    lines = (*named["article_time"], *named["article_source"], *named["article_author"])
    fields = read_line(element for element in lines if content not in element.iterancestors())
    if titles:
        fields["title"] = titles[0]
    second = next(iter(_texts(named["article_title_sec"])), None)
    if second:
        fields["document_number" if is_document_number(second) else "subtitle"] = second
    metas = dict(read_metas(root))
    key = metas.pop("key", None)
    return DocumentPage(
        container=container,
        container_name=name,
        fields=fields,
        index_fields=read_index(named["index_box"] or find_index(content)),
        metas=metas,
        attachments=file_links(named["article_attachment"], page.url, trusted=True, query_encoding=page.encoding),
        key=_key(page.url, key),
    )


def _by_class(root: Any) -> dict[str, list[Any]]:
    """Return the elements of the page's own blocks by class; one pass, where eight selectors would make eight."""
    out: dict[str, list[Any]] = defaultdict(list)
    for element in compiled("//*[contains(@class, 'article_') or contains(@class, 'index_box')]")(root):
        for name in element.get("class").split():
            out[name].append(element)
    return out


def _texts(elements: Iterable[Any]) -> list[str]:
    """Return the texts of some elements, empty ones left out."""
    return [text for text in (read_value("".join(element.itertext())) for element in elements) if text]


def _inner(content: Any) -> tuple[Any, str]:
    """Return the editor's block inside the content where it holds nearly all of its text, else the content itself."""
    editors = [element for element in content.iter("div", "td") if _EDITORS & set((element.get("class") or "").split())]
    if editors:
        editor = max(editors, key=unlinked_length) if editors[1:] else editors[0]
        if unlinked_length(editor) >= _COVERING * unlinked_length(content):
            return editor, f".article_content .{next(iter(_EDITORS & set(editor.get('class').split())))}"
    return content, ".article_content"
