"""What is decided once everything of a crawl is done: absences, late addresses, what no list shows any more."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from archive.decisions import decide_absence, decide_alias, decide_settle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from archive.catalog import Catalog
    from archive.decisions import Decision
    from govcrawl.recrawl.policy import RecrawlPolicy

logger = logging.getLogger(__name__)


def decide_states(
    catalog: Catalog,
    crawl_id: str,
    agency: str,
    at: datetime,
    find_held_back: Callable[[Sequence[int | None]], list[str | None]],
    policy: RecrawlPolicy,
) -> list[Decision[Any]]:
    """Return what a complete crawl's frontier leads to; the last one settles states and returns their counts.

    Absences are put where ``find_held_back``, given the status of each one's answer, has nothing against it.

    Each ends its own row of the frontier, so that a crawl that dies right after does not count an absence twice.
    """
    decisions: list[Decision[Any]] = [
        decide_alias(crawl_id, agency, row["document_id"], row["url"], row["url_key"], at)
        for row in catalog.frontier.unsaid_aliases(crawl_id)
    ]
    absent = catalog.frontier.absences(crawl_id)
    statuses = [None if row["capture_id"] is None else catalog.capture(row["capture_id"]).status for row in absent]
    for row, held in zip(absent, find_held_back(statuses), strict=True):
        if held:
            logger.warning("absence not put document=%s: %s", row["document_id"], held)
            continue
        absence = decide_absence(
            crawl_id,
            row["document_id"],
            row["capture_id"],
            row["reason"] or "",
            at,
            min_failures=int(policy.withdrawn_failures),
            min_days=int(policy.withdrawn_days),
        )
        decisions.append(absence.then(partial(_end, row["id"])))
    decisions.append(decide_settle(crawl_id, agency, at))
    return decisions


def _end(row_id: int, catalog: Catalog, state: str) -> str:
    catalog.frontier.end(row_id, "done")
    return state
