"""What goes into the catalog, what becomes of it, and what it answers."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from catalogs import AGENCY, EXTRACTION, FIRST_DAY, Sample, fetched, key_of, read_document, url_of
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.catalog import Catalog
from archive.catalog_identity import FIND_BY_ADDRESS, FIND_BY_ALIAS, FIND_BY_KEY
from archive.errors import CaptureMissing, CatalogError
from archive.model import Agency, Channel, Listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.model import Document, File

PDF = "http://sfj.sample.test/files/P1.pdf"


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """An open catalog with its first crawl begun."""
    made = Sample.make(tmp_path)
    yield made
    made.catalog.close()


# Crawls, files, captures


def test_capture_comes_back_as_put(sample: Sample) -> None:
    """A capture is found by number and by record id with the values that were put, its instant to the microsecond."""
    capture = sample.capture(ip="127.0.0.1", etag='"a"', truncated="length", request_digest="sha256:r", method="POST")
    assert sample.catalog.capture(capture.id) == capture
    assert sample.catalog.capture_by_record_id(capture.record_id) == capture
    assert capture.captured_at == sample.now
    assert (capture.truncated, capture.method, capture.ip) == ("length", "POST", "127.0.0.1")


def test_unknown_capture(sample: Sample) -> None:
    """A capture that is not there raises by number and is None by record id."""
    with pytest.raises(CaptureMissing, match="no capture 99"):
        sample.catalog.capture(99)
    assert sample.catalog.capture_by_record_id("<urn:uuid:0>") is None


def test_committed_end(sample: Sample) -> None:
    """The end of a WARC file is that of its last capture's group, and None where nothing is catalogued."""
    assert sample.catalog.committed_end(sample.warc) is None
    sample.capture()
    sample.capture()
    assert sample.catalog.committed_end(sample.warc) == 400 + 2 * 1500
    sample.capture(offset=5000, request_offset=4500, length=100, group_length=700)
    assert sample.catalog.committed_end(sample.warc) == 4500 + 700


def test_dead_crawl_is_interrupted(sample: Sample) -> None:
    """A crawl that a dead process left running is called interrupted when the next one of its agency begins."""
    other = Agency(name="other_sfj", title="另一局", base_url="http://o.test/", template="trt")
    sample.catalog.put_agency(other)
    sample.catalog.put_crawl("other-1", other.name, "full", sample.now, {}, "s")
    sample.begin()
    sample.finish("failed", "blocked")
    sample.begin()
    rows = sample.catalog.file.rows("SELECT id, outcome, reason FROM crawls ORDER BY id")
    assert {row["id"]: row["outcome"] for row in rows} == {
        "crawl-1": "interrupted",
        "crawl-2": "failed",
        "crawl-3": "running",
        "other-1": "running",
    }
    assert rows[0]["reason"] == "the process ended without closing the crawl"


def test_original_is_the_first_whole_response(sample: Sample) -> None:
    """Only a whole 200 response with a payload may be what a revisit refers to, and the first such is."""
    sample.capture(payload_digest="sha256:x", truncated="disconnect")
    sample.capture(payload_digest="sha256:x", status=404)
    assert sample.catalog.original_of(AGENCY.name, "sha256:x") is None
    original = sample.capture(payload_digest="sha256:x")
    sample.capture(payload_digest="sha256:x", revisit_profile="identical-payload-digest", refers_to=original.record_id)
    sample.capture(payload_digest="sha256:x")
    assert sample.catalog.original_of(AGENCY.name, "sha256:x") == original
    sample.capture(payload_digest="sha256:e", payload_bytes=0)
    assert sample.catalog.original_of(AGENCY.name, "sha256:e") is None
    assert sample.catalog.original_of("other", "sha256:x") is None


