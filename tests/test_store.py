"""The data directory: WARC first, then rows; all of a call or nothing of it; one crawl per agency."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from warcs import AGENCY, PAGE, STARTED_AT, block_of, context_of, exchange_of, fields_of, members_of, response_of

from archive.decisions import (
    decide_absence,
    decide_channel,
    decide_document,
    decide_settle,
    decide_unchanged,
)
from archive.errors import ArchiveBusy, ArchiveWriteError
from archive.model import Document, Extraction
from archive.store import Store
from archive.writer import random_record_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.model import Agency, Capture, Exchange

ROOT = Path(__file__).parent.parent
OTHER = replace(AGENCY, name="haidao_czj", title="海岛市财政局", base_url="https://czj.haidao.test/", channels=())
GZIPPED = response_of(PAGE, b"Content-Encoding: gzip", b'ETag: "v1"', b"Last-Modified: Tue, 05 Mar 2024 00:00:00 GMT")
NOT_MODIFIED = b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n'
IF_NONE_MATCH = b'GET /tzgg/1.html HTTP/1.1\r\nHost: sfj.haidao.test\r\nIf-None-Match: "v1"\r\n\r\n'


def begin(store: Store, crawl_id: str = "crawl-1", agency: Agency = AGENCY, **fields: Any) -> None:
    """Begin a crawl as a session does."""
    usual: dict[str, Any] = {
        "mode": "full",
        "options": {"limit": 3},
        "software": "crawler/1",
        "user_agent": "crawler/1 (+https://crawler.test/)",
        "contact": "ops@crawler.test",
        "started_at": STARTED_AT,
    }
    store.begin_crawl(agency, crawl_id=crawl_id, **(usual | fields))


def put(store: Store, *exchanges: Exchange, crawl_id: str = "crawl-1") -> list[Capture]:
    """Put a batch of one crawl."""
    return store.put_captures([(exchange, context_of(crawl_id=crawl_id)) for exchange in exchanges])


def finish(store: Store, crawl_id: str = "crawl-1") -> None:
    """Finish a crawl that went well."""
    store.finish_crawl(crawl_id, "finished", None, {"documents": 1}, STARTED_AT)


def warcs_in(data_dir: Path, agency: str = AGENCY.name) -> list[Path]:
    """Everything in an agency's WARC folder."""
    return sorted((data_dir / "warc" / agency).iterdir())


