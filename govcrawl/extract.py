"""Page and hints to document. Pure; the only importer of trafilatura.

The body is found here, the fields in :mod:`govcrawl.fields`; the flags (``Extraction.flags``) are those of :mod:`govcrawl.quality`.
"""

from __future__ import annotations

import copy
import logging
from collections import Counter
from configparser import ConfigParser
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import lxml.etree
import trafilatura
from trafilatura.settings import DEFAULT_CONFIG, Extractor

from archive.model import Document, Extraction, FileLink
from govcrawl.articles import read_article
from govcrawl.blocks import Content, read_content
from govcrawl.citations import read_citations
from govcrawl.dates import parse_date
from govcrawl.errors import NotAPage, UnreadablePage
from govcrawl.fields import read_fields, squeeze
from govcrawl.guard import check, is_file
from govcrawl.index_box import find_index
from govcrawl.marked import read_blocks
from govcrawl.pick import compiled
from govcrawl.quality import LEAST_AGREEMENT, content_flags
from govcrawl.related import find_related
from govcrawl.traditional import FLAG as TRADITIONAL
from govcrawl.traditional import is_traditional
from govcrawl.urls import file_links, image_links, url_key

if TYPE_CHECKING:
    from govcrawl.decode import Page
    from govcrawl.items import DocumentPage, ListEntry, Passage
    from govcrawl.marked import Block

EXTRACTOR_VERSION = "3"
"""Raised whenever the same page would give another document."""

MIN_EXTRACTED_CHARACTERS = 60
"""trafilatura's own 250 is tuned on Western text and grabs the whole page around a short Chinese notice."""

MAX_ASKED_CHARACTERS = 1_000_000
"""Longest text given to trafilatura, whose time grows faster than the text; the longest real report seen has 354,824 characters."""

MAX_ASKED_ELEMENTS = 60_000
"""Most elements given to trafilatura, which copies them several times: 300,000 <br> took it 0.4 GiB. A real report of Word HTML has some 20,000."""

_GRAM = 4
_LONGEST_WHOLE = 4  # times that, markup included
_FULL = 1.0
_SPAN_DIGITS = 2
_WIDE = 1.5  # a container with that many times trafilatura's text probably wraps more than the body
_WIDE_CHARACTERS = 400
_MOSTLY = 0.6  # of trafilatura's reading of a page, that a passage must hold to be kept without a title before it

_COUNT = compiled("(count(.//*))")
_WIDE_CELLS = compiled(f"(.//*[string-length(@colspan) > {_SPAN_DIGITS}])")

# trafilatura warns of every body it finds empty, which here is known from the container itself
logging.getLogger("trafilatura").setLevel(logging.ERROR)


class Template(Protocol):
    """What reading needs of a template."""

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        """Read the hints of one document page."""


def read_page(template: type[Template], page: Page, entry: ListEntry | None = None) -> Document:
    """Guard a fetched page, read it with its template and return the document.

    Raises:
        BlockedPage, NotAPage, UnreadablePage: see :func:`govcrawl.guard.check`.
        TemplateMismatch: the page has not the template's shape.
    """
    check(page)
    if is_file(page):
        return read_file(page.url, None, entry)  # its bytes say what it is, whatever the header does
    return extract(page, template.read_document(page), entry)


def read_file(url: str, content_type: str | None, entry: ListEntry | None = None) -> Document:
    """Return the document of a list's line that is itself a file: no text, the file as its one attachment.

    Raises:
        NotAPage: the answer is a web page.
    """
    if "html" in (content_type or "").lower():
        raise NotAPage(f"{url}: listed as a file, but the answer is {content_type}")
    found = parse_date(entry.date_text or entry.publish_date) if entry else None
    name = url.rsplit("?", 1)[0].rsplit("/", 1)[-1]
    return Document(
        url=url,
        title=entry.title if entry else None,
        publish_date=entry.publish_date if entry else None,
        publish_date_source="list" if entry and entry.publish_date else None,
        publish_date_text=(entry.date_text or entry.publish_date) if entry else None,
        publish_time=None,
        attachments=(FileLink(url=url, label=entry.title if entry else None, filename=name or None),),
        key=entry.key if entry else None,
        extraction=Extraction(
            method="binary",
            extractor_version=EXTRACTOR_VERSION,
            trafilatura_version=None,
            encoding=None,
            container=None,
            agreement=None,
            flags=() if found or not (entry and entry.date_text) else ("publish_date_unreadable",),
        ),
    )


