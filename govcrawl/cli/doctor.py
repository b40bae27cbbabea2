"""``govcrawl doctor``: what is missing on this machine, and the fix of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archive.text import for_terminal
from govcrawl.cli import data_option
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(
    help=say(
        "检查本机是否齐备:Python、库、SQLite、浏览器、目录、空间、编码、时区、时钟、字体、联系方式、目录库;每项给出改正办法。"
        "有一项 fail 时退出码为 1。\n\n例: govcrawl doctor --json",
        "Look at what crawling and reading need: Python, libraries, SQLite, browser, folders, room, encoding, time zones, clock, "
        "font, contact, catalog; each with its fix. Exit 1 where one fails.\n\nExample: govcrawl doctor --json",
    )
)
@click.option("--json", "in_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
@data_option
@click.pass_context
def doctor(context: click.Context, *, in_json: bool, data: Path) -> None:
    """Print the checks."""
    from govcrawl.doctor import as_json, look_at_all, state_of  # noqa: PLC0415 - not needed for --help
    from govcrawl.loader import project_settings  # noqa: PLC0415

    settings = project_settings()
    checks = list(look_at_all(settings, data, state_of(settings)))
    if in_json:
        click.echo(as_json(checks))
    else:
        for check in checks:
            status = click.style(f"{check.status:4}", fg=_COLOURS[check.status], bold=True)
            click.echo(f"{status}  {check.name}: {for_terminal(check.said)}")
            if check.fix:
                click.echo(f"      → {check.fix}")
    if any(check.status == "fail" for check in checks):
        context.exit(1)