def test_last_capture_carries_the_validators_in_force(sample: Sample) -> None:
    """A 304 keeps the validators it does not repeat; failures and cut answers in between change nothing."""
    url = url_of("t1")
    assert sample.catalog.last_capture(AGENCY.name, url) is None
    sample.capture(url, etag='"old"', last_modified="Tue")
    sample.capture(url, etag='"1"', last_modified="Wed")
    revisit = sample.capture(url, status=304, revisit_profile="server-not-modified", etag='"2"')
    sample.capture(url, status=503, etag='"error"')
    sample.capture(url, truncated="disconnect", etag='"cut"')
    sample.capture(url, method="POST", request_digest="sha256:r", etag='"post"')
    last = sample.catalog.last_capture(AGENCY.name, url)
    assert last == replace(revisit, etag='"2"', last_modified="Wed")
    posted = sample.catalog.last_capture(AGENCY.name, url, "POST", "sha256:r")
    assert posted is not None
    assert posted.etag == '"post"'


def test_atomic_takes_back_everything(sample: Sample) -> None:
    """What several calls put in one transaction is gone when one of them fails, nested ones included."""

    def fail() -> None:
        with sample.catalog.atomic():
            sample.put(read_document("t1"))
            sample.catalog.capture(99)

    with pytest.raises(CaptureMissing):
        fail()
    assert sample.catalog.known_documents(AGENCY.name) == []
    assert sample.catalog.capture_by_record_id(f"<urn:uuid:{1:032x}>") is None


def test_usable_from_another_thread(sample: Sample) -> None:
    """A catalog opened on one thread takes rows from another."""
    thread = threading.Thread(target=sample.put, args=(read_document("t1"),))
    thread.start()
    thread.join()
    assert len(sample.catalog.known_documents(AGENCY.name)) == 1


def test_a_thread_that_reads_leaves_the_transaction_of_another_alone(sample: Sample) -> None:
    """Many crawls of one process read and write over one connection: no transaction loses its savepoints to a query."""
    failed: list[BaseException] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set() and not failed:
            try:
                assert len(list(sample.catalog.rows("SELECT * FROM crawls"))) == 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(100):
            with sample.catalog.atomic():
                sample.catalog.file.execute("UPDATE crawls SET reason = ?", (str(number),))
                with sample.catalog.atomic():
                    assert sample.catalog.file.row("SELECT reason FROM crawls") == {"reason": str(number)}
    finally:
        over.set()
        for reader in readers:
            reader.join()
    assert not failed


def test_reader_during_an_open_write(sample: Sample) -> None:
    """A reader sees the last committed state at once while a transaction is open, and its own view does not move."""
    sample.put(read_document("t1"))
    with Catalog.open_read_only(sample.path) as reader:
        with sample.catalog.atomic():
            sample.put(read_document("t2"))
            assert len(reader.known_documents(AGENCY.name)) == 1
        with reader.snapshot():
            assert len(reader.known_documents(AGENCY.name)) == 2
            sample.put(read_document("t3"))
            assert len(reader.known_documents(AGENCY.name)) == 2
        assert len(reader.known_documents(AGENCY.name)) == 3


def test_two_writers_take_turns(sample: Sample) -> None:
    """Two crawls' catalogs on one file wait for each other instead of failing, also when both read before they write."""
    with Catalog.open(sample.path) as second:
        begun, done = threading.Event(), []

        def write() -> None:
            begun.set()
            with second.atomic():
                done.append(second.known_documents(AGENCY.name))
                second.put_warc_file("warc/second", AGENCY.name, sample.crawl_id, sample.now)

        thread = threading.Thread(target=write)
        with sample.catalog.atomic():
            thread.start()
            begun.wait()
            sample.put(read_document("t1"))
        thread.join()
    assert [len(known) for known in done] == [1]


def test_failure_row(sample: Sample) -> None:
    """A failure keeps what, why and with which capture."""
    capture = sample.capture(status=503)
    sample.catalog.put_failure(
        sample.crawl_id,
        AGENCY.name,
        url_of("t9"),
        "document",
        "公示公告",
        "status-503",
        "忙",
        capture.id,
        None,
        sample.now,
    )
    (row,) = sample.catalog.file.rows("SELECT * FROM failures")
    assert (row["reason"], row["message"], row["capture_id"]) == ("status-503", "忙", capture.id)
    assert row["at"].endswith("Z")


