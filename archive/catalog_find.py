"""What a query finds in the search index: how many documents, which, in what order.

Each question is one pass over the lists of the words' characters wherever that can be: a million documents make every pass a
quarter of a second. So rows of documents are looked at only for what is shown, filters are sets of row numbers, and ranks are
worked out while the found are counted.
"""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.catalog_search import DAY_BITS, day_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archive.catalog import Catalog
    from archive.search_query import Query

WEIGHTS = (8.0, 8.0, 1.0, 0.6, 0.6)
"""How much a place counts for the rank (bm25), by column: title, number, body, tables, files."""

RANKED_MOST = 20_000
"""More documents than this are shown newest first: their ranks say nothing any more and take long to work out."""

_PROBED_DAYS = 366
"""Of publication, that are looked through first."""

FACETS = ("agency", "kind", "state", "year")
"""By what found documents are counted."""

_COUNTED = " UNION ALL ".join(
    f"SELECT '{name}' AS facet, {name} AS name, COUNT(*) AS n FROM found GROUP BY {name}"  # noqa: S608 - own names
    for name in FACETS
)


@dataclass(frozen=True, slots=True)
class Found:
    """A document that a query finds; ``rank`` is smaller for better ones, None where they come newest first."""

    document_id: str
    rank: float | None


def find_documents(
    catalog: Catalog, query: Query, *, limit: int, offset: int = 0, newest_first: bool = False
) -> tuple[int, list[Found]]:
    """Return how many documents a query finds, and a page of them.

    Best first by bm25; newest first where asked, where nothing is searched for, or where more than :data:`RANKED_MOST` are
    found.
    """
    rows, parameters = _source(catalog, query)
    if query.wanted is not None and not newest_first and not _is_common(catalog, rows, parameters):
        rank = f"bm25(search_index, {', '.join(map(str, WEIGHTS))})"
        sql = f"SELECT search_index.rowid AS id, {rank} AS rank {rows} LIMIT ?"
        found = [(row["rank"], -row["id"]) for row in catalog.rows(sql, (*parameters, RANKED_MOST + 1))]
        if len(found) <= RANKED_MOST:
            page = heapq.nsmallest(offset + limit, found)[offset:]
            names = _names(catalog, [-number for _, number in page])
            return len(found), [Found(names[-number], rank) for rank, number in page]
    number = "s.id" if query.wanted is None else "search_index.rowid"
    total = next(catalog.rows(f"SELECT COUNT(*) AS n {rows}", parameters))["n"]
    sql = f"SELECT {number} AS id {rows} ORDER BY {number} DESC LIMIT ? OFFSET ?"
    newest = [row["id"] for row in catalog.rows(sql, (*parameters, limit, offset))]
    names = _names(catalog, newest)
    return total, [Found(names[one], None) for one in newest]


def _is_common(catalog: Catalog, rows: str, parameters: Sequence[Any]) -> bool:
    """Whether certainly more than :data:`RANKED_MOST` are found: so many are among the newest documents alone.

    To look there first costs little and spares the others a pass for ranks that nobody is shown.
    """
    newest = next(catalog.rows("SELECT MAX(id) AS id FROM search_rows"))["id"] or 0
    since = newest - (_PROBED_DAYS << DAY_BITS)
    sql = f"SELECT COUNT(*) AS n FROM (SELECT 1 {rows} AND search_index.rowid > ? LIMIT ?)"  # noqa: S608 - own names
    return bool(next(catalog.rows(sql, (*parameters, since, RANKED_MOST + 1)))["n"] > RANKED_MOST)


def _names(catalog: Catalog, numbers: Sequence[int]) -> dict[int, str]:
    """Return the documents' ids by their row numbers in the index."""
    sql = "SELECT id, document_id FROM search_rows WHERE id IN (SELECT value FROM json_each(?))"
    return {row["id"]: row["document_id"] for row in catalog.rows(sql, (json.dumps(numbers),))}


def found_ids(catalog: Catalog, query: Query) -> Iterator[str]:
    """Stream the ids of every document that a query finds, newest first."""
    rows, parameters = _source(catalog, query, joined=True)
    order = "search_index.rowid" if query.wanted is not None else "s.id"
    for row in catalog.rows(f"SELECT s.document_id {rows} ORDER BY {order} DESC", parameters):
        yield row["document_id"]


