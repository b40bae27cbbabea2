"""How the crawls of each agency went, as far as it bears on when the next one is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.catalog import Catalog

# a crawl of a part (limit, since) says nothing of the agency as a whole
_WHOLE = "json_extract(options, '$.limit') IS NULL AND json_extract(options, '$.since') IS NULL"
_SQL = (
    "SELECT started_at, finished_at, outcome, reason FROM crawls"  # noqa: S608 - put together from constants
    f" WHERE agency = ? AND {_WHOLE} ORDER BY started_at DESC, id DESC"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The crawls of an agency that took in all of it. Instants are UTC."""

    started_at: datetime  # of the last one
    finished_at: datetime | None
    outcome: str  # running, finished, failed, interrupted
    reason: str | None
    succeeded_at: datetime | None  # when the last one that was finished ended
    failures: int  # failed ones since then


def pasts(catalog: Catalog, agencies: Iterable[str]) -> dict[str, Past]:
    """Return how the crawls of each of these agencies went; one that was never crawled is left out."""
    return {agency: past for agency in agencies if (past := _past(catalog, agency)) is not None}


def _past(catalog: Catalog, agency: str) -> Past | None:
    last = None
    succeeded_at = None
    failures = 0
    for row in catalog.rows(_SQL, (agency,)):
        last = last or row
        if row["outcome"] == "finished":
            succeeded_at = _instant(row["finished_at"])
            break
        failures += row["outcome"] == "failed"
    if last is None:
        return None
    return Past(
        started_at=datetime.fromisoformat(last["started_at"]),
        finished_at=_instant(last["finished_at"]),
        outcome=last["outcome"],
        reason=last["reason"],
        succeeded_at=succeeded_at,
        failures=failures,
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