def test_instants_need_a_zone(sample: Sample) -> None:
    """An instant without time zone is refused: it could be local or UTC."""
    with pytest.raises(ValueError, match="no time zone"):
        sample.catalog.put_warc_file("w", AGENCY.name, sample.crawl_id, FIRST_DAY.replace(tzinfo=None))


def test_closing_what_was_not_begun(sample: Sample) -> None:
    """Closing a crawl or a WARC file that the catalog does not know is an error, not a silent nothing."""
    with pytest.raises(CatalogError, match="no crawl nothing"):
        sample.catalog.finish_crawl("nothing", sample.now, "finished", None, {})
    with pytest.raises(CatalogError, match=r"no WARC file warc/x\.gz"):
        sample.catalog.close_warc_file("warc/x.gz", 1, "0" * 64, sample.now)


def test_agency_is_brought_up_to_date(sample: Sample) -> None:
    """Putting an agency again updates it and the order of its channels, and forgets nothing of the old ones."""
    sample.list_("政策文件", "t1")
    swapped = (replace(AGENCY.channels[1], position=0), replace(AGENCY.channels[0], position=1))
    sample.catalog.put_agency(
        replace(AGENCY, title="新名", channels=(*swapped, Channel(name="新栏目", seed_url="u", position=2)))
    )
    rows = sample.catalog.file.rows("SELECT name, walked_to_end_at FROM channels ORDER BY position")
    assert [row["name"] for row in rows] == ["政策文件", "公示公告", "新栏目"]
    assert sample.catalog.walked_channels(AGENCY.name) == {"政策文件"}


# Lists


def test_listing_answers_what_is_known(sample: Sample) -> None:
    """A line is new at first, listed before at the next crawl, and tells its document once there is one."""
    (first,) = sample.list_("公示公告", "t1")
    assert (first.document_id, first.listed_before, first.changed_line) == (None, False, False)
    put = sample.put(read_document("t1"))
    sample.begin()
    (again,) = sample.list_("公示公告", "t1")
    assert (again.document_id, again.url, again.state) == (put.document_id, url_of("t1"), "live")
    assert (again.listed_before, again.changed_line) == (True, False)


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"title": "新标题"}, True),
        ({"publish_date": "2024-05-01"}, True),
        ({"publish_date": None, "date_text": None}, False),
        ({"position": 7, "pinned": True}, False),
    ],
)
def test_changed_line(sample: Sample, fields: dict[str, Any], changed: bool) -> None:  # noqa: FBT001 - a parameter of the case
    """Another title or date makes a changed line; another place, a pin or a date that is not printed now does not."""
    sample.list_("公示公告", "t1")
    sample.begin()
    (known,) = sample.list_("公示公告", "t1", **fields)
    assert known.changed_line is changed


def test_pinned_twin_of_a_line(sample: Sample) -> None:
    """A line that stands twice, pinned with a shortened title and in its place, is not changed at every crawl."""
    line = Listing(
        url=url_of("t1"),
        url_key=key_of(url_of("t1")),
        key=None,
        title="关于…",
        publish_date=None,
        date_text=None,
        position=0,
        pinned=True,
    )
    full = replace(line, title="关于t1的公示", publish_date="2024-04-30", position=3, pinned=False)
    for crawl in range(3):
        page = sample.capture(kind="list")
        known = sample.catalog.put_listings(sample.crawl_id, AGENCY.name, "公示公告", [line, full], page.id, sample.now)
        assert [one.listed_before for one in known] == [crawl > 0] * 2
        assert not any(one.changed_line for one in known)
        (row,) = sample.catalog.file.rows("SELECT * FROM listings")
        assert (row["title"], row["position"], row["pinned"], row["publish_date"]) == ("关于…", 0, 1, "2024-04-30")
        sample.begin()


