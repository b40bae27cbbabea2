"""``govcrawl attachments``: the text of attachments that are archived and not read yet."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from govcrawl.cli import complete_agency, data_option, json_option
from govcrawl.cli.progress import bytes_bar
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    help=say(
        "读取已存档附件（PDF、Word、Excel、PPT、OFD、WPS、RTF、文本、ZIP）的文本和表格，存入目录库。不联网；抓取时已自动读取，"
        "此命令补读未读的；中断后再运行即可继续。",
        "Read text and tables out of archived attachments (PDF, Word, Excel, PowerPoint, OFD, WPS, RTF, text, ZIP) into the catalog. "
        "Without network. Crawls do this by themselves; this reads what is left, and goes on where it was interrupted.",
    )
)
@click.option("--agency", shell_complete=complete_agency, help=say("只读这个机构的。", "Only this agency's."))
@click.option("--again", is_flag=True, help=say("已读的也重读。", "Also those that were read already."))
@json_option
@data_option
@click.pass_context
def attachments(context: click.Context, *, agency: str | None, again: bool, as_json: bool, data: Path) -> None:
    """Read, print how many came to which status; exit 1 where the archive does not hold a file any more."""
    from archive import catalog_reads as reads  # noqa: PLC0415 - not needed for --help
    from archive.catalog_summaries import put_missing_summaries  # noqa: PLC0415
    from archive.store import Store  # noqa: PLC0415
    from govcrawl.attachments import read_attachments  # noqa: PLC0415
    from govcrawl.cli import open_catalog  # noqa: PLC0415
    from govcrawl.loader import project_settings  # noqa: PLC0415 - Scrapy takes half a second to import

    if not (data / "catalog.db").exists():
        open_catalog(data).close()  # says that there is none
    with Store.open(data) as store, ExitStack() as steps:
        if agency is not None:
            reads.check_agency(store.catalog, agency)
        problems: list[str] = []
        counts = read_attachments(
            data,
            store.catalog,
            project_settings(),
            agency=agency,
            again=again,
            progress=bytes_bar(steps, say("读取附件", "reading attachments")),
            problem=problems.append,
        )
        put_missing_summaries(store.catalog)
    for problem in problems:
        click.echo(" ".join(problem.split()), err=True)
    told = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    if as_json:
        click.echo(
            json.dumps({"read": dict(counts), "problems": problems}, ensure_ascii=False, sort_keys=True, indent=2)
        )
    else:
        none = say("无（都已读过）", "none (all were read)")
        click.echo(say("已读附件文本：", "texts of attachments read: ") + (told or none))
    if problems:
        context.exit(1)
