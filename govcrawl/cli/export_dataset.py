"""``govcrawl export dataset``: everything as Parquet files by agency and year, kept in step by running it again."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from archive import export_history as history
from archive import resources
from archive.catalog_change_reads import Choice
from archive.catalog_reads import check_agency
from archive.dataset import Table, export_dataset
from archive.export import export_documents
from archive.export_attachments import export_attachments
from archive.export_citations import export_citations
from archive.export_tables import export_tables, long_rows
from govcrawl.citations import read_mentions
from govcrawl.cli import data_option, open_catalog
from govcrawl.cli.export_options import agency_option, path_option
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from archive.catalog import Catalog


@click.command(
    "dataset",
    help=say(
        "导出分区数据集：每张表一个目录，按机构和年份分成 Parquet 文件，DuckDB、Spark、pandas 可直接读取。"
        "再次运行只改写有变化的文件；不予显示的和已不存在的随之移除。\n\n"
        "例：govcrawl export dataset --output 数据集",
        "A partitioned dataset: a folder for each table with Parquet files by agency and year, which DuckDB, Spark and pandas read "
        "directly. Run again it rewrites only what has changed; what is withheld or gone leaves it.\n\n"
        "Example: govcrawl export dataset --output dataset",
    ),
)
@path_option(say("新目录，或已有的数据集。", "A new folder, or a dataset that is there."), file_okay=False)
@agency_option
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(["documents", "versions", "attachments", "changes", "citations", "tables", "crawls", "captures"]),
    help=say("只导出这张表，可重复。", "Only this table; may be repeated."),
)
@click.option("--json", "as_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
@data_option
def dataset(*, output: Path, agency: str | None, only: Sequence[str], as_json: bool, data: Path) -> None:
    """Write the dataset or bring it in step."""
    terminal = sys.stderr.isatty()

    def show(name: str) -> None:
        if terminal:
            click.echo(f"\r\033[K{name}", nl=False, err=True)

    wanted = [table for table in TABLES if not only or table.resource.name in only]
    with open_catalog(data) as catalog:
        if agency is not None:
            check_agency(catalog, agency)
        made = export_dataset(catalog, output, wanted, agency=agency, progress=show)
    if terminal:
        click.echo("\r\033[K", nl=False, err=True)
    if as_json:
        click.echo(json.dumps(asdict(made), ensure_ascii=False, sort_keys=True))
        return
    for name, count in made.rows.items():
        click.echo(f"{name}: {count}")
    click.echo(
        say(
            f"读取 {made.agencies} 个机构；写 {made.written} 个文件，{made.kept} 个不变，移除 {made.removed} 个；{output}",
            f"{made.agencies} agencies read; {made.written} files written, {made.kept} as they were, {made.removed} removed; {output}",
        ),
        err=True,
    )


def _documents(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    return export_documents(catalog, agency=agency)


def _versions(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    return history.export_versions(catalog, agency=agency)


def _attachments(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    return export_attachments(catalog, agency=agency)


def _changes(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    return history.export_changes(catalog, Choice(agency=agency))


def _citations(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    return export_citations(catalog, read_mentions, agency=agency)


def _cells(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    yield from long_rows(export_tables(catalog, agency=agency))


def _crawls(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    return history.export_crawls(catalog, agency=agency)


def _captures(catalog: Catalog, agency: str | None) -> Generator[dict[str, Any]]:
    return history.export_captures(catalog, agency=agency)


TABLES = (
    Table(resources.DOCUMENTS, _documents, "publish_date"),
    Table(resources.VERSIONS, _versions, "captured_at"),
    Table(resources.ATTACHMENTS, _attachments),
    Table(resources.CHANGES, _changes, "at"),
    Table(resources.CITATIONS, _citations, whole=True, of="citing_agency"),
    Table(resources.TABLE_CELLS, _cells),
    Table(resources.CRAWLS, _crawls, "started_at"),
    Table(resources.CAPTURES, _captures, "captured_at"),
)
"""The tables of a dataset; a citation may lead to any agency's document, so all of them are worked out together."""