def test_document_known_by_key_on_its_host_only(sample: Sample) -> None:
    """A CMS key identifies a document at another path of the same host, and nothing on another host."""
    put = sample.put(read_document("t1", key="77"))
    assert sample.catalog.find_document(AGENCY.name, "sfj.sample.test/other/77.htm", "77") is not None
    assert sample.catalog.find_document(AGENCY.name, "www.sample.test/gsgg/77.htm", "77") is None
    assert sample.catalog.find_document(AGENCY.name, "sfj.sample.test/other/77.htm", None) is None
    found = sample.catalog.find_document(AGENCY.name, key_of(url_of("t1")), None)
    assert found is not None
    assert found.document_id == put.document_id


def test_unknown_channel(sample: Sample) -> None:
    """Closing a channel the agency does not have is an error, not a silent nothing."""
    with pytest.raises(CatalogError, match="no channel '没有'"):
        sample.catalog.finish_channel(
            sample.crawl_id, AGENCY.name, "没有", complete=True, pages=1, total=None, at=sample.now
        )


def test_incomplete_walk_is_not_to_the_end(sample: Sample) -> None:
    """A channel counts as walked only when a crawl reached its end, and stays so."""
    sample.list_("公示公告", "t1", complete=False)
    assert sample.catalog.walked_channels(AGENCY.name) == set()
    sample.list_("公示公告", "t1")
    sample.begin()
    sample.list_("公示公告", "t1", complete=False)
    assert sample.catalog.walked_channels(AGENCY.name) == {"公示公告"}


# Documents and versions


def test_same_document_again_adds_nothing(sample: Sample) -> None:
    """A second crawl of an unchanged document moves its dates and adds no version."""
    first = sample.put(read_document("t1"), attachments=[fetched(PDF, "a" * 64)])
    sample.begin()
    again = sample.put(read_document("t1"), attachments=[fetched(PDF, "a" * 64)])
    assert (first.outcome, again.outcome) == ("new", "unchanged")
    assert again == replace(first, outcome="unchanged")
    (row,) = sample.catalog.file.rows("SELECT * FROM documents")
    assert row["first_captured_at"] < row["last_captured_at"] == row["last_checked_at"]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"text": "第一段\n改过的第二段"}, ("text",)),
        ({"title": "改过的标题"}, ("title",)),
        ({"tables": ((("甲", "乙"), ("1", "2")),)}, ("tables",)),
        ({"source": "样例市司法局", "publish_date": "2024-05-01"}, ("publish_date", "source")),
        ({"publish_date_text": "5月前后"}, ("publish_date_text",)),
    ],
)
def test_what_makes_a_version(sample: Sample, fields: dict[str, Any], names: tuple[str, ...]) -> None:
    """Text, title, a table or a printed field that differs makes a version that names it."""
    sample.put(read_document("t1"))
    put = sample.put(read_document("t1", **fields))
    assert (put.outcome, put.version_number, put.changed_fields) == ("changed", 2, names)


@pytest.mark.parametrize(
    "fields",
    [
        {
            "extraction": replace(
                EXTRACTION, method="page+trafilatura", agreement=0.5, flags=("short",), extractor_version="2"
            )
        },
        {"cites": ("样府〔2020〕1号",)},
        {"publish_date_source": "meta"},
        {"key": "12"},
    ],
)
def test_what_makes_no_version(sample: Sample, fields: dict[str, Any]) -> None:
    """How a document was read, and what is derived from it, makes no version."""
    sample.put(read_document("t1"))
    assert sample.put(read_document("t1", **fields)).outcome == "unchanged"


