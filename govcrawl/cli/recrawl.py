"""``govcrawl recrawl``: crawl what is due, many agencies in one process or several."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.cli.engine_options import engine_options, wants_ray
from govcrawl.cli.recrawl_far import run_far
from govcrawl.errors import BadAgency, UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scrapy.settings import Settings

    from archive.catalog import Catalog
    from govcrawl.due import NextRun
    from govcrawl.loader import AgencyLoader
    from govcrawl.machine import Machine
    from govcrawl.rounds import Result
    from govcrawl.spider import DisclosureSpider

    Planned = list[tuple[type[DisclosureSpider], NextRun]]

_SHOWN_QUIET = 50
"""Agencies that went well and brought nothing new are shown one by one up to so many agencies, together beyond that."""


@click.command(
    help=say(
        "抓取到期的机构（默认即 --due），多个机构在一个进程中并行，机构多时每核一个进程；用 --agency 指定的机构立即抓取，--all 抓取全部。"
        "一个机构失败不影响其他机构；一个进程中途死亡，它的机构由另一个进程接着抓取；"
        "Ctrl-C 让所有抓取有序结束，再运行同一命令即从中断处继续。同一数据目录同时只有一轮。\n\n"
        "退出码：0 全部完成，1 有机构未完成或有分片未能合并，2 用法错误。\n\n"
        "\b\n例：govcrawl recrawl --due --dry-run\n    govcrawl recrawl --due\n    govcrawl recrawl --agency xiamen_sfj --mode full\n"
        "    govcrawl recrawl --engine ray --address 10.0.0.5:6379",
        "Crawl the agencies that are due (also without --due), many side by side in one process, and in one process for each core where "
        "there are hundreds; those named with --agency at once, all of them with --all. One that fails stops no other, and what a process "
        "that dies had is crawled by another; Ctrl-C ends all of them in order, and the same command goes on from there. One round "
        "at a time per data directory.\n\n"
        "Exit codes: 0 all complete, 1 some are not or a shard could not be merged, 2 usage.\n\n"
        "\b\nExamples: govcrawl recrawl --due --dry-run\n          govcrawl recrawl --due\n"
        "          govcrawl recrawl --agency xiamen_sfj --mode full\n"
        "          govcrawl recrawl --engine ray --address 10.0.0.5:6379",
    )
)
@click.option(
    "--due", is_flag=True, help=say("只抓取到期的（可与 --agency 合用）。", "Only what is due (also of those named).")
)
@click.option(
    "--agency",
    "agencies",
    shell_complete=complete_agency,
    multiple=True,
    help=say(
        "只抓取这个机构，可重复；不带 --due 时不论是否到期。",
        "Only this agency; may be repeated. Without --due, due or not.",
    ),
)
@click.option("--all", "everything", is_flag=True, help=say("全部机构，不论是否到期。", "Every agency, due or not."))
@click.option(
    "--dry-run", is_flag=True, help=say("只列出将要抓取的，不联网。", "Only list what would be crawled; no network.")
)
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help=say("同时抓取的机构数。", "Agencies crawled side by side."),
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    help=say(
        "工作进程数；默认每核一个，到期机构不足 200 个时为 1。同一服务器组的机构始终在同一进程。",
        "Worker processes; by default one for each core, and one for fewer than 200 agencies. Agencies of one server group are "
        "always in one of them.",
    ),
)
@click.option(
    "--mode",
    type=click.Choice(["incremental", "full"]),
    default="incremental",
    show_default=True,
    help=say("同 scrapy crawl -a mode。", "As of scrapy crawl -a mode."),
)
@click.option(
    "-s",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help=say("设置，同 scrapy -s。", "A setting, as of scrapy -s."),
)
@click.option("--json", "as_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
@engine_options
@data_option
@click.pass_context
def recrawl(  # noqa: PLR0913 - one parameter per option
    context: click.Context,
    /,
    *,
    due: bool,
    agencies: Sequence[str],
    everything: bool,
    dry_run: bool,
    at_once: int,
    processes: int | None,
    mode: str,
    given: Sequence[str],
    as_json: bool,
    data: Path,
    **chosen: Any,
) -> None:
    """Find out what is due, crawl it, print what came of it."""
    from govcrawl.loader import AgencyLoader, project_settings  # noqa: PLC0415 - Scrapy takes half a second to import

    if everything and (due or agencies):
        raise UsageMistake(say("--all 不与 --due、--agency 合用", "--all goes with neither --due nor --agency"))
    settings = project_settings()
    changes = {**_apply(settings, given), "GOVCRAWL_DATA": str(data)}
    settings.set("GOVCRAWL_DATA", str(data), priority="cmdline")
    loader = AgencyLoader.from_settings(settings)
    classes, broken = _load(loader, agencies)
    only_due = due or not (agencies or everything)
    if dry_run:
        _print_plan(_plan(classes, data, settings, only_due=only_due), broken, as_json=as_json)
        return
    deaths: list[str] = []
    problems: list[str] = []
    if wants_ray(chosen):
        if processes is not None:
            raise UsageMistake(say("--processes 不与 --engine ray 合用", "--processes does not go with --engine ray"))

        def choose(catalog: Catalog, machine: Machine) -> list[type[DisclosureSpider]]:
            return [cls for cls, _ in _split(classes, catalog, machine, settings, only_due=only_due)[0]]

        crawled, problems = run_far(data, settings, choose, chosen, mode=mode, at_once=at_once)
    else:
        how = _How(mode, at_once, processes, changes)
        crawled, deaths = _run_round(classes, data, settings, how, only_due=only_due)
    results = [*broken, *crawled]
    _print_results(results, deaths, as_json=as_json)
    if problems or not all(result.is_fine for result in results):
        context.exit(1)


class _How(NamedTuple):
    """How a round is run."""

    mode: str
    at_once: int
    processes: int | None
    changes: Mapping[str, str]  # settings that the command line gives


def _apply(settings: Settings, given: Sequence[str]) -> dict[str, str]:
    """Set what the command line gives, and return it.

    Raises:
        UsageMistake: it is no NAME=VALUE, or no such setting.
    """
    from govcrawl.crawl_options import check_settings  # noqa: PLC0415 - see above

    changes = {}
    for each in given:
        name, separator, value = each.partition("=")
        if not (name and separator):
            raise UsageMistake(say(f"-s {each!r} 应为 名称=值", f"-s {each!r}: expected NAME=VALUE"))
        settings.set(name, value, priority="cmdline")
        changes[name] = value
    check_settings(settings)
    return changes


def _load(loader: AgencyLoader, names: Sequence[str]) -> tuple[list[type[DisclosureSpider]], list[Result]]:
    """Load agencies, all where none is named; one that is declared wrongly is a result by itself.

    Raises:
        UsageMistake: there is none of a name.
    """
    from govcrawl.rounds import Result  # noqa: PLC0415 - see above

    known = loader.list()
    if unknown := sorted(set(names) - set(known)):
        raise UsageMistake(
            say(
                f"没有名为 {'、'.join(unknown)} 的机构；全部机构：scrapy list",
                f"no agency is called {', '.join(unknown)}; scrapy list names all",
            )
        )
    classes, broken = [], []
    for name in dict.fromkeys(names or known):
        try:
            classes.append(loader.load(name))
        except BadAgency as error:
            broken.append(Result(agency=name, outcome="failed", reason="declaration", sentence=str(error)))
    return classes, broken


def _plan(
    classes: Sequence[type[DisclosureSpider]], data: Path, settings: Settings, *, only_due: bool
) -> tuple[Planned, Planned]:
    """Return what is to be crawled now, and what is not yet due."""
    from govcrawl.machine import Machine  # noqa: PLC0415 - see above

    with Machine.of(settings) as machine:
        if not (data / "catalog.db").exists():
            return _split(classes, None, machine, settings, only_due=only_due)
        with open_catalog(data) as catalog, catalog.snapshot():
            return _split(classes, catalog, machine, settings, only_due=only_due)


def _split(
    classes: Sequence[type[DisclosureSpider]],
    catalog: Catalog | None,
    machine: Machine,
    settings: Settings,
    *,
    only_due: bool,
) -> tuple[Planned, Planned]:
    from govcrawl.due import plan  # noqa: PLC0415 - see above

    now = datetime.now(UTC)
    planned = plan(classes, catalog, settings, machine, now)
    later = [one for one in planned if only_due and one[1].at > now]
    return planned[: len(planned) - len(later)], later


def _run_round(
    classes: Sequence[type[DisclosureSpider]], data: Path, settings: Settings, how: _How, *, only_due: bool
) -> tuple[list[Result], list[str]]:
    """Crawl under the round's lock; return how each crawl ended, and what is to be told of processes that died."""
    from archive.locks import take_round  # noqa: PLC0415 - see above
    from govcrawl.crew import Crew, usual_processes  # noqa: PLC0415
    from govcrawl.machine import Machine  # noqa: PLC0415
    from govcrawl.rounds import Round  # noqa: PLC0415
    from govcrawl.workshop import Workshop  # noqa: PLC0415

    lock = take_round(data / "locks", datetime.now(UTC))
    try:
        workshop = Workshop(settings)
        try:
            now, _ = _split(classes, workshop.store.catalog, workshop.machine, settings, only_due=only_due)
            agencies = [cls for cls, _ in now]
            processes = min(how.processes or usual_processes(len(agencies)), len(agencies))
            if processes == 1:
                return Round(settings, workshop, mode=how.mode, at_once=how.at_once).run(agencies), []
        finally:
            workshop.close()
        if not agencies:
            return [], []
        with Machine.of(settings) as machine:
            crew = Crew(
                settings,
                how.changes,
                machine,
                mode=how.mode,
                processes=processes,
                at_once=how.at_once,
                held=[lock.fileno()],
            )
            return crew.run(agencies), crew.deaths
    finally:
        lock.release()


