"""When an agency is due: the rule, spread, retries, what does not count."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from warcs import AGENCY, STARTED_AT

from archive.catalog_rounds import Past, pasts
from archive.store import Store
from govcrawl.due import Facts, next_run

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def past(outcome: str, **fields: Any) -> Past:
    """A crawl that began at noon a day ago and took an hour."""
    usual: dict[str, Any] = {
        "started_at": NOW - DAY,
        "finished_at": NOW - DAY + HOUR,
        "reason": None,
        "succeeded_at": None,
        "failures": int(outcome == "failed"),
    }
    return Past(outcome=outcome, **(usual | fields))


def test_what_was_never_crawled_is_due_now() -> None:
    """There is nothing to wait for."""
    assert next_run(Facts("a_sfj", 24, None), NOW).at == NOW


def test_what_was_interrupted_is_due_at_once() -> None:
    """The same command continues it; a crawl whose process died is still called running."""
    for outcome in ("interrupted", "running"):
        found = next_run(Facts("a_sfj", 24, past(outcome, finished_at=None)), NOW)
        assert (found.at, found.why) == (NOW - DAY, "interrupted")


@pytest.mark.parametrize(("failures", "hours"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 24), (60, 24)])
def test_failures_are_tried_again_ever_later(failures: int, hours: int) -> None:
    """An hour after the end of the first, doubling, at most the interval."""
    found = next_run(Facts("a_sfj", 24, past("failed", failures=failures)), NOW)
    assert (found.at, found.why) == (NOW - DAY + HOUR + hours * HOUR, "failed")


def test_a_short_interval_bounds_the_retry() -> None:
    """Who is crawled every half hour is not left alone for an hour because it failed."""
    assert next_run(Facts("a_sfj", 0.5, past("failed", failures=9)), NOW).at == NOW - DAY + HOUR + 0.5 * HOUR


def test_a_server_that_is_left_alone_is_not_asked_before_its_time() -> None:
    """Whatever the crawls say: the breaker's or the Retry-After's time holds; one that is over changes nothing."""
    quiet = NOW + 5 * HOUR
    for each in (None, past("failed"), past("interrupted"), past("finished", started_at=NOW - 9 * DAY)):
        assert next_run(Facts("a_sfj", 24, each, quiet), NOW).at == quiet
    assert next_run(Facts("a_sfj", 24, None, NOW - HOUR), NOW).at == NOW


def test_each_agency_keeps_its_own_hour() -> None:
    """From day to day the same time, however late a round came to it, and never two crawls within a quarter of the interval."""
    started, times = NOW, []
    for late in (0, 3, 0, 5, 1):
        run = next_run(Facts("a_sfj", 24, past("finished", started_at=started)), NOW)
        assert DAY / 4 <= run.at - started <= DAY * 1.25
        times.append(run.at.time())
        started = run.at + late * HOUR
    assert len(set(times)) == 1


def test_thousands_of_agencies_are_spread_over_the_interval() -> None:
    """3,000 that were all crawled at the same time: each hour of the next day gets its share."""
    facts = (Facts(f"agency_{n}", 24, past("finished")) for n in range(3000))
    hours = Counter(next_run(one, NOW).at.hour for one in facts)
    assert len(hours) == 24
    assert max(hours.values()) < 1.4 * 3000 / 24


def test_the_catalog_tells_how_an_agencys_crawls_went(tmp_path: Path) -> None:
    """Failures count since the last success; a crawl of a part counts for nothing."""
    with Store.open(tmp_path) as store:

        def crawl(day: int, outcome: str, **options: str) -> None:
            at = STARTED_AT + day * DAY
            store.begin_crawl(
                AGENCY,
                crawl_id=f"crawl-{day}",
                mode="incremental",
                options=options,
                software="crawler/1",
                user_agent="crawler/1",
                contact=None,
                started_at=at,
            )
            store.finish_crawl(f"crawl-{day}", outcome, None if outcome == "finished" else "list: 404", {}, at + HOUR)

        assert pasts(store.catalog, [AGENCY.name]) == {}
        for day, outcome in enumerate(["failed", "finished", "failed", "interrupted", "failed"]):
            crawl(day, outcome)
        crawl(5, "finished", limit="3")
        crawl(6, "finished", since="2024-01-01")
        assert pasts(store.catalog, [AGENCY.name, "other"]) == {
            AGENCY.name: Past(
                started_at=STARTED_AT + 4 * DAY,
                finished_at=STARTED_AT + 4 * DAY + HOUR,
                outcome="failed",
                reason="list: 404",
                succeeded_at=STARTED_AT + DAY + HOUR,
                failures=2,
            )
        }
