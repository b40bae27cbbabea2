"""``govcrawl timestamp``: have the last manifest of each agency time-stamped (RFC 3161)."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from archive.errors import ArchiveError
from archive.timestamp import ask_command, ask_url, stamp_head
from govcrawl.cli import complete_agency, data_option, json_option
from govcrawl.errors import UsageMistake
from govcrawl.speech import say


@click.command(
    help=say(
        "请时间戳机构（RFC 3161）为各机构最后一份清单加盖时间戳，存为清单旁的 .tsr 文件。只送出摘要。需要 openssl。",
        "Have the last manifest of each agency time-stamped by an authority (RFC 3161); the answer is kept beside it as .tsr. "
        "Only a digest is sent. Needs openssl.",
    )
)
@click.option("--tsa", metavar="URL", help=say("时间戳机构的地址", "address of the authority"))
@click.option(
    "--command",
    metavar="COMMAND",
    help=say(
        "本地命令：从标准输入读查询，向标准输出写应答",
        "local command: query on standard input, answer on standard output",
    ),
)
@click.option(
    "--ca",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=say(
        "机构的根证书（PEM）；给出后核对签名",
        "root certificates (PEM) of the authority; with them the signature is checked",
    ),
)
@click.option(
    "--agency",
    "agencies",
    shell_complete=complete_agency,
    multiple=True,
    help=say("只为这些机构", "only these agencies"),
)
@json_option
@data_option
def timestamp(
    *, as_json: bool, tsa: str | None, command: str | None, ca: Path | None, agencies: tuple[str, ...], data: Path
) -> None:
    """Stamp every chain; one line each."""
    if (tsa is None) == (command is None):
        raise UsageMistake(
            say(
                "请给出 --tsa URL（时间戳机构的地址）或 --command COMMAND 其中之一",
                "give one of --tsa URL (an authority's address) and --command COMMAND",
            )
        )
    try:
        ask = ask_url(tsa) if tsa is not None else ask_command(shlex.split(command or ""))
    except ValueError as error:
        zh = f"--tsa {tsa!r} 不是 http 或 https 网址" if tsa is not None else f"--command 看不懂：{error}"
        raise UsageMistake(say(zh, str(error))) from None
    folder = data / "manifests"
    names = (
        agencies or tuple(sorted(path.name for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()
    )
    if not names:
        raise ArchiveError(say(f"{folder}：还没有清单；请先抓取", f"{folder}: no manifest yet; crawl first"))
    stamped = []
    for agency in names:
        path = stamp_head(data, agency, ask, ca_file=ca)
        checked = (
            say("签名已核对", "signature checked") if ca else say("签名未核对（--ca）", "signature not checked (--ca)")
        )
        stamped.append({"agency": agency, "file": str(path.relative_to(data)), "signature_checked": ca is not None})
        if not as_json:
            click.echo(f"{agency}: {path.relative_to(data)}: {checked}")
    if as_json:
        click.echo(json.dumps(stamped, ensure_ascii=False, sort_keys=True, indent=2))
