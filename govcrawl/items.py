"""What templates return: frozen values, read from one page by pure functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.model import FileLink


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """One line of a list page (条目)."""

    url: str  # absolute, canonical
    title: str
    publish_date: str | None = None  # YYYY-MM-DD; None where the line has no readable full date
    date_text: str | None = None  # as printed
    key: str | None = None  # the CMS's own id (DocId, post id …), unique on its host
    pinned: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)  # fields a JSON list gives: document_number, source …


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPage:
    """Where a list goes on (下一页). ``form`` is posted as application/x-www-form-urlencoded.

    ``click`` is the XPath of what a reader clicks for it; in a browser channel it is clicked, and ``url`` is not asked for.
    """

    url: str
    number: int  # 1 = the seed
    form: Mapping[str, str] | None = None
    click: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """A list page as read (列表页)."""

    entries: tuple[ListEntry, ...]
    number: int = 1  # 1 = the seed
    pages: int | None = None  # the CMS's own page count
    next: NextPage | None = None
    total: int | None = None  # the list's own count (共 N 条)
    capped: bool = False  # the CMS says that older entries are not listed
    skipped: int = 0  # lines that are no documents; ``total`` counts them


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The body of a page without known container, as :mod:`govcrawl.passage` finds it."""

    element: Any  # a copy that holds the body alone
    holder: Any  # the smallest element of the page around it
    parts: tuple[Any, ...]  # the elements of the page that are the body
    anchored: bool = True  # it begins behind the page's title; else only the density of its text speaks for it


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPage:
    """What a template knows of a document page: hints for :func:`govcrawl.extract.extract`.

    Elements are lxml elements of the page's own tree. ``fields`` holds printed values by catalog field name
    (``title``, ``publish_date`` as printed, ``source``, ``index_number`` …), ``None`` values left out.
    """

    container: Any | None = None  # the element whose content is the document's body
    container_name: str | None = None  # the selector that found it
    fields: Mapping[str, str] = field(default_factory=dict)  # read from printed labels
    index_fields: Mapping[str, str] = field(default_factory=dict)  # read from the index table or box
    metas: Mapping[str, str] = field(default_factory=dict)  # the official meta tags, by catalog field name
    attachments: tuple[FileLink, ...] = ()  # from the attachment block; links inside the container are found by extract
    key: str | None = None
    aliases: tuple[str, ...] = ()  # other addresses that the page gives of itself
    flags: tuple[str, ...] = ()
    passage: Passage | None = None  # where there is no container
