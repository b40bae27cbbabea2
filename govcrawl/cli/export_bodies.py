"""``govcrawl export bodies``: the body of every document as a file of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import click

from archive import catalog_reads as reads
from archive.errors import ArchiveWriteError, CaptureMissing, DigestMismatch, UnreadableContent
from archive.export import opened
from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.cli.export_options import path_option
from govcrawl.errors import CrawlError
from govcrawl.speech import in_words, say

if TYPE_CHECKING:
    from pathlib import Path

    from govcrawl.renditions import Form

_UNREAD = (CaptureMissing, DigestMismatch, UnreadableContent, CrawlError)


@click.command(
    help=say(
        "导出公开文件的正文，每份一个文件：目录/机构代号/编号.md（txt、html）。本身就是文件的没有正文，略过。",
        "Write the body of every document into a file of its own: DIR/AGENCY/DOCUMENT_ID.md (txt, html). What is itself a file has "
        "no body and is passed over.",
    )
)
@click.option(
    "--as",
    "form",
    type=click.Choice(["text", "markdown", "html"]),
    default="markdown",
    show_default=True,
    help=say("格式。", "Form."),
)
@path_option(say("目标目录。", "Directory to write into."), file_okay=False)
@click.option("--agency", shell_complete=complete_agency, help=say("只导出这个机构。", "Only this agency."))
@data_option
@click.pass_context
def bodies(context: click.Context, *, form: str, output: Path, agency: str | None, data: Path) -> None:
    """Write the files; exit 1 where a capture could not be read."""
    from govcrawl.loader import project_settings  # noqa: PLC0415 - Scrapy takes a second to import
    from govcrawl.renditions import EXTENSIONS, Renditions  # noqa: PLC0415

    kind = cast("Form", form)
    count = failed = 0
    with open_catalog(data) as catalog, catalog.snapshot():
        if agency is not None:
            reads.check_agency(catalog, agency)
        renditions = Renditions(data, catalog, project_settings())
        for row in reads.document_rows(catalog, agency=agency):
            try:
                body = renditions.render(row, kind, whole=True)
            except _UNREAD as error:
                failed += 1
                click.echo(f"{row['document_id']}: {' '.join(in_words(error).split())}", err=True)
                continue
            if body is not None:
                write_body(output / row["agency"], f"{row['document_id']}.{EXTENSIONS[kind]}", body)
                count += 1
    click.echo(say(f"已导出 {count} 份正文到 {output}", f"{count} bodies written to {output}"), err=True)
    if failed:
        context.exit(1)


def write_body(folder: Path, name: str, body: str) -> None:
    """Write one file, which takes its name when it is whole.

    Raises:
        ArchiveWriteError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveWriteError(
            f"export: {folder} cannot be made: {error.strerror}; choose another --output",
            zh=f"导出：{folder} 不能建立（{error.strerror}）；请另选 --output",
        ) from error
    with opened(os.fspath(folder / name)) as target:
        target.write(body.encode("utf-8", "replace"))
