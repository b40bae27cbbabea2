"""One process of a :class:`govcrawl.crew.Crew`: crawls what it is given, and says what came of it.

Started as ``python -m govcrawl.crew_worker``, so that nothing of another process's reactor, sockets or locks is in it. Orders
come as lines of JSON on standard input, what it says goes to standard output; whatever else is printed goes to standard error.
When nobody is there any more to give orders it ends its crawls in order and itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from archive.errors import ArchiveError
from govcrawl.errors import BadAgency, CrawlError
from govcrawl.loader import AgencyLoader, project_settings
from govcrawl.round_process import stop_reactor
from govcrawl.rounds import Result, Round
from govcrawl.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from govcrawl.round_process import RoundProcess

LINE_BYTES = 1 << 24  # of one message, at most


class Worker:
    """Takes orders for one round.

    Orders: ``{"crawl": AGENCY}``; ``{"end": "in order"}`` and ``{"end": "now"}``; ``{"over": true}``: nothing more comes.
    Sayings: ``{"ready": true}``; ``{"result": {…}}``; ``{"left": AGENCY}``: not begun, because it is ending.
    """

    def __init__(
        self, crawls: Round, loader: AgencyLoader, orders: asyncio.StreamReader, say: Callable[[Any], None]
    ) -> None:
        self._crawls = crawls
        self._loader = loader
        self._orders = orders
        self._say = say
        self._crawling: set[asyncio.Task[None]] = set()
        self._stopping: asyncio.Task[None] | None = None  # ends with the work, not before it

    async def work(self, process: RoundProcess) -> None:
        """Crawl what is ordered until nothing more comes and the last crawl has ended."""
        self._say({"ready": True})
        async for line in self._orders:
            order = json.loads(line)
            if "over" in order:
                break
            if "crawl" in order:
                task = asyncio.ensure_future(self._crawl(process, order["crawl"]))
                self._crawling.add(task)
                task.add_done_callback(self._crawling.discard)
            elif order["end"] == "now":
                stop_reactor()
            else:
                self._stopping = asyncio.ensure_future(process.stop())
        else:  # whoever gave orders is gone
            self._stopping = asyncio.ensure_future(process.stop())
        while self._crawling:
            await asyncio.wait(self._crawling)

    async def _crawl(self, process: RoundProcess, name: str) -> None:
        if process.ending:
            self._say({"left": name})
            return
        try:
            agency = self._loader.load(name)
        except (BadAgency, KeyError) as error:  # its file was changed or removed a moment ago
            result = Result(agency=name, outcome="failed", reason="declaration", sentence=str(error))
        else:
            result = await self._crawls.crawl(process, agency)
        self._say({"result": asdict(result)})


def main() -> int:
    """Work; return the exit code."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # until Scrapy asks for it: who stops a service sends it to all its processes
    orders, sayings = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)

    def say(message: Mapping[str, Any]) -> None:
        line = memoryview(json.dumps(message, ensure_ascii=False).encode() + b"\n")
        while line:
            line = line[os.write(sayings, line) :]

    first = json.loads(_read_line(orders))
    settings = project_settings()
    for name, value in first["settings"].items():
        settings.set(name, value, priority="cmdline")
    try:
        workshop = Workshop(settings)
    except (ArchiveError, CrawlError) as error:
        say({"failed": str(error)})
        return 1
    try:
        crawls = Round(settings, workshop, mode=first["mode"])

        async def work(process: RoundProcess) -> None:
            reader = asyncio.StreamReader(limit=LINE_BYTES)
            pipe = os.fdopen(orders, "rb", buffering=0)
            await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
            await Worker(crawls, AgencyLoader.from_settings(settings), reader, say).work(process)

        results = crawls.run_work(work, first["templates"])
        for result in results:
            if result.outcome == "interrupted" and result.crawl_id is None:  # ended by force: not said yet
                say({"result": asdict(result)})
    finally:
        workshop.close()
    return 0


def _read_line(fd: int) -> bytes:
    """Return the first line that comes; reads nothing of what is behind it."""
    line = bytearray()
    while not line.endswith(b"\n") and (byte := os.read(fd, 1)):
        line += byte
    return bytes(line)


if __name__ == "__main__":
    sys.exit(main())
