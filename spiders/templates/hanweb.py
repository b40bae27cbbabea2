"""大汉版通 (Hanweb jcms, jpage, jpaas): Jiangsu, Zhejiang, Shandong, 国家医保局 and many others.

A column page carries its first records as XML in the page; the ones after them come from a proxy (``dataproxy.jsp``), asked by
record numbers or by the address in ``<nextgroup>``. Newer sites (jpaas) print a frame only and fill it from a service that answers
with JSON.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from govcrawl.articles import read_article
from govcrawl.decode import Page
from govcrawl.errors import TemplateMismatch
from govcrawl.items import DocumentPage, ListEntry, ListPage, NextPage
from govcrawl.jpaas import asked_page, find_unit, is_unit, script_field, unit_page
from govcrawl.listing import find_dated_rows, find_rows, read_row, says_empty
from govcrawl.marks import MARKED_BODY, mark_body, read_marks
from govcrawl.pagers import read_pager
from govcrawl.pick import compiled
from govcrawl.spider import DisclosureSpider
from govcrawl.urls import web_url

if TYPE_CHECKING:
    from collections.abc import Iterable

PROXY_PATH = "/module/web/jpage/dataproxy.jsp"
DEFAULT_PAGE_ROWS = 15
_ARTICLE = re.compile(r"/art/(?:\d{4}/)?(?:\d{1,2}/\d{1,2}/)?art_[\w-]+\.html?$")
_ID = re.compile(
    r"/art_(?:\w+_)?(\d{4,})\.html?$|/art_([0-9a-f]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.html?$"
)
_STORE = re.compile(r"<datastore\b.*?</datastore\s*>|<recordset\b.*?</recordset\s*>", re.DOTALL | re.IGNORECASE)
_RECORD = re.compile(
    r"<record\b[^>]*>\s*(?:<!\[CDATA\[(.*?)(?:\]\]>|\]\]&gt;)\s*</record\s*>|(.*?)</record\s*>)",
    re.DOTALL | re.IGNORECASE,
)
_NEXT_GROUP = re.compile(r"<nextgroup\b[^>]*>(.*?)</nextgroup\s*>", re.DOTALL | re.IGNORECASE)
_HREF = re.compile(r"""href\s*=\s*["']?([^"'<>\s]+(?:\s[^"'<>]*)?)["']?""", re.IGNORECASE)
_TOTAL = re.compile(r"""<totalrecord>\s*(\d+)|\btotalRecord["']?\s*[:=]\s*["']?(\d+)""", re.IGNORECASE)
_PROXY = re.compile(r"""proxyUrl\s*:\s*["']([^"']+)["']|["'(]((?:https?://)?[\w./-]*/jpage/dataproxy\.jsp)""")
_PARAMETERS = re.compile(r"ajaxParam\s*:\s*(?:\{([^{}]*)\}|(\w+))")
_FORM = ("col", "appid", "webid", "path", "columnid", "sourceContentType", "unitid", "webname", "permissiontype")
_IDS = frozenset({"columnid", "unitid", "webid", "appid"})
_FORM_DEFAULTS = {"col": "1", "appid": "1", "webid": "1", "path": "/", "sourceContentType": "1", "permissiontype": "0"}
_COLUMN = re.compile(r"/col/col(\d+)/")
_COUNTED = re.compile(
    r"""\b(?:totalRecord|totalCount|recordCount|total|count)["']?\s*[:=]\s*["']?(\d+)""", re.IGNORECASE
)
_CLIMBING = re.compile(r"^(?:\.\./)+(?=(?:col/\w+/)?art/)")


