"""A round on several processes (多进程): each crawls what it is given, a server group is with one of them at a time.

This process crawls nothing itself: it knows each agency's server groups, hands agencies to workers that have room, and hears
what came of them. A worker that dies takes nothing with it but time: its locks end with it, what it had is given to another
once, whose crawls go on where the dead ones stood, and the others do not notice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from govcrawl.crew_worker import LINE_BYTES
from govcrawl.groups import Groups
from govcrawl.round_process import log_to
from govcrawl.rounds import AT_ONCE, Result, tell_progress, templates_of
from govcrawl.shares import Shares
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy.settings import Settings

    from govcrawl.machine import Machine
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

AGENCIES_EACH = 100
"""A further process costs a second of CPU and 200 MB: so many agencies are worth it."""

SETTLED_AT_ONCE = 32  # hosts whose address is asked for side by side
KILL_SECONDS = 10.0  # after the second interrupt: a worker that has not ended by then is killed
REPLACED_AT_MOST = 10  # workers of one round: more than that die of something that the next one dies of too


def usual_processes(agencies: int) -> int:
    """Return how many processes a round is worth: one for each core where there is enough to do."""
    return max(1, min(os.cpu_count() or 1, agencies // AGENCIES_EACH))


@dataclass(slots=True, eq=False)
class _Worker:
    """A worker process as this process sees it."""

    number: int
    process: asyncio.subprocess.Process
    is_ready: bool = False
    is_over: bool = False  # it was told that nothing more comes
    failed: str | None = None  # why it could not begin

    def order(self, message: Mapping[str, Any]) -> None:
        """Send a message; one to a worker that is gone is lost with it."""
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")


class Crew:
    """The worker processes of one round.

    Args:
        settings: of the project, with what the command line gives.
        given: the settings that differ from the project's, for the workers: name → value.
        machine: the state that all processes share; this process asks it for server groups.
        mode: ``incremental`` or ``full``.
        processes: how many workers.
        at_once: how many agencies are crawled side by side, all workers together.
        held: file descriptors of locks that are held until the last worker has ended.
    """

    def __init__(
        self,
        settings: Settings,
        given: Mapping[str, Any],
        machine: Machine,
        *,
        mode: str,
        processes: int,
        at_once: int = AT_ONCE,
        held: Sequence[int] = (),
    ) -> None:
        self._settings = settings
        readers = settings.getint("GOVCRAWL_READERS") or os.cpu_count() or 1
        self._first = {
            "settings": {**given, "GOVCRAWL_READERS": max(1, readers // processes)},  # bounded for the machine
            "mode": mode,
        }
        self._machine = machine
        self._processes = processes
        self._room = max(1, -(-at_once // processes))  # of one worker
        self._held = tuple(held)
        self._shares = Shares()
        self._workers: list[_Worker] = []
        self._listening: set[asyncio.Task[None]] = set()
        self._begun = 0  # workers, those that replaced others included
        self._known = False  # every agency's groups are
        self._interrupts = 0
        self._is_hopeless = False  # the last worker that died said why none can begin
        self._lost: dict[str, str] = {}  # agencies of workers that died: how
        self.results: list[Result] = []
        self.deaths: list[str] = []
        """What is to be told of workers that died, one sentence each."""

    def run(self, agencies: Sequence[type[DisclosureSpider]]) -> list[Result]:
        """Crawl these agencies in this order; blocks until the last has ended.

        Raises:
            UsageMistake: GOVCRAWL_SERVER_GROUPS is malformed.
        """
        handler = log_to(self._settings)
        try:
            asyncio.run(self._run(agencies))
        finally:
            logging.getLogger().removeHandler(handler)
            handler.close()
        return self.results

    async def _run(self, agencies: Sequence[type[DisclosureSpider]]) -> None:
        self._first["templates"] = templates_of(agencies)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt)
        telling = asyncio.ensure_future(tell_progress(self.results, len(agencies), lambda: self._shares.handed))
        settling = asyncio.ensure_future(self._settle(agencies))
        try:
            for _ in range(self._processes):
                await self._begin_worker()
            await settling
            while self._listening:
                ended, _ = await asyncio.wait(self._listening, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
                if not self._listening:
                    await self._begin_again()
        finally:
            for task in (telling, settling):
                task.cancel()
            for worker in self._workers:  # only where something went wrong here
                with suppress(ProcessLookupError):
                    worker.process.kill()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _settle(self, agencies: Sequence[type[DisclosureSpider]]) -> None:
        """Find out the server groups of all agencies, in their order, while the first ones are being crawled."""
        for start in range(0, len(agencies), SETTLED_AT_ONCE):
            if self._interrupts:
                break
            some = agencies[start : start + SETTLED_AT_ONCE]
            for agency, groups in zip(some, await asyncio.gather(*map(self._groups, some)), strict=True):
                self._shares.add(agency.name, groups)
            self._hand_out()
        self._known = True
        self._hand_out()

    async def _groups(self, agency: type[DisclosureSpider]) -> set[str]:
        hosts = [urlsplit(agency.base_url).hostname or ""]
        groups = Groups.of(self._settings, self._machine, agency.server_group, hosts)
        urls = {urlsplit(url)._replace(path="", query="", fragment="").geturl() for url in agency.seeds().values()}
        return {await groups.of_url(url) for url in {agency.base_url, *urls}}

    # --- workers ---

    async def _begin_worker(self) -> None:
        self._begun += 1
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "govcrawl.crew_worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            pass_fds=self._held,
            start_new_session=True,  # Ctrl-C in a terminal reaches this process, which tells them
        )
        worker = _Worker(self._begun, process)
        worker.order(self._first)
        self._workers.append(worker)
        task = asyncio.ensure_future(self._listen(worker))
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)
        if self._interrupts:
            worker.order({"end": "in order"})

    async def _listen(self, worker: _Worker) -> None:
        """Hear what a worker says until it has ended."""
        stream = worker.process.stdout
        while stream is not None and (line := await stream.readline()).endswith(b"\n"):
            self._hear(worker, json.loads(line))
        code = await worker.process.wait()
        self._workers.remove(worker)
        await self._end_of(worker, code)
        self._hand_out()

    def _hear(self, worker: _Worker, message: Mapping[str, Any]) -> None:
        if "result" in message:
            result = Result(**message["result"])
            self._shares.give_back(result.agency)
            self._put(result)
        elif "left" in message:
            self._take_back(worker, message["left"])
        elif "failed" in message:
            worker.failed = message["failed"]
        else:
            worker.is_ready = True
        self._hand_out()

    def _take_back(self, worker: _Worker, agency: str) -> None:
        """Take back what a worker did not begin because it is ending: it was told to, here or by somebody else."""
        if self._interrupts:
            self._shares.give_back(agency)
            return
        self._shares.put_back(agency)
        worker.is_ready = False
        if not worker.is_over:
            worker.is_over = True
            worker.order({"over": True})

    def _hand_out(self) -> None:
        """Give every worker that has room its next agencies, the idlest first; tell all when nothing is left."""
        free = [worker for worker in self._workers if worker.is_ready]
        while free:
            worker = min(free, key=lambda one: len(self._shares.with_worker(one.number)))
            room = self._room - len(self._shares.with_worker(worker.number))
            agency = self._shares.take(worker.number) if room > 0 and not self._interrupts else None
            if agency is None:
                free.remove(worker)
            else:
                worker.order({"crawl": agency})
        if self._known and not self._shares.handed and (self._interrupts or not self._shares.waiting):
            for worker in self._workers:
                if not worker.is_over:
                    worker.is_over = True
                    worker.order({"over": True})

    async def _end_of(self, worker: _Worker, code: int) -> None:
        """Note that a worker has ended: what it still had goes to another, once."""
        left = self._shares.with_worker(worker.number)
        if self._interrupts:
            for agency in left:
                self._shares.give_back(agency)
                sentence = "it was ended before it could close"
                self._put(Result(agency=agency, outcome="interrupted", reason="interrupted", sentence=sentence))
            return
        if code or left or not worker.is_over:
            self._mourn(worker, code, left)
        if self._shares.waiting and not worker.failed and self._begun < self._processes + REPLACED_AT_MOST:
            await self._begin_worker()

    async def _begin_again(self) -> None:
        """See to what still waits when the last worker has ended: another one, or none if too many have died."""
        if self._interrupts or not self._shares.waiting:
            return
        if self._begun < self._processes + REPLACED_AT_MOST and not self._is_hopeless:
            await self._begin_worker()
            return
        for agency in self._shares.drop_waiting():
            how = self.deaths[-1] if self.deaths else "all have ended"
            self._put(_failed(agency, f"no worker process is left to crawl it; {how}"))

    def _mourn(self, worker: _Worker, code: int, left: Sequence[str]) -> None:
        """Tell that a worker died; what it had waits for another, unless another died of it before."""
        how = _death(worker, code)
        self._is_hopeless = worker.failed is not None
        self.deaths.append(how)
        logger.error("%s; agencies=%s", how, " ".join(left) or "-")
        for agency in reversed(left):
            if agency in self._lost:
                self._shares.give_back(agency)
                self._put(_failed(agency, f"{how}; so did the one that had it before: {self._lost[agency]}"))
            else:
                self._shares.put_back(agency)
                self._lost[agency] = how

    def _put(self, result: Result) -> None:
        """Take a result; one of an agency that a dead worker had says so."""
        if (how := self._lost.get(result.agency)) and result.outcome != "failed":
            result = replace(result, findings=[*result.findings, f"another process went on with it: {how}"])
        self.results.append(result)

    # --- the end ---

    def _interrupt(self) -> None:
        """End all in order; the second time at once, the third time whatever they do."""
        self._interrupts += 1
        if self._interrupts == 1:
            logger.warning(
                "%s",
                say(
                    "已中断：收好正在进行的请求即结束；再按一次 Ctrl-C 立即结束",
                    "interrupted: ending when what is under way is archived; Ctrl-C again ends at once",
                ),
            )
            for worker in self._workers:
                worker.order({"end": "in order"})
            self._hand_out()
            return
        if self._interrupts == 2:  # noqa: PLR2004 - the second time
            logger.warning("%s", say("已中断：立即结束", "interrupted again: ending at once"))
            for worker in self._workers:
                worker.order({"end": "now"})
            asyncio.get_running_loop().call_later(KILL_SECONDS, self._kill)
            return
        self._kill()

    def _kill(self) -> None:
        for worker in self._workers:
            with suppress(ProcessLookupError):
                worker.process.kill()


def _death(worker: _Worker, code: int) -> str:
    """Say how a worker ended."""
    if worker.failed:
        return worker.failed
    if code < 0:
        with suppress(ValueError):
            return f"worker process {worker.process.pid} was ended by {signal.Signals(-code).name}"
    return f"worker process {worker.process.pid} ended with exit code {code}"


def _failed(agency: str, sentence: str) -> Result:
    return Result(agency=agency, outcome="failed", reason="worker", sentence=sentence)
