"""``govcrawl agency check NAME``: a few live pages of an agency, a verdict per field; ``govcrawl agency list``."""

from __future__ import annotations

import difflib
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from govcrawl.checkup import DOCUMENTS, Checkup, Verdict
from govcrawl.cli import complete_agency, json_option
from govcrawl.cli.agency import explain, look_options
from govcrawl.errors import BadAgency, CrawlError, UsageMistake
from govcrawl.loader import AgencyLoader, project_settings
from govcrawl.look import Looker, look
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path

_GRADES = {
    "ok": ("正常", "green"),
    "suspicious": ("可疑", "yellow"),
    "missing": ("缺失", "red"),
    "unreached": ("未能查看", "red"),
}


@click.command(
    name="check",
    help=say(
        "小规模实测一个机构：每个栏目的第一页、一次翻页、几份文件，逐项给出结论。不改变任何状态；须要修理时以 1 退出。",
        "Check an agency live and small: the first page of each channel, one next page, a few documents; a verdict per field. "
        "Changes no state; exits with 1 when something must be repaired.",
    ),
)
@click.argument("name", shell_complete=complete_agency)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=DOCUMENTS,
    show_default=True,
    help=say("读几份文件", "how many documents are read"),
)
@json_option
@look_options
def check_command(name: str, limit: int, delay: float | None, data: Path | None, *, as_json: bool) -> None:
    """Print the verdicts."""
    agency = find_agency(name)
    began = time.monotonic()

    async def explore(looker: Looker) -> tuple[list[Verdict], int]:
        return await Checkup(looker, agency, limit).run(), looker.requests

    try:
        verdicts, requests = look(
            explore, agency.base_url, data=data, delay_seconds=delay, browser_channels=agency.browser_channels
        )
    except CrawlError as error:
        raise explain(agency.base_url, error) from error
    problem = what_is_wrong(name, verdicts)
    if as_json:
        said = {"agency": name, "title": agency.agency, "template": agency.template_name, "requests": requests}
        told = [asdict(verdict) for verdict in verdicts]
        click.echo(json.dumps({**said, "verdicts": told}, ensure_ascii=False, sort_keys=True, indent=2))
        if problem:
            raise CrawlError(problem)
        return
    click.echo(click.style(f"{agency.agency} ({name})", bold=True) + f"  {agency.template_name}")
    for verdict in verdicts:
        zh, colour = _GRADES[verdict.grade]
        mark = say("，须修理", ", repair") if verdict.repair else ""
        click.echo(f"  {click.style(say(zh, verdict.grade) + mark, fg=colour)}  {verdict.what}: {verdict.sentence}")
    seconds = time.monotonic() - began
    click.echo(
        say(
            f"{requests} 次请求，{seconds:.0f} 秒；未改变任何状态",
            f"{requests} requests, {seconds:.0f} s; no state was changed",
        )
    )
    if problem:
        raise CrawlError(problem)


def what_is_wrong(name: str, verdicts: list[Verdict]) -> str | None:
    """Return a sentence about what must be repaired or could not be looked at; None where nothing is."""
    broken = list(dict.fromkeys(verdict.what for verdict in verdicts if verdict.repair))
    unreached = list(dict.fromkeys(verdict.what for verdict in verdicts if verdict.grade == "unreached"))
    parts = []
    if broken:
        parts.append(say(f"{name} 须要修理：{'、'.join(broken)}", f"{name} needs repair: {', '.join(broken)}"))
    if unreached:
        parts.append(
            say(f"{name} 未能查看：{'、'.join(unreached)}", f"{name} could not be looked at: {', '.join(unreached)}")
        )
    return "; ".join(parts) or None


def find_agency(name: str) -> Any:
    """Return an agency's class.

    Raises:
        UsageMistake: there is none of that name; BadAgency: it is declared wrongly.
    """
    loader = AgencyLoader.from_settings(project_settings())
    try:
        return loader.load(name)
    except KeyError:
        near = difflib.get_close_matches(name, loader.list(), n=3) or loader.list()[:5]
        raise UsageMistake(
            say(
                f"没有名为 {name!r} 的机构；相近的有：{'、'.join(near)}；全部：govcrawl agency list",
                f"no agency is called {name!r}; near: {', '.join(near)}; all: govcrawl agency list",
            )
        ) from None


@click.command(
    name="list",
    help=say(
        "列出所有机构：短名、模板、栏目数、全称；写错的机构会指出原因，并以 1 退出。",
        "Name all agencies: short name, family, number of channels, official name. Those declared wrongly are named with the reason; "
        "then it exits with 1.",
    ),
)
@json_option
def list_command(*, as_json: bool) -> None:
    """Print one line for each agency."""
    loader = AgencyLoader.from_settings(project_settings())
    names = loader.list()
    width = max(map(len, names), default=0)
    broken = []
    rows = []
    for name in names:
        try:
            agency = loader.load(name)
        except BadAgency as error:
            broken.append(str(error))
            continue
        if as_json:
            rows.append(
                {
                    "agency": name,
                    "title": agency.agency,
                    "template": agency.template_name,
                    "base_url": agency.base_url,
                    "channels": list(agency.channels),
                }
            )
            continue
        click.echo(
            f"{name:<{width}}  {agency.template_name:<8}  {len(agency.channels):>3}  {agency.agency}  {agency.base_url}"
        )
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, sort_keys=True, indent=2))
    for sentence in broken:
        click.echo(click.style(sentence, fg="red"), err=True)
    if broken:
        raise CrawlError(
            say(f"{len(broken)} 个机构写错了，见上", f"{len(broken)} agencies are declared wrongly, see above")
        )
