"""``govcrawl search``: full text over titles, numbers, bodies, tables and attachments; ``govcrawl reindex`` makes the index again."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, get_args

import click

from archive.model import State
from govcrawl.cli import complete_agency, data_option, open_catalog
from govcrawl.cli.choosing import parse_day
from govcrawl.cli.progress import bytes_bar
from govcrawl.cli.saved import complete_saved, forget_search, keep_search, list_searches, saved_option, words_of
from govcrawl.errors import UsageMistake
from govcrawl.speech import in_words, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archive.search import Hit, Page
    from archive.search_query import Query
    from archive.search_text import Piece

_STATE_WORDS = {
    "live": ("", ""),
    "unlisted": ("未列出", "unlisted"),
    "suspected": ("疑似撤下", "suspected"),
    "withdrawn": ("已撤下", "withdrawn"),
}


def _refuse_as_of(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Say what answers for a day: the index holds present versions."""
    del context, parameter
    if value is not None:
        raise UsageMistake(
            say(
                f"search 只查现在的版本，没有 --as-of；某日当时的内容：govcrawl export documents --as-of {value} "
                f"--format csv --output FILE（全部），govcrawl show ID --as-of {value}（一份）",
                f"search looks through present versions and has no --as-of; what stood there then: govcrawl export documents "
                f"--as-of {value} --format csv --output FILE (all), govcrawl show ID --as-of {value} (one)",
            )
        )


