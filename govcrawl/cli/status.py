"""``govcrawl status``: what the archive holds of each agency, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from archive import catalog_reads as reads
from govcrawl.cli import data_option, open_catalog
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.catalog_reads import AgencyStatus

_DETAILED_AGENCIES = 3
"""Up to so many agencies each get their own paragraph; more are a table, and --agency asks for one."""


@click.command(help=say("各机构存档概况。", "Say what the archive holds of each agency."))
@click.option("--json", "as_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
@click.option("--agency", help=say("只看这个机构。", "Only this agency."))
@data_option
def status(*, as_json: bool, agency: str | None, data: Path) -> None:
    """Print the status of every agency."""
    with open_catalog(data) as catalog, catalog.snapshot():
        if agency is not None:
            reads.check_agency(catalog, agency)
        found = [reads.agency_status(catalog, row) for row in reads.agencies(catalog) if agency in (None, row["name"])]
        runs = _next_runs(catalog, [one.agency for one in found])
    if as_json:
        rows = [{**asdict(one), "next_run_at": runs.get(one.agency)} for one in found]
        click.echo(json.dumps(rows, ensure_ascii=False, sort_keys=True, indent=2))
        return
    if not found:
        click.echo(
            say("目录库里还没有机构:先运行 scrapy crawl 机构代号", "No agency yet: run scrapy crawl AGENCY first")
        )
        return
    _print_table(found, runs)
    if len(found) <= _DETAILED_AGENCIES:
        for one in found:
            click.echo()
            _print_details(one, runs.get(one.agency))
    else:
        click.echo(say("细节: govcrawl status --agency 机构代号", "Details: govcrawl status --agency NAME"))


def _next_runs(catalog: Catalog, names: list[str]) -> dict[str, str]:
    """When ``govcrawl recrawl --due`` crawls each agency next, as the catalog writes instants; only of declared ones."""
    from govcrawl.due import next_runs  # noqa: PLC0415 - not needed for --help
    from govcrawl.loader import AgencyLoader, project_settings  # noqa: PLC0415 - Scrapy takes half a second to import

    settings = project_settings()
    runs = next_runs(names, catalog, settings, AgencyLoader.from_settings(settings), datetime.now(UTC))
    return {name: run.at.strftime("%Y-%m-%dT%H:%M:%SZ") for name, run in runs.items()}


def _print_table(found: list[AgencyStatus], runs: Mapping[str, str]) -> None:
    """One line an agency."""
    from rich.console import Console  # noqa: PLC0415 - --json does without
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for zh, en, right in (
        ("机构", "agency", False),
        ("公开文件", "documents", True),
        ("在列", "live", True),
        ("未列", "unlisted", True),
        ("疑撤", "suspected", True),
        ("撤下", "withdrawn", True),
        ("版本", "versions", True),
        ("捕获", "captures", True),
        ("WARC", "WARC", True),
        ("最近抓取", "last crawl", False),
        ("下次", "next", False),
    ):
        table.add_column(say(zh, en), justify="right" if right else "left", no_wrap=True)
    for one in found:
        last = f"{_moment(one.last_crawl.started_at)} {_outcome(one.last_crawl.outcome)}" if one.last_crawl else "–"
        numbers = (one.documents, *one.states.values(), one.versions, one.captures)
        table.add_row(
            one.agency, *(str(number) for number in numbers), _size(one.warc_bytes), last, _moment(runs.get(one.agency))
        )
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False).print(table)


def _print_details(one: AgencyStatus, next_run_at: str | None) -> None:
    """A paragraph about one agency."""
    click.echo(click.style(f"{one.title} ({one.agency})", bold=True))
    if one.last_crawl is None:
        click.echo(say("  还没有抓取", "  no crawl yet"))
    else:
        crawl = one.last_crawl
        reason = f" ({crawl.reason})" if crawl.reason else ""
        click.echo(
            say("  最近抓取  ", "  last crawl       ")
            + f"{crawl.crawl_id} {crawl.mode}: {_outcome(crawl.outcome)}{reason}, "
            + f"{_moment(crawl.started_at)} – {_moment(crawl.finished_at)} UTC"
        )
    click.echo(
        say("  最近成功  ", "  last success     ") + (_moment(one.last_success_at) if one.last_success_at else "–")
    )
    undeclared = say("–（不在声明的机构中）", "– (not among the declared agencies)")
    click.echo(
        say("  下次到期  ", "  next run         ") + (f"{_moment(next_run_at)} UTC" if next_run_at else undeclared)
    )
    click.echo(
        say("  附件      ", "  attachments      ")
        + say(
            f"{one.attachments} 个,其中 {one.attachments_missing} 个未取到",
            f"{one.attachments}, {one.attachments_missing} of them not fetched",
        )
    )
    _print_counts(say("  附件文本  ", "  attachment texts "), one.attachment_texts)
    _print_counts(say("  抓取失败  ", "  failures         "), one.failures)
    missing = {name: count for name, count in one.missing.items() if count}
    _print_counts(say("  缺字段    ", "  missing fields   "), missing, f"/{one.documents}")
    _print_counts(say("  提取方法  ", "  methods          "), one.methods)
    _print_counts(say("  一致度    ", "  agreement        "), one.agreement)
    _print_counts(say("  质量标记  ", "  quality flags    "), one.flags)


def _print_counts(caption: str, counts: Mapping[str, int], suffix: str = "") -> None:
    """One line of counts."""
    text = ", ".join(f"{name} {count}{suffix}" for name, count in counts.items())
    click.echo(caption + (text or say("无", "none")))


def _outcome(outcome: str) -> str:
    """A crawl's outcome in the user's language."""
    names = {"running": "进行中", "finished": "完成", "failed": "失败", "interrupted": "中断"}
    return say(names.get(outcome, outcome), outcome)


def _moment(at: str | None) -> str:
    """An instant of the catalog to the second, without its Z."""
    return "–" if at is None else at[:19].replace("T", " ")


def _size(size_bytes: int) -> str:
    """Bytes for people, in powers of 1024."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004 - the base of these units
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
