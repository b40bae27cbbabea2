"""``govcrawl merge``: put shards that were crawled elsewhere into the one catalog."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.errors import ArchiveError, ShardOut
from archive.rows import instant
from govcrawl.cli import data_option, open_catalog
from govcrawl.errors import UsageMistake
from govcrawl.speech import in_words, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.shard_merge import Merged
    from archive.store import Store
    from govcrawl.machine import Machine


@click.command(
    help=say(
        "把在别处抓取的分片（文件夹或打包文件 .tar.zst）并入目录库；不给 SHARD 时并入数据目录 shards 下的全部分片。先逐个核对摘要；"
        "中途断了再运行一次即可，并入过的分片不会再并。迟到的分片（租约过后又租给了别人）整个留在 fenced 下，不混入目录库。\n\n"
        "退出码：0 全部并入，1 有分片未并入，2 用法错误。\n\n"
        "\b\n例：govcrawl merge\n    govcrawl merge /mnt/share/10.0.0.7-1763776543210.tar.zst --json",
        "Put shards that were crawled elsewhere (folders, or packed: .tar.zst) into the one catalog; without SHARD all that lie "
        "in the data directory's shards folder. Every digest is compared first; cut off anywhere it goes on when run again, and what is merged "
        "is not merged twice. A shard that comes too late (its lease was over and given to somebody else) is kept whole below "
        "fenced, and nothing of it is mixed in.\n\n"
        "Exit codes: 0 all merged, 1 some were not, 2 usage.\n\n"
        "\b\nExamples: govcrawl merge\n          govcrawl merge /mnt/share/10.0.0.7-1763776543210.tar.zst --json",
    )
)
@click.argument("shards", metavar="[SHARD]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--list",
    "as_list",
    is_flag=True,
    help=say("只列出租出的机构：谁持有、到何时。", "Only list what is lent: to whom, until when."),
)
@click.option("--json", "as_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
@data_option
@click.pass_context
def merge(context: click.Context, *, shards: Sequence[Path], as_list: bool, as_json: bool, data: Path) -> None:
    """Merge each, and say what became of it."""
    if as_list:
        if shards:
            raise UsageMistake(say("--list 不与 SHARD 合用", "--list goes without SHARD"))
        _list(data, as_json=as_json)
        return
    from archive.shard_merge import find_shards  # noqa: PLC0415 - costs what --help need not pay
    from archive.store import Store  # noqa: PLC0415
    from govcrawl.loader import project_settings  # noqa: PLC0415
    from govcrawl.machine import Machine  # noqa: PLC0415

    if missing := [path for path in shards if not path.exists()]:
        raise UsageMistake(say(f"没有 {missing[0]}", f"there is no {missing[0]}"))
    if not data.is_dir():
        raise UsageMistake(say(f"没有数据目录 {data}", f"there is no data directory {data}"))
    settings = project_settings()
    settings.set("GOVCRAWL_DATA", str(data), priority="cmdline")
    told = []
    with Store.open(data) as store, Machine.of(settings) as machine:
        for path in shards or find_shards(data):
            said = _merge_one(store, machine, path)
            told.append(said)
            if not as_json:
                click.echo(_line(said))
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif not told:
        click.echo(say("没有要并入的分片", "There is no shard to merge."))
    fine = (
        {"merged", "known"} if shards else {"merged", "known", "out"}
    )  # what is still out is no failure of a general sweep
    if any(said["outcome"] not in fine for said in told):
        context.exit(1)


def _list(data: Path, *, as_json: bool) -> None:
    """Say what is lent now, and what is being merged."""
    from archive.leases import leases  # noqa: PLC0415 - see above

    now = datetime.now(UTC)
    with open_catalog(data) as catalog:
        out = [one for one in leases(catalog) if one.is_valid(now) or one.state == "merging"]
    if as_json:
        rows = [
            {**asdict(one), "leased_at": instant(one.leased_at), "lease_until": instant(one.lease_until)} for one in out
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for one in out:
        agencies = say("、", ", ").join(one.agencies)
        state = say(*_STATES[one.state])
        until = say(f"至 {instant(one.lease_until)}", f"until {instant(one.lease_until)}")
        click.echo(f"{one.group}  {state}  {one.holder}  {until}  {agencies}")
    if not out:
        click.echo(say("没有租出的机构", "Nothing is lent."))


def _merge_one(store: Store, machine: Machine, path: Path) -> dict[str, Any]:
    """Merge one shard; what keeps it from being merged is said of it and stops no other."""
    from archive.shard_pack import unpack  # noqa: PLC0415 - see above
    from archive.shards import SHARDS  # noqa: PLC0415
    from govcrawl.outpost import collect  # noqa: PLC0415

    try:
        folder = path if path.is_dir() else unpack(path, store.data_dir / SHARDS)
        merged: Merged = collect(store, machine, folder)
    except ShardOut as error:
        return {"path": str(path), "outcome": "out", "sentence": in_words(error)}
    except ArchiveError as error:
        return {"path": str(path), "outcome": "refused", "sentence": in_words(error)}
    return {"path": str(path), **asdict(merged)}


def _line(said: dict[str, Any]) -> str:
    """One line of one shard."""
    word = say(*_OUTCOMES[said["outcome"]])
    if said["outcome"] in {"refused", "fenced", "out"}:
        return f"{said['path']}  {word}  {said['sentence']}"
    agencies = say("、", ", ").join(said["agencies"])
    if said["outcome"] == "known":
        return f"{said['shard']}  {word}  {agencies}"
    counts = said["counts"]
    figures = say(
        f"捕获 {counts['captures']}，公开文件 {counts['documents']}，版本 {counts['versions']}，变动 {counts['changes']}",
        f"{counts['captures']} captures, {counts['documents']} documents, {counts['versions']} versions, {counts['changes']} changes",
    )
    return f"{said['shard']}  {word}  {agencies}  {figures}"


_STATES = {"held": ("已租给", "lent to"), "merging": ("正在并入", "being merged, held by")}

_OUTCOMES = {
    "merged": ("已并入", "merged"),
    "known": ("先前已并入", "was merged before"),
    "out": ("正在抓取", "still being crawled"),
    "fenced": ("迟到，未并入", "too late, set aside"),
    "refused": ("未并入", "refused"),
}