def extract(page: Page, hints: DocumentPage | None = None, entry: ListEntry | None = None) -> Document:
    """Read one document page.

    Args:
        hints: what a template found; None reads the page without template, by strong hints or as a whole.
        entry: the list's line that led here.

    Raises:
        NotAPage: read without template, the page holds no main content.
        UnreadablePage: the page cannot be parsed.
    """
    flags = set(hints.flags) if hints else set()
    generic = hints is None
    if hints is None:
        hints = read_article(page, anything=True)
    body = _read_body(page, hints, flags)
    fields = read_fields(page, hints, entry, body.content, flags)
    scopes = [] if body.element is None else [body.element]
    attachments = _joined(file_links(scopes, page.url, query_encoding=page.encoding), hints.attachments)
    images = image_links(scopes, page.url, query_encoding=page.encoding)
    content = body.content
    if not content.text and not content.tables:
        flags.add("attachment_only" if attachments else "no_text")
        if generic and not attachments and not images:
            raise NotAPage(
                f"{page.url}: no main content found on {len(page.body)} bytes; name the template if a family is known"
            )
    flags.update(content_flags(page, content, attachments, images))
    if "\ufffd" in content.complete:
        flags.add("undecodable")
    if is_traditional(f"{fields['title'] or ''}{content.complete}"):
        flags.add(TRADITIONAL)
    return Document(
        url=page.url,
        text=content.text,
        tables=content.tables,
        attachments=attachments,
        images=images,
        cites=read_citations(content.text, fields.get("document_number")),
        key=hints.key or (entry.key if entry else None),
        aliases=hints.aliases,
        extraction=Extraction(
            method=body.method,
            extractor_version=EXTRACTOR_VERSION,
            trafilatura_version=trafilatura.__version__ if body.asked else None,
            encoding=page.encoding,
            container=hints.container_name,
            agreement=body.agreement,
            flags=tuple(sorted(flags)),
        ),
        **fields,
    )


# --- the body ---


class _Body(NamedTuple):
    content: Content
    method: str
    agreement: float | None
    asked: bool  # whether trafilatura read it
    element: Any | None  # of the page, or a copy of what is there; None where trafilatura's reading of the page is kept


def _read_body(page: Page, hints: DocumentPage, flags: set[str]) -> _Body:
    """Read the container completely and by trafilatura, or the whole page by trafilatura where there is no container."""
    if hints.container is None:
        flags.add("no_container")
        return _read_whole(page, hints.passage, flags)
    drop = find_beside(hints.container)
    content = read_content(hints.container, drop)
    if not content.complete:  # nothing there to read, e.g. only attachments or images
        return _Body(content, "container", None, asked=False, element=hints.container)
    if len(content.complete) > MAX_ASKED_CHARACTERS or _COUNT(hints.container) > MAX_ASKED_ELEMENTS:
        flags.add("trafilatura_skipped")
        return _Body(content, "container", None, asked=False, element=hints.container)
    reading = _ask(hints.container, drop, flags)
    if reading is None:
        return _Body(content, "container", 0.0, asked=True, element=hints.container)
    agreement = agree(content.complete, reading)
    if len(content.complete) > _WIDE_CHARACTERS and len(content.complete) > _WIDE * len(reading):
        flags.add("container_wide")
    method = "container+trafilatura" if agreement >= _FULL else "container"
    return _Body(content, method, agreement, asked=True, element=hints.container)


def find_beside(container: Any) -> list[Any]:
    """Return what stands in a container and is no part of the document: the index, links to other pages under the text."""
    return [*find_index(container), *find_related(container)]


def _ask(container: Any, drop: list[Any], flags: set[str]) -> str | None:
    """Return trafilatura's reading of a container, None where it finds nothing or gives up.

    The container is handed over as the article of a page of its own: so trafilatura's first rule finds it, where the bare element
    would send it through its slower recovery, which loses more.
    """
    article = copy.deepcopy(container)
    if drop:
        dropped = {place for place, element in enumerate(container.iter()) if element in drop}
        for element in [element for place, element in enumerate(article.iter()) if place in dropped]:
            element.drop_tree()
    _bound_spans(article)
    article.tag, article.tail = "article", None
    page = article.makeelement("html")
    lxml.etree.SubElement(page, "body").append(article)
    try:
        return trafilatura.extract(page, options=_options(whole=False))
    except RecursionError:  # it descends by recursion, markup pasted from Word may be deeper than that
        flags.add("trafilatura_failed")
        return None


def _bound_spans(root: Any) -> None:
    """Take away spans that no table has: trafilatura makes a cell for each column that one claims, millions of them if so it says."""
    for cell in _WIDE_CELLS(root):
        del cell.attrib["colspan"]


