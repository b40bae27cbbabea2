"""A round (一轮): many agencies crawled side by side in one process, each as ``scrapy crawl`` crawls it alone.

What they share is the process's :class:`govcrawl.workshop.Workshop`. One that fails stops no other; an interrupt ends all of
them in order, and what did not begin is left to the next round.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Self

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import BaseSettings, Settings, SettingsAttribute

from archive.errors import ArchiveBusy, ArchiveError
from govcrawl import finding_words as words
from govcrawl.browser_find import require_browser
from govcrawl.crawl_options import calm_collector, quiet_engine
from govcrawl.errors import UsageMistake
from govcrawl.judgement import told_alarm
from govcrawl.session import Session
from govcrawl.workers import prepare
from govcrawl.workshop import SETTING, Workshop

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from scrapy import Spider

    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

AT_ONCE = 50
"""Crawlers side by side; nearly all of them wait for their sites' pace at any moment."""

LINE_SECONDS = 30.0  # between two lines on how far a round is
LOOK_SECONDS = 0.2  # while crawls are being ended: one that was just beginning is ended as soon as it runs

_PARTS = ("govcrawl.browser", "govcrawl.middlewares", "govcrawl.robots")
"""What a crawl's engine is made of; loaded once Scrapy has chosen its reactor, which some of it asks for."""

Outcome = Literal["finished", "failed", "interrupted", "busy"]

_agency: ContextVar[str] = ContextVar("govcrawl_agency", default="-")


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
        self._settings = _RoundSettings.of(settings)
        self._settings.set(SETTING, workshop, priority="cmdline")
        own = {
            "LOG_INSTALL_ROOT_HANDLER": False,  # would be made anew for each crawler
            # one crawl's progress is not the round's
            "EXTENSIONS": {**self._settings.getdict("EXTENSIONS"), "govcrawl.monitors.Progress": None},
        }
        self._settings.setdict(own, priority="cmdline")
        self._workshop = workshop
        self._mode = mode
        self._at_once = at_once
        self.results: list[Result] = []
        self._running: set[str] = set()

    def run(self, agencies: Sequence[type[DisclosureSpider]]) -> list[Result]:
        """Crawl these agencies in this order; blocks until the last has ended. Once per process: a reactor runs once."""
        handler = log_to(self._settings)
        prepare(sorted({cls.__mro__[1].__module__ for cls in agencies}))
        process = _Process(self._settings)
        quiet_engine(self._settings)
        for part in _PARTS:  # from here: under a deep stack, such as a crawl's, some look through all of it
            import_module(part)
        calm_collector()
        try:
            process.run(self._crawl_all(process, agencies))
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

    async def _crawl_all(self, process: _Process, agencies: Sequence[type[DisclosureSpider]]) -> None:
        waiting = iter(agencies)

        async def one_after_another() -> None:
            for cls in waiting:
                if process.ending:
                    return
                self.results.append(await self._crawl(process, cls))

        telling = asyncio.ensure_future(self._tell(len(agencies)))
        try:
            await asyncio.gather(*(one_after_another() for _ in range(min(self._at_once, len(agencies)))))
        finally:
            telling.cancel()

    async def _tell(self, count: int) -> None:
        while True:
            await asyncio.sleep(LINE_SECONDS)
            failed = sum(result.outcome == "failed" for result in self.results)
            message = "round: %d of %d agencies crawled, %d failed, %d being crawled"
            logger.info(message, len(self.results), count, failed, len(self._running))

    async def _crawl(self, process: _Process, cls: type[DisclosureSpider]) -> Result:
        _agency.set(cls.name)  # for the log: the crawl's tasks inherit it
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


