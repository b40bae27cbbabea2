"""What the crawls of one process share: written together, failed apart, closed once."""

from __future__ import annotations

import asyncio
import copy
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings
from warcs import AGENCY, STARTED_AT, context_of, exchange_of, response_of

from archive.decisions import Decision
from archive.errors import ArchiveWriteError
from govcrawl.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archive.model import Context, Exchange

OTHER = replace(AGENCY, name="haidao_czj", title="海岛市财政局", base_url="https://czj.haidao.test/", channels=())


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    """A workshop with a crawl of each of two agencies."""
    opened = Workshop(
        Settings({"GOVCRAWL_DATA": str(tmp_path), "GOVCRAWL_READERS": 1, "GOVCRAWL_WARC_MAX_BYTES": 1_000_000})
    )
    for crawl_id, agency in (("crawl-1", AGENCY), ("crawl-2", OTHER)):
        opened.store.begin_crawl(
            agency,
            crawl_id=crawl_id,
            mode="full",
            options={},
            software="crawler/1",
            user_agent="crawler/1",
            contact=None,
            started_at=STARTED_AT,
        )
    yield opened
    opened.close()


def job(number: int, crawl: int) -> tuple[Exchange, Context]:
    """A capture of one of the two crawls."""
    context = context_of() if crawl == 1 else context_of(agency=OTHER.name, crawl_id="crawl-2")
    return exchange_of(response_of(b"%d" % number)), context


def put_all(workshop: Workshop, *jobs: Any) -> list[Any]:
    """Put jobs side by side; an error stands in the place of its result."""

    async def put() -> list[Any]:
        return await asyncio.gather(*map(workshop.put, jobs), return_exceptions=True)

    return asyncio.run(put())


def test_a_copy_of_the_settings_has_the_same_workshop(workshop: Workshop) -> None:
    """Each crawler copies its settings deeply; all of them still work in one place."""
    assert copy.deepcopy({"shared": workshop})["shared"] is workshop


def test_what_several_crawls_write_is_made_durable_together(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten captures of two crawls that wait together are one batch, and each caller gets its own capture."""
    batches = []
    put_batch = workshop.store.put_batch

    def counted(exchanges: Any, decisions: Any) -> Any:
        batches.append(len(exchanges))
        return put_batch(exchanges, decisions)

    monkeypatch.setattr(workshop.store, "put_batch", counted)
    captures = put_all(workshop, *(job(number, 1 + number % 2) for number in range(10)))
    assert batches == [10]
    for number, capture in enumerate(captures):
        with workshop.store.open_capture(capture) as stored:
            assert stored.read_content() == b"%d" % number
        assert capture.agency == (OTHER.name if number % 2 else AGENCY.name)


def test_a_crawl_that_cannot_write_fails_alone(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk refuses one crawl's file: its captures fail, those of the other in the same batch are stored."""
    put_all(workshop, job(0, 1), job(0, 2))
    (broken,) = (workshop.store.data_dir / "warc" / AGENCY.name).iterdir()
    kept = broken.read_bytes()
    inode, pwrite = broken.stat().st_ino, os.pwrite

    def refuse(fd: int, data: Any, offset: int) -> int:
        if os.fstat(fd).st_ino == inode:
            raise OSError(28, "No space left on device")
        return pwrite(fd, data, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        results = put_all(workshop, job(1, 1), job(2, 2), job(3, 1), job(4, 2))
    assert [type(result).__name__ for result in results] == [
        "ArchiveWriteError",
        "Capture",
        "ArchiveWriteError",
        "Capture",
    ]
    assert AGENCY.name in str(results[0])
    assert broken.read_bytes() == kept
    with workshop.store.open_capture(results[3]) as stored:
        assert stored.read_content() == b"4"


def test_a_defect_in_one_crawl_is_told_to_nobody_else(workshop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    """A decision whose rows cannot be made for an unforeseen reason fails, with the reason in the log; others are stored."""

    def rows(_: object) -> None:
        raise LookupError("unforeseen")

    decision: Decision[None] = Decision(
        name="bad", crawl_id="crawl-1", target="urn:bad", at=STARTED_AT, fields=lambda _: {}, rows=rows
    )
    failed, capture = put_all(workshop, decision, job(1, 2))
    assert isinstance(failed, ArchiveWriteError)
    assert capture.agency == OTHER.name
    assert "LookupError: unforeseen" in caplog.text


def test_a_crawl_that_leaves_takes_nothing_from_the_others(workshop: Workshop) -> None:
    """Its file is closed and its agency free again; the other crawl goes on writing."""
    put_all(workshop, job(1, 1), job(1, 2))
    workshop.store.leave_crawl("crawl-1")
    workshop.store.leave_crawl("crawl-1")  # twice is once
    workshop.store.lock_agency(AGENCY.name).release()
    assert [path.suffix for path in (workshop.store.data_dir / "warc" / AGENCY.name).iterdir()] == [".gz"]
    (capture,) = put_all(workshop, job(2, 2))
    assert capture.crawl_id == "crawl-2"


def test_drain_waits_for_what_was_put_so_far(workshop: Workshop) -> None:
    """A caller that was cancelled does not take its capture with it: it is stored before the crawl's end."""

    async def run() -> None:
        putting = asyncio.ensure_future(workshop.put(job(1, 1)))
        await asyncio.sleep(0)
        putting.cancel()
        await workshop.drain()
        (count,) = workshop.store.catalog.rows("SELECT count(*) AS n FROM captures")
        assert count["n"] == 1

    asyncio.run(run())
