"""Reading in other processes: one page that hangs, kills or swells costs that page only."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from small_site import document, paragraphs

from govcrawl.decode import Page
from govcrawl.errors import NotAPage
from govcrawl.workers import ReaderFailed, Readers
from spiders.templates.trt import FujianTrt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from govcrawl.items import DocumentPage

GIBIBYTE = 1024**3


class Hanging(FujianTrt):
    """Never ends over a page."""

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        while page.url:
            time.sleep(0.1)
        return super().read_document(page)


class Deadly(FujianTrt):
    """Ends its process."""

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().read_document(page)


class Greedy(FujianTrt):
    """Wants more memory than a reader may have."""

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        swollen = bytearray(3 * GIBIBYTE)
        raise AssertionError(page.url, len(swollen))


class Telling(FujianTrt):
    """Says which process has read a page."""

    @classmethod
    def read_document(cls, page: Page) -> DocumentPage:
        found = super().read_document(page)
        return replace(found, flags=(*found.flags, f"process {os.getpid()}"))


@pytest.fixture
def readers() -> Iterator[Readers]:
    """One reader process with ten seconds a page, its own start included, and two gibibytes."""
    pool = Readers(1, seconds=10.0, memory_bytes=2 * GIBIBYTE)
    yield pool
    pool.close()


def good_page(number: int = 1) -> Page:
    """A page that can be read."""
    _, headers, body = document(f"关于第{number}项工作的通知", paragraphs("通知"), ident=number)
    return Page(
        url=f"http://a.test/zwgk/202403/t20240305_{number}.htm", body=body, content_type=headers["Content-Type"]
    )


def test_a_page_is_read_in_another_process(readers: Readers) -> None:
    """The document comes back with its fields and text."""
    read = asyncio.run(readers.read(FujianTrt, good_page(), None))
    assert read.title == "关于第1项工作的通知"
    assert read.text
    assert "第0段" in read.text


@pytest.mark.parametrize(
    ("template", "said"),
    [(Hanging, "longer than 10 s"), (Deadly, "ended its reader process twice"), (Greedy, "MemoryError")],
)
def test_a_hostile_page_is_given_up_and_the_next_one_is_read(readers: Readers, template: Any, said: str) -> None:
    """The error names the page and what happened; the pool goes on."""

    async def both() -> str | None:
        with pytest.raises(ReaderFailed, match=said) as caught:
            await readers.read(template, good_page(7), None)
        assert "t20240305_7.htm" in str(caught.value)
        return (await readers.read(FujianTrt, good_page(8), None)).title

    assert asyncio.run(both()) == "关于第8项工作的通知"


def test_pages_in_flight_beside_a_deadly_one_are_read(readers: Readers) -> None:
    """The death of a reader costs only the page that caused it."""

    async def together() -> list[Any]:
        pages = [readers.read(FujianTrt, good_page(n), None) for n in range(1, 6)]
        return await asyncio.gather(readers.read(Deadly, good_page(9), None), *pages, return_exceptions=True)

    deadly, *others = asyncio.run(together())
    assert isinstance(deadly, ReaderFailed)
    assert [answer.title for answer in others] == [f"关于第{n}项工作的通知" for n in range(1, 6)]


def test_pages_that_wait_behind_one_that_hangs_are_read() -> None:
    """The limit is of reading: of a queue only the page that hangs is given up, the others come, too."""
    readers = Readers(1, seconds=3.0, memory_bytes=2 * GIBIBYTE)

    async def read_all() -> list[Any]:
        hanging = readers.read(Hanging, good_page(99), None)
        good = [readers.read(FujianTrt, good_page(number), None) for number in range(12)]
        return await asyncio.gather(hanging, *good, return_exceptions=True)

    first, *others = asyncio.run(read_all())
    readers.close()
    assert isinstance(first, ReaderFailed)
    assert "took longer than 3 s" in str(first)
    assert [one.title for one in others] == [f"关于第{number}项工作的通知" for number in range(12)]


def test_processes_are_replaced_while_pages_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """After their number of pages readers are fresh ones; nothing stands still, however many pages are asked for at once."""
    monkeypatch.setattr("govcrawl.workers.PAGES_PER_PROCESS", 3)
    readers = Readers(2, seconds=30.0, memory_bytes=2 * GIBIBYTE)

    async def read_all() -> list[Any]:
        return await asyncio.gather(*(readers.read(Telling, good_page(number), None) for number in range(40)))

    read = asyncio.run(read_all())
    readers.close()
    assert len(read) == 40
    assert len({flag for one in read for flag in one.extraction.flags if flag.startswith("process")}) > 6, (
        "each tells its process"
    )


def test_what_is_no_page_says_so_across_processes(readers: Readers) -> None:
    """Errors of the guard arrive as what they are."""
    gone = b'<html><head><meta http-equiv="refresh" content="0;URL=../"></head><body></body></html>'
    with pytest.raises(NotAPage, match=r"t1\.htm"):
        asyncio.run(
            readers.read(FujianTrt, Page(url="http://a.test/x/t1.htm", body=gone, content_type="text/html"), None)
        )
