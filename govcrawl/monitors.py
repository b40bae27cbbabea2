"""What a person sees of a crawl: live progress on a terminal, a line now and then elsewhere, a summary at the end."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text
from scrapy import signals

from govcrawl import finding_words as words
from govcrawl.session import Session
from govcrawl.speech import say

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

LINE_SECONDS = 30.0  # between two lines where there is no terminal
FRAME_SECONDS = 0.25
MEBIBYTE = 1024 * 1024
MOST_FINDINGS = 8  # in the summary; govcrawl status has all


class Progress:
    """Shows a running crawl on standard error."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._began = time.monotonic()
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._task: asyncio.Task[None] | None = None
        self._streams: list[tuple[logging.StreamHandler[Any], Any]] = []

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Follow a crawl."""
        progress = cls(crawler)
        crawler.signals.connect(progress.spider_opened, signal=signals.spider_opened)
        crawler.signals.connect(progress.engine_stopped, signal=signals.engine_stopped)
        return progress

    def spider_opened(self) -> None:
        """Begin to show."""
        if self._console.is_terminal:
            self._live = Live(self._line(), console=self._console, refresh_per_second=1 / FRAME_SECONDS, transient=True)
            self._live.start()
            for handler in logging.getLogger().handlers:  # log lines go above the live line, not through it
                if isinstance(handler, logging.StreamHandler) and handler.stream is sys.__stderr__:
                    self._streams.append((handler, handler.stream))
                    handler.setStream(sys.stderr)
        self._task = asyncio.ensure_future(self._follow())

    def engine_stopped(self) -> None:
        """Stop showing."""
        if self._task:
            self._task.cancel()
        self.clear()

    def clear(self) -> None:
        """Take the live line off the terminal and give the log its stream back."""
        for handler, stream in self._streams:
            handler.setStream(stream)
        self._streams.clear()
        if self._live:
            self._live.stop()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FRAME_SECONDS if self._live else LINE_SECONDS)
            if self._live:
                self._live.update(self._line())
            else:
                logger.info("progress %s", self._line().plain)

    def _line(self) -> Text:
        tally = Session.of(self._crawler).tally
        count = tally.counts
        seconds = time.monotonic() - self._began
        return Text(
            say(
                f"{self._crawler.spidercls.name} {seconds:.0f} 秒 · 请求 {count['requests']} · 列表页 {count['lists']} · "
                f"文件 {count['new']} 新 {count['changed']} 变 {count['unchanged']} 未变 · 附件 {count['files']} · "
                f"失败 {count['failed']} · {tally.channel or ''}",
                f"{self._crawler.spidercls.name} {seconds:.0f} s · requests {count['requests']} · lists {count['lists']} · "
                f"documents {count['new']} new {count['changed']} changed {count['unchanged']} unchanged · files {count['files']} · "
                f"failed {count['failed']} · {tally.channel or ''}",
            )
        )


def summary(session: Session) -> str:
    """Return the verdict on a crawl that has ended, as lines for a person."""
    count = session.tally.counts
    seconds = ((session.finished_at or datetime.now(UTC)) - session.started_at).total_seconds()
    gone = count["suspected"] + count["withdrawn"]
    reasons = {name.removeprefix("failed/"): n for name, n in sorted(count.items()) if name.startswith("failed/")}
    why = "".join(f" {name}={n}" for name, n in reasons.items())
    size = count["bytes"] / MEBIBYTE
    lines = [
        say(
            f"{session.spider.agency}（{session.spider.name}）：新增 {count['new']} · 变更 {count['changed']} · 撤下 {gone} · "
            f"不再列出 {count['unlisted']} · 未变 {count['unchanged']} · 失败 {count['failed']}{why}",
            f"{session.spider.agency} ({session.spider.name}): new {count['new']} · changed {count['changed']} · gone {gone} · "
            f"unlisted {count['unlisted']} · unchanged {count['unchanged']} · failed {count['failed']}{why}",
        ),
        say(
            f"{count['requests']} 个请求，{size:.1f} MiB，列表页 {count['lists']}，附件 {count['files']}，用时 {seconds:.0f} 秒；"
            f"存于 {session.store.data_dir}（抓取号 {session.crawl_id}）",
            f"{count['requests']} requests, {size:.1f} MiB, {count['lists']} list pages, {count['files']} files, {seconds:.0f} s; "
            f"kept in {session.store.data_dir} (crawl {session.crawl_id})",
        ),
    ]
    if session.tally.fatal:
        reason, sentence = session.tally.fatal
        lines.append(say(f"未完成（{reason}）：{sentence}", f"not complete ({reason}): {sentence}"))
    elif session.outcome is None:
        lines.append(
            say(
                "未完成（interrupted）：没有收尾就被结束；再运行同一命令即可修复并继续",
                "not complete (interrupted): it was ended before it could close; the same command again repairs and goes on",
            )
        )
    elif session.spider.partial:
        asked = " ".join(f"{name}={value}" for name, value in session.spider.arguments().items())
        lines.append(
            say(
                f"完整：只限所要求的部分（{asked}）。",
                f"complete as far as was asked for ({asked}); no state was changed.",
            )
        )
    else:
        lines.append(
            say("完整：所有栏目已走到应到之处。", "complete: every channel was walked as far as it had to be.")
        )
    return "\n".join([*lines, *_judged(session)])


def _judged(session: Session) -> list[str]:
    """The verdict and what changes it, the worst first."""
    if session.verdict is None:
        return []
    shown = [one for one in session.verdict.findings if one.severity != "note"]
    lines = [say("判定：", "verdict: ") + words.level(session.verdict.level)]
    for one in shown[:MOST_FINDINGS]:
        where = f" [{one.channel}]" if one.channel else ""
        lines.append(
            f"  {words.level(one.severity)} {words.name(one.kind)}{where}: {words.sentence(one.kind, one.facts)}"
        )
    if len(shown) > MOST_FINDINGS:
        more = len(shown) - MOST_FINDINGS
        lines.append(say(f"  另有 {more} 项：govcrawl status", f"  and {more} more: govcrawl status"))
    return lines
