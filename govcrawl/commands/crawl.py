"""``scrapy crawl AGENCY``: Scrapy's command with a check before, progress meanwhile, a verdict and an exit code after.

Exit codes: 0 the crawl is complete; 1 it is not (blocked, archive not writable, a list not readable, interrupted …) or what
it saw is alarming (all dates gone, texts garbled …: docs/monitoring.md);
2 what was asked for cannot be done (unknown agency or argument).
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.exceptions import UsageError

from archive.errors import ArchiveError
from archive.store import Store
from govcrawl.browser_find import require_browser
from govcrawl.connect_to import parse_connect_to
from govcrawl.crawl_options import calm_collector, check_arguments, check_settings, quiet_engine
from govcrawl.errors import BadAgency, UsageMistake
from govcrawl.machine import Machine
from govcrawl.monitors import Progress, summary
from govcrawl.politeness import find_hold_before
from govcrawl.session import Session
from govcrawl.speech import in_words, say
from govcrawl.spider import DisclosureSpider
from govcrawl.workers import name_modules

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.spiderloader import SpiderLoaderProtocol

USAGE_EXIT = 2
FEEDS = ("output", "overwrite_output")


class Command(ScrapyCrawl):
    """Crawl one agency."""

    def syntax(self) -> str:
        """Return the command's form."""
        return "[options] AGENCY"

    def short_desc(self) -> str:
        """Return what ``scrapy --help`` shows."""
        return say("抓取一个机构的公开栏目", "Crawl one agency's disclosure channels")

    def long_desc(self) -> str:
        """Return what ``scrapy crawl --help`` shows."""
        return say(
            "抓取一个机构的公开栏目，存入 WARC 和目录库。参数：-a mode=incremental|full -a since=YYYY-MM-DD -a limit=N；"
            "-s DOWNLOAD_DELAY=0 取消默认的每秒一次的限速。退出码：0 完整，1 未完成或有警报，2 用法错误。",
            "Crawl one agency's disclosure channels into WARC and catalog. Arguments: -a mode=incremental|full "
            "-a since=YYYY-MM-DD -a limit=N; -s DOWNLOAD_DELAY=0 lifts the default pace of one request a second. "
            "Exit codes: 0 complete, 1 not complete or alarmed, 2 usage.",
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Take Scrapy's options; those for item feeds are not shown, as nothing would be written."""
        super().add_options(parser)
        for action in parser._actions:  # noqa: SLF001 - argparse has no other way to change an option that is there
            if action.dest in FEEDS:
                action.help = argparse.SUPPRESS

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Take the options, check them; from here on the engine speaks only where it is asked to."""
        if any(vars(opts).get(name) for name in FEEDS):
            raise UsageError(
                say(
                    "抓取不写 -o 文件：公开文件存入档案，抓取后用 govcrawl export documents 导出",
                    "a crawl writes no -o file: documents go into the archive; govcrawl export documents writes them out",
                ),
                print_help=False,
            )
        super().process_options(args, opts)
        if self.settings is None:
            raise RuntimeError("Scrapy gave the command no settings")
        quiet_engine(self.settings)
        try:
            check_arguments(args)
            check_settings(self.settings)
        except UsageMistake as error:
            raise UsageError(str(error), print_help=False) from None

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Check, crawl, report."""
        process = self.crawler_process
        if process is None:
            raise RuntimeError("Scrapy gave the command no crawler process")
        spidercls = self._load(process.spider_loader, args[0])
        if spidercls is None:
            return
        try:
            spidercls(**opts.spargs)
            parse_connect_to(process.settings.get("GOVCRAWL_CONNECT_TO") or "")
            with Machine.of(process.settings) as machine:
                hold = find_hold_before(process.settings, machine, spidercls.seeds().values(), spidercls.server_group)
        except UsageMistake as error:
            self._refuse(str(error), USAGE_EXIT)
            return
        if hold is not None:  # as its last crawl said: nothing is asked, nothing begun
            self._refuse(
                say(f"未开始（{hold.reason}）：{hold.sentence}", f"not begun ({hold.reason}): {hold.sentence}"), 1
            )
            return
        try:
            require_browser(spidercls, process.settings)
        except UsageMistake as error:
            self._refuse(str(error), 1)
            return
        quiet_engine(process.settings)
        crawler = process.create_crawler(spidercls)
        data = Path(process.settings["GOVCRAWL_DATA"])
        try:
            with Store.open(data) as store:
                store.lock_agency(spidercls.name).release()
        except ArchiveError as error:
            self._refuse(in_words(error), 1)
            return
        name_modules([cls.__module__ for cls in spidercls.__mro__[:2]])  # the agency and its template
        calm_collector()
        session = _run_crawl(process, crawler, opts.spargs)
        if not isinstance(session, Session):
            unsaid = say("抓取未能开始，原因见上面的日志", "the crawl did not start; the log above says why")
            self._refuse(in_words(session) if session else unsaid, 1)
            return
        if progress := crawler.get_extension(Progress):
            progress.clear()  # a forced end comes without the engine's
        sys.stdout.write(summary(session) + "\n")
        alarmed = session.verdict is not None and session.verdict.level == "alarm"
        self.exitcode = 0 if session.outcome == "finished" and not alarmed else 1

    def _load(self, loader: SpiderLoaderProtocol, name: str) -> type[DisclosureSpider] | None:
        """Return an agency's class; None, with the reason said, where there is none that could be crawled."""
        names = loader.list()
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3) or sorted(names)[:5]
            self._refuse(
                say(
                    f"没有名为 {name!r} 的机构。相近的有：{'、'.join(near)}。全部机构：scrapy list",
                    f"no agency is called {name!r}; near: {', '.join(near)}. All: scrapy list",
                ),
                USAGE_EXIT,
            )
            return None
        try:
            spidercls = loader.load(name)
        except BadAgency as error:
            self._refuse(str(error), USAGE_EXIT)
            return None
        if not issubclass(spidercls, DisclosureSpider):
            self._refuse(
                f"{name} is no agency: {spidercls.__module__} does not derive from DisclosureSpider", USAGE_EXIT
            )
            return None
        return spidercls

    def _refuse(self, sentence: str, code: int) -> None:
        sys.stderr.write(f"govcrawl: {sentence}\n")
        self.exitcode = code


def _run_crawl(process: Any, crawler: Crawler, arguments: dict[str, Any]) -> Session | ArchiveError | None:
    """Crawl to the end; return the session, or what kept it from beginning, None where that is in the log."""
    begun = process.crawl(crawler, **arguments)
    process.start()
    failure = begun.exception() if isinstance(begun, asyncio.Task) and begun.done() and not begun.cancelled() else None
    if isinstance(failure, ArchiveError):
        return failure
    if process.bootstrap_failed:
        return None
    with suppress(RuntimeError):  # Scrapy's way to say that no extension was made
        session: Session | None = crawler.get_extension(Session)
        return session
    return None
