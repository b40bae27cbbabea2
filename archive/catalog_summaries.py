"""What is counted of each agency, kept in the catalog for as long as it holds.

The figures in ``summaries`` are there only while nothing of what they count has been written since: triggers of the tables that
are counted take them away, whoever writes, and count the writes. So a crawl's end puts the figures, whoever finds none counts anew, and no
reader is ever told what is no longer so. Readers from whom documents are withheld get the agencies of these counted without them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from archive.catalog_counts import count_agency
from archive.rows import json_text

if TYPE_CHECKING:
    from archive.catalog import Catalog

FORMAT = 1
"""Of the figures; one more with every change of what is counted, or how."""


def read_summary(catalog: Catalog, agency: str) -> dict[str, Any]:
    """Return what :func:`archive.catalog_counts.count_agency` counts of an agency: as it was kept, else counted now."""
    if agency not in catalog.file.withheld_of:
        kept = catalog.file.row("SELECT figures FROM summaries WHERE agency = ? AND format = ?", (agency, FORMAT))
        if kept is not None and kept["figures"] is not None:
            found: dict[str, Any] = json.loads(kept["figures"])
            return found
    return count_agency(catalog, agency)


def put_summary(catalog: Catalog, agency: str) -> None:
    """Count an agency and keep it, in the place of an earlier count. Only of a writer, from whom nothing is withheld."""
    with catalog.atomic():
        catalog.file.finish_late_work()  # kinds are counted by the entries of the index
        figures = json_text(count_agency(catalog, agency))
        catalog.file.execute("UPDATE summaries SET format = ?, figures = ? WHERE agency = ?", (FORMAT, figures, agency))


def put_missing_summaries(catalog: Catalog) -> int:
    """Count the agencies that have no summary, each in a transaction of its own; returns how many."""
    rows = catalog.file.rows(
        "SELECT agency FROM summaries WHERE figures IS NULL OR format <> ? ORDER BY agency", (FORMAT,)
    )
    for row in rows:
        put_summary(catalog, row["agency"])
    return len(rows)


def count_writes(catalog: Catalog) -> dict[str, int]:
    """Return a number for each agency that is another one once anything of the agency has been written, by name."""
    return {
        row["agency"]: row["writes"] for row in catalog.rows("SELECT agency, writes FROM summaries ORDER BY agency")
    }
