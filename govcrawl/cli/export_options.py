"""What the exports of rows have in common: formats, target, and the last line that says what was written."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.export import opened
from archive.export_rows import FORMATS, write_rows
from govcrawl.cli import complete_agency, open_catalog
from govcrawl.cli.progress import counted
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager

    from archive.catalog import Catalog
    from archive.export_rows import Done, Format
    from archive.resources import Resource


def format_option(*more: str) -> Callable[[Any], Any]:
    """Return the option for the format, with further ones a command knows."""
    return click.option(
        "--format",
        "form",
        type=click.Choice([*FORMATS, *more]),
        required=True,
        help=say(
            "格式：csv（Excel 可直接打开）、jsonl、parquet（DuckDB、pandas）、xlsx。",
            "Format: csv (opens in Excel), jsonl, parquet (DuckDB, pandas), xlsx.",
        ),
    )


output_option = click.option(
    "--output", required=True, help=say("目标文件;- 为标准输出。", "File to write; - is standard output.")
)


def path_option(text: str, *, metavar: str = "DIR", **kind: Any) -> Callable[[Any], Any]:
    """Return the option for an output of more than one file, which standard output cannot be; ``kind`` is what click.Path takes."""
    path = click.Path(path_type=Path, **kind)
    return click.option(
        "--output", required=True, metavar=metavar, type=path, callback=_refuse_standard_output, help=text
    )


def _refuse_standard_output(context: click.Context, parameter: click.Parameter, value: Path) -> Path:
    del context
    if str(value) == "-":
        raise click.BadParameter(
            say(
                "写出的不止一个文件，不能是标准输出；请给一个路径",
                "more than one file is written, so it cannot be standard output; give a path",
            ),
            param=parameter,
        )
    return value


agency_option = click.option(
    "--agency", shell_complete=complete_agency, help=say("只导出这个机构。", "Only this agency.")
)
bom_option = click.option("--no-bom", is_flag=True, help=say("CSV 不写 BOM。", "CSV without the byte order mark."))
raw_option = click.option(
    "--raw",
    is_flag=True,
    help=say("CSV 中形似公式的单元格不加单引号。", "CSV cells that look like formulas stay as they are."),
)


def check_csv(form: str, *, no_bom: bool, raw: bool) -> None:
    """Raise where an option for CSV is given with another format.

    Raises:
        click.UsageError: it is.
    """
    if form != "csv" and (no_bom or raw):
        raise click.UsageError(
            say("--no-bom 和 --raw 只用于 --format csv", "--no-bom and --raw go with --format csv only")
        )


def write(
    data: Path,
    rows_of: Callable[[Catalog], Generator[dict[str, Any]]],
    resource: Resource,
    form: Format,
    output: str,
    *,
    no_bom: bool = False,
    raw: bool = False,
) -> Done:
    """Write rows of the catalog; nothing is written before the first row, or the lack of any, is known."""
    check_csv(form, no_bom=no_bom, raw=raw)
    with ExitStack() as steps:
        catalog = steps.enter_context(open_catalog(data))
        rows = steps.enter_context(begun(rows_of(catalog)))
        target = steps.enter_context(opened(output))
        passing = counted(steps, rows, say(f"导出 {resource.zh}", f"exporting {resource.name}"))
        return write_rows(passing, target, resource, form, bom=not no_bom, guard=not raw)


def begun(rows: Generator[dict[str, Any]]) -> AbstractContextManager[Iterator[dict[str, Any]]]:
    """Take the first row, so that what is wrong with the question is said before a file is opened."""
    return closing(_Begun(rows))


class _Begun:
    """Rows whose first one is waiting."""

    def __init__(self, rows: Generator[dict[str, Any]]) -> None:
        self._rows = rows
        self._first: list[dict[str, Any]] = []
        first = next(rows, None)
        if first is not None:
            self._first.append(first)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Return itself."""
        return self

    def __next__(self) -> dict[str, Any]:
        """Return the next row."""
        return self._first.pop() if self._first else next(self._rows)

    def close(self) -> None:
        """Let go of the view of the catalog."""
        self._rows.close()


def say_done(done: Done, zh: str, en: str, output: str) -> None:
    """Say on standard error what was written where, and what was cut."""
    where = say("标准输出", "standard output") if output == "-" else output
    click.echo(say(f"已导出 {done.rows} {zh} 到 {where}", f"{done.rows} {en} written to {where}"), err=True)
    if done.cut:
        click.echo(
            say(
                f"有 {done.cut} 个单元格超过 Excel 的上限，已截断并注明；全文请用 csv、jsonl 或 parquet",
                f"{done.cut} cells are longer than Excel allows and were cut, with a mark; csv, jsonl and parquet have them whole",
            ),
            err=True,
        )