def scalar(store: Store, sql: str) -> Any:
    """The first column of the first row."""
    row = next(iter(store.catalog.rows(sql)))
    return next(iter(row.values()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open store with one crawl going on."""
    with Store.open(tmp_path / "data") as opened:
        begin(opened)
        yield opened


# Captures


def test_captures_get_rows_that_lead_to_their_records(store: Store) -> None:
    """Rows come back in the batch's order with what the head says, and open as what was received."""
    post = b"POST /search HTTP/1.1\r\nContent-Length: 6\r\n\r\npage=2"
    page, form, garbage = put(
        store,
        exchange_of(GZIPPED),
        exchange_of(response_of(b"{}", b"Content-Type: Application/JSON; charset=UTF-8"), request=post, method="POST"),
        exchange_of(b"\x15\x03\x01", ip="2001:DB8::0:1"),
    )
    assert (page.status, page.media_type, page.etag) == (200, None, '"v1"')
    assert page.last_modified == "Tue, 05 Mar 2024 00:00:00 GMT"
    assert (page.captured_at, page.payload_bytes, page.request_digest) == (STARTED_AT, len(PAGE), None)
    assert (form.media_type, form.method) == ("application/json", "POST")
    assert form.request_digest is not None
    assert (garbage.status, garbage.payload_digest, garbage.ip) == (None, None, "2001:db8::1")
    with store.open_capture(page) as response:
        assert response.read_content() == gzip.decompress(PAGE)
    with store.open_capture(garbage) as response:
        assert b"".join(response.iter_block()) == b"\x15\x03\x01"


def test_finished_crawl_leaves_a_closed_file_with_its_digest(store: Store, tmp_path: Path) -> None:
    """At the end the file has its final name, the crawl its outcome, and both rows say so."""
    put(store, exchange_of())
    assert warcs_in(tmp_path / "data")[0].suffix == ".open"
    finish(store)
    (path,) = warcs_in(tmp_path / "data")
    row = next(iter(store.catalog.rows("SELECT * FROM warc_files")))
    assert row["path"] == f"warc/{AGENCY.name}/{path.name}"
    assert (row["bytes"], len(row["sha256"]), row["closed_at"] is None) == (path.stat().st_size, 64, False)
    assert scalar(store, "SELECT outcome FROM crawls") == "finished"
    info = block_of(members_of(path)[0][1]).decode()
    for line in (
        "software: crawler/1",
        "robots: classic",
        "http-header-user-agent: crawler/1 (+https://crawler.test/)",
        "operator: ops@crawler.test",
        "crawl: crawl-1",
        'options: {"limit":3}',
        '"title":"海岛市司法局"',
    ):
        assert line in info


def test_extra_facts_stand_in_the_warcinfo(tmp_path: Path) -> None:
    """What the crawl says of itself beside the usual is in each file's first record."""
    with Store.open(tmp_path) as store:
        begin(store, extra_info={"connect-to": "sfj.haidao.test:443:127.0.0.1:8443"})
        put(store, exchange_of())
        finish(store)
    assert b"connect-to: sfj.haidao.test:443:127.0.0.1:8443\r\n" in members_of(warcs_in(tmp_path)[0])[0][1]


def test_same_payload_becomes_a_revisit_of_the_first_committed_capture(store: Store) -> None:
    """A payload captured before is kept once; within one batch each is a response of its own."""
    first, twin = put(store, exchange_of(GZIPPED), exchange_of(GZIPPED, url="https://sfj.haidao.test/2.html"))
    assert (first.revisit_profile, twin.revisit_profile) == (None, None)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    chunked += b"%x\r\n%b\r\n0\r\n\r\n" % (len(PAGE), PAGE)
    (again,) = put(store, exchange_of(chunked, url="https://sfj.haidao.test/3.html"))
    assert (again.revisit_profile, again.refers_to) == ("identical-payload-digest", first.record_id)
    (third,) = put(store, exchange_of(GZIPPED))
    assert third.refers_to == first.record_id
    with store.open_capture(again) as response:
        assert response.read_content() == gzip.decompress(PAGE)
        assert response.original == first


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (response_of(b""), {}),
        (GZIPPED[:-1], {"truncated": "disconnect"}),
        (response_of(PAGE, status=b"404 Not Found"), {}),
        (response_of(PAGE, status=b"206 Partial Content"), {}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", {"method": "HEAD"}),
    ],
)
def test_what_is_never_a_revisit_nor_an_original(store: Store, message: bytes, fields: dict[str, Any]) -> None:
    """Empty, cut and other than 200 captures are kept whole each time, and nothing refers to them."""
    for _ in range(2):
        (capture,) = put(store, exchange_of(message, **fields))
        assert capture.revisit_profile is None
    (whole,) = put(store, exchange_of(GZIPPED))
    assert whole.revisit_profile is None


def test_not_modified_refers_to_the_capture_whose_validators_were_sent(store: Store) -> None:
    """A 304 is a revisit of the response that was asked about, also where a revisit came between."""
    first, _ = put(store, exchange_of(GZIPPED))[0], put(store, exchange_of(GZIPPED))
    (confirmed,) = put(store, exchange_of(NOT_MODIFIED, request=IF_NONE_MATCH))
    assert (confirmed.revisit_profile, confirmed.refers_to) == ("server-not-modified", first.record_id)
    assert (confirmed.status, confirmed.payload_digest) == (304, None)
    since = IF_NONE_MATCH.replace(b'If-None-Match: "v1"', b"If-Modified-Since: Tue, 05 Mar 2024 00:00:00 GMT")
    (again,) = put(store, exchange_of(b"HTTP/1.1 304 Not Modified\r\n\r\n", request=since))
    assert again.refers_to == first.record_id
    with store.open_capture(again) as response:
        assert response.status == 304
        assert response.read_content() == gzip.decompress(PAGE)


@pytest.mark.parametrize(
    "request_bytes",
    [
        IF_NONE_MATCH.replace(b'"v1"', b'"v0"'),
        IF_NONE_MATCH.replace(b'If-None-Match: "v1"\r\n', b""),
        IF_NONE_MATCH.replace(b'If-None-Match: "v1"', b"If-Modified-Since: Mon, 04 Mar 2024 00:00:00 GMT"),
        IF_NONE_MATCH.replace(b'"v1"\r\n', b'"v0"\r\nIf-Modified-Since: Tue, 05 Mar 2024 00:00:00 GMT\r\n'),
    ],
)
def test_not_modified_that_confirms_nothing_known_is_kept_as_a_response(store: Store, request_bytes: bytes) -> None:
    """A 304 to a question that was not about the last capture refers to nothing."""
    put(store, exchange_of(GZIPPED))
    (capture,) = put(store, exchange_of(NOT_MODIFIED, request=request_bytes))
    assert (capture.status, capture.revisit_profile) == (304, None)


def test_other_agencies_payloads_are_not_referred_to(store: Store) -> None:
    """Each agency's files stand on their own."""
    put(store, exchange_of(GZIPPED))
    begin(store, "crawl-2", OTHER)
    context = context_of(agency=OTHER.name, crawl_id="crawl-2")
    (capture,) = store.put_captures([(exchange_of(GZIPPED), context)])
    assert capture.revisit_profile is None
    assert capture.warc_file.startswith(f"warc/{OTHER.name}/{OTHER.name}-")


def test_one_batch_may_hold_several_crawls(store: Store, tmp_path: Path) -> None:
    """Captures of two agencies in one call go into two files and come back in order."""
    begin(store, "crawl-2", OTHER)
    one, two = context_of(), context_of(agency=OTHER.name, crawl_id="crawl-2")
    captures = store.put_captures(
        [(exchange_of(response_of(b"%d" % n)), context) for n, context in enumerate([one, two, two, one])]
    )
    assert [capture.agency for capture in captures] == [AGENCY.name, OTHER.name, OTHER.name, AGENCY.name]
    for n, capture in enumerate(captures):
        with store.open_capture(capture) as response:
            assert response.read_content() == b"%d" % n
    assert len(warcs_in(tmp_path / "data")) == len(warcs_in(tmp_path / "data", OTHER.name)) == 1
    assert put(store) == []


# All or nothing


def test_refused_rows_are_cut_off_the_warc_again(tmp_path: Path) -> None:
    """When the catalog refuses a batch, no file keeps anything of it, and the next batch works."""
    ids = iter([random_record_id() for _ in range(1000)])
    repeated: list[str] = []
    with Store.open(tmp_path, new_id=lambda: repeated.pop() if repeated else next(ids)) as store:
        begin(store)
        begin(store, "crawl-2", OTHER)
        (first,) = put(store, exchange_of(response_of(b"1")))
        (open_file,) = warcs_in(tmp_path)
        kept = open_file.read_bytes()
        repeated.append(first.record_id)  # the catalog takes no record id twice
        other = context_of(agency=OTHER.name, crawl_id="crawl-2")
        with pytest.raises(Exception, match="UNIQUE"):
            store.put_captures([(exchange_of(response_of(b"2")), context_of()), (exchange_of(), other)])
        assert open_file.read_bytes() == kept
        assert scalar(store, "SELECT count(*) FROM captures") == 1
        put(store, exchange_of(response_of(b"3")))
        finish(store)
        finish(store, "crawl-2")
    assert len(members_of(warcs_in(tmp_path)[0])) == 1 + 1 + 3 + 3 + 1
    assert all(path.suffix == ".gz" for path in warcs_in(tmp_path, OTHER.name))


def test_failed_crawl_does_not_undo_what_another_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that fails in one crawl's file leaves earlier batches of the other crawl alone."""
    with Store.open(tmp_path) as store:
        begin(store)
        begin(store, "crawl-2", OTHER)
        other = context_of(agency=OTHER.name, crawl_id="crawl-2")
        store.put_captures([(exchange_of(), other)])
        kept = [warcs_in(tmp_path, name)[0].read_bytes() for name in (OTHER.name, AGENCY.name)]
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", _disk_full)
            with pytest.raises(ArchiveWriteError, match="No space left"):
                store.put_captures([(exchange_of(), context_of()), (exchange_of(), other)])
        assert [warcs_in(tmp_path, name)[0].read_bytes() for name in (OTHER.name, AGENCY.name)] == kept


def _disk_full(*_arguments: object) -> int:
    raise OSError(28, "No space left on device")


def test_disk_full_at_the_end_still_closes_and_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the crawl's last words cannot be written, file, row and lock are still settled, and the error is raised."""
    with Store.open(tmp_path) as store:
        begin(store)
        put(store, exchange_of())
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", _disk_full)
            with pytest.raises(ArchiveWriteError, match="make room"):
                finish(store)
        assert [path.suffix for path in warcs_in(tmp_path)] == [".gz"]
        assert scalar(store, "SELECT outcome FROM crawls") == "finished"
        begin(store, "crawl-2")


def test_exchange_without_a_response_byte_is_the_callers_mistake(store: Store, tmp_path: Path) -> None:
    """Where nothing came there is no capture; nothing of the batch is kept."""
    with pytest.raises(ValueError, match="record a failure instead"):
        put(store, exchange_of(), exchange_of(b""))
    assert scalar(store, "SELECT count(*) FROM captures") == 0
    finish(store)
    types = [fields_of(record)["WARC-Type"] for _, record in members_of(warcs_in(tmp_path / "data")[0])]
    assert types == ["warcinfo", "metadata", "metadata"]  # the crawl's first and last words


def test_rotation_puts_every_file_into_the_catalog(tmp_path: Path) -> None:
    """Files closed on the way and the last one have rows with size and digest."""
    with Store.open(tmp_path, max_file_bytes=30_000) as store:
        begin(store)
        for n in range(5):
            put(store, exchange_of(response_of(os.urandom(12_000)), url=f"https://sfj.haidao.test/{n}.html"))
        finish(store)
        rows = list(store.catalog.rows("SELECT * FROM warc_files ORDER BY path"))
    assert [row["bytes"] for row in rows] == [path.stat().st_size for path in warcs_in(tmp_path)]
    assert len(rows) > 1
    assert all(row["sha256"] for row in rows)


# Failures and decisions


def test_failure_has_a_row_and_a_record(store: Store, tmp_path: Path) -> None:
    """What brought no response is in the catalog and, for a rebuild, in the WARC."""
    context = context_of(kind="list", channel="通知公告", entry={"title": "关于"})
    store.put_failure(context, "https://sfj.haidao.test/x", "GET", "dns", "no such host", STARTED_AT)
    (cut,) = put(store, exchange_of(GZIPPED[:-1], truncated="disconnect"))
    store.put_failure(context, cut.url, "GET", "dataloss", "cut off", STARTED_AT, capture_id=cut.id)
    finish(store)
    (path,) = warcs_in(tmp_path / "data")
    notes = [record for _, record in members_of(path) if b"\r\nnote: failure\r\n" in record]
    rows = list(store.catalog.rows("SELECT * FROM failures ORDER BY id"))
    assert [row["record_id"] for row in rows] == [fields_of(note)["WARC-Record-ID"] for note in notes]
    assert [(row["reason"], row["capture_id"]) for row in rows] == [("dns", None), ("dataloss", cut.id)]
    assert block_of(notes[0]).decode() == (
        "note: failure\r\nmethod: GET\r\nreason: dns\r\nmessage: no such host\r\nagency: haidao_sfj\r\ncrawl: crawl-1\r\n"
        'kind: list\r\nchannel: 通知公告\r\nentry: {"title":"关于"}\r\n'
    )
    assert f"capture: {cut.record_id}\r\n" in block_of(notes[1]).decode()


def test_decisions_are_told_to_the_warc(store: Store, tmp_path: Path) -> None:
    """How far a list was walked, what was settled and how the crawl ended stand in the file in words."""
    put(store, exchange_of())
    at = STARTED_AT
    store.put(decide_channel("crawl-1", AGENCY.name, "通知公告", complete=True, pages=3, total=None, at=at))
    assert store.walked_channels(AGENCY.name) == {"通知公告"}
    assert store.put(decide_settle("crawl-1", AGENCY.name, at)) == {"unlisted": 0, "listed": 0}
    finish(store)
    blocks = [block_of(record) for _, record in members_of(warcs_in(tmp_path / "data")[0])]
    decisions = [block.decode().split("\r\n")[1:] for block in blocks if block.startswith(b"note: decision\r\n")]
    assert [decision[0] for decision in decisions] == [
        "decision: begin_crawl",
        "decision: finish_channel",
        "decision: settle",
        "decision: finish_crawl",
    ]
    assert decisions[1][3:] == ["channel: 通知公告", "complete: yes", "pages: 3", ""]
    assert decisions[3][3:] == ["outcome: finished", 'counts: {"documents":1}', ""]


def test_absence_is_a_decision_with_its_evidence(store: Store, tmp_path: Path) -> None:
    """That a document is gone stands in the catalog as a state and in the file with the capture that showed it."""
    shown, gone = put(store, exchange_of(), exchange_of(response_of(b"", status=b"404 Not Found")))
    extraction = Extraction(
        method="container",
        extractor_version="1",
        trafilatura_version=None,
        encoding="utf-8",
        container="#c",
        agreement=1.0,
    )
    document = Document(url=shown.url, title="关于公布收费目录的通知", text="正文", extraction=extraction)
    key = "sfj.haidao.test/tzgg/1.html"
    at = STARTED_AT
    new = store.put(
        decide_document(
            "crawl-1", AGENCY.name, document, url_key=key, capture_id=shown.id, attachments=(), images=(), at=at
        )
    )
    assert store.put(decide_unchanged("crawl-1", new.document_id, shown.id, at)).outcome == "unchanged"
    assert store.put(decide_absence("crawl-1", new.document_id, gone.id, "404", at)) == "suspected"
    found = store.find_document(AGENCY.name, key, None)
    assert found is not None
    assert (found.state, store.known_documents(AGENCY.name)) == ("suspected", [found])
    finish(store)
    blocks = [block_of(record).decode("utf-8", "replace") for _, record in members_of(warcs_in(tmp_path / "data")[0])]
    (note,) = [block for block in blocks if "decision: put_absence" in block]
    assert f"decision: put_absence\r\nagency: haidao_sfj\r\ncrawl: crawl-1\r\ndocument: {new.document_id}\r\n" in note
    assert f"capture: {gone.record_id}\r\nreason: 404\r\n" in note


def test_decision_that_the_catalog_refuses_is_not_told(store: Store, tmp_path: Path) -> None:
    """A channel nobody declared cannot be finished, and the file does not say that it was."""
    put(store, exchange_of())
    kept = warcs_in(tmp_path / "data")[0].read_bytes()
    with pytest.raises(Exception, match="no channel"):
        store.put(decide_channel("crawl-1", AGENCY.name, "无此栏目", complete=True, pages=1, total=1, at=STARTED_AT))
    assert warcs_in(tmp_path / "data")[0].read_bytes() == kept


# Opening, locking, ending


def test_crawl_must_have_begun(store: Store) -> None:
    """A crawl that is not going on cannot be written to."""
    with pytest.raises(ValueError, match="crawl nowhere is not going on"):
        put(store, exchange_of(), crawl_id="nowhere")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", ".hidden"])
def test_agency_names_are_file_names(store: Store, name: str) -> None:
    """An agency whose name could lead out of its folder is refused."""
    with pytest.raises(ValueError, match="names a folder"):
        store.lock_agency(name)


def test_second_crawl_of_an_agency_is_told_who_is_first(store: Store, tmp_path: Path) -> None:
    """While one process crawls an agency, another cannot; it learns the pid and since when. Others can be crawled."""
    program = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path; from test_store import OTHER, Store, begin\n"
        "store = Store.open(Path(sys.argv[1])); begin(store, 'crawl-3', OTHER); begin(store, 'crawl-2')\n"
    )
    arguments = [sys.executable, "-c", program, str(store.data_dir), str(ROOT), str(ROOT / "tests")]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert (
        f"ArchiveBusy: haidao_sfj is being crawled into {tmp_path / 'data'} by another process: pid {os.getpid()} since "
        in (ended.stderr)
    )
    assert scalar(store, "SELECT count(*) FROM crawls WHERE agency = 'haidao_czj'") == 1
    finish(store)
    begin(store, "crawl-2")