def _read_whole(page: Page, passage: Passage | None, flags: set[str]) -> _Body:
    """Read a page without known container by trafilatura, and the passage behind its title completely; keep one of them.

    The passage is kept where the page's title leads to it, or where it holds most of what trafilatura takes for content.
    """
    if len(page.text) > _LONGEST_WHOLE * MAX_ASKED_CHARACTERS:
        raise UnreadablePage(
            f"{page.url}: {len(page.text)} characters and no known container; name the template, or fetch it as a file"
        )
    if _COUNT(page.root) > MAX_ASKED_ELEMENTS:
        flags.add("trafilatura_skipped")
        if passage is None:
            raise UnreadablePage(
                f"{page.url}: more than {MAX_ASKED_ELEMENTS} elements, no known container and no title that leads to the text; name the template"
            )
        return _Body(read_content(passage.element), "passage", None, asked=False, element=passage.element)
    tree = _whole_tree(page, flags)
    whole = Content((), (), "") if tree is None else read_content(tree)
    own = Content((), (), "") if passage is None else read_content(passage.element, find_related(passage.element))
    agreement = agree(whole.complete, own.complete)
    if agreement < LEAST_AGREEMENT:
        flags.add("readers_disagree")
    if passage is not None and (passage.anchored or covers(own.complete, whole.complete) >= _MOSTLY):
        method = "passage+trafilatura" if agreement >= _FULL else "passage"
        return _Body(own, method, agreement, asked=True, element=passage.element)
    return _Body(whole, "page+trafilatura", agreement, asked=True, element=None)


def _whole_tree(page: Page, flags: set[str]) -> Any | None:
    """Return what trafilatura takes for the content of a whole page, as its own XML."""
    _bound_spans(page.root)
    try:
        found = trafilatura.bare_extraction(page.root, options=_options(whole=True))
    except RecursionError:
        flags.add("trafilatura_failed")
        found = None
    return getattr(found, "body", None)


def read_body_blocks(page: Page, hints: DocumentPage | None = None) -> tuple[Block, ...]:
    """Return the blocks of the body that :func:`extract` reads, with headings, lists, links and images.

    Where there is no container, links and images are left out: trafilatura does not tell them from those of the page around.

    Raises:
        UnreadablePage: the page cannot be parsed.
    """
    hints = hints or read_article(page, anything=True)
    if hints.container is not None:
        return read_blocks(hints.container, find_beside(hints.container), page.url, page.encoding)
    body = _read_whole(page, hints.passage, set())
    if body.element is not None:
        return read_blocks(body.element, find_related(body.element), page.url, page.encoding)
    tree = _whole_tree(page, set())
    return () if tree is None else read_blocks(tree, (), page.url, page.encoding)


@lru_cache(maxsize=2)
def _options(*, whole: bool) -> Extractor:
    """Return trafilatura's options: fast and complete on a container, precise on a page.

    Never ``deduplicate`` (its state is shared by all pages of a process), no target language (it rejects good pages), no metadata
    (it takes dates from running text).
    """
    config = ConfigParser()
    config.read_dict(DEFAULT_CONFIG)
    config.set("DEFAULT", "MIN_EXTRACTED_SIZE", str(MIN_EXTRACTED_CHARACTERS))
    return Extractor(
        config=config,
        output_format="python" if whole else "txt",
        fast=not whole,
        precision=whole,
        recall=not whole,
        comments=False,
        tables=True,
    )


def agree(one: str, other: str) -> float:
    """Return how far two readings agree: F1 over the multisets of character 4-grams, blanks and table rules left out; 1.0 = the same characters in the same order."""
    a, b = squeeze(one), squeeze(other)
    if a == b:
        return _FULL
    x, y = _grams(a), _grams(b)
    common = sum(min(count, y[gram]) for gram, count in x.items() if gram in y)
    return min(round(2 * common / max(1, x.total() + y.total()), 4), 0.9999)


def covers(one: str, other: str) -> float:
    """Return the share of the other text's 4-grams that one text has too."""
    x, y = _grams(squeeze(one)), _grams(squeeze(other))
    return sum(min(count, x[gram]) for gram, count in y.items() if gram in x) / max(1, y.total())


def _grams(text: str) -> Counter[str]:
    return Counter(text[i : i + _GRAM] for i in range(max(1, len(text) - _GRAM + 1))) if text else Counter()


def _joined(*groups: tuple[FileLink, ...]) -> tuple[FileLink, ...]:
    """Return the links of several groups in order, each address once."""
    out: dict[str, FileLink] = {}
    for link in (link for group in groups for link in group):
        kept = out.get(url_key(link.url))
        if kept is None or (kept.label is None and link.label):
            out[url_key(link.url)] = link
    return tuple(out.values())
