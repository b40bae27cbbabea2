"""Guangdong's disclosure platform (gkmlpt) and the columns of the CMS beside it (NFCMS).

A channel of gkmlpt is ``/gkmlpt/index#721`` (721 = the category; without fragment the whole catalogue): the page's script says
which site it is (SID) and asks for JSON lists. A channel of NFCMS is a static list. Both show documents at ``…/post_<id>.html``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urldefrag, urlencode, urljoin, urlsplit

import lxml.etree
import lxml.html

from govcrawl.articles import read_article
from govcrawl.containers import unlinked_length
from govcrawl.dates import parse_date
from govcrawl.decode import Page
from govcrawl.errors import TemplateMismatch
from govcrawl.items import DocumentPage, ListEntry, ListPage, NextPage
from govcrawl.labels import read_value
from govcrawl.listing import find_rows, read_headings, read_row, says_empty
from govcrawl.pagers import read_pager
from govcrawl.pick import compiled
from govcrawl.spider import DisclosureSpider
from govcrawl.urls import file_links, read_twins, web_url

if TYPE_CHECKING:
    from collections.abc import Iterator

CHINA_TIME = timezone(timedelta(hours=8))
_ARTICLE = re.compile(r"/m?post_(\d+)\.html?$")
_MOBILE = re.compile(r"/mpost_(\d+\.html?)$")
_INDEX = re.compile(r"^(.*/gkmlpt)/(?:m?index|policy|guide)?(?:\.html?)?/?$")
_LIST = re.compile(r"/gkmlpt/api/all/(\d+)$")
_SID = re.compile(r"""\bSID["']?\s*:\s*["']?(\d+)""")
_BYTE = re.compile(r"%([0-9A-Fa-f]{2})")
_LONGEST_NUMBER = 12  # digits
_ESCAPED = re.compile(r"(?:%u[0-9A-Fa-f]{4})+")
_BODIES = (".article-content", "div.news_cont_d_wrap", "#zoomcon", ".tyxxy_main")
_FILES = "//*[contains(concat(' ', @class, ' '), ' tyxxy_fj ')]"
_FIELDS = {
    "document_number": "document_number",
    "index_number": "identifier",
    "publisher": "publisher",
    "topic": "classify_theme_name",
    "keywords": "keywords",
}
_FLAGS = ("is_expired", "is_abolished")


class Gkmlpt(DisclosureSpider):
    """Sites of gkmlpt and NFCMS.

    An agency sets ``name``, ``agency``, ``base_url`` and ``channels`` (printed name → ``/gkmlpt/index#<category>``, or a list
    directory of NFCMS).
    """

    template_name = "gkmlpt"
    signals = (
        "window._CONFIG",
        "/gkmlpt/",
        "gkmlpt/api/all",
        "NFCMS_SITE_ID",
        "NFCMS_POST_ID",
        "tyxxy_main",
        "news_cont_d_wrap",
        "/content/post_",
        'class="newsclass"',
    )
    missing_page_is_cap = True  # 肇庆 counts more than a page and answers 404 for the second

    @classmethod
    def canonical(cls, url: str) -> str:
        """Return the address of the desktop page in simplified Chinese: gateway and mobile twin are taken off."""
        return _MOBILE.sub(r"/post_\1", super().canonical(url))

    @classmethod
    def read_list(cls, page: Page) -> ListPage:
        """Read an index page (which only says where its list is), a JSON list, or a static list of NFCMS."""
        if "json" in page.media_type or page.body.lstrip()[:1] == b"{":
            return _read_json(page)
        if _SID.search(page.text) and "_CONFIG" in page.text and _INDEX.match(urlsplit(page.url).path):
            return _read_index(page)
        return _read_static(page)

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read title, index table, body and attachments; what the page's script knows fills what is not printed."""
        return replace(_read_document(page), aliases=read_twins(page, cls.canonical))

    @classmethod
    def read_channels(cls, page: Page) -> dict[str, str]:
        """Read the categories of an index page: those without children that do not jump elsewhere."""
        tree = _value(page.text, "TREE")
        base = urldefrag(page.url).url
        return {name: f"{base}#{ident}" for name, ident in _leaves(tree if isinstance(tree, list) else [])}


# --- lists ---


def _read_index(page: Page) -> ListPage:
    """Point to the first page of the list; ``page.url`` keeps the seed's fragment.

    Raises:
        TemplateMismatch: the fragment is no category.
    """
    url, fragment = urldefrag(page.url)
    category = fragment.strip("/") or "0"
    sid = _SID.search(page.text)
    base = _INDEX.match(urlsplit(url).path)
    if not category.isdecimal() or sid is None or base is None:
        raise TemplateMismatch(
            f"{page.url}: category {category!r}, SID {sid and sid[1]!r}; expected a number behind # and a SID in window._CONFIG"
        )
    address = urljoin(url, f"{base[1]}/api/all/{category}?{urlencode({'page': 1, 'sid': sid[1]})}")
    return ListPage(entries=(), next=NextPage(url=address, number=1))


def _read_json(page: Page) -> ListPage:
    answer = page.json()
    rows = answer.get("articles") if isinstance(answer, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise TemplateMismatch(
            f"{page.url}: an answer without the list 'articles': {page.text[:80]!r}; see whether the endpoint changed"
        )
    asked = parse_qs(urlsplit(page.url).query)
    number = max(1, _integer(asked.get("page", ["1"])[0]) or 1)  # page 0 is page 1
    classify = answer.get("classify")
    total = _integer(answer.get("total"))
    if total is None and isinstance(classify, Mapping):
        total = _integer(classify.get("post_count"))
    if not rows and number == 1 and total:
        raise TemplateMismatch(
            f"{page.url}: 'articles' is empty, but {total} are counted; expected at least 1; ask again"
        )
    if not rows and number == 1 and not (isinstance(classify, Mapping) and classify.get("id")) and total is None:
        raise TemplateMismatch(
            f"{page.url}: no article and no count; the sid or the category may be wrong: {page.text[:80]!r}"
        )
    entries = [entry for row in rows if (entry := _read_article_row(page, row)) is not None]
    more = bool(rows) and (total is None or number * len(rows) < total)
    following = None
    if more:
        query = urlencode({**{name: values[0] for name, values in asked.items()}, "page": number + 1})
        following = NextPage(url=f"{page.url.partition('?')[0]}?{query}", number=number + 1)
    return ListPage(
        entries=tuple(entries), number=number, total=total, next=following, skipped=len(rows) - len(entries)
    )


def _read_article_row(page: Page, row: Mapping[str, Any]) -> ListEntry | None:
    """Read one row; None where it is no article: its address names no content of this site."""
    url = web_url(_text(row.get("url")) or _text(row.get("post_url")), page.url)
    title = read_value(unescape(_text(row.get("title"))))
    if url is None or not title:
        return None
    if urlsplit(url).hostname == urlsplit(page.url).hostname and "content" not in url:
        return None
    printed = _printed_date(row)
    found = parse_date(printed)
    extra = {name: value for name, key in _FIELDS.items() if (value := read_value(_text(row.get(key))))}
    extra |= {name: "1" for name in _FLAGS if _integer(row.get(name))}
    return ListEntry(
        url=url,
        title=title,
        publish_date=found.day.isoformat() if found else None,
        date_text=printed or None,
        key=_post_id(url) or _text(row.get("id")) or None,
        extra=extra,
    )


def _read_static(page: Page) -> ListPage:
    rows = find_rows(page, _is_article)
    headings = read_headings(rows[0]) if rows else {}
    found = [read_row(page, row, is_article=_is_article, key_of=_post_id, columns=headings) for row in rows]
    entries = tuple({entry.url: entry for entry in reversed(found) if entry is not None}.values())[::-1]
    pager = read_pager(page)
    if not entries and pager.total != 0 and not says_empty(page):
        raise TemplateMismatch(
            f"{page.url}: the list's rows: '//a[@href like …/post_ID.html]' found 0, expected at least 1 or a text that says the list is empty; the list was redesigned or is filled by a script"
        )
    following = NextPage(url=pager.next_url, number=pager.number + 1) if entries and pager.next_url else None
    return ListPage(
        entries=entries,
        number=pager.number,
        pages=pager.pages,
        total=pager.total,
        next=following,
        capped=pager.capped,
        skipped=len(rows) - len(entries),
    )


def _leaves(nodes: list[Any]) -> Iterator[tuple[str, int]]:
    for node in nodes:
        if not isinstance(node, Mapping) or node.get("jump_url"):
            continue
        children = node.get("children")
        below = list(_leaves(children)) if isinstance(children, list) else []
        name, ident = read_value(_text(node.get("name"))), _integer(node.get("id"))
        if below:
            yield from below
        elif name and ident is not None:
            yield name, ident


def _is_article(url: str) -> bool:
    return _ARTICLE.search(url.partition("?")[0]) is not None


def _post_id(url: str) -> str | None:
    found = _ARTICLE.search(url.partition("?")[0])
    return found[1] if found else None


# --- documents ---


def _read_document(page: Page) -> DocumentPage:
    detail = _value(page.text, "DETAIL")
    known: Mapping[str, Any] = detail if isinstance(detail, Mapping) else {}
    _fill_body(page, known)
    body = next((name for name in _BODIES if any(map(unlinked_length, compiled(name)(page.root)))), "")
    hints = read_article(page, content=body, key=_post_id(page.url) or _text(known.get("id")) or None)
    fields = {field: unescape(value) for field, value in hints.fields.items()}
    stamp = read_value("".join(text for element in page.root.iter("publishtime") for text in element.itertext()))
    if stamp and parse_date(stamp):
        fields.setdefault("publish_date", stamp)
    index, metas = dict(hints.index_fields), {field: unescape(value) for field, value in hints.metas.items()}
    for field, value in _known_fields(known).items():
        (metas if field in {"title", "publish_date"} else index).setdefault(field, value)
    if "source" not in metas and "publisher" in index:
        metas["source"] = index["publisher"]  # these pages print 发布机构 where others print 来源
    blocks = [*compiled(_FILES)(page.root), *_stored_files(known)]
    files = file_links(blocks, page.url, trusted=True, query_encoding=page.encoding)
    return replace(hints, fields=fields, index_fields=index, metas=metas, attachments=(*hints.attachments, *files))


def _fill_body(page: Page, known: Mapping[str, Any]) -> None:
    """Put the content that the page carries as data where its script puts it, on pages that come without."""
    content = _text(known.get("content"))
    bodies = [body for name in _BODIES for body in compiled(name)(page.root)]
    if not content or any(len(body) or (body.text or "").strip() for body in bodies):
        return
    markup = f'<div class="article-content">{content}</div>'
    fragment = Page(url=page.url, body=markup.encode(), content_type="text/html")
    whole = compiled("//*[@class='article-content']")(fragment.root)[0]
    if bodies:
        bodies[0].append(whole)
    else:
        page.root.find("body").append(whole)


def _known_fields(known: Mapping[str, Any]) -> dict[str, str]:
    """Return what the page's script knows of the document, by catalog field name."""
    out = {field: value for field, name in _FIELDS.items() if (value := read_value(_text(known.get(name))))}
    title, printed = read_value(unescape(_text(known.get("title")))), _printed_date(known)
    return out | ({"title": title} if title else {}) | ({"publish_date": printed} if printed else {})


def _stored_files(known: Mapping[str, Any]) -> list[Any]:
    """Return the attachments that the page carries as data, as links in an element."""
    block = lxml.html.Element("div")
    rows = known.get("attachment")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, Mapping) and _text(row.get("url")):
            link = lxml.etree.SubElement(block, "a", href=_text(row.get("url")))
            link.text = read_value(unescape(_text(row.get("name"))))
    return [block]


# --- values ---


def unescape(text: str) -> str:
    """Undo JavaScript's escape(): ``%uXXXX`` and, in a text that has those, ``%XX``."""
    if not _ESCAPED.search(text):
        return text
    parts = _ESCAPED.sub(lambda run: _utf16(run.group()), text)
    return _BYTE.sub(lambda found: chr(int(found[1], 16)), parts)


def _utf16(run: str) -> str:
    units = bytes.fromhex("".join(run.split("%u")))
    return units.decode("utf-16-be", "replace")


def _printed_date(row: Mapping[str, Any]) -> str:
    """Return a row's time of publication as ``YYYY-MM-DD HH:MM`` in China."""
    for name in ("display_publish_time", "create_time"):
        seconds = _integer(row.get(name))
        if seconds:
            return datetime.fromtimestamp(seconds, UTC).astimezone(CHINA_TIME).strftime("%Y-%m-%d %H:%M")
    return _text(row.get("created_at"))


def _value(text: str, name: str) -> Any:
    """Return the value of a field of ``window._CONFIG``, which is script with JSON in it; None where it is not there."""
    for found in re.finditer(rf"""\b{name}["']?\s*:\s*(?=[\[{{])""", text):
        try:
            return json.JSONDecoder().raw_decode(text, found.end())[0]
        except (ValueError, RecursionError):
            continue
    return None


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _integer(value: object) -> int | None:
    text = _text(value)
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None
