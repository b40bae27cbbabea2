"""Every event in the life of a document is one row with the captures that show it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from catalogs import AGENCY, EXTRACTION, Sample, fetched, key_of, read_document, url_of

from archive import catalog_change_reads as reads
from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_rereading import put_readings
from archive.errors import CatalogError
from archive.textdiff import load_diff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PDF = "http://sfj.sample.test/files/P1.pdf"
PAGES = "公示公告"


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """A catalog whose first crawl is begun."""
    made = Sample.make(tmp_path)
    yield made
    made.catalog.close()


def events(sample: Sample, **choice: Any) -> list[dict[str, Any]]:
    """The events that are chosen."""
    return list(reads.find_changes(sample.catalog, reads.Choice(**choice)))


def roles(sample: Sample, change: dict[str, Any]) -> list[tuple[str, int]]:
    """What shows an event: (role, capture)."""
    return [(row["role"], row["id"]) for row in reads.change_captures(sample.catalog, change["id"])]


def gone(sample: Sample, document_id: str, *, days: int = 1) -> int:
    """A crawl in which a document's page is gone; returns the capture that shows it."""
    sample.begin(days)
    capture = sample.capture(url_of("t1"), status=404)
    sample.catalog.put_absence(sample.crawl_id, document_id, capture.id, "status 404", sample.now)
    return capture.id


def test_new_and_changed(sample: Sample) -> None:
    """A first version is new; a later one says which fields differ, holds the text's diff, and names both captures."""
    first = sample.put(read_document("t1"), attachments=[fetched(PDF, "a" * 64)])
    sample.begin()
    sample.put(read_document("t1"), attachments=[fetched(PDF, "a" * 64)])
    sample.begin()
    sample.put(read_document("t1", title="另一个标题", text="第一段\n第二段改过"), attachments=[fetched(PDF, "a" * 64)])
    new, changed = events(sample)
    assert (new["change"], new["fields"], new["diff"], new["version"]) == ("new", [], None, 1)
    assert new["document_id"] == first.document_id
    assert roles(sample, new) == [("page", 1)]
    assert (changed["change"], changed["fields"]) == ("changed", ["text", "title"])
    assert (changed["previous_version"], changed["version"]) == (1, 2)
    assert json.loads(changed["diff"]) == {"grain": "character", "ops": [7, "+改过"]}
    assert load_diff(changed["diff"], "第一段\n第二段").after == "第一段\n第二段改过"
    assert roles(sample, changed) == [("before", 2), ("page", 3)], (
        "the last look that showed the old text, the first of the new"
    )
    found = reads.compare_versions(sample.catalog, changed["previous_version_id"], changed["version_id"])
    assert found.text == reads.text_diff(sample.catalog, changed)
    assert [field.name for field in found.fields] == ["title"]


def test_a_changed_attachment_points_at_both_captures_of_it(sample: Sample) -> None:
    """Other bytes at the same address: the file's own captures show it, the text has no diff."""
    files = []
    for sha256 in ("a" * 64, "b" * 64):
        capture = sample.capture(PDF, kind="attachment")
        files.append(capture.id)
        file = fetched(PDF, sha256)
        file = type(file)(**{name: getattr(file, name) for name in file.__slots__} | {"capture_id": capture.id})
        sample.put(read_document("t1"), attachments=[file])
        sample.begin()
    _, changed = events(sample)
    assert (changed["fields"], changed["diff"]) == (["attachments"], None)
    assert roles(sample, changed)[2:] == [("file_before", files[0]), ("file", files[1])]


def test_a_move_is_told_unless_the_crawl_itself_met_both_addresses(sample: Sample) -> None:
    """A known document elsewhere has moved; one first seen in this crawl was only read at its addresses in another order."""
    sample.put(read_document("a", title="公示", key="sfj.sample.test/7"))
    sample.put(read_document("b", title="公示", key="sfj.sample.test/7"), moved=True)
    assert [event["change"] for event in events(sample)] == ["new"]
    sample.begin()
    sample.put(read_document("c", title="公示", key="sfj.sample.test/7"), moved=True)
    moved = [event for event in events(sample) if event["change"] == "moved"]
    assert [(one["from_url"], one["to_url"]) for one in moved] == [(url_of("b"), url_of("c"))]
    assert roles(sample, moved[0]) == [("before", 2), ("page", 3)]


