"""A round (一轮): many agencies crawled side by side in one process, each as ``scrapy crawl`` crawls it alone.

What they share is the process's :class:`govcrawl.workshop.Workshop`. One that fails stops no other; an interrupt ends all of
them in order, and what did not begin is left to the next round. On several processes (:class:`govcrawl.crew.Crew`) each
worker is a round of what it is given.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal
from urllib.request import getproxies

from archive.errors import ArchiveBusy, ArchiveError
from govcrawl import finding_words as words
from govcrawl.browser_find import require_browser
from govcrawl.crawl_options import calm_collector, quiet_engine
from govcrawl.errors import UsageMistake
from govcrawl.judgement import told_alarm
from govcrawl.round_process import CRAWLED, RoundProcess, SharedSettings, log_to
from govcrawl.session import Session
from govcrawl.speech import in_words
from govcrawl.workers import name_modules
from govcrawl.workshop import SETTING, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from scrapy.crawler import Crawler
    from scrapy.settings import Settings

    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

AT_ONCE = 50
"""Crawlers side by side; nearly all of them wait for their sites' pace at any moment."""

LINE_SECONDS = 30.0  # between two lines on how far a round is
_PARTS = ("govcrawl.browser", "govcrawl.middlewares", "govcrawl.robots")
"""What a crawl's engine is made of; loaded once Scrapy has chosen its reactor, which some of it asks for."""

_NOT_OF_ONE = (
    "govcrawl.monitors.Progress",
    "scrapy.extensions.corestats.CoreStats",
    "scrapy.extensions.logstats.LogStats",
    "scrapy.extensions.memusage.MemoryUsage",
)
"""Extensions that say of a process what they say of a crawl: in a round they would say it of each."""