class Hanweb(DisclosureSpider):
    """Sites of 大汉版通.

    An agency sets ``name``, ``agency``, ``base_url`` and ``channels`` (printed name → column page, e.g. ``/col/col123/index.html``).
    """

    template_name = "hanweb"
    signals = (
        "大汉版通",
        "大汉网络",
        "jcms_files",
        "/jpage/dataproxy.jsp",
        "<datastore>",
        "<recordset>",
        "<nextgroup>",
        "jpageform_",
        ".jpage(",
        "/module/download/downfile.jsp",
        "/module/web/",
        "ZJEG_RSS.content",
        "<$[信息",
        "/art_",
        "jpaas-publish-server",
        "unitbuild.js",
        "i_articleid",
        "i_columnid",
        "ContentStart",
    )

    @classmethod
    def read_list(cls, page: Page) -> ListPage:
        """Read a column page, an answer of the proxy (XML) or of the page service (JSON)."""
        if is_unit(page.url) or "json" in page.media_type:
            return _read_unit(page)
        stores = _STORE.findall(page.text)
        if page.text.lstrip("\ufeff \r\n\t").startswith(("<datastore", "<recordset")) or (
            page.text.lstrip("\ufeff \r\n\t").startswith("<?xml") and stores
        ):
            return _read_proxy(page)
        if any(map(_RECORD.search, stores)):
            return _read_column(page, max(stores, key=lambda store: len(_RECORD.findall(store))))
        return _read_static(page)

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read title, labels, index table, body and attachments of a document page; the body by the CMS's own marks where they are."""
        marked = mark_body(page)
        read = read_article(marked or page, content=MARKED_BODY if marked else "", key=article_id(page.url))
        return replace(read, fields={**read.fields, **read_marks(page)})


def is_article(url: str) -> bool:
    """Tell an article by its address: ``/art/2024/3/5/art_COLUMN_ID.html``, ``/art/2024/art_HEX.html``, ``/col/colN/art/…``."""
    return _ARTICLE.search(urlsplit(url).path) is not None


def article_id(url: str) -> str | None:
    """Return the article's id by its address: the same in each column that lists it.

    Numbers of fewer than four digits are left out: where they occur, each column counts its own articles.
    """
    found = _ID.search(urlsplit(url).path)
    return next(filter(None, found.groups())) if found else None


# --- records: in the column page, and from the proxy ---


def _read_records(page: Page, store: str) -> tuple[tuple[ListEntry, ...], int]:
    """Read the records of a data store, each a piece of HTML (``li`` or ``tr``); return entries and how many records are none.

    Raises:
        TemplateMismatch: there are records, but none can be read.
    """
    pieces = [next(filter(None, groups), "") for groups in _RECORD.findall(store)]
    rows = "".join(f'<div class="record">{_closed(piece)}</div>' for piece in pieces)
    lines = Page(
        url=page.url, body=f"<html><body>{rows}</body></html>".encode(), content_type="text/html; charset=utf-8"
    )
    if not pieces:
        return (), 0
    for link in lines.root.iter("a"):
        link.set("href", _CLIMBING.sub("/", (link.get("href") or "").strip()))
    read = [
        read_row(lines, row, is_article=is_article, key_of=article_id)
        for row in compiled("//div[@class='record']")(lines.root)
    ]
    entries = _unique(read)
    if not entries:
        raise TemplateMismatch(
            f"{page.url}: {len(pieces)} <record> elements, but none holds a title and a link; expected at least 1; the list's layout changed"
        )
    return entries, len(pieces) - len(entries)


def _closed(piece: str) -> str:
    """Return a record with table rows and cells as blocks: outside a table the parser would drop them."""
    return re.sub(r"<(/?)(?:tr|td|th|tbody|table)\b", r"<\1div", piece, flags=re.IGNORECASE)


