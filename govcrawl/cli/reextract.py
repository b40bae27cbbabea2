"""``govcrawl reextract``: the stored captures read again with the present extractor."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from govcrawl.cli import complete_agency, data_option, json_option
from govcrawl.cli.engine_options import engine_options, open_engine, print_redone
from govcrawl.cli.progress import bytes_bar
from govcrawl.speech import say

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from govcrawl.reextract import Reread


@click.command(
    help=say(
        "用现在的提取器重读已存的捕获，不联网。读法变了的版本就地更新，版次、捕获、日期不变：网站并没有变。"
        "现在的附件读取器没有读过的附件也一并（重）读。\n\n"
        "\b\n例：govcrawl reextract --report\n    govcrawl reextract --resume\n"
        "    govcrawl reextract --engine ray --address 10.0.0.5:6379",
        "Read the stored captures again with the present extractor, without network. A version that reads differently now is "
        "brought up to date in its place; number, capture and dates stay: the site did not change. Attachments that the present "
        "readers have not read are read too.\n\n"
        "\b\nExamples: govcrawl reextract --report\n          govcrawl reextract --resume\n"
        "          govcrawl reextract --engine ray --address 10.0.0.5:6379",
    )
)
@click.option("--agency", shell_complete=complete_agency, help=say("只读这个机构。", "Only this agency."))
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help=say("只读这一天（UTC）以来采集的版本。", "Only versions captured on this day (UTC) or later."),
)
@click.option(
    "--resume",
    is_flag=True,
    help=say(
        "略过全部版本都已由现在的提取器版本读过的公开文件：接着做上次中断的。",
        "Pass over documents all of whose versions the present version of the extractor has read: go on where a run was interrupted.",
    ),
)
@click.option(
    "--report",
    "dry_run",
    is_flag=True,
    help=say(
        "什么也不改，只报告会变什么：每个字段多少个版本，附例子。",
        "Change nothing; say what would change: how many versions by field, with examples.",
    ),
)
@engine_options
@json_option
@data_option
@click.pass_context
def reextract(
    context: click.Context,
    /,
    *,
    agency: str | None,
    since: datetime | None,
    resume: bool,
    dry_run: bool,
    as_json: bool,
    data: Path,
    **chosen: Any,
) -> None:
    """Read again, one line for each version that differs; exit 1 where a capture could not be read."""
    from govcrawl.loader import project_settings  # noqa: PLC0415 - Scrapy and the extractor take a second to import
    from govcrawl.reextract import reextract as run  # noqa: PLC0415

    settings = project_settings()
    with ExitStack() as steps:
        report = run(
            data,
            settings,
            agency=agency,
            since=since.date().isoformat() if since else None,
            resume=resume,
            dry_run=dry_run,
            progress=bytes_bar(steps, say("重新提取", "reading again")),
            files_progress=bytes_bar(steps, say("读取附件", "reading attachments")),
            engine=steps.enter_context(open_engine(chosen, data, settings.getint("GOVCRAWL_READERS"))),
        )
    print_redone(report.redone)
    if as_json:
        told = {**asdict(report), "dry_run": dry_run}
        click.echo(json.dumps(told, ensure_ascii=False, sort_keys=True, indent=2, default=str))
        if report.problems:
            context.exit(1)
        return
    if dry_run:
        print_changes(report)
    for one in () if dry_run else report.differences:
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
        + (say("；什么也没有改", "; nothing was changed") if dry_run else "")
    )
    if report.files:
        click.echo(
            say(
                f"已读附件 {report.files} 个，{report.changed_files} 个与已存的不同",
                f"{report.files} attachments read, {report.changed_files} differ from what is stored",
            )
            + (say("；什么也没有改", "; nothing was changed") if dry_run else "")
        )
    if report.problems:
        context.exit(1)


def print_changes(report: Reread) -> None:
    """Print what would change by field, the most frequent first."""
    for name, change in sorted(report.changes.items(), key=lambda pair: (-pair[1].versions, pair[0])):
        files = name.startswith("attachment.")
        zh, en = ("个附件", "attachments") if files else ("个版本", "versions")
        click.echo(say(f"{name}：{change.versions} {zh}", f"{name}: {change.versions} {en}"))
        for where, before, after in change.examples:
            one, other = excerpts(before, after)
            click.echo(f"  {where}: {one} → {other}")


def excerpts(before: object, after: object) -> tuple[str, str]:
    """Return both values in a few words, from shortly before the first place where they differ."""
    one, other = (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in (before, after)
    )
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, same - _BEFORE) if same > _BEFORE else 0
    return _cut(one, start), _cut(other, start)


def _cut(text: str, start: int) -> str:
    piece = " ".join(text[start : start + _SHOWN].split())
    return ("…" if start else "") + piece + ("…" if len(text) > start + _SHOWN else "")


_BEFORE, _SHOWN = 10, 60