def _print_plan(plan: tuple[Planned, Planned], broken: Sequence[Result], *, as_json: bool) -> None:
    """Say what would be crawled and when the rest is due."""
    now, later = plan
    if as_json:
        rows = [
            {"agency": cls.name, "due": due, "next_run_at": _instant(run.at), "why": run.why}
            for due, planned in ((True, now), (False, later))
            for cls, run in planned
        ]
        rows += [{"agency": one.agency, "due": False, "error": one.sentence} for one in broken]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for cls, run in now:
        click.echo(f"{cls.name}  {_why(run.why)}  {_instant(run.at)}")
    for one in broken:
        click.echo(f"{one.agency}  {one.sentence}", err=True)
    click.echo(say(f"到期 {len(now)} 个，未到期 {len(later)} 个", f"{len(now)} due, {len(later)} not yet"))
    if later:
        cls, run = later[0]
        click.echo(say(f"下一个：{cls.name}，{_instant(run.at)}", f"next: {cls.name} at {_instant(run.at)}"))


def _print_results(results: Sequence[Result], deaths: Sequence[str], *, as_json: bool) -> None:
    """One line an agency, and a sum; what died meanwhile, which stands in the findings of what it had too."""
    ordered = sorted(results, key=lambda one: one.agency)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in ordered], ensure_ascii=False, indent=2, sort_keys=True))
        return
    if not results:
        click.echo(
            say(
                "没有到期的机构。下一个：govcrawl recrawl --dry-run",
                "Nothing is due. What is next: govcrawl recrawl --dry-run",
            )
        )
        return
    from rich.console import Console  # noqa: PLC0415 - --json does without
    from rich.table import Table  # noqa: PLC0415

    shown = ordered if len(ordered) <= _SHOWN_QUIET else [one for one in ordered if not _is_quiet(one)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    heads = (
        ("机构", "agency"),
        ("结果", "outcome"),
        ("新增", "new"),
        ("变更", "changed"),
        ("撤下", "gone"),
        ("请求", "requests"),
    )
    for zh, en in heads:
        table.add_column(say(zh, en), justify="left" if en in {"agency", "outcome"} else "right", no_wrap=True)
    table.add_column(say("原因", "reason"), overflow="fold")
    for one in shown:
        count = one.counts
        gone = count.get("suspected", 0) + count.get("withdrawn", 0)
        figures = (count.get("new", 0), count.get("changed", 0), gone, count.get("requests", 0))
        reason = f"{one.reason}: {one.sentence}" if one.reason else ""
        table.add_row(one.agency, _judged(one), *map(str, figures), reason or (one.findings[0] if one.findings else ""))
    if shown:
        Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False).print(table)
    if quiet := len(ordered) - len(shown):
        click.echo(say(f"另有 {quiet} 个机构完成，没有变化", f"{quiet} more finished without a change"))
    total: dict[str, Any] = {name: sum(one.outcome == name for one in ordered) for name in _OUTCOMES}
    told = say("，", ", ").join(f"{_outcome(name)} {count}" for name, count in total.items() if count)
    click.echo(say(f"共 {len(ordered)} 个机构：{told}", f"{len(ordered)} agencies: {told}"))
    for death in deaths:
        click.echo(
            say(
                f"有工作进程中途结束，它的机构已交给另一个进程：{death}",
                f"a worker died, and what it had was given to another: {death}",
            )
        )


def _is_quiet(one: Result) -> bool:
    changes = ("new", "changed", "suspected", "withdrawn", "unlisted", "failed")
    return (
        one.outcome == "finished" and one.verdict in {None, "ok"} and not any(one.counts.get(name) for name in changes)
    )


_OUTCOMES = {
    "finished": ("完成", "finished"),
    "failed": ("失败", "failed"),
    "interrupted": ("中断", "interrupted"),
    "busy": ("正由其他进程抓取", "being crawled by another process"),
}


def _outcome(outcome: str) -> str:
    return say(*_OUTCOMES[outcome])


def _judged(one: Result) -> str:
    """The outcome, and the verdict where that is worse than it."""
    from govcrawl import finding_words as words  # noqa: PLC0415 - see above

    told = _outcome(one.outcome)
    return told if one.outcome != "finished" or one.verdict in {None, "ok"} else f"{told}, {words.level(one.verdict)}"


def _why(why: str) -> str:
    words = {
        "never": ("从未抓取", "never crawled"),
        "interrupted": ("上次中断", "was interrupted"),
        "failed": ("上次失败", "failed"),
        "interval": ("到期", "its time"),
    }
    return say(*words[why])


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
