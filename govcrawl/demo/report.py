"""What the demonstration shows: what was found, what changed, where it lies, what to try next."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

import govcrawl
from govcrawl.demo import agency
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from govcrawl.demo.checks import Mismatch, Row
    from govcrawl.demo.evidence import Evidence
    from govcrawl.demo.model import Truth
    from govcrawl.demo.portal import Portal

NOT_MODIFIED = 304
_KIBIBYTE = 1024


def show_start(console: Console, portal: Portal, data_dir: Path) -> None:
    """Say what is going to happen."""
    console.print(
        say(
            f"演示：虚构机构“{agency.TITLE}”（{portal.host}）的网站在 127.0.0.1:{portal.port} 上运行，不访问外网。\n"
            f"抓取用的是真正的爬虫；数据写入 {data_dir}（示例数据，与正式数据分开）。",
            f"Demonstration: the site of the fictional agency {agency.TITLE} ({portal.host}) runs on 127.0.0.1:{portal.port}; "
            f"nothing leaves this machine.\nThe crawl is the real one; data go to {data_dir} "
            "(demonstration data, apart from real data).",
        ),
        markup=False,
    )


def show_day(console: Console, day: int) -> None:
    """Say which crawl begins."""
    console.print()
    console.print(
        say("第 1 天：首次抓取", "Day 1: first crawl")
        if day == 1
        else say(
            "第 2 天：三份文件有改动，新增一份，撤下一份；完整复查（-a mode=full）",
            "Day 2: three documents change, one appears, one goes away; full recrawl (-a mode=full)",
        ),
        style="bold",
    )


def show_result(console: Console, evidence: Evidence, portal: Portal, data_dir: Path) -> None:
    """Show what was found and where it lies."""
    truths = {url: truth for truth in portal.expected(2) for url in (truth.url, *truth.aliases)}
    console.print()
    console.print(_channels(evidence.documents))
    console.print(_changes(evidence, truths))
    console.print(_places(evidence, portal, data_dir))


def show_verdict(console: Console, wrong: Sequence[Mismatch], seconds: float) -> None:
    """Say whether everything was as expected, and name what was not."""
    if wrong:
        console.print(
            say(f"有 {len(wrong)} 处与预期不符：", f"{len(wrong)} expectations were not met:"), style="bold red"
        )
        for mismatch in wrong:
            console.print(f"  {mismatch}", markup=False)
    else:
        console.print(
            say(
                f"全部符合预期：标题、日期、来源、文号、正文、表格、附件摘要、WARC 记录逐一核对（{seconds:.0f} 秒）。",
                "Everything is as expected: titles, dates, sources, numbers, texts, tables, attachment digests and WARC "
                f"records were checked one by one ({seconds:.0f} s).",
            ),
            style="bold green",
        )


def show_next(console: Console, data_dir: Path) -> None:
    """Name commands to try on the demonstration's data."""
    run = _runner()
    data = f"GOVCRAWL_DATA={shlex.quote(str(data_dir))} {run}"
    commands = (
        (f"{data}govcrawl status", say("看看存了什么", "see what is in the archive")),
        (f"{data}govcrawl show {agency.BASE_URL}/zwgk/zcwj/202504/t20250409_{agency.BODY_CHANGES}.htm",
         say("看一份改动过的文件", "see a document that changed")),
        (f"{data}govcrawl changes --change changed --diff",
         say("哪些文件变了，变了什么", "which documents changed, and how")),
        (f"{data}govcrawl serve", say("在浏览器中检索、阅读、比较、回放", "search, read, compare and replay in a browser")),
        (f"{data}govcrawl export documents --format csv --output demo.csv", say("导出表格", "export a table")),
        (f"{run}scrapy crawl xiamen_sfj", say("抓取真实机构（每秒一次请求）", "crawl a real agency, one request a second")),
    )  # fmt: skip
    console.print()
    console.print(say("接下来可以：", "What to try next:"), style="bold")
    for command, what in commands:
        console.print(f"  # {what}", style="dim", markup=False)
        console.print(f"  {command}", markup=False, soft_wrap=True)
    console.print(
        say(
            f"演示数据保留在 {data_dir}，看完可以删除。",
            f"The demonstration's data stay in {data_dir}; delete them when done.",
        ),
        markup=False,
        soft_wrap=True,
    )


