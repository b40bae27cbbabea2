"""Bars on standard error for commands that read the whole archive; where that is no terminal there are none."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self, TypeVar

import click

from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import ExitStack
    from types import TracebackType

    from rich.progress import Progress as Bar
    from rich.progress import TaskID

T = TypeVar("T")
_EVERY = 50  # rows between two looks at the clock
_TOLD_SECONDS = 0.1


def bytes_bar(steps: ExitStack, title: str) -> Callable[[int, int], None] | None:
    """Begin a bar that is told how much of how much is done; ``None`` where there is no terminal. ``steps`` ends it."""
    if not sys.stderr.isatty():
        return None
    bar = steps.enter_context(_measured_bar())
    task = bar.add_task(title, total=None)

    def show(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    return show


def counted(steps: ExitStack, rows: Iterable[T], title: str) -> Iterable[T]:
    """Return rows that are counted on standard error as they pass; the rows alone where there is no terminal. ``steps`` ends it."""
    if not sys.stderr.isatty():
        return rows
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that a pipe need not pay
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed:,}"), TimeElapsedColumn())
    bar = steps.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
    task = bar.add_task(title, total=None)

    def passing() -> Iterator[T]:
        for number, row in enumerate(rows, 1):
            if number % _EVERY == 0:
                bar.update(task, completed=number)
            yield row

    return passing()


class Stages:
    """A bar for each stage of long work, as :data:`archive.progress.Progress` tells of it; use it in a ``with``."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._tasks: dict[str, TaskID] = {}
        self._waiting: dict[str, int] = {}  # done, and not shown yet
        self._shown_at = 0.0

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bar = _measured_bar()
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Move the bar of ``what`` on, or begin it where ``total`` is given."""
        if self._bar is None:
            return
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(_title(what), total=total or None)
        elif total:  # more of it, as where several archives are verified
            known = self._bar.tasks[self._tasks[what]].total or 0
            self._bar.update(self._tasks[what], total=known + total)
        self._waiting[what] = self._waiting.get(what, 0) + done
        now = time.monotonic()
        if now - self._shown_at < _TOLD_SECONDS:
            return
        self._shown_at = now
        for name, count in self._waiting.items():
            self._bar.advance(self._tasks[name], count)
        self._waiting.clear()

    def tell(self, line: str) -> None:
        """Print a line on standard output, above the bars."""
        if self._bar is not None and sys.stdout.isatty():
            self._bar.console.file.flush()
            self._bar.stop()
            click.echo(line)
            self._bar.start()
        else:
            click.echo(line)


def _title(what: str) -> str:
    """Return what a stage is called."""
    return {
        "files": say("WARC 文件", "WARC files"),
        "contents": say("内容", "contents"),
        "captures": say("捕获", "captures"),
        "pages": say("页面", "pages"),
        "rows": say("公开文件", "documents"),
        "checksums": say("校验和", "checksums"),
    }[what]


def _measured_bar() -> Bar:
    """Return a bar with per cent and time left; the caller starts it."""
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that a pipe need not pay
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
