"""``govcrawl verify``: what is wrong with an archive, one line each; nothing is repaired."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from archive.verify import CODES, Counts, UnknownKind, verify_paths
from govcrawl.cli import data_option
from govcrawl.cli.engine_options import engine_options, open_engine, print_redone
from govcrawl.cli.progress import Stages
from govcrawl.engines.scanning import scan_with
from govcrawl.errors import UsageMistake
from govcrawl.speech import in_words, say

if TYPE_CHECKING:
    from archive.verify import Finding

MEBIBYTE = 1 << 20


@click.command(
    help=say(
        "核验存档：WARC、目录库、清单逐一核对并相互核对，每处问题一行；不作任何修改。不给 PATH 时核验数据目录；"
        "PATH 可为 .warc.gz、.warc、.cdxj、.wacz、.sha256 清单或数据目录。退出码：0 无问题，1 有问题，2 用法错误。\n\n"
        "\b\n例：govcrawl verify --deep\n    govcrawl verify --engine ray --address 10.0.0.5:6379",
        "Check the archive: WARC files, catalog and manifests, each by itself and against the others; one line per finding, "
        "nothing is changed. Without PATH the data directory; PATH is a .warc.gz, .warc, .cdxj, .wacz or .sha256 (manifest) "
        "file or a data directory. Exit code: 0 no finding, 1 findings, 2 usage.\n\n"
        "\b\nExamples: govcrawl verify --deep\n          govcrawl verify --engine ray --address 10.0.0.5:6379",
    )
)
@click.argument("paths", nargs=-1, metavar="[PATH]…", type=click.Path(path_type=Path))
@click.option(
    "--deep",
    is_flag=True,
    help=say(
        "另将每个版本和附件所据的内容解码并核对摘要",
        "also decode the content of every version and file and compare its digest",
    ),
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=None,
    help=say("并行进程数（默认为处理器数）", "processes that read files side by side (default: one per processor)"),
)
@click.option(
    "--jsonl",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    help=say(
        "另以 JSON 行写入此文件；- 为标准输出，代替文本",
        "also as JSON lines into this file; - is standard output, for text",
    ),
)
@engine_options
@data_option
@click.pass_context
def verify(
    context: click.Context,
    /,
    *,
    paths: tuple[Path, ...],
    deep: bool,
    jobs: int | None,
    jsonl: str | None,
    data: Path,
    **chosen: Any,
) -> None:
    """Print findings and a summary; exit 1 when there are any."""
    if not paths and not ((data / "catalog.db").is_file() or (data / "warc").is_dir()):
        raise UsageMistake(
            say(
                f"{data}：没有目录库也没有 warc 目录；请先抓取，或用 --data 指定数据目录",
                f"{data}: neither a catalog nor a warc folder; crawl first, or name the data directory with --data",
            )
        )
    began = time.monotonic()
    counts = Counts()
    told: Counter[str] = Counter()
    with ExitStack() as steps:
        lines = _open_output(jsonl, steps)
        engine = steps.enter_context(open_engine(chosen, data, jobs or _processors()))
        progress = steps.enter_context(Stages())
        try:
            findings = verify_paths(
                paths or (data,), deep=deep, counts=counts, progress=progress, scan=scan_with(engine)
            )
        except UnknownKind as error:
            raise UsageMistake(in_words(error)) from None
        for finding in findings:
            told[finding.severity] += 1
            if lines is not None:
                lines.write(json.dumps(finding.as_dict(), ensure_ascii=False, sort_keys=True) + "\n")
            if jsonl != "-":
                progress.tell(line_of(finding))
    print_redone(engine.redone)
    click.echo(_summary(counts, told, time.monotonic() - began), err=True)
    context.exit(1 if told["error"] or told["warning"] else 0)


def line_of(finding: Finding) -> str:
    """Say a finding in one line."""
    severity = {
        "error": say("错误", "error"),
        "warning": say("警告", "warning"),
        "note": say("说明", "note"),
    }[finding.severity]
    code = CODES[finding.code]
    place = finding.file if finding.offset is None else f"{finding.file}:{finding.offset}"
    text = f"{severity} {place}: {finding.code}: {say(code.zh, code.en)}: {finding.what}"
    if finding.got is not None:
        text += say(f"；实为 {finding.got}", f"; got {finding.got}")
    if finding.expected is not None:
        text += say(f"，应为 {finding.expected}", f", expected {finding.expected}")
    return text + (f" {finding.record_id}" if finding.record_id else "")


def _summary(counts: Counts, told: Counter[str], seconds: float) -> str:
    size = counts.bytes / MEBIBYTE
    found = told["error"] + told["warning"]
    zh = (
        f"已核验 {counts.files} 个文件、{counts.records} 条记录、{counts.captures} 行捕获，{size:.1f} MiB，用时 {seconds:.1f} 秒："
        + (f"{told['error']} 处错误，{told['warning']} 处警告" if found else "没有问题")
    )
    en = (
        f"{counts.files} files, {counts.records} records, {counts.captures} rows of captures, {size:.1f} MiB verified in "
        f"{seconds:.1f} s: " + (f"{told['error']} errors, {told['warning']} warnings" if found else "no findings")
    )
    notes = told["note"]
    return say(zh + (f"，{notes} 条说明" if notes else ""), en + (f", {notes} notes" if notes else ""))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _open_output(target: str | None, steps: ExitStack) -> IO[str] | None:
    if target is None:
        return None
    if target == "-":
        return sys.stdout
    try:
        return steps.enter_context(Path(target).open("w", encoding="utf-8"))
    except OSError as error:
        raise UsageMistake(
            say(
                f"--jsonl {target}：不能写入（{error.strerror}）",
                f"--jsonl {target}: cannot be written ({error.strerror})",
            )
        ) from error
