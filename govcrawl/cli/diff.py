"""``govcrawl diff``: two versions of a document compared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from archive import catalog_change_reads as reads
from archive import catalog_reads
from archive.change_words import details
from archive.errors import CatalogError
from archive.hunks import CONTEXT, unified
from archive.text import for_terminal
from govcrawl.cli import data_option, open_catalog
from govcrawl.cli.show import find_document
from govcrawl.errors import UsageMistake
from govcrawl.speech import language, say

if TYPE_CHECKING:
    from pathlib import Path

    from archive.comparison import TableChange
    from archive.textdiff import TextDiff

_MARKS = {"@": "cyan", "-": "red", "+": "green", " ": None}


def print_diff(diff: TextDiff, *, indent: str = "", context: int = CONTEXT) -> None:
    """Print what differs in a text, paragraph by paragraph, coloured on a terminal."""
    for mark, text in unified(diff, context):
        line = text if mark == "@" else f"{mark}{text}"
        click.echo(indent + click.style(for_terminal(line), fg=_MARKS[mark]))


@click.command(
    help=say(
        "比较一份公开文件的两个版本:正文、字段、表格、附件、图片。\n\n"
        "例: govcrawl diff xiamen_sfj-0123456789ab --from 1 --to 3",
        "Compare two versions of a document: text, fields, tables, attachments, images.\n\n"
        "Example: govcrawl diff xiamen_sfj-0123456789ab --from 1 --to 3",
    )
)
@click.argument("document", metavar="ID")
@click.option(
    "--from",
    "before",
    type=click.IntRange(min=1),
    metavar="N",
    help=say("从第几版;不给时为 --to 的前一版。", "Version to begin with; without it the one before --to."),
)
@click.option(
    "--to",
    "after",
    type=click.IntRange(min=1),
    metavar="M",
    help=say("到第几版;不给时为最新版。", "To this version; without it the latest."),
)
@click.option(
    "--context",
    type=click.IntRange(min=0),
    default=CONTEXT,
    show_default=True,
    help=say("每处差异前后显示几段。", "Unchanged paragraphs shown around each difference."),
)
@click.option("--json", "as_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
@data_option
def diff(*, document: str, before: int | None, after: int | None, context: int, as_json: bool, data: Path) -> None:
    """Print what differs."""
    with open_catalog(data) as catalog, catalog.snapshot():
        document_id = find_document(catalog, document)
        count = catalog_reads.version_count(catalog, document_id)
        to = after or count
        start = before or to - 1
        for number in (start, to):
            if not 1 <= number <= count:
                raise _no_version(document_id, number, count)
        found = reads.compare_versions(
            catalog,
            reads.version_id(catalog, document_id, start),
            reads.version_id(catalog, document_id, to),
        )
    if as_json:
        said = {"document_id": document_id, "from": start, "to": to, **found.as_json()}
        click.echo(json.dumps(said, ensure_ascii=False, sort_keys=True, indent=2))
        return
    words = say(f"{document_id} 第 {start} 版 → 第 {to} 版", f"{document_id} version {start} → {to}")
    click.echo(click.style(words, bold=True))
    for line in details(found, language()):
        click.echo(for_terminal(line))
    for table in found.tables:
        _print_table(table)
    if found.text is not None:
        print_diff(found.text, context=context)
    if found.same:
        click.echo(say("没有差异", "no difference"))


def _print_table(table: TableChange) -> None:
    """Print the rows of a table that differ."""
    number = (table.after if table.after is not None else table.before) or 0
    click.echo(click.style(say(f"@@ 表 {number + 1} @@", f"@@ table {number + 1} @@"), fg=_MARKS["@"]))
    for row in table.rows:
        for mark, cells in (("-", row.before), ("+", row.after)):
            if row.kind != "equal" and cells is not None:
                text = " | ".join(" ".join(cell.split()) for cell in cells)
                click.echo(click.style(for_terminal(mark + text), fg=_MARKS[mark]))


def _no_version(document_id: str, number: int, count: int) -> Exception:
    """What is wrong: a number out of range is a mistake of the call, a document with one version has nothing to compare."""
    if count == 1 and number == 0:
        return CatalogError(
            say(f"{document_id} 只有一版,没有可比较的", f"{document_id} has one version only: nothing to compare")
        )
    return UsageMistake(
        say(
            f"{document_id} 没有第 {number} 版,共 {count} 版",
            f"{document_id} has no version {number}; it has 1 to {count}",
        )
    )
