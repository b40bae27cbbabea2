"""``govcrawl reextract``: the stored captures read again with the present extractor."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from govcrawl.cli import data_option
from govcrawl.cli.progress import bytes_bar
from govcrawl.speech import say

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@click.command(
    help=say(
        "用现在的提取器重读已存的捕获，不联网。读法变了的版本就地更新，版次、捕获、日期不变：网站并没有变。",
        "Read the stored captures again with the present extractor, without network. A version that reads differently now is "
        "brought up to date in its place; number, capture and dates stay: the site did not change.",
    )
)
@click.option("--agency", help=say("只读这个机构。", "Only this agency."))
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help=say("只读这一天（UTC）以来采集的版本。", "Only versions captured on this day (UTC) or later."),
)
@data_option
@click.pass_context
def reextract(context: click.Context, *, agency: str | None, since: datetime | None, data: Path) -> None:
    """Read again, one line for each version that differs; exit 1 where a capture could not be read."""
    from govcrawl.loader import project_settings  # noqa: PLC0415 - Scrapy and the extractor take a second to import
    from govcrawl.reextract import reextract as run  # noqa: PLC0415

    with ExitStack() as steps:
        report = run(
            data,
            project_settings(),
            agency=agency,
            since=since.date().isoformat() if since else None,
            progress=bytes_bar(steps, say("重新提取", "reading again")),
        )
    for one in report.differences:
        click.echo(
            say(f"{one.document_id} 第 {one.number} 版：", f"{one.document_id} version {one.number}: ")
            + ", ".join(one.fields)
        )
    for problem in report.problems:
        click.echo(" ".join(problem.split()), err=True)
    click.echo(
        say(
            f"已重读 {report.documents} 份公开文件的 {report.versions} 个版本，{len(report.differences)} 个读法有变",
            f"{report.versions} versions of {report.documents} documents read again, {len(report.differences)} read differently",
        )
    )
    if report.problems:
        context.exit(1)