def test_an_original_found_after_its_copy_did_not_move(sample: Sample) -> None:
    """A document known by a copy in traditional characters gets its own address later: that is our finding, no move."""
    copy = replace(EXTRACTION, flags=("traditional",))
    sample.put(read_document("big5", title="公示", extraction=copy))
    sample.begin()
    alias = (url_of("big5"), key_of(url_of("big5")))
    sample.put(read_document("t1", title="公示"), aliases=[alias], moved=True)
    assert [event["change"] for event in events(sample)] == ["new"]


def test_gone_and_back_with_every_look(sample: Sample) -> None:
    """A suspicion gathers the looks that failed, the withdrawal rests on all of them, the return names the last of them."""
    document_id = sample.put(read_document("t1")).document_id
    looks = [gone(sample, document_id, days=days) for days in (1, 10, 10, 10)]
    suspected, withdrawn = events(sample)[1:]
    assert (suspected["change"], suspected["reason"]) == ("suspected", "status 404")
    assert roles(sample, suspected) == [("before", 1), ("absent", looks[0]), ("absent", looks[1])]
    assert withdrawn["change"] == "withdrawn"
    assert roles(sample, withdrawn) == [("before", 1), *(("absent", look) for look in looks[:3])]
    sample.begin()
    sample.put(read_document("t1"))
    restored = events(sample)[-1]
    assert (restored["change"], restored["before_capture_id"]) == ("restored", looks[2])
    assert gone(sample, document_id) in [number for _, number in roles(sample, events(sample)[-1])]
    assert [role for role, _ in roles(sample, events(sample)[-1])] == ["before", "absent"], "earlier looks do not count"


def test_unlisted_and_listed_again(sample: Sample) -> None:
    """The pages of the list that did not show a document are the evidence; a page that shows it ends that."""
    sample.list_(PAGES, "t1", "t2")
    shown = sample.captures
    sample.put(read_document("t1"))
    sample.put(read_document("t2"))
    sample.begin()
    other = sample.capture("http://sfj.sample.test/elsewhere/", kind="list", channel="政策文件")
    sample.list_(PAGES, "t2")
    without = sample.captures
    sample.put(read_document("t1"))
    looked = sample.captures
    sample.catalog.settle(sample.crawl_id, AGENCY.name, sample.now)
    unlisted = events(sample)[-1]
    assert unlisted["change"] == "unlisted"
    assert roles(sample, unlisted) == [("before", shown), ("page", looked), ("list", without)]
    assert other.id not in [number for _, number in roles(sample, unlisted)]
    sample.begin()
    sample.list_(PAGES, "t1", "t2")
    sample.catalog.settle(sample.crawl_id, AGENCY.name, sample.now)
    listed = events(sample)[-1]
    assert (listed["change"], listed["title"]) == ("listed", "关于t1的公示")
    assert roles(sample, listed) == [("before", without), ("page", sample.captures)]


def test_versions_read_again_tell_their_changes_anew(sample: Sample) -> None:
    """A reading that sees no difference any more takes the event out of sight, one that sees another brings it back."""
    document_id = sample.put(read_document("t1", text="甲\n页脚一")).document_id
    sample.begin()
    sample.put(read_document("t1", text="甲\n页脚二"))
    assert [event["change"] for event in events(sample)] == ["new", "changed"]
    put_readings(sample.catalog, document_id, {1: read_document(text="甲"), 2: read_document(text="甲")}, sample.now)
    assert [event["change"] for event in events(sample)] == ["new"]
    put_readings(sample.catalog, document_id, {1: read_document(text="甲"), 2: read_document(text="甲乙")}, sample.now)
    changed = events(sample)[-1]
    assert (changed["fields"], json.loads(changed["diff"])["ops"]) == (["text"], [1, "+乙"])


