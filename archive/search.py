"""Searching the archive: a query in, a page of documents with marked snippets out.

The command, the web page and the JSON answer all show what :func:`search` returns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from archive.catalog_find import find_documents
from archive.catalog_search import check_index
from archive.search_text import Piece, excerpt, find_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archive.catalog import Catalog
    from archive.rows import Row
    from archive.search_query import Column, Phrase, Query

AROUND_CHARACTERS = 60
_MARKED_MOST = 20  # places marked in one snippet

_HIT = (
    "SELECT d.id AS document_id, d.agency, a.title AS agency_title, d.url, d.state, d.current_version_id, v.number AS version,"
    " v.title, v.publish_date, v.document_number, v.index_number, v.source, v.text, v.tables, s.kind, s.attachments"
    " FROM documents AS d JOIN agencies AS a ON a.name = d.agency JOIN versions AS v ON v.id = d.current_version_id"
    " JOIN search_rows AS s ON s.document_id = d.id WHERE d.id = ?"
)


class Snippet(NamedTuple):
    """Where a query stands in a document: in which column, of which attachment, and the words around it."""

    column: Column
    label: str | None  # of the attachment, else None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A document that was found."""

    document_id: str
    agency: str
    agency_title: str
    url: str
    state: str
    version: int
    kind: str | None
    publish_date: str | None
    document_number: str | None
    source: str | None
    attachments: int
    title: tuple[Piece, ...]
    snippets: tuple[Snippet, ...]
    rank: float | None  # bm25, smaller is better; None where documents come newest first

    def as_json(self) -> dict[str, Any]:
        """Return it with plain values; pieces as ``{"text", "hit"}``."""
        names = [name for name in Hit.__slots__ if name not in {"title", "snippets"}]
        return {name: getattr(self, name) for name in names} | {
            "title": _text_of(self.title),
            "title_pieces": _said(self.title),
            "snippets": [
                {"column": one.column, "label": one.label, "pieces": _said(one.pieces)} for one in self.snippets
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of what a query finds: ``total`` in all, from ``offset`` on."""

    total: int
    offset: int
    limit: int
    ranked: bool  # best first; otherwise newest first
    hits: tuple[Hit, ...]
    withheld: int = 0  # documents of the catalog that no search shows

    def as_json(self) -> dict[str, Any]:
        """Return it with plain values."""
        order = "relevance" if self.ranked else "newest"
        hits = [hit.as_json() for hit in self.hits]
        said = {"total": self.total, "offset": self.offset, "limit": self.limit, "order": order, "hits": hits}
        return {**said, "withheld": self.withheld}


def search(catalog: Catalog, query: Query, *, limit: int = 20, offset: int = 0, newest_first: bool = False) -> Page:
    """Return a page of what a query finds, from one view of the catalog.

    Raises:
        CatalogError: the index is not there for every document, or the catalog cannot be read.
    """
    with catalog.snapshot():
        check_index(catalog)
        total, found = find_documents(catalog, query, limit=limit, offset=offset, newest_first=newest_first)
        phrases = query.phrases()
        hits = tuple(_hit(catalog, one.document_id, one.rank, phrases) for one in found)
    ranked = bool(hits) and hits[0].rank is not None
    return Page(total=total, offset=offset, limit=limit, ranked=ranked, hits=hits, withheld=len(catalog.file.withheld))


def _hit(catalog: Catalog, document_id: str, rank: float | None, phrases: Sequence[Phrase]) -> Hit:
    row = next(catalog.rows(_HIT, (document_id,)))
    title = row["title"] or ""
    marked = find_spans(title, _of(phrases, "title"), _MARKED_MOST)
    names = ("document_id", "agency", "agency_title", "url", "state", "version", "kind", "publish_date")
    more = ("document_number", "source", "attachments")
    return Hit(
        **{name: row[name] for name in (*names, *more)},
        title=excerpt(title, marked, len(title)) if marked else ((Piece(title, hit=False),) if title else ()),
        snippets=tuple(_snippets(catalog, row, phrases)),
        rank=rank,
    )


def _snippets(catalog: Catalog, row: Row, phrases: Sequence[Phrase]) -> Iterator[Snippet]:
    """Yield at most one snippet for each column; where only the title says it, the beginning of the text."""
    shown = False
    for column, label, text in _texts(catalog, row):
        spans = find_spans(text, _of(phrases, column), _MARKED_MOST)
        if spans:
            shown = True
            yield Snippet(column, label, excerpt(text, spans, AROUND_CHARACTERS))
    if not shown and row["text"]:
        yield Snippet("body", None, excerpt(row["text"], (), AROUND_CHARACTERS))


def _texts(catalog: Catalog, row: Row) -> Iterator[tuple[Column, str | None, str]]:
    """Yield the texts of a document in which words may stand, but the title: (column, attachment's label, text)."""
    for name in ("document_number", "index_number"):
        yield "number", None, row[name] or ""
    yield "body", None, row["text"] or ""
    cells = [" ".join(cell.split()) for table in json.loads(row["tables"]) for line in table for cell in line]
    yield "tables", None, "\n".join(cells)
    for file in catalog.rows(
        "SELECT f.label, f.filename, t.text, t.members FROM files AS f LEFT JOIN file_texts AS t ON t.sha256 = f.sha256"
        " WHERE f.version_id = ? AND f.kind = 'attachment' ORDER BY f.position",
        (row["current_version_id"],),
    ):
        label = file["label"] or file["filename"]
        inside = [file["label"] or "", file["filename"] or "", file["text"] or ""]
        for member in json.loads(file["members"] or "[]"):
            inside += [member.get("name") or "", member.get("text") or ""]
        yield "files", label, "\n".join(text for text in inside if text)


def _of(phrases: Sequence[Phrase], column: Column) -> list[str]:
    """Return the phrases that may stand in a column."""
    return [phrase.folded for phrase in phrases if phrase.column in {None, column}]


def _text_of(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _said(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    return [{"text": piece.text, "hit": piece.hit} for piece in pieces]