Outcome = Literal["finished", "failed", "interrupted", "busy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the crawl of one agency ended; ``busy``: another process is crawling it, which is no failure."""

    agency: str
    outcome: Outcome
    reason: str | None = None  # a word for counting
    sentence: str | None = None
    crawl_id: str | None = None
    verdict: str | None = None  # ok, warning or alarm; None where it was not judged
    findings: Sequence[str] = ()  # what the verdict rests on, as sentences, the worst first
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def is_fine(self) -> bool:
        """Whether nobody has to look at it; as the exit code of ``scrapy crawl``."""
        return self.outcome == "busy" or (self.outcome == "finished" and self.verdict != "alarm")


class Round:
    """Crawls agencies side by side.

    Args:
        settings: of the project; this round's own copy.
        mode: ``incremental`` or ``full``, as of ``scrapy crawl``.
        at_once: how many crawlers run side by side.
        workshop: where they work; closed by the caller.
    """

    def __init__(self, settings: Settings, workshop: Workshop, *, mode: str, at_once: int = AT_ONCE) -> None:
        self._settings = SharedSettings.of(settings)
        self._settings.set(SETTING, workshop, priority="cmdline")
        own = {
            "LOG_INSTALL_ROOT_HANDLER": False,  # would be made anew for each crawler
            "HTTPPROXY_ENABLED": bool(getproxies()) and settings.getbool("HTTPPROXY_ENABLED"),  # asked for once
            "EXTENSIONS": {**self._settings.getdict("EXTENSIONS"), **dict.fromkeys(_NOT_OF_ONE)},
        }
        self._settings.setdict(own, priority="cmdline")
        self._workshop = workshop
        self._mode = mode
        self._at_once = at_once
        self.results: list[Result] = []
        self._running: set[str] = set()

    def run(self, agencies: Sequence[type[DisclosureSpider]]) -> list[Result]:
        """Crawl these agencies in this order; blocks until the last has ended. Once per process: a reactor runs once."""
        return self.run_work(lambda process: self._crawl_all(process, agencies), templates_of(agencies))

    def run_work(
        self, work: Callable[[RoundProcess], Coroutine[Any, Any, None]], templates: Sequence[str]
    ) -> list[Result]:
        """Run what crawls agencies by :meth:`crawl` until it is done; as :meth:`run` does.

        Args:
            work: given the process.
            templates: modules that readers of its pages need.
        """
        handler = log_to(self._settings)
        name_modules(templates)
        process = RoundProcess(self._settings)
        quiet_engine(self._settings)
        for part in _PARTS:  # from here: under a deep stack, such as a crawl's, some look through all of it
            import_module(part)
        calm_collector()
        try:
            process.run(work(process))
        finally:
            logging.getLogger().removeHandler(handler)
            handler.close()
        told = {result.agency for result in self.results}
        self.results += [
            Result(
                agency=name, outcome="interrupted", reason="interrupted", sentence="it was ended before it could close"
            )
            for name in sorted(self._running - told)
        ]
        return self.results

    async def _crawl_all(self, process: RoundProcess, agencies: Sequence[type[DisclosureSpider]]) -> None:
        waiting = iter(agencies)

        async def one_after_another() -> None:
            for cls in waiting:
                if process.ending:
                    return
                await self.crawl(process, cls)

        telling = asyncio.ensure_future(tell_progress(self.results, len(agencies), lambda: len(self._running)))
        try:
            await asyncio.gather(*(one_after_another() for _ in range(min(self._at_once, len(agencies)))))
        finally:
            telling.cancel()

    async def crawl(self, process: RoundProcess, cls: type[DisclosureSpider]) -> Result:
        """Crawl one agency; how that ended is a result of this round too."""
        CRAWLED.set(cls.name)
        result = await self._crawl(process, cls)
        self.results.append(result)
        return result

    async def _crawl(self, process: RoundProcess, cls: type[DisclosureSpider]) -> Result:
        began = time.monotonic()
        try:
            require_browser(cls, self._settings)
        except UsageMistake as error:
            return Result(agency=cls.name, outcome="failed", reason="browser", sentence=str(error))
        self._running.add(cls.name)
        crawler = process.create_crawler(cls)
        try:
            begun = await self._workshop.begin(cls, {"mode": self._mode}, crawler.settings)
        except (ArchiveError, UsageMistake) as error:
            self._running.discard(cls.name)
            return _not_begun(cls.name, error, time.monotonic() - began)
        crawling = process.crawl(crawler, mode=self._mode)
        await asyncio.wait({crawling})
        session = _session_of(crawler)
        seconds = time.monotonic() - began
        self._running.discard(cls.name)
        if session is None or session.outcome is None:  # it did not begin, or its engine did not
            self._workshop.take_begun(cls.name)
            with suppress(ArchiveError):
                await self._workshop.call(self._workshop.store.leave_crawl, begun.crawl_id)
            return _not_begun(cls.name, crawling.exception(), seconds)
        reason, sentence = session.tally.fatal or told_alarm(session.verdict) or (None, None)
        outcome: Outcome = "interrupted" if session.outcome == "interrupted" else "failed" if reason else "finished"
        return Result(
            agency=cls.name,
            outcome=outcome,
            reason=reason,
            sentence=sentence,
            crawl_id=session.crawl_id,
            verdict=session.verdict.level if session.verdict else None,
            findings=[
                f"{one.channel}: {said}" if one.channel else said
                for one in (session.verdict.findings if session.verdict else ())
                if one.severity != "note" and (said := words.sentence(one.kind, one.facts))
            ],
            counts=dict(session.tally.counts),
            seconds=seconds,
        )


def templates_of(agencies: Sequence[type[DisclosureSpider]]) -> list[str]:
    """Return the modules of the templates that agencies are derived from."""
    return sorted({cls.__mro__[1].__module__ for cls in agencies})


async def tell_progress(results: Sequence[Result], count: int, running: Callable[[], int]) -> None:
    """Log now and then how far a round of ``count`` agencies is, until it is cancelled."""
    while True:
        await asyncio.sleep(LINE_SECONDS)
        failed = sum(result.outcome == "failed" for result in results)
        message = "round: %d of %d agencies crawled, %d failed, %d being crawled"
        logger.info(message, len(results), count, failed, running())


def _session_of(crawler: Crawler) -> Session | None:
    try:
        return crawler.get_extension(Session)
    except RuntimeError:  # Scrapy's way to say that no extension was made
        return None


def _not_begun(agency: str, error: BaseException | None, seconds: float) -> Result:
    """Say why a crawl could not begin."""
    if isinstance(error, ArchiveBusy):
        return Result(agency=agency, outcome="busy", reason="busy", sentence=in_words(error), seconds=seconds)
    if isinstance(error, ArchiveError):
        return Result(agency=agency, outcome="failed", reason="archive", sentence=in_words(error), seconds=seconds)
    if isinstance(error, UsageMistake):
        return Result(agency=agency, outcome="failed", reason="usage", sentence=in_words(error), seconds=seconds)
    logger.error("the crawl of %s could not begin", agency, exc_info=error)
    sentence = f"unexpected {type(error).__name__}: {error}; please report it with the log"
    return Result(agency=agency, outcome="failed", reason="bug", sentence=sentence, seconds=seconds)
