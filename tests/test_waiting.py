"""Nobody waits for ever for what another coroutine was to bring and did not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy.settings import Settings

from archive.errors import ArchiveWriteError
from archive.model import FileLink
from govcrawl.batches import Batches
from govcrawl.errors import UnreadablePage
from govcrawl.failures import RobotsUnavailable
from govcrawl.files import Files
from govcrawl.machine import Machine
from govcrawl.robots import RobotsMiddleware

if TYPE_CHECKING:
    import pytest


def test_who_waits_for_robots_txt_is_told_when_it_could_not_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request fails with the archive's error, those beside it are disallowed; none hangs."""
    governor = SimpleNamespace(machine=Machine([]), groups=SimpleNamespace(target=lambda _: ""))
    session = SimpleNamespace(governor=governor)
    crawler: Any = SimpleNamespace(settings=Settings({"USER_AGENT": "govcrawl"}), get_extension=lambda _: session)
    robots = RobotsMiddleware(crawler)

    async def fetch(_: str) -> Any:
        await asyncio.sleep(0)
        raise ArchiveWriteError("no room")

    monkeypatch.setattr(robots, "_fetch", fetch)

    async def run() -> list[Any]:
        asked = (robots.process_request(Request(f"http://a.test/{n}")) for n in range(3))
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)

    assert [type(error) for error in asyncio.run(run())] == [ArchiveWriteError, RobotsUnavailable, RobotsUnavailable]
    governor.machine.close()


def test_who_waits_for_a_file_is_told_when_fetching_it_broke() -> None:
    """An error that nobody foresaw ends the first document's fetch; a second document is told, not left waiting."""

    async def download(_: Request) -> Any:
        await asyncio.sleep(0)
        raise RuntimeError("unforeseen")

    async def call(*_: Any) -> None:
        """Nothing is known of the file."""

    session: Any = SimpleNamespace(download=download, call=call, store=SimpleNamespace(read=None))
    files = Files(session)
    link = FileLink(url="http://a.test/1.pdf", label=None, filename=None)

    async def run() -> list[Any]:
        both = (files.fetch(link, "attachment", "http://a.test/", None) for _ in range(2))
        return await asyncio.wait_for(asyncio.gather(*both, return_exceptions=True), 10)

    assert [type(error) for error in asyncio.run(run())] == [RuntimeError, UnreadablePage]


def test_what_gathered_behind_a_batch_that_broke_is_not_left_waiting() -> None:
    """An error that nobody foresaw fails the batch and what had gathered meanwhile; later puts work again."""
    broken = True
    begun = asyncio.Event()

    async def store(batch: list[int]) -> list[int]:
        begun.set()
        await asyncio.sleep(0.01)
        if broken:
            raise RuntimeError("unforeseen")
        return batch

    async def run() -> list[Any]:
        nonlocal broken
        batches = Batches(store)
        first = asyncio.ensure_future(batches.put(1))
        await begun.wait()
        rest = [asyncio.ensure_future(batches.put(n)) for n in (2, 3)]
        told = await asyncio.wait_for(asyncio.gather(first, *rest, return_exceptions=True), 10)
        broken = False
        return [*map(type, told), await batches.put(4)]

    assert asyncio.run(run()) == [ArchiveWriteError, ArchiveWriteError, ArchiveWriteError, 4]


def test_what_comes_within_a_few_turns_of_the_loop_is_one_batch() -> None:
    """Answers that come in together reach the archive a turn apart each; they are made durable together all the same."""
    stored: list[list[int]] = []

    async def store(batch: list[int]) -> list[int]:
        stored.append(batch)
        return batch

    async def put_late(batches: Batches[int, int], number: int) -> int:
        for _ in range(3 * number):
            await asyncio.sleep(0)
        return await batches.put(number)

    async def run() -> list[int]:
        batches = Batches(store)
        return await asyncio.gather(*(put_late(batches, number) for number in range(5)))

    assert asyncio.run(run()) == [0, 1, 2, 3, 4]
    assert stored == [[0, 1, 2, 3, 4]]