def test_replaced_attachment_makes_a_version(sample: Sample) -> None:
    """Other bytes at an attachment's address, another label or another image make a version."""
    picture = fetched("http://sfj.sample.test/p.png", "c" * 64, label=None)
    sample.put(read_document("t1"), attachments=[fetched(PDF, "a" * 64)], images=[picture])
    bytes_ = sample.put(read_document("t1"), attachments=[fetched(PDF, "b" * 64)], images=[picture])
    label = sample.put(read_document("t1"), attachments=[fetched(PDF, "b" * 64, label="附件(新)")], images=[picture])
    image = sample.put(
        read_document("t1"),
        attachments=[fetched(PDF, "b" * 64, label="附件(新)")],
        images=[replace(picture, sha256="d" * 64)],
    )
    assert [put.changed_fields for put in (bytes_, label, image)] == [("attachments",), ("attachments",), ("images",)]
    assert image.version_number == 4


def test_image_at_another_address_is_the_same_image(sample: Sample) -> None:
    """An image counts by its bytes, not by its address."""
    sample.put(read_document("t1"), images=[fetched("http://sfj.sample.test/a.png", "c" * 64)])
    assert (
        sample.put(read_document("t1"), images=[fetched("http://sfj.sample.test/b.png", "c" * 64)]).outcome
        == "unchanged"
    )


def test_failed_fetch_makes_no_version(sample: Sample) -> None:
    """A file that cannot be fetched now counts with the digest it had, and its row stays."""
    sample.put(read_document("t1"), attachments=[fetched(PDF, "a" * 64)])
    put = sample.put(read_document("t1"), attachments=[fetched(PDF, None)])
    assert put.outcome == "unchanged"
    (known,) = sample.catalog.known_documents(AGENCY.name)
    assert known.attachments[0].sha256 == "a" * 64


def test_failed_fetch_in_a_new_version_is_stated(sample: Sample) -> None:
    """A version made for another reason says that a file was not fetched; later fetches of the same bytes fill it in."""
    sample.put(read_document("t1"), attachments=[fetched(PDF, "a" * 64)])
    put = sample.put(read_document("t1", text="改"), attachments=[fetched(PDF, None)])
    assert put.changed_fields == ("text",)
    (known,) = sample.catalog.known_documents(AGENCY.name)
    assert (known.attachments[0].sha256, known.attachments[0].error) == (None, "503")
    assert sample.put(read_document("t1", text="改"), attachments=[fetched(PDF, None)]).outcome == "unchanged"
    assert sample.put(read_document("t1", text="改"), attachments=[fetched(PDF, "a" * 64)]).outcome == "unchanged"
    (known,) = sample.catalog.known_documents(AGENCY.name)
    assert (known.attachments[0].sha256, known.attachments[0].error) == ("a" * 64, None)


def test_file_fetched_at_last_fills_its_gap(sample: Sample) -> None:
    """A file that failed from the beginning and comes later is no change of the document; other bytes after it are."""
    sample.put(read_document("t1"), attachments=[fetched(PDF, None)])
    assert sample.put(read_document("t1"), attachments=[fetched(PDF, "a" * 64)]).outcome == "unchanged"
    (known,) = sample.catalog.known_documents(AGENCY.name)
    assert known.attachments[0].sha256 == "a" * 64
    assert sample.put(read_document("t1"), attachments=[fetched(PDF, "b" * 64)]).changed_fields == ("attachments",)


def test_document_id_is_fixed(sample: Sample) -> None:
    """The id is the agency and 12 hex digits of the first address's digest, also after the document moved."""
    first = sample.put(read_document("t1", key="77"))
    assert first.document_id == f"{AGENCY.name}-{hashlib.sha256(b'sfj.sample.test/gsgg/t1.htm').hexdigest()[:12]}"
    moved = sample.put(read_document("t2", key="77"), moved=True)
    assert moved.document_id == first.document_id
    (known,) = sample.catalog.known_documents(AGENCY.name)
    assert known.url == url_of("t2")
    (alias,) = sample.catalog.file.rows("SELECT url FROM aliases")
    assert alias["url"] == url_of("t1")


