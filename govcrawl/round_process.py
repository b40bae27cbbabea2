"""What many crawls of one process stand on: settings they share, an engine that takes one after another, one log."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import BaseSettings, Settings, SettingsAttribute

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from scrapy import Spider

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.2  # while crawls are being ended: one that was just beginning is ended as soon as it runs

CRAWLED: ContextVar[str] = ContextVar("govcrawl_agency", default="-")
"""The agency a task works for, for the log; tasks inherit it."""


class SharedSettings(Settings):
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


class RoundProcess(AsyncCrawlerProcess):
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
        self._work.add_done_callback(lambda _: stop_reactor())
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


def stop_reactor() -> None:
    """Stop the reactor, and with it whatever still goes on."""
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one: not before Scrapy chose

    running: Any = reactor
    with suppress(RuntimeError):  # stopped already
        running.stop()


class _WithAgency(logging.Filter):
    """Notes in each record whose crawl it is of."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.agency = CRAWLED.get()
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
