"""``govcrawl withhold`` and ``govcrawl release``: documents that the archive keeps and does not show, and the log of it."""

from __future__ import annotations

import getpass
import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from archive import catalog_reads as reads
from archive.store import Store
from archive.text import for_terminal
from archive.withheld import read_log
from archive.withheld import release as put_release
from archive.withheld import withhold as put_withhold
from govcrawl.cli import data_option, open_catalog
from govcrawl.cli.show import find_document
from govcrawl.errors import UsageMistake
from govcrawl.speech import many, say

if TYPE_CHECKING:
    from pathlib import Path

    from archive.catalog import Catalog

_by_option = click.option(
    "--by", metavar="NAME", help=say("经办人;不给时为系统用户名。", "Who does it; else the user's name.")
)


@click.command(
    help=say(
        "不再显示一份公开文件:检索、网页、订阅、导出中都没有它,只说明有几份不予显示;WARC 存档原样保留。每次变动记入数据目录的 "
        "withheld.jsonl。\n\n例:\n\n  govcrawl withhold xiamen_sfj-0123456789ab --reason 含个人信息,当事人要求\n\n"
        "  govcrawl withhold --list",
        "Stop showing a document: searches, pages, feeds and exports leave it out and say how many they leave out; the WARC files "
        "stay as they are. Each change is logged in withheld.jsonl in the data directory.\n\nExamples:\n\n"
        "  govcrawl withhold xiamen_sfj-0123456789ab --reason 'personal data, asked for by the person'\n\n"
        "  govcrawl withhold --list",
    )
)
@click.argument("document", metavar="ID", required=False)
@click.option("--reason", help=say("原因(公开显示)。", "Why; it is shown to the public."))
@_by_option
@click.option("--list", "as_list", is_flag=True, help=say("列出不予显示的公开文件。", "List what is withheld."))
@click.option("--json", "as_json", is_flag=True, help=say("列表输出为 JSON。", "The list as JSON."))
@data_option
def withhold(
    *, document: str | None, reason: str | None, by: str | None, as_list: bool, as_json: bool, data: Path
) -> None:
    """Withhold a document, or list those that are."""
    if as_list:
        if document or reason:
            raise UsageMistake(say("--list 单独使用", "--list goes alone"))
        _list(data, as_json=as_json)
        return
    if not document or not reason or not reason.strip():
        raise UsageMistake(say("要给 ID 和 --reason(或用 --list)", "ID and --reason were expected (or --list)"))
    open_catalog(data).close()  # where there is none, none is made
    with Store.open(data) as store:
        name = find_document(store.catalog, document)
        urls = _addresses(store.catalog, name)
        put_withhold(store.catalog, data, name, urls, reason=reason.strip(), by=by or _user(), at=datetime.now(UTC))
    click.echo(say(f"{name} 今后不予显示", f"{name} is withheld"))


@click.command(
    help=say(
        "恢复显示一份公开文件。\n\n例: govcrawl release xiamen_sfj-0123456789ab --reason 复核后可公开",
        "Show a withheld document again.\n\nExample: govcrawl release xiamen_sfj-0123456789ab --reason 'reviewed: may be shown'",
    )
)
@click.argument("document", metavar="ID")
@click.option("--reason", required=True, help=say("原因。", "Why."))
@_by_option
@data_option
def release(*, document: str, reason: str, by: str | None, data: Path) -> None:
    """Release a document; it is found by its id, or an address it had."""
    standing = read_log(data).standing()
    name = next((one for one, change in standing.items() if document == one or document in change.urls), document)
    urls = standing[name].urls if name in standing else ()
    open_catalog(data).close()
    with Store.open(data) as store:
        put_release(store.catalog, data, name, urls, reason=reason.strip(), by=by or _user(), at=datetime.now(UTC))
    click.echo(say(f"{name} 恢复显示", f"{name} is shown again"))


def _list(data: Path, *, as_json: bool) -> None:
    log = read_log(data)
    for problem in log.problems:
        click.echo(problem, err=True)
    changes = sorted(log.standing().values(), key=lambda change: change.at)
    if as_json:
        click.echo(json.dumps([asdict(change) for change in changes], ensure_ascii=False, indent=2))
        return
    for change in changes:
        click.echo(for_terminal(f"{change.document_id}  {change.at}  {change.by}  {change.reason}"))
        for url in change.urls:
            click.echo(for_terminal(f"    {url}"))
    click.echo(say(f"共 {len(changes)} 份", many(len(changes), "document")), err=True)


def _addresses(catalog: Catalog, document_id: str) -> list[str]:
    """Return every address of a document, its own first."""
    row = reads.document_row(catalog, document_id)
    return [*([row["url"]] if row else []), *reads.aliases(catalog, document_id)]


def _user() -> str:
    """Return the name of who runs this, else the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
