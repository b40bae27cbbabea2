"""A bar on standard error for commands that read the whole archive."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack


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