def _channels(rows: Sequence[Row]) -> Table:
    table = Table(title=say("抓到了什么", "What was found"), title_justify="left")
    table.add_column(say("栏目", "channel"))
    for heading in (
        say("文件", "documents"),
        say("有来源", "with source"),
        say("有文号", "with 文号"),
        say("表格", "tables"),
        say("附件", "attachments"),
    ):
        table.add_column(heading, justify="right")
    for section in agency.SECTIONS:
        here = [row for row in rows if section.name in row["channels"]]
        table.add_row(section.name, *_figures(here))
    table.add_row(say("合计（不重复）", "in all, each once"), *_figures(rows), style="bold")
    return table


def _figures(rows: Sequence[Row]) -> list[str]:
    return [
        str(number)
        for number in (
            len(rows),
            sum(row["source"] is not None for row in rows),
            sum(row["document_number"] is not None for row in rows),
            sum(len(row["tables"]) for row in rows),
            sum(len(row["attachments"]) for row in rows),
        )
    ]


def _changes(evidence: Evidence, truths: dict[str, Truth]) -> Table:
    table = Table(title=say("第 2 天发现了什么", "What day 2 brought"), title_justify="left")
    for heading in (say("结果", "outcome"), say("标题", "title"), say("变动", "what changed"), say("版本", "versions")):
        table.add_column(heading, overflow="fold")
    labels = {
        "new": (say("新增", "new"), say("补录旧日期，排在列表中间", "back-dated, in the middle of its list")),
        "body": (say("变更", "changed"), say("正文一个条款", "a clause of the text")),
        "title": (say("变更", "changed"), say("标题", "the title")),
        "attachment": (say("变更", "changed"), say("同一网址的附件内容", "an attachment's bytes at the same address")),
        "gone": (
            say("撤下", "gone"),
            say("网址仍答 200，页面跳转上级目录", "still answers 200, refreshes to the folder above"),
        ),
    }
    rows = {row["url"]: row for row in evidence.documents}
    found = {truth.change: rows[url] for url, truth in truths.items() if truth.change and url in rows}
    for change, row in sorted(found.items(), key=lambda pair: list(labels).index(pair[0])):
        outcome, what = labels[change]
        if fields := evidence.changed_fields.get(row["url"]):
            what = f"{what} ({', '.join(fields)})"
        if row["state"] != "live":
            outcome = f"{outcome} ({row['state']})"
        table.add_row(outcome, row["title"], what, str(row["version_count"]))
    return table


def _places(evidence: Evidence, portal: Portal, data_dir: Path) -> Table:
    table = Table(title=say("存在哪里", "Where it lies"), title_justify="left", show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    catalog = data_dir / "catalog.db"
    table.add_row(say("目录库", "catalog"), f"{catalog}  {catalog.stat().st_size / _KIBIBYTE:.0f} KiB")
    for path, records in evidence.records.items():
        size = path.stat().st_size / _KIBIBYTE
        table.add_row("WARC", f"{path}  {size:.0f} KiB, {records} {say('条记录', 'records')}")
    statuses = Counter(one.status for one in portal.requests)
    answers = ", ".join(f"{status} × {number}" for status, number in sorted(statuses.items()))
    table.add_row(say("门户答复", "the portal answered"), answers)
    table.add_row(say("日志", "logs"), str(data_dir / "crawl-1.log") + "  crawl-2.log")
    return table


def _runner() -> str:
    """How commands are started here: through run.py in a checkout, by their own names where installed."""
    return "python3 run.py " if (Path(govcrawl.__file__).parents[1] / "run.py").is_file() else ""
