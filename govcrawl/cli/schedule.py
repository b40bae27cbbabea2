"""``govcrawl schedule``: systemd units and a cron line that start rounds, ready to be installed."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import click

from govcrawl.cli import data_option
from govcrawl.speech import say

_CARRIED = ("GOVCRAWL_CONTACT", "GOVCRAWL_SPIDERS", "GOVCRAWL_STATE", "GOVCRAWL_BROWSER", "GOVCRAWL_EVERY_HOURS")
"""Variables that a round needs as they are now; not GOVCRAWL_CONNECT_TO: that is for one run."""
_PLACES = frozenset({"GOVCRAWL_SPIDERS", "GOVCRAWL_STATE"})  # made absolute


@click.command(
    help=say(
        "打印定时抓取所需的 systemd 单元和 cron 行（不安装、不改动系统）：每小时查一次哪些机构到期并抓取。安装方法见 docs/schedule.md。\n\n"
        "\b\n例：govcrawl schedule --systemd --user\n    govcrawl schedule --cron --every 30min",
        "Print systemd units and a cron line that look every hour for agencies that are due and crawl them. Nothing is installed; "
        "docs/schedule.md says how.\n\n"
        "\b\nExamples: govcrawl schedule --systemd --user\n          govcrawl schedule --cron --every 30min",
    )
)
@click.option("--systemd", is_flag=True, help=say("只打印 systemd 单元。", "Only the systemd units."))
@click.option("--cron", is_flag=True, help=say("只打印 cron 行。", "Only the cron line."))
@click.option(
    "--user", is_flag=True, help=say("用户级 systemd 单元，不需要 root。", "Units of your own systemd, without root.")
)
@click.option(
    "--every",
    default="1h",
    show_default=True,
    help=say("隔多久查一次，如 15min、1h、6h、1d。", "How often to look, e.g. 15min, 1h, 6h, 1d."),
)
@data_option
def schedule(*, systemd: bool, cron: bool, user: bool, every: str, data: Path) -> None:
    """Print what was asked for, both where nothing was."""
    from govcrawl.timers import UNIT, Timer, cron_line, parse_every, service_unit, timer_unit  # noqa: PLC0415 - not for --help

    given = {name: os.environ[name] for name in _CARRIED if os.environ.get(name)}
    root = Path(__file__).resolve().parents[2]
    timer = Timer(
        command=(*_program(root), "recrawl", "--due"),
        folder=root if (root / "run.py").is_file() else Path.cwd(),
        data=data.absolute(),
        environment={name: str(Path(value).absolute()) if name in _PLACES else value for name, value in given.items()},
        every_minutes=parse_every(every),
        user=None if user else getpass.getuser(),
    )
    if systemd or not cron:
        folder = "~/.config/systemd/user" if user else "/etc/systemd/system"
        for name, text in ((f"{UNIT}.service", service_unit(timer)), (f"{UNIT}.timer", timer_unit(timer))):
            click.echo(f"# {folder}/{name}\n{text}")
    if cron or not systemd:
        click.echo(say("# crontab -e 加入一行", "# one line for crontab -e"))
        click.echo(cron_line(timer, timer.data / "recrawl.log"))
    if "GOVCRAWL_CONTACT" not in given:
        note = say(
            "提示：未设置 GOVCRAWL_CONTACT；请设为网站管理员能联系到您的网址或邮箱，再打印一次",
            "note: GOVCRAWL_CONTACT is not set; set it to a URL or address where sites' operators can reach you, and print again",
        )
        click.echo(note, err=True)


def _program(root: Path) -> tuple[str, ...]:
    """Return what runs ``govcrawl``: run.py where the project lies as it was checked out, else this Python's own script."""
    run = root / "run.py"
    if run.is_file():
        base: str = (
            getattr(sys, "_base_executable", None) or sys.executable
        )  # of the system: run.py makes the environment
        return (str(Path(base).absolute()), str(run), "govcrawl")
    return (str(Path(sys.executable).absolute().with_name("govcrawl")),)
