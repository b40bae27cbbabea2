"""``govcrawl export package|sqlite``: the whole catalog for others, with a description of every column."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from archive import export_history as history
from archive import resources
from archive.catalog_change_reads import Choice
from archive.catalog_reads import check_agency
from archive.data_package import Part, export_package
from archive.export import export_documents
from archive.export_attachments import export_attachments
from archive.export_citations import export_citations
from archive.export_sqlite import copy_catalog
from archive.export_tables import export_tables, long_rows
from govcrawl.citations import read_mentions
from govcrawl.cli import INCLUDE_WITHHELD, data_option, open_catalog
from govcrawl.cli.export_options import agency_option, path_option
from govcrawl.figures import FIGURES, FINDINGS, Tally, figure_rows, finding_rows, read_reports
from govcrawl.speech import in_words, say

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.export_rows import Format


@click.command(
    "package",
    help=say(
        "导出数据包（Frictionless）：全部表格，每一列都有中英文说明；--with-files 另附附件和网页。\n\n"
        "例：govcrawl export package --output 公开数据 --format parquet",
        "A data package (Frictionless): every table, each column explained in Chinese and English; --with-files adds attachments "
        "and pages.\n\nExample: govcrawl export package --output disclosure --format parquet",
    ),
)
@path_option(say("尚不存在的目录。", "A directory that is not there yet."))
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    default="csv",
    show_default=True,
    help=say("表格的格式。", "Format of the tables."),
)
@agency_option
@click.option(
    "--with-files", is_flag=True, help=say("附上附件和采集到的网页。", "With attachments and pages as captured.")
)
@data_option
@click.pass_context
def package(
    context: click.Context, *, output: Path, form: Format, agency: str | None, with_files: bool, data: Path
) -> None:
    """Make the package; exit 1 where a file could not be read out of the archive."""
    terminal = sys.stderr.isatty()

    def show(name: str) -> None:
        if terminal:
            click.echo(f"\r\033[K{name}", nl=False, err=True)

    with open_catalog(data) as catalog:
        if agency is not None:
            check_agency(catalog, agency)
        made = export_package(
            catalog, data, output, list(parts(agency)), form=form, agency=agency, with_files=with_files, progress=show
        )
    if terminal:
        click.echo("\r\033[K", nl=False, err=True)
    for name, count in made.rows.items():
        click.echo(f"{name}: {count}")
    if with_files:
        click.echo(say(f"文件和网页：{made.files}", f"files and pages: {made.files}"))
    for path, error in made.unread:
        click.echo(f"{path}: {' '.join(in_words(error).split())}", err=True)
    click.echo(say(f"已写入 {output}", f"{output} written"), err=True)
    if made.unread:
        context.exit(1)


def parts(agency: str | None) -> Iterator[Part]:
    """Yield the tables of a package."""
    yield Part(resources.DOCUMENTS, partial(export_documents, agency=agency))
    yield Part(resources.VERSIONS, partial(history.export_versions, agency=agency))
    yield Part(resources.ATTACHMENTS, partial(export_attachments, agency=agency))
    yield Part(resources.CHANGES, partial(history.export_changes, choice=Choice(agency=agency)))
    yield Part(resources.CITATIONS, partial(export_citations, read=read_mentions, agency=agency))
    yield Part(resources.TABLE_CELLS, partial(_cells, agency=agency))
    yield Part(FIGURES, partial(_figures, agency=agency))
    yield Part(FINDINGS, partial(_findings, agency=agency))
    yield Part(resources.CRAWLS, partial(history.export_crawls, agency=agency))
    yield Part(resources.CAPTURES, partial(history.export_captures, agency=agency))


def _cells(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    yield from long_rows(export_tables(catalog, agency=agency))


def _figures(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    yield from figure_rows(read_reports(catalog, agency=agency, since=None), Tally())


def _findings(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    yield from finding_rows(read_reports(catalog, agency=agency, since=None), Tally())


# --- a copy of the catalog ---


@click.command(
    "sqlite",
    help=say(
        "复制目录库为一个独立的 SQLite 文件，并写出 Datasette 用的说明（同名 .metadata.json）。",
        "Copy the catalog into one SQLite file of its own, with a metadata file for Datasette beside it (.metadata.json).",
    ),
)
@path_option(say("目标文件。", "File to write."), metavar="FILE", dir_okay=False)
@data_option
@click.pass_context
def sqlite(context: click.Context, *, output: Path, data: Path) -> None:
    """Copy the catalog while others may write into it."""
    open_catalog(data).close()  # says what is wrong with it
    metadata = copy_catalog(data, output, include_withheld=bool(context.meta.get(INCLUDE_WITHHELD)))
    click.echo(say(f"已写入 {output} 和 {metadata}", f"{output} and {metadata} written"), err=True)