def test_events_are_chosen(sample: Sample) -> None:
    """By time, agency, channel, kind, document and crawl; the latest first when only some are wanted."""
    sample.list_(PAGES, "t1")
    one = sample.put(read_document("t1")).document_id
    middle = sample.now + timedelta(seconds=1)
    sample.begin()
    sample.put(read_document("t1", text="改过"))
    sample.put(read_document("t2"))
    assert [event["change"] for event in events(sample)] == ["new", "changed", "new"]
    at = middle.isoformat().replace("+00:00", "Z")
    assert [event["change"] for event in events(sample, since=at)] == ["changed", "new"]
    assert [event["change"] for event in events(sample, until=at)] == ["new"]
    assert [event["change"] for event in events(sample, channel=PAGES)] == ["new", "changed"]
    assert [event["document_id"] for event in events(sample, kinds=("changed",))] == [one]
    assert len(events(sample, document_id=one)) == 2
    assert len(events(sample, crawl_id="crawl-2")) == 2
    assert events(sample, agency="other_sfj") == []
    (latest,) = reads.find_changes(sample.catalog, limit=1, latest_first=True)
    assert latest["url"] == url_of("t2")
    assert reads.change_row(sample.catalog, latest["id"]) == latest
    with pytest.raises(CatalogError, match="has no version 9; it has 1 to 2"):
        reads.version_id(sample.catalog, one, 9)


def without_ids(path: Path) -> list[dict[str, Any]]:
    """The events of a catalog but for row numbers and what an older catalog did not know of before."""
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    rows = [dict(row) for row in db.execute("SELECT * FROM changes ORDER BY at, document_id, id")]
    db.close()
    return [{name: value for name, value in row.items() if name not in {"id", "before_capture_id"}} for row in rows]


def test_an_older_catalog_is_brought_forward(sample: Sample, tmp_path: Path) -> None:
    """From versions, states and aliases the same events are told that a crawl would have put."""
    sample.list_(PAGES, "t1", "t2", "t3")
    sample.put(read_document("t1"), attachments=[fetched(PDF, "a" * 64)])
    withdrawn = sample.put(read_document("t2")).document_id
    sample.put(read_document("t3"))
    sample.begin()
    sample.put(read_document("t1", text="改过"), attachments=[fetched(PDF, "b" * 64)])
    capture = sample.capture(url_of("t2"), status=404)
    sample.catalog.put_absence(sample.crawl_id, withdrawn, capture.id, "status 404", sample.now)
    sample.list_(PAGES, "t1")
    sample.put(read_document("t3"))
    sample.catalog.settle(sample.crawl_id, AGENCY.name, sample.now)
    sample.begin(20)
    for _ in range(2):
        capture = sample.capture(url_of("t2"), status=404)
        sample.catalog.put_absence(sample.crawl_id, withdrawn, capture.id, "status 404", sample.now)
    sample.list_(PAGES, "t1", "t3")
    sample.catalog.settle(sample.crawl_id, AGENCY.name, sample.now)
    sample.put(read_document("t9", aliases=(url_of("t1"),)), aliases=[(url_of("t1"), key_of(url_of("t1")))], moved=True)
    sample.begin()
    sample.put(read_document("t2"))
    sample.catalog.close()
    path = tmp_path / CATALOG_NAME
    before = without_ids(path)
    kinds = {row["change"] for row in before}
    assert kinds == {"new", "changed", "moved", "unlisted", "listed", "suspected", "withdrawn", "restored"}
    with sqlite3.connect(path) as db:
        shown = list(db.execute("SELECT role, capture_id FROM change_captures WHERE role = 'list'"))
        db.execute("DROP TABLE change_captures")
        db.execute("DROP TABLE changes")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '0006_changes'")
    db.close()
    Catalog.open(path).close()
    assert without_ids(path) == before
    with sqlite3.connect(path) as db:
        assert list(db.execute("SELECT role, capture_id FROM change_captures WHERE role = 'list'")) == shown
    db.close()
    sample.catalog = Catalog.open(path)
