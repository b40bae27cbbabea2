"""Sites of no known family: an agency states by selectors where its lists and documents stand, and writes no code."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urljoin

from cssselect import SelectorError
from lxml import etree

from govcrawl.articles import read_article
from govcrawl.dates import parse_date
from govcrawl.errors import BadAgency, TemplateMismatch
from govcrawl.items import DocumentPage, ListEntry, ListPage, NextPage
from govcrawl.labels import read_line, read_value
from govcrawl.listing import read_row, says_empty
from govcrawl.pagers import read_pager
from govcrawl.pick import compiled, pick_some
from govcrawl.spider import DisclosureSpider
from govcrawl.urls import file_links, url_key, web_url

if TYPE_CHECKING:
    from govcrawl.decode import Page

_COUNT = re.compile(r"\s*\{\s*(\d+)\s*(?:(,)\s*(\d+)?\s*)?\}\s*$")
_JSON_PATH = re.compile(r"\$(?:\.[\w-]+|\[\d+\])*")
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]")
_PLACE = re.compile(r"\{(n|page)\}")
_TAGS = re.compile(r"<[^<>]*>")
_CHINA = timezone(timedelta(hours=8))
_SECONDS, _MILLISECONDS = 10, 13  # digits of a time stamp
_SELECTORS = {  # attribute → how many matches it expects where it does not say
    "rows": (1, None),
    "row_link": (1, None),
    "row_title": (1, None),
    "row_date": (0, None),
    "next_page": (0, None),
    "content": (1, None),
    "title": (1, 1),
    "lines": (1, None),
    "files": (0, None),
}
_IN_ROW = ("row_link", "row_title", "row_date")


@dataclass(frozen=True, slots=True)
class Stated:
    """A selector with the number of matches it expects: ``ul.news > li {1,}``."""

    selector: str
    least: int
    most: int | None

    def pick(self, node: Any, what: str) -> list[Any]:
        """Return the matches under a page or element.

        Raises:
            TemplateMismatch: there are fewer or more than stated.
        """
        return pick_some(node, self.selector, what, least=self.least, most=self.most)


class Selectors(DisclosureSpider):
    """Sites of no known family.

    An agency sets ``name``, ``agency``, ``base_url``, ``channels``, and of these as many as its pages need:

    ``rows``        lines of a list (required); ``$.data.list`` where the list is JSON
    ``row_link``    in a row: the link (default: its links); ``$.url`` in JSON, required there
    ``row_title``   in a row: the title (default: the link's); ``$.title`` in JSON, required there
    ``row_date``    in a row: the date (default: what reads as one)
    ``next_page``   the link to the next page; or a name with ``{n}`` (page 2 → 1) or ``{page}`` (page 2 → 2), such as
                    ``index_{n}.html`` or ``?page={page}``; or ``$.next`` in JSON (default: the list has one page)
    ``page_count``  how many pages there are, with a name in ``next_page``: a pattern with one group, or ``$.pages``
                    (default: as the pager prints it)
    ``empty``       a text of the page that says that a list has no lines (default: 暂无信息 and the like)
    ``content``     the body (required; of several the one with most text outside links)
    ``title``       the title (default: by meta tag and headings)
    ``lines``       what holds date and source (default: what stands around the body)
    ``files``       what holds attachments beside the body (default: what stands around the body)

    Selectors are CSS or XPath; within rows XPath begins with ``./``. Each may end with the number of matches it expects:
    ``{1}``, ``{1,}``, ``{0,1}``. Without it ``title`` expects one, ``row_date``, ``next_page`` and ``files`` any number, the others at
    least one. Other numbers found are a TemplateMismatch that names page and selector.
    """

    template_name = "selectors"
    rows: ClassVar[str] = ""
    row_link: ClassVar[str] = ""
    row_title: ClassVar[str] = ""
    row_date: ClassVar[str] = ""
    next_page: ClassVar[str] = ""
    page_count: ClassVar[str] = ""
    empty: ClassVar[str] = ""
    content: ClassVar[str] = ""
    title: ClassVar[str] = ""
    lines: ClassVar[str] = ""
    files: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check what an agency states when its class is defined."""
        super().__init_subclass__(**kwargs)
        _check(cls)

    @classmethod
    def read_list(cls, page: Page) -> ListPage:
        """Read a list page by the stated selectors or JSON paths."""
        return _read_json(cls, page) if cls.rows.startswith("$") else _read_rows(cls, page)

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read a document page by the stated selectors."""
        picked = {
            name: _stated(cls, name).pick(page, name) for name in ("content", "title", "lines") if getattr(cls, name)
        }
        read = read_article(
            page,
            title=_stated(cls, "title").selector if picked.get("title") else "",
            content=_stated(cls, "content").selector if picked.get("content") else "",
        )
        if cls.lines:
            kept = {name: value for name, value in read.fields.items() if name == "title"}
            read = replace(read, fields={**kept, **read_line(picked["lines"])})
        if cls.files:
            blocks = _stated(cls, "files").pick(page, "files")
            read = replace(read, attachments=file_links(blocks, page.url, trusted=True, query_encoding=page.encoding))
        return read


# --- what an agency states ---


def _stated(cls: type[Selectors], name: str) -> Stated:
    """Return a selector and the number of its matches."""
    text = str(getattr(cls, name))
    least, most = _SELECTORS[name]
    found = _COUNT.search(text)
    if found:
        least = int(found[1])
        most = least if found[2] is None else int(found[3]) if found[3] else None
        text = text[: found.start()]
    return Stated(text.strip(), least, most)


def _check(cls: type[Selectors]) -> None:
    """Check every attribute that an agency states.

    Raises:
        BadAgency: naming class, attribute, what it is and what it must be.
    """
    where = f"{cls.__module__}.{cls.__name__}"
    for name in (*_SELECTORS, "page_count", "empty"):
        if not isinstance(getattr(cls, name), str):
            raise BadAgency(f"{where}: {name} is {getattr(cls, name)!r}; expected a text")
    for name, example in (("rows", "ul.news > li"), ("content", "#zoom")):
        if not getattr(cls, name).strip():
            raise BadAgency(f"{where}: {name} is missing; expected a selector, e.g. {name} = {example!r}")
    for name in ("row_link", "row_title") if cls.rows.startswith("$") else ():
        if not getattr(cls, name).startswith("$"):
            raise BadAgency(
                f"{where}: {name} is {getattr(cls, name)!r}, but rows is JSON; expected a path like '$.url'"
            )
    for name in filter(lambda name: getattr(cls, name), _SELECTORS):
        _check_selector(cls, name, where)
    for name in ("page_count", "empty"):
        _check_pattern(cls, name, where)


def _check_selector(cls: type[Selectors], name: str, where: str) -> None:
    text = str(getattr(cls, name))
    if text.startswith("$"):
        in_json = cls.rows.startswith("$") and name in {"rows", *_IN_ROW, "next_page"}
        if not in_json or not _JSON_PATH.fullmatch(text):
            raise BadAgency(
                f"{where}: {name} is {text!r}; expected a selector, or, where rows is JSON too, a path like '$.data.list[0].url'"
            )
        return
    if name == "next_page" and _PLACE.search(text):
        if len(_PLACE.findall(text)) > 1:
            raise BadAgency(
                f"{where}: next_page is {text!r}; expected one {{n}} or one {{page}}, as in 'index_{{n}}.html'"
            )
        return
    stated = _stated(cls, name)
    if "{" in stated.selector or (stated.most is not None and stated.most < max(stated.least, 1)):
        raise BadAgency(
            f"{where}: {name} is {text!r}; expected a selector that ends with {{1}}, {{1,}}, {{0,1}} or nothing"
        )
    if name in _IN_ROW and stated.selector.startswith("/"):
        raise BadAgency(
            f"{where}: {name} is {text!r}; expected CSS or an XPath that begins with './', it is looked for in each row"
        )
    try:
        compiled(stated.selector)
    except (SelectorError, etree.XPathError) as error:
        raise BadAgency(f"{where}: {name} is {text!r}, which is no CSS or XPath selector: {error}") from None


def _check_pattern(cls: type[Selectors], name: str, where: str) -> None:
    text = str(getattr(cls, name))
    if name == "page_count" and text.startswith("$"):
        if not cls.rows.startswith("$") or not _JSON_PATH.fullmatch(text):
            raise BadAgency(f"{where}: page_count is {text!r}; a path like '$.data.pages' needs rows that are JSON too")
        return
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise BadAgency(f"{where}: {name} is {text!r}, which is no pattern: {error}") from None
    if name == "page_count" and text and groups != 1:
        raise BadAgency(
            f"{where}: page_count is {text!r} with {groups} groups; expected one around the number, as in r'共(\\d+)页'"
        )


# --- lists ---


def _read_rows(cls: type[Selectors], page: Page) -> ListPage:
    stated = _stated(cls, "rows")
    rows = compiled(stated.selector)(page.root)
    if not rows and _says_empty(cls, page):
        return ListPage(entries=(), number=_number(cls, page), total=0)
    read = (_read_row(cls, page, row) for row in stated.pick(page, "rows"))
    entries = tuple({entry.url: entry for entry in read if entry is not None}.values())
    if rows and not entries:
        raise TemplateMismatch(
            f"{page.url}: {len(rows)} rows by {stated.selector!r}, but none has a link that leads anywhere; expected at least 1; state row_link"
        )
    total = read_pager(page).total
    return _continued(cls, page, ListPage(entries=entries, number=_number(cls, page), total=total))


def _says_empty(cls: type[Selectors], page: Page) -> bool:
    return re.search(cls.empty, page.text) is not None if cls.empty else says_empty(page)


def _read_row(cls: type[Selectors], page: Page, row: Any) -> ListEntry | None:
    own = set()
    if cls.row_link:
        links = _stated(cls, "row_link").pick(row, "row_link")
        urls = (web_url(link.get("href"), page.url, query_encoding=page.encoding) for link in links)
        own = {url_key(url) for url in urls if url}
    entry = read_row(page, row, is_article=lambda url: not own or url_key(url) in own, key_of=lambda _: None)
    if entry is None:
        return None
    if cls.row_title:
        shown = (_shown(element) for element in _stated(cls, "row_title").pick(row, "row_title"))
        entry = replace(entry, title=next(filter(None, shown), entry.title))
    if cls.row_date:
        printed = next(filter(None, map(_shown, _stated(cls, "row_date").pick(row, "row_date"))), None)
        entry = replace(entry, date_text=printed, publish_date=_iso(printed))
    return entry


def _shown(element: Any) -> str | None:
    """Return what an element shows; of an attribute or text that an XPath picks, itself."""
    return read_value(element if isinstance(element, str) else "".join(element.itertext()))


def _iso(text: str | None) -> str | None:
    found = parse_date(text)
    return found.day.isoformat() if found else None


def _number(cls: type[Selectors], page: Page) -> int:
    """Return a page's number by its address, 1 for the seed."""
    place = _PLACE.search(cls.next_page)
    if place is None:
        return read_pager(page).number
    before, after = cls.next_page[: place.start()].lstrip("./?&"), cls.next_page[place.end() :]
    found = re.search(rf"(?:^|[/?&]){re.escape(before)}(\d+){re.escape(after)}$", page.url)
    return int(found[1]) + (place[1] == "n") if found else 1


def _continued(cls: type[Selectors], page: Page, listed: ListPage) -> ListPage:
    """Return a list page with its next page.

    Raises:
        TemplateMismatch: nothing says how many pages a list with numbered names has.
    """
    stated = cls.next_page
    if not stated:
        return listed
    if not _PLACE.search(stated):
        links = _stated(cls, "next_page").pick(page, "next_page")
        urls = (web_url(link.get("href"), page.url, query_encoding=page.encoding) for link in links)
        url = next((url for url in urls if url and url_key(url) != url_key(page.url)), None)
        return replace(listed, next=NextPage(url=url, number=listed.number + 1)) if url else listed
    pages = _count_pages(cls, page)
    if listed.number >= pages:
        return replace(listed, pages=pages)
    name = _PLACE.sub(lambda place: str(listed.number + (place[1] == "page")), stated)
    return replace(listed, pages=pages, next=NextPage(url=urljoin(page.url, name), number=listed.number + 1))


def _count_pages(cls: type[Selectors], page: Page) -> int:
    if cls.page_count.startswith("$"):
        count = _at(page.json(), cls.page_count)
    elif cls.page_count:
        found = re.search(cls.page_count, page.text)
        count = found[1] if found else None
    else:
        count = read_pager(page).pages
    if str(count).isdecimal():
        return int(str(count))
    raise TemplateMismatch(
        f"{page.url}: page_count {cls.page_count!r} gave {count!r}; expected the number of pages, since next_page is {cls.next_page!r}; state page_count"
    )


# --- lists in JSON ---


def _read_json(cls: type[Selectors], page: Page) -> ListPage:
    answer = page.json()
    rows = _at(answer, cls.rows)
    if not isinstance(rows, list):
        raise TemplateMismatch(
            f"{page.url}: rows {cls.rows!r} is {rows!r:.80}; expected a list; see whether the answer changed"
        )
    number = _number(cls, page) if _PLACE.search(cls.next_page) else 1
    entries = tuple({entry.url: entry for entry in (_read_item(cls, page, row) for row in rows)}.values())
    listed = ListPage(entries=entries, number=number, total=0 if not rows and number == 1 else None)
    if cls.next_page.startswith("$"):
        following = _at(answer, cls.next_page)
        url = web_url(str(following), page.url) if following and rows else None
        return replace(listed, next=NextPage(url=url, number=2)) if url else listed
    return _continued(cls, page, listed) if rows else listed


def _read_item(cls: type[Selectors], page: Page, row: Any) -> ListEntry:
    title, address = _plain(_at(row, cls.row_title)), _at(row, cls.row_link)
    url = web_url(str(address), page.url) if address else None
    if title is None or url is None:
        raise TemplateMismatch(
            f"{page.url}: a row has {cls.row_title} = {title!r} and {cls.row_link} = {address!r}; expected both"
        )
    printed = _plain(_at(row, cls.row_date)) if cls.row_date else None
    return ListEntry(url=url, title=title, publish_date=_iso(printed) or _stamped(printed), date_text=printed)


def _plain(value: object) -> str | None:
    return read_value(html.unescape(_TAGS.sub("", str(value)))) if value is not None else None


def _stamped(text: str | None) -> str | None:
    """Return the day of a time stamp in seconds or milliseconds, as it was in China."""
    if text is None or not text.isdecimal() or len(text) not in {_SECONDS, _MILLISECONDS}:
        return None
    seconds = int(text) / (1000 if len(text) == _MILLISECONDS else 1)
    return datetime.fromtimestamp(seconds, UTC).astimezone(_CHINA).date().isoformat()


def _at(value: Any, path: str) -> Any:
    """Return what stands at a path like ``$.data.list[0].url``, None where there is nothing."""
    for name, place in _STEP.findall(path):
        if name:
            value = value.get(name) if isinstance(value, dict) else None
        else:
            value = value[int(place)] if isinstance(value, list) and int(place) < len(value) else None
    return value
