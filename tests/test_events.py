"""A WARC file told again: rows equal to those the store put, and what is damaged costs itself only."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warcs import AGENCY, STARTED_AT, context_of, exchange_of, response_of
from whole_catalogs import content

from archive.catalog import CATALOG_NAME
from archive.decisions import decide_channel
from archive.events import (
    CaptureTold,
    Damage,
    Event,
    FileBegins,
    FileEnds,
    NoteTold,
    archived_agencies,
    read_events,
    warc_paths,
)
from archive.remake import Remake, new_catalog, temporary_path
from archive.store import Store

if TYPE_CHECKING:
    from pathlib import Path

POST = b"POST /search HTTP/1.1\r\nContent-Length: 6\r\n\r\npage=2"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
IF_NONE_MATCH = b'GET /tzgg/1.html HTTP/1.1\r\nHost: sfj.haidao.test\r\nIf-None-Match: "v1"\r\n\r\n'


def fill(store: Store) -> None:
    """One crawl with everything a row can say."""
    store.begin_crawl(
        AGENCY,
        crawl_id="crawl-1",
        mode="full",
        options={"limit": 3},
        software="crawler/1",
        user_agent="crawler/1",
        contact=None,
        started_at=STARTED_AT,
    )
    page = response_of(b"page", b"Content-Type: Text/HTML; charset=gbk", b'ETag: "v1"')
    batches: list[list[Any]] = [
        [exchange_of(page), exchange_of(CHUNKED), exchange_of(b"\x15\x03\x01")],
        [exchange_of(page), exchange_of(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n', request=IF_NONE_MATCH)],
        [
            exchange_of(response_of(b"{}"), request=POST, method="POST"),
            replace(exchange_of(response_of(b"cut")), truncated="disconnect", elapsed_seconds=1.23456),
            replace(exchange_of(response_of(b"tls")), tls_version="TLSv1.3", tls_cipher="TLS_AES_128_GCM_SHA256"),
            replace(exchange_of(response_of(b"old")), tls_version="TLSv1", tls_cipher="AES128-SHA"),
            replace(exchange_of(response_of(b"odd")), url="https://sfj.haidao.test/a|b?q={通知}&x=%7C"),
            exchange_of(response_of(b""), method="HEAD", request=b"HEAD / HTTP/1.1\r\n\r\n"),
        ],
    ]
    for batch in batches:
        store.put_captures([(exchange, context_of(crawl_id="crawl-1")) for exchange in batch])
    store.put_failure(
        context_of(crawl_id="crawl-1"),
        "https://a.test/x|y",
        "GET",
        "dns",
        "no such\u2028host\r\n ",
        STARTED_AT,
        capture_id=1,
    )
    store.put(decide_channel("crawl-1", AGENCY.name, "通知公告", complete=True, pages=3, total=None, at=STARTED_AT))
    store.finish_crawl("crawl-1", "failed", "list_short: 3 of\n4", {"documents": 1}, STARTED_AT)


def tell(data: Path) -> list[Event]:
    """Every event of the agency's files."""
    return [event for path in warc_paths(data, AGENCY.name) for event in read_events(path, AGENCY.name)]


def remake(data: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows made from the events."""
    with new_catalog(data) as catalog:
        made = Remake(catalog)
        for event in tell(data):
            if isinstance(event, FileBegins):
                made.begin_file(event, AGENCY.name)
            elif isinstance(event, CaptureTold):
                made.capture(event)
            elif isinstance(event, NoteTold):
                made.note(event)
            elif isinstance(event, FileEnds):
                made.end_file(event)
    return content(temporary_path(data))


@pytest.mark.parametrize("max_file_bytes", [1, 10**9])
def test_rows_are_told_by_the_records(tmp_path: Path, max_file_bytes: int) -> None:
    """Revisits, 304s, posts, cut and unreadable answers, TLS, odd addresses, failures: every column of every row."""
    with Store.open(tmp_path, max_file_bytes=max_file_bytes) as store:
        fill(store)
    expected, found = content(tmp_path / CATALOG_NAME), remake(tmp_path)
    assert len(expected["warc_files"]) == (1 if max_file_bytes > 1 else len(warc_paths(tmp_path, AGENCY.name)))
    for table, rows in expected.items():
        assert found[table] == rows, table
    assert archived_agencies(tmp_path) == [AGENCY.name]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one file."""
    folder = tmp_path_factory.mktemp("filled")
    with Store.open(folder) as store:
        fill(store)
    return folder


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_costs_no_more_than_the_group_it_hits(filled: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Wherever bytes are overwritten, every capture whose response lies outside comes with its place, and the damage is told."""
    (path,) = warc_paths(filled, AGENCY.name)
    block = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(block) - 1))
    length = data.draw(st.integers(1, 400))
    filler = data.draw(st.sampled_from([b"\x00", b"\xff", b"\x1f\x8b\x08"]))
    junk = (filler * length)[: min(length, len(block) - start)]
    block[start : start + len(junk)] = junk
    folder = tmp_path / "warc" / AGENCY.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path.name).write_bytes(block)
    events = tell(tmp_path)
    assert isinstance(events[-1], FileEnds)
    whole = [event.fields for event in tell(filled) if isinstance(event, CaptureTold)]
    found = {event.fields["record_id"]: event.fields for event in events if isinstance(event, CaptureTold)}
    for fields in whole:
        if fields["offset"] + fields["length"] <= start or fields["offset"] >= start + len(junk):
            assert found[fields["record_id"]]["block_digest"] == fields["block_digest"]
        if fields["offset"] + fields["group_length"] <= start or fields["offset"] >= start + len(junk):
            assert {**found[fields["record_id"]]} == {**fields}
    damages = [event for event in events if isinstance(event, Damage)]
    if damages:
        assert any(event.offset <= start + len(junk) and start <= event.offset + event.bytes for event in damages)
    else:  # a gzip member's own head holds a few bytes that say nothing
        assert [event for event in events if not isinstance(event, FileEnds)] == tell(filled)[:-1]


def test_a_tail_that_a_crash_left_is_no_damage(filled: Path, tmp_path: Path) -> None:
    """Of a file still open what is whole is told, and the file does not end closed."""
    (path,) = warc_paths(filled, AGENCY.name)
    folder = tmp_path / "warc" / AGENCY.name
    folder.mkdir(parents=True)
    (folder / f"{path.name}.open").write_bytes(path.read_bytes()[:-7])
    kinds = Counter(type(event).__name__ for event in tell(tmp_path))
    assert "Damage" not in kinds
    assert kinds["CaptureTold"] == 11
    end = tell(tmp_path)[-1]
    assert isinstance(end, FileEnds)
    assert (end.sha256, end.warc_file) == (None, f"warc/{AGENCY.name}/{path.name}")


def test_links_out_of_the_folder_are_not_followed(filled: Path, tmp_path: Path) -> None:
    """A symbolic link among the WARC files is none of them."""
    (path,) = warc_paths(filled, AGENCY.name)
    folder = tmp_path / "warc" / AGENCY.name
    folder.mkdir(parents=True)
    (folder / path.name).symlink_to(path)
    assert warc_paths(tmp_path, AGENCY.name) == []
    assert archived_agencies(tmp_path) == []
