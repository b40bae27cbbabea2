"""Rows of static list pages: which elements they are, and the title, address and date of each."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from govcrawl.blocks import is_hidden
from govcrawl.dates import parse_date
from govcrawl.items import ListEntry
from govcrawl.labels import INDEX_LABELS, normal_label, read_value, split_labels
from govcrawl.pick import compiled
from govcrawl.urls import extension, is_file_url, url_key, web_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from govcrawl.decode import Page

logger = logging.getLogger(__name__)

_ROW_TAGS = frozenset({"li", "tr", "dd"})
_HOLDERS = frozenset({"body", "html", "ul", "ol", "tbody", "table"})
_LONGEST_ROW = 600  # characters around a link that still belong to its row
_ASIDE = re.compile(
    r"(?:^|[\s_-])(?:foot|footer|bottom|header|top|nav|navi|menu|side|sidebar|hot|rank|related?|recommend|friend|links?|crumbs?"
    r"|xgwz|xglj|xgxx|rmxx|rmwz|phb)(?:$|[\s_-])",
    re.IGNORECASE,
)
_PAGES = frozenset({"htm", "html", "shtml", "jsp", "asp", "aspx", "php", "do", ""})
_SHORTEST_TITLE = 4
_CUT = re.compile(r"\s*(?:\.{2,}|…+|\u2025)\s*$")
_TAGS = re.compile(r"<[^<>]*>")
_PINNED = re.compile(r"[\[【(（]\s*(?:置\s*顶|顶)\s*[\]】)）]")
_BULLET = re.compile(r"^[\s·•●▪■◆►>»・\u2022\u25aa-]+(?=\S)")
_NO_YEAR = re.compile(r"[\[(（【]?\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?\s*[\])）】]?")
_MONTH = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*月?")
_DAY = re.compile(r"(\d{1,2})\s*日?")
_YEAR = re.compile(r"((?:19|20)\d{2})\s*年?")
_EMPTY = re.compile(r"暂无|暫無|没有(?:找到|查询到|搜索到|相关|任何)|无相关|未找到|尚无")
_IN_ROW: dict[str, str] = {**INDEX_LABELS, "发布时间": "publish_date", "来源": "source"}
_FIELDS = ("document_number", "index_number", "publisher", "written_date", "source", "validity", "topic")


class _Link(NamedTuple):
    element: Any
    url: str


def find_rows(page: Page, is_article: Callable[[str], bool]) -> list[Any]:
    """Return the row elements of the page's main list, in order; empty where no link leads to an article.

    Links to articles and files are grouped by where they stand. Of several lists the one with most rows wins, rows with a date
    and rows that lead below the list's own directory counting more, lists in side columns and footers less. Lines of the chosen
    list that lead elsewhere (another site, another CMS) are rows too, where they have a date or a page's address.

    Args:
        is_article: tells an article of the family by its address.
    """
    links = [link for link in _links(page) if is_article(link.url) or is_file_url(link.url)]
    below: dict[Any, set[str]] = defaultdict(set)
    for link in links:
        for element in (link.element, *link.element.iterancestors()):
            below[element].add(url_key(link.url))
    found: dict[Any, dict[Any, _Link]] = defaultdict(dict)
    for link in links:
        row, block = _row_of(link.element, below)
        parent = block.getparent()
        if parent is not None:
            found[_place(row, parent)].setdefault(row, link)
    groups = [
        group for group in (list(rows.items()) for rows in found.values()) if not _is_furniture(group, is_article)
    ]
    if not groups:
        return []
    here = urljoin(page.url, ".")
    best = max(groups, key=lambda group: _weight(group, here))
    return _with_neighbours(page, [row for row, _ in best])


def find_dated_rows(page: Page) -> list[Any]:
    """Return the rows of a list whose articles have addresses of no known shape: most rows have a date, and each link an id."""
    rows = find_rows(page, lambda url: _SOME_ARTICLE.search(url) is not None)
    dated = [row for row in rows if _find_date(row, row)[0] is not None]
    central = [row for row in rows if not any(map(is_aside, (row, *row.iterancestors())))]
    return rows if central and 2 * len(dated) >= len(rows) else []


_SOME_ARTICLE = re.compile(
    r"(?:\d{4,}|[0-9a-f]{16,})[\w-]*\.(?:s?html?|jsp|aspx?|php)$|/\d{6,}/(?:index|content|c)\.s?html?$|[?&]\w*id=\w*\d{2}",
    re.IGNORECASE,
)


def _is_furniture(group: list[tuple[Any, _Link]], is_article: Callable[[str], bool]) -> bool:
    """Tell whether links to files only stand in a footer or side column: an instruction on every page, no list."""
    row = group[0][0]
    return not any(is_article(link.url) for _, link in group) and any(map(is_aside, (row, *row.iterancestors())))


def _links(page: Page) -> Iterator[_Link]:
    for element in page.root.iter("a"):
        url = web_url(element.get("href"), page.url, query_encoding=page.encoding)
        if url is not None and not any(is_hidden(ancestor) for ancestor in (element, *element.iterancestors())):
            yield _Link(element, url)


def _row_of(link: Any, below: dict[Any, set[str]]) -> tuple[Any, Any]:
    """Return the row a link stands in, and the largest element that holds no other row (a table of one row each)."""
    row = link
    for ancestor in link.iterancestors():
        if (
            row.tag in _ROW_TAGS
            or ancestor.tag in _HOLDERS
            or len(below[ancestor]) > 1
            or _length(ancestor) > _LONGEST_ROW
        ):
            break
        row = ancestor
    block = row
    if row.tag == "tr":
        for ancestor in row.iterancestors("tbody", "table"):
            if len(below[ancestor]) > 1:
                break
            block = ancestor
    return row, block


def _place(row: Any, parent: Any) -> tuple[Any, ...]:
    """Return what rows of one list have in common: blocks of five ``ul`` beside each other are one list."""
    around = parent.getparent()
    return row.tag, parent.tag, parent.get("class"), around


def _weight(group: list[tuple[Any, _Link]], here: str) -> float:
    weight = sum(
        1 + 2 * (_find_date(row, link.element)[1] is not None) + 3 * link.url.startswith(here) for row, link in group
    )
    row = group[0][0]
    return weight * (0.2 if any(map(is_aside, row.iterancestors())) else 1.0)


def is_aside(element: Any) -> bool:
    """Tell whether an element is a side column, navigation, header or footer by its class or id."""
    return _ASIDE.search(f"{element.get('class') or ''} {element.get('id') or ''}") is not None


def _with_neighbours(page: Page, rows: list[Any]) -> list[Any]:
    """Return the rows with those lines between them that lead elsewhere, in document order."""
    known = {id(row) for row in rows}
    out: list[Any] = []
    done: set[int] = set()
    for row in rows:
        parent = row.getparent()
        if row.tag not in {"li", "tr"} or id(parent) in done:
            if row.tag not in {"li", "tr"}:
                out.append(row)
            continue
        done.add(id(parent))
        out += [line for line in parent.iterchildren(row.tag) if id(line) in known or _leads_elsewhere(page, line)]
    return out


def _leads_elsewhere(page: Page, line: Any) -> bool:
    for link in line.iter("a"):
        url = web_url(link.get("href"), page.url, query_encoding=page.encoding)
        if len(_text(link)) < _SHORTEST_TITLE:
            continue
        if url is None:  # a script's link: a line that cannot be followed
            return _find_date(line, link)[1] is not None
        parts = urlsplit(url)
        if parts.path in {"", "/"} and not parts.query:
            return False
        elsewhere = parts.hostname != urlsplit(page.url).hostname
        if parts.path.endswith("/") and not elsewhere:  # a column
            continue
        return _find_date(line, link)[1] is not None or (elsewhere and extension(url) in _PAGES)
    return False


# --- one row ---


def read_row(
    page: Page,
    row: Any,
    *,
    is_article: Callable[[str], bool],
    key_of: Callable[[str], str | None],
    columns: dict[int, str] | None = None,
) -> ListEntry | None:
    """Read one row; None, with a warning, where it names nothing that can be fetched (a script's link).

    The title is the link's text; where that is cut, its ``title``. A date without year is kept as printed only.

    Args:
        is_article: tells an article of the family by its address; of several links in a row that one is its link.
        key_of: the CMS's own id by address.
        columns: of a table with headings: place of a cell → catalog field (see :func:`read_headings`).
    """
    links = list(row.iter("a"))
    found = [(link, web_url(link.get("href"), page.url, query_encoding=page.encoding)) for link in links]
    usable = [(link, url) for link, url in found if url is not None]
    own = [(link, url) for link, url in usable if is_article(url) or is_file_url(url)] or usable
    if not own:
        if links:
            logger.warning("list row unread text=%.60r href=%r url=%s", _text(row), links[0].get("href"), page.url)
        return None
    link, url = max(own, key=lambda pair: (len(_text(pair[0])), bool(pair[0].get("title"))))
    title = _title(link)
    if title is None:
        logger.warning("list row unread: no title href=%r url=%s", link.get("href"), page.url)
        return None
    text, day = _find_date(row, link)
    extra = _read_fields(row, columns or {})
    printed = extra.pop("publish_date", None)
    if printed and parse_date(printed):
        text, day = printed, _iso(printed)
    return ListEntry(
        url=url,
        title=title,
        publish_date=day,
        date_text=text,
        key=key_of(url),
        pinned=_PINNED.search(_text(row)) is not None,
        extra=extra,
    )


def read_headings(row: Any) -> dict[int, str]:
    """Return place of a cell → catalog field by the first row of the table that a row stands in; empty where it has no headings."""
    table = next(row.iterancestors("table"), None) if row.tag == "tr" else None
    first = next(table.iter("tr"), None) if table is not None else None
    if first is None or first is row:
        return {}
    cells = [cell for cell in first if cell.tag in {"td", "th"}]
    names = {place: _IN_ROW.get(normal_label(_text(cell))) for place, cell in enumerate(cells)}
    return {place: name for place, name in names.items() if name and name != "title"}


def says_empty(page: Page) -> bool:
    """Tell whether a short text of the page says that its list has no entries (暂无信息)."""
    for element in page.root.iter("li", "p", "div", "span", "td"):
        text = (element.text or "").strip()
        if not text or len(text) > _SHORT or not _EMPTY.search(text):
            continue
        around = (element, *element.iterancestors())
        if not any(is_hidden(e) or is_aside(e) for e in around):
            return True
    return False


_SHORT = 40


def _title(link: Any) -> str | None:
    holder = _title_holder(link)
    text = _BULLET.sub("", _PINNED.sub("", read_value(_title_text(holder)) or ""))
    stated = next((value for e in (holder, link) if (value := read_value(_TAGS.sub("", e.get("title") or "")))), None)
    if not text:
        return stated
    stem = _squeeze(_CUT.sub("", text))
    if stated and not _CUT.search(stated) and (_squeeze(stated).startswith(stem) or _squeeze(stated) in stem):
        return stated
    return text


def _title_holder(link: Any) -> Any:
    """Return the element in a link that holds the title: a named one, a heading, the first block of several (date, title, summary)."""
    inner = [e for e in link.iterdescendants() if isinstance(e.tag, str) and e.tag != "a"]
    named = [e for e in inner if _TITLE_CLASS.search(e.get("class") or "")]
    headings = [e for e in inner if e.tag in _HEADINGS]
    blocks = [e for e in link if e.tag in {"p", "div"} and len(_NOT_WORDS.sub("", _title_text(e))) >= _SHORTEST_TITLE]
    found = next((e for e in (*named, *headings) if _squeeze(_title_text(e))), None)
    if found is None and len(blocks) > 1 and not _squeeze(link.text or ""):
        return blocks[0]
    return link if found is None else found


_NOT_WORDS = re.compile(r"[\d\s年月日./:：-]+")
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "dt"})

_TITLE_CLASS = re.compile(r"(?:^|[\s_-])(?:tit|title|bt)(?:$|[\s_-])", re.IGNORECASE)


def _title_text(holder: Any) -> str:
    """Return a link's text without the dates and labelled fields that stand in elements of it."""
    pieces = [holder.text or ""]
    for child in holder:
        text = _text(child) if isinstance(child.tag, str) else ""
        if not (parse_date(text) or _NO_YEAR.fullmatch(text.strip()) or split_labels(text, INDEX_LABELS)):
            pieces.append(text)
        pieces.append(child.tail or "")
    return "".join(pieces)


def _squeeze(text: str) -> str:
    return "".join(text.split())


def _read_fields(row: Any, columns: dict[int, str]) -> dict[str, str]:
    """Return what a row says beside title and date: in cells under headings, and behind labels."""
    out: dict[str, str] = {}
    cells = [cell for cell in row if cell.tag in {"td", "th"}] if columns else []
    for place, cell in enumerate(cells):
        name, value = columns.get(place), read_value(_text(cell))
        if name and value:
            out.setdefault(name, value)
    for element in row.iter("span", "p", "td", "i", "em", "div", "li", "font"):
        text = element.text or ""
        if ":" in text or "：" in text:
            for name, value in split_labels(_text(element), INDEX_LABELS).items():
                out.setdefault(name, value)
    return {name: value for name, value in out.items() if name in (*_FIELDS, "publish_date")}


def _find_date(row: Any, link: Any) -> tuple[str | None, str | None]:
    return find_date([text for text in map(_clean, _pieces(row, link)) if text])


def find_date(texts: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the first date among texts, as printed and as a day; the day is None where year, month or day is not printed.

    A date may stand in two texts beside each other, the day in one and year and month in the other, and behind a label.
    """
    for text in texts:
        if found := _iso(text):
            return text, found
        labelled = split_labels(text).get("publish_date")
        if labelled and (found := _iso(labelled)):
            return labelled, found
    for one, other in pairwise(texts):  # a badge: the day in one element, year and month in another
        for day, month in ((one, other), (other, one)):
            if _DAY.fullmatch(day) and _MONTH.fullmatch(month) and (found := _iso(f"{_month(month)}-{_digits(day)}")):
                return f"{one} {other}", found
    for one, other in pairwise(texts):  # … or the year in one element, month and day in the other
        for year, rest in ((one, other), (other, one)):
            if (
                (y := _YEAR.fullmatch(year))
                and (d := _NO_YEAR.fullmatch(rest))
                and (found := _iso(f"{y[1]}-{d[1]}-{d[2]}"))
            ):
                return f"{one} {other}", found
    short = next((text for text in texts if _NO_YEAR.fullmatch(text)), None)
    return short, None


def _month(text: str) -> str:
    found = _MONTH.fullmatch(text)
    return f"{found[1]}-{found[2]}" if found else text


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdecimal())


def _pieces(row: Any, link: Any) -> Iterator[str]:
    """Yield the texts of a row, one for each run between tags, the link's own text left out."""
    scopes: Iterable[Any] = (row,) if row.tag != "dt" else (row, *row.itersiblings("dd"))
    for scope in scopes:
        for element in scope.iter():
            if not isinstance(element.tag, str) or element.tag in {"script", "style"}:
                continue
            if element is not link and element.text:
                yield element.text
            if element is not scope and element.tail:
                yield element.tail


def _clean(text: str) -> str:
    return text.replace("\u200b", "").strip(" \t\r\n\u00a0\u3000|")


def _iso(text: str | None) -> str | None:
    found = parse_date(text)
    return found.day.isoformat() if found else None


def _text(element: Any) -> str:
    return "".join(element.itertext())


def _length(element: Any) -> int:
    return len(_squeeze(compiled("string(.)")(element)))
