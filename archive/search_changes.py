"""What became of the documents that a search finds."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from archive.catalog_change_reads import Choice, find_changes
from archive.catalog_find import found_ids

if TYPE_CHECKING:
    from archive.catalog import Catalog
    from archive.rows import Row
    from archive.search_query import Query

MOST_DOCUMENTS = 2000
"""Of a search, the newest ones, that are looked through."""


def found_changes(catalog: Catalog, query: Query, *, limit: int, choice: Choice | None = None) -> list[Row]:
    """Return the latest events of the newest documents that a search finds, latest first, as ``find_changes`` gives them.

    Args:
        limit: events at the most.
        choice: which events, of whatever document; all without it.
    """
    rows: list[Row] = []
    for document_id in islice(found_ids(catalog, query), MOST_DOCUMENTS):
        one = replace(choice or Choice(), document_id=document_id)
        with closing(find_changes(catalog, one, limit=limit, latest_first=True)) as found:
            rows += found
    return sorted(rows, key=lambda row: (row["at"], row["id"]), reverse=True)[:limit]