class _RoundSettings(Settings):
    """Settings that are copied for each crawler without copying every value: 5 µs instead of 5 ms."""

    _composed: dict[str, tuple[Any, Any, BaseSettings]]  # shared by all copies: what a setting and its base gave

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Take over settings."""
        taken = cls()
        taken.attributes = settings.copy().attributes
        taken._composed = {}
        return taken

    def copy(self) -> Self:
        """Return a copy whose settings can be set apart; values that are changed in place are nobody's habit here."""
        other = type(self).__new__(type(self))
        other.frozen = False
        other.attributes = dict(self.attributes)
        other._composed = self._composed  # noqa: SLF001 - its own kind
        return other

    def set(self, name: Any, value: Any, priority: int | str = "project") -> None:
        """Set one; what copies share of it stays as it is."""
        if (shared := self.attributes.get(name)) is not None:
            self.attributes[name] = SettingsAttribute(shared.value, shared.priority)
        super().set(name, value, priority)

    def get_component_priority_dict_with_base(self, name: str) -> BaseSettings:
        """Compose a setting with its base once for all crawlers that have the same."""
        own, base = self[name], self[f"{name}_BASE"]
        known = self._composed.get(name)
        if known is None or known[0] is not own or known[1] is not base:
            known = self._composed[name] = (own, base, super().get_component_priority_dict_with_base(name))
        return known[2]


class _Process(AsyncCrawlerProcess):
    """Scrapy's process with crawls that come one after another; an interrupt ends those that run and begins no more."""

    ending = False
    _work: asyncio.Task[None]

    def create_crawler(self, crawler_or_spidercls: type[Spider] | str | Crawler) -> Crawler:
        """Return a crawler; one that was made here has these settings already and is given none of them again."""
        if isinstance(crawler_or_spidercls, Crawler):
            return crawler_or_spidercls
        return super().create_crawler(crawler_or_spidercls)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the reactor until the work is done."""
        self._work = asyncio.get_event_loop().create_task(work)
        self._work.add_done_callback(lambda _: _stop_reactor())
        self.start(stop_after_crawl=False)
        if self._work.done():
            self._work.result()
        else:
            logger.warning("ended by force: what was under way is repaired by the next crawls")

    async def stop(self) -> None:
        """End all crawls in order; the second time, at once."""
        if self.ending:
            return
        self.ending = True
        while not self._work.done():
            for crawler in list(self.crawlers):
                with suppress(RuntimeError):  # Scrapy's way to say that there is no engine yet
                    if crawler.engine.running:
                        await crawler.stop_async()
            await asyncio.wait({self._work}, timeout=LOOK_SECONDS)


def _stop_reactor() -> None:
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one: not before Scrapy chose

    running: Any = reactor
    with suppress(RuntimeError):  # stopped already
        running.stop()


def _session_of(crawler: Crawler) -> Session | None:
    try:
        return crawler.get_extension(Session)
    except RuntimeError:  # Scrapy's way to say that no extension was made
        return None


def _not_begun(agency: str, error: BaseException | None, seconds: float) -> Result:
    """Say why a crawl could not begin."""
    if isinstance(error, ArchiveBusy):
        return Result(agency=agency, outcome="busy", reason="busy", sentence=str(error), seconds=seconds)
    if isinstance(error, ArchiveError):
        return Result(agency=agency, outcome="failed", reason="archive", sentence=str(error), seconds=seconds)
    if isinstance(error, UsageMistake):
        return Result(agency=agency, outcome="failed", reason="usage", sentence=str(error), seconds=seconds)
    logger.error("the crawl of %s could not begin", agency, exc_info=error)
    sentence = f"unexpected {type(error).__name__}: {error}; please report it with the log"
    return Result(agency=agency, outcome="failed", reason="bug", sentence=sentence, seconds=seconds)


class _WithAgency(logging.Filter):
    """Notes in each record whose crawl it is of."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.agency = _agency.get()
        return True


def log_to(settings: Settings) -> logging.Handler:
    """Let the log of this process name the agency in each line, at LOG_LEVEL, to LOG_FILE or standard error."""
    name = settings.get("LOG_FILE")
    handler: logging.Handler = (
        logging.FileHandler(name, encoding=settings.get("LOG_ENCODING")) if name else logging.StreamHandler(sys.stderr)
    )
    form = settings["LOG_FORMAT"].replace("%(name)s", "%(agency)s %(name)s")
    handler.setFormatter(logging.Formatter(form, settings["LOG_DATEFORMAT"]))
    handler.addFilter(_WithAgency())
    level = settings["LOG_LEVEL"]
    handler.setLevel(level)
    logging.getLogger().setLevel(level)
    logging.getLogger().addHandler(handler)
    return handler