def test_ids_that_collide_grow(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two addresses whose digests begin alike get ids of different length, and both stay findable."""
    monkeypatch.setattr("archive.catalog_identity._ID_HEX", 1)
    ids = [sample.put(read_document(f"t{number}")).document_id for number in range(40)]
    assert len(set(ids)) == 40
    assert {len(one) for one in ids} > {len(AGENCY.name) + 2}
    assert [sample.put(read_document(f"t{number}")).document_id for number in range(40)] == ids


def test_second_address_becomes_an_alias(sample: Sample) -> None:
    """The same key at another address, and the addresses that led there, become aliases unless it moved."""
    first = sample.put(read_document("t1", key="77"))
    twin = sample.put(read_document("t2", key="77"), aliases=[(url_of("t3"), key_of(url_of("t3")))])
    assert twin.document_id == first.document_id
    (known,) = sample.catalog.known_documents(AGENCY.name)
    assert known.url == url_of("t1")
    for name in ("t1", "t2", "t3"):
        found = sample.catalog.find_document(AGENCY.name, key_of(url_of(name)), None)
        assert found is not None
        assert found.document_id == first.document_id


def test_moved_back(sample: Sample) -> None:
    """A document that moves to one of its aliases swaps the two addresses."""
    sample.put(read_document("t1"))
    for name in ("t2", "t1", "t2"):
        sample.put(read_document(name), aliases=[(url_of("t1"), key_of(url_of("t1")))], moved=True)
        (known,) = sample.catalog.known_documents(AGENCY.name)
        assert known.url == url_of(name)
        assert len(sample.catalog.file.rows("SELECT 1 FROM aliases")) == 1


def test_alias_never_takes_another_documents_address(sample: Sample) -> None:
    """An address that leads to a document already is not given to another."""
    first, second = sample.put(read_document("t1")), sample.put(read_document("t2"))
    assert not sample.catalog.put_alias(AGENCY.name, first.document_id, url_of("t2"), key_of(url_of("t2")), sample.now)
    assert sample.catalog.put_alias(AGENCY.name, first.document_id, url_of("t3"), key_of(url_of("t3")), sample.now)
    assert not sample.catalog.put_alias(AGENCY.name, second.document_id, url_of("t3"), key_of(url_of("t3")), sample.now)


def test_line_at_an_alias_leads_to_the_document(sample: Sample) -> None:
    """A line whose address turns out to lead to a known document is tied to it."""
    sample.list_("公示公告", "t9")
    put = sample.put(read_document("t1"))
    sample.catalog.put_alias(AGENCY.name, put.document_id, url_of("t9"), key_of(url_of("t9")), sample.now)
    (row,) = sample.catalog.file.rows("SELECT document_id FROM listings")
    assert row["document_id"] == put.document_id


def test_listing_is_tied_to_a_document_found_by_key(sample: Sample) -> None:
    """Lines that were listed before their document was known lead to it afterwards, by address or by key."""
    sample.list_("公示公告", "t1")
    sample.list_("政策文件", "t2", key="77")
    put = sample.put(read_document("t1", key="77"))
    rows = sample.catalog.file.rows("SELECT document_id FROM listings")
    assert [row["document_id"] for row in rows] == [put.document_id] * 2
    (known,) = sample.catalog.known_documents(AGENCY.name)
    assert known.channel == "公示公告"


# States


def test_gone_then_withdrawn(sample: Sample) -> None:
    """A document is suspected at the first look that finds it gone and withdrawn only after three over 14 days."""
    put = sample.put(read_document("t1"))
    seen = []
    for days in (0, 1, 1, 1, 10, 1, 1):
        sample.begin(days)
        capture = sample.capture(status=404)
        seen.append(sample.catalog.put_absence(sample.crawl_id, put.document_id, capture.id, "404", sample.now))
    assert seen == ["suspected"] * 5 + ["withdrawn"] * 2
    rows = sample.catalog.file.rows("SELECT state, reason, capture_id FROM states ORDER BY id")
    assert [row["state"] for row in rows] == ["live", "suspected", "withdrawn"]
    assert all(row["capture_id"] for row in rows)


def test_few_looks_far_apart_do_not_withdraw(sample: Sample) -> None:
    """Two looks a month apart are not three: the document stays suspected."""
    put = sample.put(read_document("t1"))
    for days in (1, 30):
        sample.begin(days)
        state = sample.catalog.put_absence(sample.crawl_id, put.document_id, None, "404", sample.now)
    assert state == "suspected"


@pytest.mark.parametrize("unchanged", [True, False])
def test_restored(sample: Sample, unchanged: bool) -> None:  # noqa: FBT001 - a parameter of the case
    """A withdrawn document that answers again is live, said to be restored, and its failures are forgotten."""
    put = sample.put(read_document("t1"))
    for days in (1, 8, 8):
        sample.begin(days)
        sample.catalog.put_absence(sample.crawl_id, put.document_id, sample.capture(status=404).id, "404", sample.now)
    assert sample.state_of(put.document_id) == "withdrawn"
    sample.begin()
    if unchanged:
        back = sample.catalog.put_unchanged(sample.crawl_id, put.document_id, sample.capture().id, sample.now)
    else:
        back = sample.put(read_document("t1"))
    assert (back.restored, back.outcome) == (True, "unchanged")
    (row,) = sample.catalog.file.rows("SELECT * FROM documents")
    assert (row["state"], row["failures"], row["first_failed_at"]) == ("live", 0, None)
    assert sample.catalog.file.rows("SELECT state FROM states ORDER BY id DESC")[0]["state"] == "live"


def test_unlisted_and_listed_again(sample: Sample) -> None:
    """A page that answers but that no completely walked list shows is unlisted, and live when a list shows it again."""
    sample.list_("公示公告", "t1", "t2")
    one, two = sample.put(read_document("t1")), sample.put(read_document("t2"))
    assert sample.catalog.settle(sample.crawl_id, AGENCY.name, sample.now) == {"unlisted": 0, "listed": 0}
    sample.begin()
    sample.list_("公示公告", "t2")
    sample.put(read_document("t1"))
    sample.put(read_document("t2"))
    assert sample.catalog.settle(sample.crawl_id, AGENCY.name, sample.now) == {"unlisted": 1, "listed": 0}
    assert (sample.state_of(one.document_id), sample.state_of(two.document_id)) == ("unlisted", "live")
    sample.begin()
    sample.list_("公示公告", "t1", complete=False)
    assert sample.catalog.settle(sample.crawl_id, AGENCY.name, sample.now) == {"unlisted": 0, "listed": 1}
    assert sample.state_of(one.document_id) == "live"


def test_not_unlisted_without_evidence(sample: Sample) -> None:
    """A document stays live when its list was not walked to its end, it did not answer, or another channel shows it."""
    sample.list_("公示公告", "t1", "t2", "t3")
    sample.list_("政策文件", "t3", "t4")
    puts = [sample.put(read_document(name)) for name in ("t1", "t2", "t3", "t4")]
    puts.append(sample.put(read_document("never-listed")))
    sample.begin()
    sample.list_("公示公告", complete=True)
    sample.list_("政策文件", "t3", complete=False)
    sample.catalog.put_absence(sample.crawl_id, puts[1].document_id, None, "404", sample.now)
    for name in ("t3", "t4", "never-listed"):
        sample.put(read_document(name))
    assert sample.catalog.settle(sample.crawl_id, AGENCY.name, sample.now) == {"unlisted": 0, "listed": 0}
    states = [sample.state_of(put.document_id) for put in puts]
    assert states == ["live", "suspected", "live", "live", "live"]


def test_absence_of_an_unknown_document(sample: Sample) -> None:
    """An absence of what the catalog does not know is an error."""
    with pytest.raises(CatalogError, match="no document nothing"):
        sample.catalog.put_absence(sample.crawl_id, "nothing", None, "404", sample.now)


# Anything at all

_texts = st.text(st.characters(codec="utf-8"), max_size=12)
_files = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("ab")), max_size=3, unique_by=lambda file: file[0])
_readings = st.lists(
    st.tuples(
        st.sampled_from(["t1", "t2"]),
        st.one_of(st.sampled_from([None, "", "甲", "乙"]), _texts),
        st.sampled_from(["题", None, "=题"]),
        st.lists(st.lists(st.lists(_texts, max_size=2), max_size=2), max_size=2),
        _files,
    ),
    min_size=1,
    max_size=12,
)


def _as_read(reading: tuple[Any, ...]) -> tuple[Document, list[File]]:
    """A generated reading as document and files."""
    name, text, title, tables, files = reading
    cells = tuple(tuple(tuple(row) for row in table) for table in tables)
    attachments = [fetched(f"http://sfj.sample.test/{file}.pdf", digest * 64) for file, digest in files]
    return read_document(name, text=text, title=title, tables=cells), attachments


@given(_readings)
@settings(max_examples=60, deadline=None)
def test_versions_are_the_successive_distinct_contents(readings: list[tuple[Any, ...]]) -> None:
    """Whatever sequence of readings comes, each content that differs from the one before is a version, word for word."""
    with TemporaryDirectory() as folder:
        sample = Sample.make(Path(folder))
        expected: dict[str, list[tuple[Any, ...]]] = {}
        for reading in readings:
            document, attachments = _as_read(reading)
            put = sample.put(document, attachments=attachments)
            history = expected.setdefault(put.document_id, [])
            outcome = "new" if not history else "unchanged" if history[-1] == reading else "changed"
            if not history or history[-1] != reading:
                history.append(reading)
            assert (put.outcome, put.version_number) == (outcome, len(history))
            sample.now += timedelta(hours=1)
        for document_id, history in expected.items():
            rows = sample.catalog.file.rows(
                "SELECT * FROM versions WHERE document_id = ? ORDER BY number", (document_id,)
            )
            assert [(row["text"], row["title"]) for row in rows] == [(text, title) for _, text, title, _, _ in history]
            digests = [row["version_digest"] for row in rows]
            assert all(one != next_ for one, next_ in pairwise(digests))
            for row, reading in zip(rows, history, strict=True):
                names = [f"http://sfj.sample.test/{name}.pdf" for name, _ in reading[4]]
                files = sample.catalog.file.rows(
                    "SELECT url FROM attachments WHERE version_id = ? ORDER BY position", (row["id"],)
                )
                assert [file["url"] for file in files] == names
        assert sample.catalog.file.rows("PRAGMA foreign_key_check") == []
        sample.catalog.close()


def test_a_document_is_found_by_its_key_without_walking_its_agency(tmp_path: Path) -> None:
    """What an address leads to is found by an index on just that, however many documents the agency has."""
    with Catalog.open(tmp_path / "catalog.db") as catalog:
        for question in (FIND_BY_ADDRESS, FIND_BY_ALIAS, FIND_BY_KEY):
            plan = [row["detail"] for row in catalog.file.rows(f"EXPLAIN QUERY PLAN {question}", ("a", "b"))]
            searches = [step for step in plan if step.startswith("SEARCH")]
            assert searches, plan
            assert "(agency=? AND " in searches[0]


def test_a_record_is_found_whosever_it_is(sample: Sample) -> None:
    """A capture is found by its record's id in another agency than that whose capture was dealt with last."""
    other = replace(AGENCY, name="other_sfj", base_url="http://other.test/")
    sample.catalog.put_agency(other)
    mine = sample.capture()
    sample.catalog.file.execute("UPDATE captures SET agency = 'other_sfj' WHERE id = ?", (mine.id,))
    sample.capture()
    found = sample.catalog.capture_by_record_id(mine.record_id)
    assert found is not None
    assert (found.id, found.agency) == (mine.id, "other_sfj")
    assert sample.catalog.capture_by_record_id(mine.record_id) == found
