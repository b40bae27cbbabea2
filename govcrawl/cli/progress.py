"""A bar on standard error for commands that read the whole archive."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import ExitStack

T = TypeVar("T")
_EVERY = 50  # rows between two looks at the clock


def bytes_bar(steps: ExitStack, title: str) -> Callable[[int, int], None] | None:
    """Begin a bar that is told how much of how much is done; ``None`` where there is no terminal. ``steps`` ends it."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that a pipe need not pay
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = steps.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
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