def facets(catalog: Catalog, query: Query) -> dict[str, dict[str, int]]:
    """Return how many of the found documents there are by agency, kind, state and year; biggest first.

    Of more than :data:`RANKED_MOST` nothing is counted: every one of their rows would have to be read.
    """
    rows, parameters = _source(catalog, query, joined=True, states=True)
    found = catalog.rows(
        "WITH found AS MATERIALIZED (SELECT s.agency, COALESCE(s.kind, '') AS kind, d.state,"
        f" COALESCE(SUBSTR(s.publish_date, 1, 4), '') AS year {rows} LIMIT {RANKED_MOST + 1})"
        f" {_COUNTED} ORDER BY 1, 3 DESC, 2",
        parameters,
    )
    counted: dict[str, dict[str, int]] = {name: {} for name in FACETS}
    for row in found:
        counted[row["facet"]][row["name"]] = row["n"]
    if sum(counted["agency"].values()) > RANKED_MOST:
        return {name: {} for name in FACETS}
    return counted


_Condition = tuple[str, tuple[Any, ...]]
"""SQL with marks, and what stands at the marks."""


def _source(catalog: Catalog, query: Query, *, joined: bool = False, states: bool = False) -> tuple[str, list[Any]]:
    """Return FROM and WHERE of a query with their parameters; ``joined`` with ``s``, ``states`` with ``d`` too.

    Where words are searched for, the filters are sets of row numbers: with ``+`` before the number SQLite probes them, and does not
    look each member up in the index.
    """
    number = "s.id" if query.wanted is None else "+search_index.rowid"
    conditions: list[_Condition] = []
    if query.wanted is None:
        source = "FROM search_rows AS s"
        if query.unwanted is not None:
            without = "s.id NOT IN (SELECT rowid FROM search_index WHERE search_index MATCH ?)"
            conditions.append((without, (query.unwanted.match(),)))
    else:
        source = "FROM search_index"
        conditions.append(("search_index MATCH ?", (query.wanted.match(),)))
        if joined:
            source += " CROSS JOIN search_rows AS s ON s.id = search_index.rowid"
        elif catalog.file.withheld:
            hidden = "SELECT id FROM main.search_rows WHERE document_id IN (SELECT id FROM temp.hidden_documents)"
            conditions.append((f"{number} NOT IN ({hidden})", ()))
    if states:
        source += " JOIN documents AS d ON d.id = s.document_id"
    conditions += [*_days(query, number), *((f"{number} IN ({rows})", given) for rows, given in _choices(query))]
    where = " AND ".join(condition for condition, _ in conditions)
    parameters = [parameter for _, given in conditions for parameter in given]
    return f"{source} WHERE {where}" if where else source, parameters


_UNDATED_END = 1 << DAY_BITS
_EARLY = f"SELECT id FROM search_rows WHERE id < {_UNDATED_END} AND publish_date IS NOT NULL"  # noqa: S608 - before 1900


def _days(query: Query, number: str) -> Iterator[_Condition]:
    """Yield what a range of days says: a range of row numbers, which the index itself understands."""
    plain = number.removeprefix("+")
    if query.since is not None:
        yield f"{plain} >= ?", (day_number(query.since),)
    if query.until is not None:
        yield f"{plain} < ?", (day_number(query.until) + (1 << DAY_BITS),)
        yield f"({number} >= {_UNDATED_END} OR {number} IN ({_EARLY}))", ()


def _choices(query: Query) -> Iterator[_Condition]:
    """Yield what the other filters say, each as the rows of the index that it leaves."""
    rows = "SELECT id FROM search_rows WHERE"
    of_documents = "SELECT t.id FROM documents AS d CROSS JOIN search_rows AS t ON t.document_id = d.id WHERE"
    if query.agencies:
        yield f"{rows} agency IN ({_marks(query.agencies)})", query.agencies
    if query.kinds:
        yield f"{rows} kind IN ({_marks(query.kinds)})", query.kinds
    if query.states:
        yield f"{of_documents} d.state IN ({_marks(query.states)})", query.states
    if query.has_attachment is not None:
        yield f"{rows} {'attachments > 0' if query.has_attachment else 'attachments = 0'}", ()
    if query.channels:
        listed = "SELECT l.document_id FROM listings AS l WHERE l.channel IN"
        yield f"{rows} document_id IN ({listed} ({_marks(query.channels)}))", query.channels
    for cited in query.cites:
        found = "SELECT 1 FROM versions AS v, json_each(v.cites) AS c WHERE v.id = d.current_version_id AND c.value = ?"
        yield f"{of_documents} EXISTS ({found})", (cited,)


def _marks(values: Sequence[str]) -> str:
    """Return as many marks as there are values."""
    return ", ".join("?" * len(values))
