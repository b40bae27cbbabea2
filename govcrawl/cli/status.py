"""``govcrawl status``: how the archive of each agency fares, at a glance, as JSON, as an HTML page, as badges."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from archive import catalog_health as healths
from archive import catalog_reads as reads
from archive.errors import ArchiveWriteError
from archive.rows import instant
from govcrawl import finding_words
from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.cli.status_text import print_details, print_table
from govcrawl.speech import language, say
from govcrawl.urls import is_reserved

_DETAILED_AGENCIES = 3
"""Up to so many agencies each get their own paragraph; more are a table, and --agency asks for one."""


@click.command(
    help=say(
        "各机构存档概况：判定与发现、最近成功、下次到期、公开文件按状态、有缺口的栏目。\n\n"
        "\b\n例：govcrawl status\n    govcrawl status --json --agency xiamen_sfj\n"
        "    govcrawl status --html status.html --badges badges/",
        "How the archive of each agency fares: verdict and findings, last success, next run, documents by state, channels with gaps.\n\n"
        "\b\ne.g. govcrawl status\n     govcrawl status --json --agency xiamen_sfj\n"
        "     govcrawl status --html status.html --badges badges/",
    )
)
@click.option("--json", "as_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help=say(
        "写成一个独立的 HTML 文件（--lang 选语言）。",
        "Write one HTML file that needs nothing else (--lang chooses its language).",
    ),
)
@click.option(
    "--badges",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help=say("每个机构写一个 SVG 徽标到该目录。", "Write an SVG badge of each agency into this directory."),
)
@click.option("--agency", shell_complete=complete_agency, help=say("只看这个机构。", "Only this agency."))
@data_option
def status(*, as_json: bool, html: Path | None, badges: Path | None, agency: str | None, data: Path) -> None:
    """Show, print or write the status of every agency."""
    from govcrawl.due import runs_of  # noqa: PLC0415 - Scrapy takes half a second to import

    with open_catalog(data) as catalog, catalog.snapshot():
        if agency is not None:
            reads.check_agency(catalog, agency)
        rows = [row for row in reads.agencies(catalog) if agency in (None, row["name"])]
        runs = runs_of(catalog, [row["name"] for row in rows])
        withheld = len(catalog.file.withheld)
        invented = [row["title"] for row in rows if is_reserved(row["base_url"])]
        found = [healths.read_report(catalog, row, runs.get(row["name"]), history=html is not None) for row in rows]
    if html is not None or badges is not None:
        from govcrawl.status_page import badge, write_page  # noqa: PLC0415 - the others start without it
    if html is not None:
        made_at = instant(datetime.now(UTC))
        _write(html, write_page(found, made_at, language=language(), withheld=withheld, invented=invented))
    if badges is not None:
        for one in found:
            _write(badges / f"{one.status.agency}.svg", badge(one))
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], ensure_ascii=False, sort_keys=True, indent=2))
    elif html is None and badges is None:
        _print(found)


def _print(found: list[healths.Report]) -> None:
    """Print a table, and a paragraph each where they are few."""
    if not found:
        click.echo(
            say("目录库里还没有机构:先运行 scrapy crawl 机构代号", "No agency yet: run scrapy crawl AGENCY first")
        )
        return
    print_table(found)
    if len(found) <= _DETAILED_AGENCIES:
        for one in found:
            click.echo()
            print_details(one)
    else:
        click.echo(say("细节: govcrawl status --agency 机构代号", "Details: govcrawl status --agency NAME"))


def _as_json(one: healths.Report) -> dict[str, Any]:
    """Everything that is known of an agency's state; findings with their sentences."""
    health = asdict(one.health)
    health["findings"] = [
        {
            **finding,
            "zh": finding_words.sentence(finding["kind"], finding["facts"], "zh"),
            "en": finding_words.sentence(finding["kind"], finding["facts"], "en"),
        }
        for finding in health["findings"]
    ]
    return {**asdict(one.status), **health, "next_run_at": one.next_run_at}


def _write(path: Path, text: str) -> None:
    """Write a file; its folder is made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ArchiveWriteError(
            f"{path} cannot be written ({error.strerror or error}); name a place that can be",
            zh=f"不能写入 {path}（{error.strerror or error}）；请另选位置",
        ) from error
    click.echo(say(f"已写入 {path}", f"{path} written"), err=True)