def test_lock_dies_with_its_crawl(store: Store) -> None:
    """Finishing a crawl lets the next one begin, and a begin that fails holds no lock."""
    with pytest.raises(ArchiveBusy):
        begin(store, "crawl-2")
    finish(store)
    begin(store, "crawl-2")
    finish(store, "crawl-2")
    with pytest.raises(Exception, match="UNIQUE"):
        begin(store, "crawl-2")
    begin(store, "crawl-3")


def test_store_left_without_finishing_closes_its_files(tmp_path: Path) -> None:
    """Leaving the store closes what is open; the next crawl finds the first one interrupted."""
    with Store.open(tmp_path) as store:
        begin(store)
        put(store, exchange_of())
    assert [path.suffix for path in warcs_in(tmp_path)] == [".gz"]
    with Store.open(tmp_path) as store:
        begin(store, "crawl-2")
        assert scalar(store, "SELECT outcome FROM crawls WHERE id = 'crawl-1'") == "interrupted"


@pytest.mark.parametrize("where", ["data", "data/warc", "data/locks"])
def test_data_directory_that_is_a_file_is_named(tmp_path: Path, where: str) -> None:
    """What is no directory is named with what to do."""
    path = tmp_path / where
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    with pytest.raises(ArchiveWriteError, match=r"data directory .*/data: cannot be written .*GOVCRAWL_DATA"):
        Store.open(tmp_path / "data")


