"""``govcrawl export cdxj|wacz|warc|bag``: the archived records in the forms that other tools read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive import catalog_reads as reads
from archive.bag import export_bag
from archive.catalog_exchange import Choice
from archive.cdxj import export_cdxj
from archive.excerpt import About, export_warc
from archive.export import opened
from archive.wacz import export_wacz
from govcrawl import __version__
from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.cli.export_options import path_option
from govcrawl.cli.progress import Stages
from govcrawl.cli.show import find_document
from govcrawl.errors import UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from archive.catalog import Catalog

_SOFTWARE = f"govcrawl/{__version__}"

_agency_option = click.option(
    "--agency", shell_complete=complete_agency, help=say("只导出这个机构。", "Only this agency.")
)
_document_option = click.option(
    "--document",
    metavar="ID",
    help=say(
        "只导出这份公开文件(编号或网址):各次采集的页面、附件和图片。",
        "Only this document (id or URL): every capture of its page, attachments and images.",
    ),
)
_output_option = click.option(
    "--output", required=True, help=say("目标文件;- 为标准输出。", "File to write; - is standard output.")
)


@click.command(
    help=say(
        "导出回放索引(CDXJ),文件名相对于数据目录。",
        "The index that replay tools use (CDXJ); file names are relative to the data directory.",
    )
)
@_output_option
@_agency_option
@data_option
def cdxj(*, output: str, agency: str | None, data: Path) -> None:
    """Write the index."""
    with open_catalog(data) as catalog, opened(output) as target, Stages() as stages:
        count = export_cdxj(catalog, data, target, agency=agency, progress=stages)
    say_done(say(f"{count} 行索引", f"{count} index lines"), output)


@click.command(
    help=say(
        "导出 WACZ(可在 ReplayWeb.page 和 pywb 中打开):整个数据目录、一个机构、一段日期(UTC)或一份公开文件。",
        "A WACZ file, which ReplayWeb.page and pywb open: everything, an agency, a range of days (UTC) or one document.",
    )
)
@_output_option
@_agency_option
@_document_option
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help=say("只含该日(UTC)及以后的采集。", "Captures made on or after this UTC day."),
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help=say("只含该日(UTC)及以前的采集。", "Captures made on or before this UTC day."),
)
@data_option
def wacz(
    *,
    output: str,
    agency: str | None,
    document: str | None,
    since: datetime | None,
    until: datetime | None,
    data: Path,
) -> None:
    """Write the package."""
    if agency and document:
        raise UsageMistake(say("--agency 与 --document 只能给一个", "give --agency or --document, not both"))
    with open_catalog(data) as catalog:
        document_id = find_document(catalog, document) if document else None
        choice = Choice(agency=agency, since=_day(since), until=_day(until), document_id=document_id)
        about = About(title=_title(catalog, choice), software=_SOFTWARE)
        with opened(output) as target, Stages() as stages:
            packed = export_wacz(catalog, data, target, choice=choice, name=_name(choice), about=about, progress=stages)
    say_done(
        say(
            f"{packed.captures} 次捕获、{packed.pages} 个页面",
            f"{packed.captures} captures, {packed.pages} pages",
        ),
        output,
    )


@click.command(
    help=say("导出一份公开文件的全部 WARC 记录,逐字节复制。", "All WARC records of one document, copied byte for byte.")
)
@_output_option
@click.option(
    "--document", metavar="ID", required=True, help=say("公开文件的编号或网址。", "Document id, or one of its URLs.")
)
@data_option
def warc(*, output: str, document: str, data: Path) -> None:
    """Write the WARC file."""
    with open_catalog(data) as catalog:
        choice = Choice(document_id=find_document(catalog, document))
        about = About(title=_title(catalog, choice), software=_SOFTWARE)
        filename = f"{choice.document_id}.warc.gz" if output == "-" else Path(output).name
        with opened(output) as target, Stages() as stages:
            count = export_warc(catalog, data, target, choice=choice, filename=filename, about=about, progress=stages)
    say_done(say(f"{count} 次捕获", f"{count} captures"), output)


@click.command(
    help=say(
        "把一个机构的存档做成 BagIt 包:WARC 文件、清单、索引、公开文件。",
        "An agency's archive as a bag (BagIt): WARC files, manifests, index, documents.",
    )
)
@click.option("--agency", shell_complete=complete_agency, required=True, help=say("机构。", "The agency."))
@path_option(say("尚不存在的目录。", "A directory that is not there yet."))
@data_option
def bag(*, agency: str, output: Path, data: Path) -> None:
    """Make the bag."""
    with open_catalog(data) as catalog:
        about = About(title=_title(catalog, Choice(agency=agency)), software=_SOFTWARE)
        today = datetime.now(UTC).date()
        with Stages() as stages:
            count = export_bag(catalog, data, output, agency=agency, about=about, day=today, progress=stages)
    say_done(say(f"{count} 个 WARC 文件", f"{count} WARC files"), str(output))


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _name(choice: Choice) -> str:
    """A name for the WARC file inside a package, by what is in it."""
    parts = [choice.document_id or choice.agency or "govcrawl"]
    parts += [f"{word}-{day}" for word, day in (("since", choice.since), ("until", choice.until)) if day]
    return "-".join(parts)


def _title(catalog: Catalog, choice: Choice) -> str:
    """What an exported file is called: the document's title, the agency's, or all agencies'."""
    if choice.document_id is not None:
        row = reads.document_row(catalog, choice.document_id)
        return f"{(row and row['title']) or choice.document_id} ({choice.document_id})"
    titles = [row["title"] for row in reads.agencies(catalog) if choice.agency in {None, row["name"]}]
    days = " – ".join(str(day or "…") for day in (choice.since, choice.until)) if choice.since or choice.until else ""
    return "、".join(titles) + (f" {days}" if days else "")


def say_done(what: str, output: str) -> None:
    """Say on standard error what was written where."""
    where = say("标准输出", "standard output") if output == "-" else output
    click.echo(say(f"已导出 {what} 到 {where}", f"{what} written to {where}"), err=True)