def _read_column(page: Page, store: str) -> ListPage:
    entries, skipped = _read_records(page, store)
    shown = len(entries) + skipped
    place = page.text.index(store) + len(store)
    after = page.text[place:]
    total = _number(_TOTAL, store) or _number(_TOTAL, after.split("<datastore", 1)[0]) or _number(_TOTAL, page.text)
    rows = _PerPage.read(after, shown)
    pages = None if total is None else -(-total // rows.page)
    if total is not None and shown >= total:
        return ListPage(entries=entries, pages=pages, total=total, skipped=skipped)
    return ListPage(
        entries=entries, pages=pages, total=total, skipped=skipped, next=_next_records(page, store, after, rows, shown)
    )


class _PerPage(NamedTuple):
    """How many records a shown page has, and how many one answer brings."""

    page: int
    answer: int

    @classmethod
    def read(cls, script: str, shown: int) -> _PerPage:
        per_page = _number(re.compile(r"""\bperPage["']?\s*[:=]\s*["']?(\d+)"""), script) or min(
            shown, DEFAULT_PAGE_ROWS
        )
        group = _number(re.compile(r"""\bgroupSize["']?\s*[:=]\s*["']?(\d+)"""), script)
        return cls(max(1, per_page), max(1, per_page * group if group else max(shown, per_page)))


def _next_records(page: Page, store: str, after: str, rows: _PerPage, shown: int) -> NextPage | None:
    """Return the question for the records after those shown: by number where the column's ids are printed, else by ``<nextgroup>``."""
    group = _next_group(page, store)
    form = _read_form(page, after, group)
    if form is None:
        return None if group is None else NextPage(url=group, number=2)
    named = _PROXY.search(after) or _PROXY.search(page.text)
    path = next(filter(None, named.groups())) if named else (urlsplit(group).path if group else PROXY_PATH)
    query = urlencode({"startrecord": shown + 1, "endrecord": shown + rows.answer, "perpage": rows.page})
    return NextPage(url=f"{urljoin(page.url, path)}?{query}", number=1 + -(-shown // rows.page), form=form)


def _next_group(page: Page, store: str) -> str | None:
    found = _NEXT_GROUP.search(store)
    href = _HREF.search(found[1].replace("&amp;", "&")) if found else None
    return web_url(href[1], page.url, query_encoding=page.encoding) if href else None


def _read_form(page: Page, after: str, group: str | None) -> dict[str, str] | None:
    """Return what the proxy is asked with, None where column and unit are not printed as numbers.

    In order of trust: the script's ``ajaxParam``, the query of ``<nextgroup>``, what the page prints elsewhere.
    """
    asked = _PARAMETERS.search(after) or _PARAMETERS.search(page.text)
    own = ""
    if asked:
        variable = None if asked[2] is None else re.search(rf"\b{asked[2]}\s*=\s*\{{([^{{}}]*)\}}", page.text)
        own = asked[1] or (variable[1] if variable else "")
    query = dict(parse_qsl(urlsplit(group).query)) if group else {}
    hidden = {field.get("name"): field.get("value") for field in page.root.iter("input") if field.get("value")}
    form: dict[str, str] = {}
    for name in _FORM:
        value = script_field(name, own) or query.get(name) or hidden.get(name)
        if not value and name in _IDS:  # plain words like path stand in other scripts too
            value = script_field(name, after) or script_field(name, page.text)
        form[name] = value or _FORM_DEFAULTS.get(name, "")
    column = _COLUMN.search(page.url)
    form["columnid"] = form["columnid"] or (column[1] if column else "")
    unit = re.search(r"jpageform_(\d+)", page.text)
    form["unitid"] = form["unitid"] or (unit[1] if unit else "")
    form["webname"] = form["webname"] or next(
        (
            meta.get("content") or ""
            for meta in page.root.iter("meta")
            if (meta.get("name") or "").lower() == "sitename"
        ),
        "",
    )
    return form if form["columnid"].isdecimal() and form["unitid"].isdecimal() else None


def _read_proxy(page: Page) -> ListPage:
    """Read an answer of the proxy. One without records is the end of the list: the walk compares with the total."""
    entries, skipped = _read_records(page, page.text)
    asked = {**dict(parse_qsl(urlsplit(page.url).query)), **page.form}
    total = _number(_TOTAL, page.text)
    start, end = _integer(asked.get("startrecord")), _integer(asked.get("endrecord"))
    if start is None or end is None:
        number = _integer(asked.get("page")) or 1
        following = _next_group(page, page.text)
        more = following is not None and bool(entries)
        return ListPage(
            entries=entries,
            number=number + 1,
            total=total,
            skipped=skipped,
            next=NextPage(url=following, number=number + 2) if following and more else None,
        )
    per_page = _integer(asked.get("perpage")) or DEFAULT_PAGE_ROWS
    shown = start - 1 + len(entries) + skipped
    number = 1 + (start - 1) // max(1, per_page)
    if not entries or (total is not None and shown >= total):
        return ListPage(entries=entries, number=number, total=total, skipped=skipped)
    query = dict(parse_qsl(urlsplit(page.url).query)) | {
        "startrecord": str(shown + 1),
        "endrecord": str(shown + end - start + 1),
    }
    url = urlunsplit(urlsplit(page.url)._replace(query=urlencode(query)))
    return ListPage(
        entries=entries,
        number=number,
        total=total,
        skipped=skipped,
        next=NextPage(url=url, number=1 + shown // max(1, per_page), form=dict(page.form) if page.form else None),
    )


# --- the page service of jpaas ---


def _read_unit(page: Page) -> ListPage:
    """Read an answer of the page service: ``{"data": {"html": "<ul>…"}}``.

    Raises:
        TemplateMismatch: there is no list in it.
    """
    answer = page.json()
    data = answer.get("data") if isinstance(answer, dict) else None
    markup = data.get("html") if isinstance(data, dict) else data
    if not isinstance(markup, str):
        raise TemplateMismatch(
            f"{page.url}: an answer without data.html: {page.text[:80]!r}; expected the list's HTML; see whether the service changed"
        )
    asked = asked_page(page.url)
    number = asked.get("pageNo") or 1
    inner = Page(
        url=page.url, body=f"<html><body>{markup}</body></html>".encode(), content_type="text/html; charset=utf-8"
    )
    entries = _read_lines(inner)
    pager = read_pager(inner)
    total = pager.total if pager.total is not None else _number(_COUNTED, markup)
    if not entries:
        if number == 1 and total != 0 and not says_empty(inner):
            raise TemplateMismatch(
                f"{page.url}: data.html has no link to an article ({is_article.__doc__}); expected at least 1 or a text that says the list is empty"
            )
        return ListPage(entries=(), number=number, total=total)
    size = asked.get("pageSize") or len(entries)
    pages = pager.pages if pager.pages is not None else (None if total is None else -(-total // size))
    printed = [int(n) for n in re.findall(r"""data-page\s*=\s*["']?(\d+)""", markup)]
    pages = max([pages or 0, *printed]) or None
    more = number < pages if pages is not None else len(entries) >= size
    return ListPage(
        entries=entries,
        number=number,
        pages=pages,
        total=total,
        next=NextPage(url=unit_page(page.url, number + 1, size), number=number + 1) if more else None,
    )


# --- lists in the page itself ---


def _read_static(page: Page) -> ListPage:
    """Read a column page without data store: a frame that is filled from the page service, or a plain list."""
    unit = find_unit(page)
    if unit is not None:
        return ListPage(entries=(), next=NextPage(url=unit, number=1))
    entries = _read_lines(page)
    pager = read_pager(page)
    total = pager.total if pager.total is not None else _number(_TOTAL, page.text)
    if not entries:
        if total != 0 and not says_empty(page):
            raise TemplateMismatch(
                f"{page.url}: no <record>, no unit of the page service and no row with a link like //a[contains(@href,'/art_')]; "
                "expected at least 1 or a text that says the list is empty; the list was redesigned or is filled by a script"
            )
        return ListPage(entries=(), number=pager.number, total=0)
    following = NextPage(url=pager.next_url, number=pager.number + 1) if pager.next_url else None
    return ListPage(entries=entries, number=pager.number, pages=pager.pages, total=total, next=following)


def _read_lines(page: Page) -> tuple[ListEntry, ...]:
    """Read the rows of the page's list: the one with articles of the column itself, where their addresses name it."""
    column = _COLUMN.search(page.url)
    own = re.compile(rf"/art_{column[1]}_|/col{column[1]}/art/") if column else None
    rows = find_rows(page, lambda url: own.search(url) is not None) if own and own.search(page.text) else []
    rows = rows or find_rows(page, is_article) or find_dated_rows(page)
    return _unique(read_row(page, row, is_article=is_article, key_of=article_id) for row in rows)


def _unique(entries: Iterable[ListEntry | None]) -> tuple[ListEntry, ...]:
    return tuple({entry.url: entry for entry in entries if entry is not None}.values())


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return int(next(filter(None, found.groups()))) if found else None


def _integer(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if text.isdecimal() else None