KILLED = """
import os, sys; sys.path[:0] = sys.argv[2:]
from pathlib import Path
from test_store import Store, begin, exchange_of, put, response_of
store = Store.open(Path(sys.argv[1])); begin(store)
print(os.getpid(), flush=True)
for n in range(10_000):
    put(store, exchange_of(response_of(b"%d" % n * 500)), exchange_of(response_of(b"x%d" % n * 500)))
    print(n, flush=True)
"""


@pytest.mark.parametrize("after", [0, 1, 7])
def test_killed_crawl_loses_nothing_that_was_committed(tmp_path: Path, after: int) -> None:
    """After kill -9 the next crawl repairs the file: every row still opens, and no broken file stays."""
    arguments = [sys.executable, "-c", KILLED, str(tmp_path), str(ROOT), str(ROOT / "tests")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        while int(process.stdout.readline()) < after:
            pass
        process.send_signal(signal.SIGKILL)
    with Store.open(tmp_path) as store:
        begin(store, "crawl-2")
        numbers = [row["id"] for row in store.catalog.rows("SELECT id FROM captures")]
        assert len(numbers) >= 2 * (after + 1)
        for number in numbers:
            with store.open_capture(store.catalog.capture(number)) as response:
                assert response.status == 200
        assert scalar(store, "SELECT closed_at IS NULL FROM warc_files ORDER BY opened_at, path") == 0
        put(store, exchange_of(), crawl_id="crawl-2")
        finish(store, "crawl-2")
    first, *others = [path for path in warcs_in(tmp_path) if path.suffix == ".gz"]
    assert len(others) == 1
    assert sum(fields_of(record)["WARC-Type"] == "response" for _, record in members_of(first)) == len(numbers)


def test_file_renamed_by_a_crawl_that_died_before_its_row_is_closed(tmp_path: Path) -> None:
    """A file that has its final name but no digest in its row gets one when the next crawl begins."""
    with Store.open(tmp_path) as store:
        begin(store)
        put(store, exchange_of())
        finish(store)
        (path,) = warcs_in(tmp_path)
        with store.catalog.atomic():
            store.catalog.file.execute("UPDATE warc_files SET closed_at = NULL, bytes = NULL, sha256 = NULL")
        begin(store, "crawl-2")
        assert scalar(store, "SELECT bytes FROM warc_files") == path.stat().st_size


def test_crash_before_the_first_commit_leaves_nothing_in_the_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes that no row was ever committed for get their final name; the next crawl begins, and says what it does not know."""
    with Store.open(tmp_path / "first") as store:
        begin(store)
        put(store, exchange_of())
        (left,) = warcs_in(tmp_path / "first")
        block = left.read_bytes()
    folder = tmp_path / "second" / "warc" / AGENCY.name
    folder.mkdir(parents=True)
    (folder / left.name).write_bytes(block)
    with caplog.at_level("WARNING"), Store.open(tmp_path / "second") as store:
        begin(store)
        finish(store)
    kept = folder / left.name.removesuffix(".open")
    assert kept.read_bytes() == block
    assert "1 WARC files of haidao_sfj" in caplog.text
    assert "govcrawl rebuild" in caplog.text


def test_a_batch_holds_captures_and_decisions_and_fails_as_one(store: Store, tmp_path: Path) -> None:
    """Both are written in one go; when the catalog refuses a decision, the capture beside it is not kept either."""
    at = STARTED_AT
    walked = decide_channel("crawl-1", AGENCY.name, "通知公告", complete=True, pages=1, total=1, at=at)
    refused = decide_channel("crawl-1", AGENCY.name, "无此栏目", complete=True, pages=1, total=1, at=at)
    captures, results = store.put_batch([(exchange_of(), context_of(crawl_id="crawl-1"))], [walked])
    assert (len(captures), results) == (1, [None])
    (path,) = warcs_in(tmp_path / "data")
    kept = path.read_bytes()
    assert store.catalog.committed_end(captures[0].warc_file) == len(kept)
    with pytest.raises(Exception, match="no channel"):
        store.put_batch([(exchange_of(response_of(b"2")), context_of(crawl_id="crawl-1"))], [walked, refused])
    assert path.read_bytes() == kept
    assert scalar(store, "SELECT count(*) FROM captures") == 1