@click.command(
    help=say(
        "全文检索：标题、文号、正文、表格、附件。一个字也能查，繁简、全半角、文号括号不论。\n\n"
        '空格＝并且；OR 或 |＝或者；-词＝不含；"…"＝连写；标题: 文号: 正文: 表格: 附件: 只查一处；'
        "机构: 栏目: 类型: 状态: 从: 到: 引用: 有:附件 为筛选。\n\n"
        "只查现在的版本；某日当时的内容见 show --as-of 和 export documents --as-of。\n\n"
        "例：\n\n  govcrawl search '法律援助 -解读'\n\n  govcrawl search '标题:年度报告 从:2023-01-01'\n\n"
        "  govcrawl search '国办发[2019]14号'\n\n"
        "  govcrawl search '法律援助 -解读' --save 援助\n\n  govcrawl search --saved 援助 --since 2024-01-01",
        "Full text over titles, numbers, bodies, tables and attachments. A single character is found too; traditional and "
        "simplified, full and half width, any brackets of document numbers are alike.\n\n"
        'Blank = and; OR or | = or; -word = without; "…" = a phrase; title: number: text: table: file: look in one place; '
        "agency: channel: kind: state: from: to: cites: has:attachment are filters.\n\n"
        "Present versions only; what stood there on a day: show --as-of, export documents --as-of.\n\n"
        "Examples:\n\n  govcrawl search '法律援助 -解读'\n\n  govcrawl search 'title:年度报告 from:2023-01-01'\n\n"
        "  govcrawl search '国办发[2019]14号'\n\n"
        "  govcrawl search '法律援助 -解读' --save aid\n\n  govcrawl search --saved aid --since 2024-01-01",
    )
)
@click.argument("words", nargs=-1)
@click.option(
    "--agency",
    shell_complete=complete_agency,
    multiple=True,
    help=say("只查这个机构；可重复。", "Only this agency; may be repeated."),
)
@click.option("--channel", multiple=True, help=say("只查这个栏目；可重复。", "Only this channel; may be repeated."))
@click.option(
    "--kind", multiple=True, help=say("只查这类文件，如 年度报告；可重复。", "Only this kind, e.g. 年度报告.")
)
@click.option(
    "--state", multiple=True, type=click.Choice(get_args(State)), help=say("只查此状态。", "Only this state.")
)
@click.option(
    "--since", callback=parse_day, metavar="YYYY-MM-DD", help=say("该日及以后发布。", "Published on or after this day.")
)
@click.option(
    "--until",
    callback=parse_day,
    metavar="YYYY-MM-DD",
    help=say("该日及以前发布。", "Published on or before this day."),
)
@click.option("--cites", multiple=True, help=say("引用此文号的。", "Those that cite this document number."))
@click.option(
    "--has-attachment/--no-attachment", default=None, help=say("有或没有附件的。", "With or without attachments.")
)
@click.option(
    "--sort",
    type=click.Choice(["relevance", "newest"]),
    default="relevance",
    show_default=True,
    help=say("次序。", "Order."),
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help=say("显示几份。", "How many.")
)
@click.option("--offset", type=click.IntRange(0), default=0, help=say("跳过前几份。", "Skip so many."))
@saved_option
@click.option(
    "--save",
    metavar="NAME",
    help=say(
        "连同筛选存为这个名称（数据目录的 searches.json）。",
        "Keep it, filters included, under this name (searches.json in the data directory).",
    ),
)
@click.option("--searches", "as_list", is_flag=True, help=say("列出已存的检索。", "List the saved searches."))
@click.option(
    "--forget",
    metavar="NAME",
    shell_complete=complete_saved,
    help=say("删去这个已存的检索。", "Delete this saved search."),
)
@click.option("--as-of", hidden=True, expose_value=False, callback=_refuse_as_of)
@click.option("--json", "as_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
@data_option
@click.pass_context
def search(  # noqa: PLR0913 - one parameter an option
    context: click.Context,
    /,
    *,
    words: Sequence[str],
    limit: int,
    offset: int,
    sort: str,
    saved: str | None,
    save: str | None,
    as_list: bool,
    forget: str | None,
    as_json: bool,
    data: Path,
    **filters: Any,
) -> None:
    """Print what is found; exit 1 when nothing is."""
    if as_list or forget is not None:
        if words or saved or save or (as_list and forget is not None):
            raise UsageMistake(say("--searches、--forget 单独使用", "--searches and --forget go alone"))
        if forget is not None:
            forget_search(data, forget)
        else:
            list_searches(data, as_json=as_json)
        return
    text = words_of(data, " ".join(words), saved) or ""
    from archive import search as searching  # noqa: PLC0415 - not needed for --help
    from archive.catalog_reads import check_agency  # noqa: PLC0415
    from archive.search_query import type_query  # noqa: PLC0415

    query = build_query(text, **filters)
    with open_catalog(data) as catalog:
        for agency in query.agencies:
            check_agency(catalog, agency)
        page = searching.search(catalog, query, limit=limit, offset=offset, newest_first=sort == "newest")
    if save is not None:
        keep_search(data, save, type_query(text, build_query("", **filters)))
    if as_json:
        click.echo(json.dumps(page.as_json(), ensure_ascii=False, sort_keys=True, indent=2))
    else:
        _print(page)
    if not page.total:
        context.exit(1)


def build_query(text: str, **filters: Any) -> Query:
    """Return the query that words and options say together.

    Raises:
        click.UsageError: it cannot be understood.
    """
    from archive.errors import BadQuery  # noqa: PLC0415
    from archive.mentions import normal_number  # noqa: PLC0415
    from archive.search_query import Query, parse_query  # noqa: PLC0415 - as above

    base = Query(
        agencies=tuple(filters.get("agency", ())),
        channels=tuple(filters.get("channel", ())),
        kinds=tuple(filters.get("kind", ())),
        states=tuple(filters.get("state", ())),
        since=filters.get("since"),
        until=filters.get("until"),
        cites=tuple(map(normal_number, filters.get("cites", ()))),
        has_attachment=filters.get("has_attachment"),
    )
    try:
        return parse_query(text, base)
    except BadQuery as error:
        raise click.UsageError(in_words(error)) from None


def _print(page: Page) -> None:
    order = say("按相关度", "best first") if page.ranked else say("按发布日期", "newest first")
    shown = f"{page.offset + 1}–{page.offset + len(page.hits)}" if page.hits else "0"
    if not page.total:
        click.echo(say("没有找到", "nothing found"))
        return
    click.echo(say(f"共 {page.total} 份，显示 {shown}（{order}）", f"{page.total} found, showing {shown} ({order})"))
    for hit in page.hits:
        click.echo()
        click.echo(_marked(hit.title) or click.style(say("（无标题）", "(no title)"), dim=True))
        click.echo(click.style(f"  {_line(hit)}", dim=True))
        for snippet in hit.snippets:
            label = f"[{snippet.label}] " if snippet.label else ""
            click.echo(f"  {label}{_marked(snippet.pieces)}")
        click.echo(click.style(f"  {hit.document_id}  {hit.url}", dim=True))


def _line(hit: Hit) -> str:
    zh, en = _STATE_WORDS.get(hit.state, (hit.state, hit.state))
    parts = (hit.agency_title, hit.publish_date, hit.document_number, hit.kind, say(zh, en))
    return "  ".join(part for part in parts if part)


def _marked(pieces: Sequence[Piece]) -> str:
    """Return a snippet with what was found in bold; where there are no colours, between 【】."""
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    said = (
        (click.style(piece.text, fg="red", bold=True) if colours else f"【{piece.text}】") if piece.hit else piece.text
        for piece in pieces
    )
    return "".join(said)


@click.command(
    help=say(
        "重建检索索引；--check 只检查索引与目录库是否一致（不一致时退出码为 1）。",
        "Make the search index again; --check only compares it with the catalog (exit 1 where they differ).",
    )
)
@click.option("--check", is_flag=True, help=say("只检查。", "Only check."))
@data_option
@click.pass_context
def reindex(context: click.Context, *, check: bool, data: Path) -> None:
    """Make the index again, or compare it."""
    from archive.catalog_search import differing_entries, put_all  # noqa: PLC0415 - not needed for --help
    from archive.store import Store  # noqa: PLC0415

    with open_catalog(data) as catalog:
        if check:
            with catalog.snapshot():
                behind = list(differing_entries(catalog))
            for name in behind:
                click.echo(name)
            told = say(f"{len(behind)} 份与目录库不一致", f"{len(behind)} entries differ from the catalog")
            click.echo(told, err=True)
            if behind:
                context.exit(1)
            return
    with Store.open(data) as store, ExitStack() as steps:
        bar = bytes_bar(steps, say("编制索引", "indexing"))
        total = next(store.catalog.rows("SELECT COUNT(*) AS n FROM documents"))["n"]
        count = put_all(store.catalog, (lambda done: bar(done, total)) if bar else (lambda _: None))
    click.echo(say(f"已索引 {count} 份公开文件", f"{count} documents indexed"))
