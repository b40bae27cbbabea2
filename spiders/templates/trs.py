"""TRS WCM, as most agencies run it: static pages, ``index_N.htm`` lists, articles at ``tYYYYMMDD_ID.htm``.

The date in an article's address is when it was created in the CMS, often days or years before publication: it is never read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from govcrawl.articles import read_article
from govcrawl.errors import StubPage, TemplateMismatch
from govcrawl.items import DocumentPage, ListEntry, ListPage, NextPage
from govcrawl.listing import find_rows, read_headings, read_row, says_empty
from govcrawl.pagers import Pager, read_pager
from govcrawl.pick import compiled, pick_some
from govcrawl.spider import DisclosureSpider
from govcrawl.urls import read_twins

if TYPE_CHECKING:
    from govcrawl.decode import Page

STUB_BYTES = 600
"""A list page beyond the first that is smaller and has no rows is a broken stub (300 to 400 bytes on central sites)."""

ARTICLE = re.compile(r"/t\d{8}_\d+\.s?html?$|/\d{17}\.s?html?$")
ROWS = "//a[@href like …/tYYYYMMDD_ID.htm]"  # what is looked for, as messages name it
_DOC_ID = re.compile(r"/t\d{8}_(\d+)\.\w+$|/(\d{17})\.\w+$")
_SPLIT = re.compile(r"\bcountPage\s*=\s*(\d+)")


class TrsWcm(DisclosureSpider):
    """Sites of TRS WCM.

    An agency sets ``name``, ``agency``, ``base_url`` and ``channels`` (printed name → list directory). Where the list stands is
    found by its links; ``rows`` names it instead, a CSS or XPath selector of the rows, on sites whose pages hold several
    lists. ``title`` and ``content`` do so for documents.
    """

    template_name = "trs"
    signals = (
        "createPageHTML(",
        "TRS_Editor",
        "TRS_UEDITOR",
        "trs_editor_view",
        "trs_paper_default",
        "TRS_AUTOADD",
        "TRS_PreAppend",
        "Custom_UnionStyle",
        "ta.trs.cn/c/js/ta.js",
        "CurrChnlCls",
        "OLDSRC=",
        "pagination_script_config",
    )
    rows: ClassVar[str] = ""
    title: ClassVar[str] = ""
    content: ClassVar[str] = ""

    @classmethod
    def read_list(cls, page: Page) -> ListPage:
        """Read a static list page and its pager."""
        rows = pick_some(page, cls.rows, "the list's rows", least=0) if cls.rows else find_rows(page, is_article)
        headings = read_headings(rows[0]) if rows else {}
        read = (read_row(page, row, is_article=is_article, key_of=doc_id, columns=headings) for row in rows)
        lines: dict[str, ListEntry] = {}
        for entry in read:
            if entry is not None:
                lines.setdefault(entry.url, entry)
        entries = tuple(lines.values())
        pager = read_pager(page)
        if not entries:
            cls._check_empty(page, pager)
            return ListPage(entries=(), number=pager.number, pages=pager.pages, total=pager.total or 0)
        short = pager.total is not None and pager.pages is not None and pager.number < pager.pages
        capped = pager.capped or (short and (pager.total or 0) > (pager.pages or 0) * len(rows))
        following = NextPage(url=pager.next_url, number=pager.number + 1) if pager.next_url else None
        return ListPage(
            entries=entries,
            number=pager.number,
            pages=pager.pages,
            total=pager.total,
            next=following,
            capped=capped,
            skipped=len(rows) - len(entries),
        )

    @classmethod
    def _check_empty(cls, page: Page, pager: Pager) -> None:
        """Raise unless the page says that its list is empty.

        Raises:
            StubPage: it is a later page of the list and next to nothing.
            TemplateMismatch: rows are missing.
        """
        what = f"{page.url}: the list's rows: {cls.rows or ROWS!r} found 0"
        if len(page.body) < STUB_BYTES and pager.number > 1:
            raise StubPage(
                f"{what} on a stub of {len(page.body)} bytes, page {pager.number} of the list; ask again later"
            )
        if pager.total == 0 or pager.pages == 0 or (pager.number == 1 and says_empty(page)):
            return
        raise TemplateMismatch(
            f"{what}, expected at least 1 or a text that says the list is empty; the list was redesigned or is filled by a script"
        )

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read title, labels, index table, body and attachments of a document page."""
        split = any(
            (found := _SPLIT.search(text)) and int(found[1]) > 1 for text in compiled("//script/text()")(page.root)
        )
        flags = ("split_pages",) if split and is_article(page.url) else ()
        hints = read_article(page, title=cls.title, content=cls.content, key=doc_id(page.url), flags=flags)
        return replace(hints, aliases=read_twins(page, cls.canonical))


def is_article(url: str) -> bool:
    """Tell an article by its address."""
    return ARTICLE.search(url.partition("?")[0]) is not None


def doc_id(url: str) -> str | None:
    """Return the DocId that an article's address ends with."""
    found = _DOC_ID.search(url.partition("?")[0])
    return next(filter(None, found.groups())) if found else None
