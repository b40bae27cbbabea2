"""``govcrawl rebuild``: the catalog made again from the WARC files."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from govcrawl.cli import data_option, json_option
from govcrawl.cli.engine_options import engine_options, open_engine, print_redone
from govcrawl.cli.progress import bytes_bar
from govcrawl.speech import say

MEBIBYTE = 1 << 20


@click.command(
    help=say(
        "只凭 WARC 文件重建目录库：写在旁边，完成后换上；原目录库留作 catalog.db.bak-时间。不联网。"
        "读不出的记录逐一列出并跳过，退出码 1。\n\n"
        "\b\n例：govcrawl rebuild\n    govcrawl rebuild --engine ray --address 10.0.0.5:6379 --shared",
        "Make the catalog again from the WARC files alone: written beside the one in use and swapped in when it is whole; the "
        "one in use is kept as catalog.db.bak-TIME. Without network. Records that cannot be read are named and left out, exit 1.\n\n"
        "\b\nExamples: govcrawl rebuild\n          govcrawl rebuild --engine ray --address 10.0.0.5:6379 --shared",
    )
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help=say("写入此新文件，不换下现用的目录库。", "into this new file; the catalog in use stays"),
)
@engine_options
@json_option
@data_option
@click.pass_context
def rebuild(context: click.Context, /, *, output: Path | None, as_json: bool, data: Path, **chosen: Any) -> None:
    """Rebuild, print a summary; exit 1 where something had to be left out."""
    from govcrawl.loader import project_settings  # noqa: PLC0415 - Scrapy and the extractor take a second to import
    from govcrawl.rebuild import rebuild as run  # noqa: PLC0415

    settings = project_settings()
    with ExitStack() as steps:
        engine = steps.enter_context(open_engine(chosen, data, settings.getint("GOVCRAWL_READERS")))
        progress = bytes_bar(steps, say("重建目录库", "rebuilding"))
        report = run(data, settings, output=output, progress=progress, engine=engine)
    print_redone(report.redone)
    for problem in report.problems:
        click.echo(" ".join(problem.split()), err=True)
    if as_json:
        click.echo(json.dumps(asdict(report), ensure_ascii=False, sort_keys=True, indent=2, default=str))
        if report.problems:
            context.exit(1)
        return
    click.echo(
        say(
            f"已读 {report.files} 个 WARC 文件（{report.bytes / MEBIBYTE:.1f} MiB）：{report.captures} 次捕获，"
            f"{report.notes} 条记事，{report.documents} 次公开文件的读取，{report.texts} 个附件的文本",
            f"{report.files} WARC files ({report.bytes / MEBIBYTE:.1f} MiB) read: {report.captures} captures, "
            f"{report.notes} notes, {report.documents} readings of documents, texts of {report.texts} attachments",
        )
    )
    if report.kept is not None:
        click.echo(say(f"原目录库：{report.kept}", f"the catalog that was in use: {report.kept}"))
    if report.problems:
        click.echo(say(f"{len(report.problems)} 处读不出", f"{len(report.problems)} things left out"), err=True)
        context.exit(1)
