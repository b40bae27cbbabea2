"""What a recrawl is planned from, read from a real catalog."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from catalogs import AGENCY, FIRST_DAY, Sample, read_document, url_of

from archive.catalog_recrawl import find_gone, read_beginnings, read_channels, read_documents, read_experience

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOUNDS = (7, 30, 90, 365)


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """An open catalog with a crawl that is going on."""
    made = Sample.make(tmp_path)
    yield made
    made.catalog.close()


def test_channels_tell_what_should_stand_in_their_lists(sample: Sample) -> None:
    """Lines seen at the last whole walk or since, without those whose documents are gone; the count printed then."""
    sample.list_("公示公告", "t1", "t2", "t3")
    gone = sample.put(read_document("t3"))
    sample.finish()
    first = sample.now
    sample.begin()
    sample.list_("公示公告", "t4", "t1", complete=False)
    sample.catalog.put_absence(sample.crawl_id, gone.document_id, None, "404", sample.now)
    one, two = read_channels(sample.catalog, AGENCY.name)
    assert (one.name, one.walked_at, one.pages, one.total) == ("公示公告", FIRST_DAY, 1, 3)
    assert (one.lines, one.newer) == (3, 1)  # t1, t2, t4; t4 is newer than the walk
    assert one.walked_at is not None
    assert one.walked_at < first
    assert (two.walked_at, two.lines, two.newer) == (None, 0, 0)


def test_lines_that_a_whole_walk_missed_do_not_stand(sample: Sample) -> None:
    """They are expected no more, and their documents are found as no longer listed until they answer or are gone."""
    sample.list_("公示公告", "t1", "t2")
    puts = {name: sample.put(read_document(name)) for name in ("t1", "t2")}
    sample.finish()
    assert find_gone(sample.catalog, AGENCY.name, "none") == []
    sample.begin()
    sample.list_("公示公告", "t2")
    assert read_channels(sample.catalog, AGENCY.name)[0].lines == 1
    assert find_gone(sample.catalog, AGENCY.name, sample.crawl_id) == [puts["t1"].document_id]
    assert {one.document_id: one.unlisted for one in read_documents(sample.catalog, AGENCY.name)} == {
        puts["t1"].document_id: True,
        puts["t2"].document_id: False,
    }
    sample.put(read_document("t1"))  # looked at: it answers
    assert find_gone(sample.catalog, AGENCY.name, sample.crawl_id) == []


def test_documents_tell_when_they_were_looked_at_and_how_they_changed(sample: Sample) -> None:
    """Versions after the first are changes; a failed look is told beside the last that was answered."""
    put = sample.put(read_document("t1", publish_date="2024-04-20"))
    first = sample.now
    sample.begin(days=3)
    sample.put(read_document("t1", publish_date="2024-04-20", title="另一个标题"))
    sample.catalog.put_failure(
        sample.crawl_id, AGENCY.name, url_of("t1"), "document", None, "timeout", "no answer", None, None, sample.now
    )
    (one,) = read_documents(sample.catalog, AGENCY.name)
    assert (one.document_id, one.state, one.changes, one.publish_date) == (
        put.document_id,
        "live",
        1,
        date(2024, 4, 20),
    )
    assert (one.first_captured_at, one.last_checked_at, one.unread_at) == (first, sample.now, sample.now)
    assert not one.unlisted


def test_experience_counts_days_and_changes_by_age(sample: Sample) -> None:
    """Eleven days of a document that was eleven days old at first, with one change found at day 14; one without a date."""
    day = FIRST_DAY.date() - timedelta(days=11)
    sample.put(read_document("t1", publish_date=day.isoformat()))
    sample.put(read_document("t2"))
    sample.begin(days=3)
    sample.put(read_document("t1", publish_date=day.isoformat(), title="另一个标题"))
    sample.begin(days=22)
    sample.put(read_document("t1", publish_date=day.isoformat(), title="另一个标题"))
    sample.put(read_document("t2"))
    seen = read_experience(sample.catalog, AGENCY.name, BOUNDS)
    assert seen.changes == (0, 1, 0, 0, 0, 0)
    assert seen.days == pytest.approx((0, 18.96, 6.05, 0, 0, 25), abs=0.05)


def test_experience_of_an_empty_catalog(sample: Sample) -> None:
    """Nothing was seen in any class."""
    seen = read_experience(sample.catalog, AGENCY.name, BOUNDS)
    assert (seen.days, seen.changes) == ((0.0,) * 6, (0,) * 6)


def test_the_crawl_before_is_the_last_that_was_asked_for_everything(sample: Sample) -> None:
    """Failed ones count, interrupted ones and those asked for a part do not."""
    assert read_beginnings(sample.catalog, AGENCY.name, sample.crawl_id) == (FIRST_DAY, None)
    sample.finish("failed", "list_short: …")
    sample.begin()
    sample.finish("interrupted", "interrupted: …")
    sample.catalog.put_crawl("part", AGENCY.name, "incremental", sample.now, {"limit": "3"}, "govcrawl")
    sample.catalog.finish_crawl("part", sample.now, "finished", None, {})
    sample.begin()
    assert read_beginnings(sample.catalog, AGENCY.name, sample.crawl_id) == (sample.now, FIRST_DAY)
