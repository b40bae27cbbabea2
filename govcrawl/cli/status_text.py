"""What ``govcrawl status`` prints: a line an agency, a paragraph each where they are few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.cells import cell_len

from govcrawl import finding_words
from govcrawl.speech import say
from govcrawl.web.words import TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archive.catalog_health import Report

_GAPS = {
    "failed": ("失败", "failed"),
    "pending": ("待抓", "pending"),
    "refused_by_robots": ("robots.txt 不许", "refused by robots.txt"),
    "unseen": ("列表所称而未见", "stated by the list and not seen"),
    "list_failed": ("列表失败", "list failed"),
    "attachments_failed": ("附件未取到", "attachments not fetched"),
}
"""Columns of the coverage export that say what is not there."""


_COLUMNS = (
    ("机构", "agency", False),
    ("判定", "verdict", False),
    ("公开文件", "documents", True),
    ("在列", "live", True),
    ("未列", "unlisted", True),
    ("疑撤", "suspected", True),
    ("撤下", "withdrawn", True),
    ("版本", "versions", True),
    ("捕获", "captures", True),
    ("WARC", "WARC", True),
    ("最近抓取（UTC）", "last crawl (UTC)", False),
    ("下次（UTC）", "next (UTC)", False),
)
"""Heading in Chinese and English, and whether it is a column of numbers."""


def print_table(found: Sequence[Report]) -> None:
    """One line an agency; plain text, because a table of Rich's takes half a second for a thousand lines."""
    rows = [tuple(say(zh, en) for zh, en, _ in _COLUMNS), *map(_line, found)]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for cell, width, (_, _, right) in zip(row, widths, _COLUMNS, strict=True):
            room = " " * (width - cell_len(cell))
            cells.append(room + cell if right else cell + room)
        lines.append("  ".join(cells).rstrip())
    click.echo("\n".join((click.style(lines[0], bold=True), *lines[1:])))


def _line(report: Report) -> tuple[str, ...]:
    """Return the cells of an agency's line."""
    one = report.status
    last = f"{_moment(one.last_crawl.started_at)} {_outcome(one.last_crawl.outcome)}" if one.last_crawl else "–"
    numbers = (one.documents, *one.states.values(), one.versions, one.captures)
    level = report.health.verdict if one.last_crawl else None
    verdict = f"{finding_words.sign(level)} {finding_words.level(level)}" if one.last_crawl else "–"
    figures = (*(str(number) for number in numbers), _size(one.warc_bytes))
    return (one.agency, verdict, *figures, last, _moment(report.next_run_at))


def print_details(report: Report) -> None:
    """A paragraph about one agency."""
    one, next_run_at = report.status, report.next_run_at
    click.echo(click.style(f"{one.title} ({one.agency})", bold=True))
    if one.last_crawl is None:
        click.echo(say("  还没有抓取", "  no crawl yet"))
    else:
        crawl = one.last_crawl
        reason = f" ({crawl.reason})" if crawl.reason else ""
        click.echo(
            say("  最近抓取  ", "  last crawl       ")
            + f"{crawl.crawl_id} {crawl.mode}: {_outcome(crawl.outcome)}{reason}, "
            + f"{_moment(crawl.started_at)} – {_moment(crawl.finished_at)} UTC"
        )
    click.echo(
        say("  最近成功  ", "  last success     ") + (_moment(one.last_success_at) if one.last_success_at else "–")
    )
    undeclared = say("–（不在声明的机构中）", "– (not among the declared agencies)")
    click.echo(
        say("  下次到期  ", "  next run         ") + (f"{_moment(next_run_at)} UTC" if next_run_at else undeclared)
    )
    newest = report.health.newest_publish_date or "–"
    click.echo(
        say("  最新      ", "  newest           ")
        + say(
            f"{newest} 发布；{_moment(report.health.last_new_at)} 存入",
            f"published {newest}; captured {_moment(report.health.last_new_at)}",
        )
    )
    _print_findings(report)
    click.echo(
        say("  附件      ", "  attachments      ")
        + say(
            f"{one.attachments} 个,其中 {one.attachments_missing} 个未取到",
            f"{one.attachments}, {one.attachments_missing} of them not fetched",
        )
    )
    texts = {say(*TEXTS.get(status, (status, status))): count for status, count in one.attachment_texts.items()}
    _print_counts(say("  附件文本  ", "  attachment texts "), texts)
    _print_counts(say("  抓取失败  ", "  failures         "), one.failures)
    missing = {name: count for name, count in one.missing.items() if count}
    _print_counts(say("  缺字段    ", "  missing fields   "), missing, f"/{one.documents}")
    _print_counts(say("  提取方法  ", "  methods          "), one.methods)
    _print_counts(say("  一致度    ", "  agreement        "), one.agreement)
    _print_counts(say("  质量标记  ", "  quality flags    "), one.flags)


def _print_findings(report: Report) -> None:
    """The verdict with what it rests on, and the channels that have gaps."""
    health = report.health
    if report.status.last_crawl is not None:
        level = f"{finding_words.sign(health.verdict)} {finding_words.level(health.verdict)}"
        click.echo(say("  判定      ", "  verdict          ") + level)
    for one in health.findings:
        where = f" [{one['channel']}]" if one["channel"] else ""
        said = finding_words.sentence(one["kind"], one["facts"])
        click.echo(f"    {finding_words.level(one['severity'])} {finding_words.name(one['kind'])}{where}: {said}")
    gaps = [row for row in health.channels if any(row[name] for name in _GAPS)]
    if gaps:
        click.echo(say("  有缺口的栏目", "  channels with gaps"))
    for row in gaps:
        missing = ", ".join(f"{say(*_GAPS[name])} {row[name]}" for name in _GAPS if row[name])
        click.echo(
            f"    {row['channel']}: "
            + say(
                f"列出 {row['listed']}，已存 {row['captured']}，",
                f"listed {row['listed']}, captured {row['captured']}, ",
            )
            + missing
        )


def _print_counts(caption: str, counts: Mapping[str, int], suffix: str = "") -> None:
    """One line of counts."""
    text = ", ".join(f"{name} {count}{suffix}" for name, count in counts.items())
    click.echo(caption + (text or say("无", "none")))


def _outcome(outcome: str) -> str:
    """A crawl's outcome in the user's language."""
    names = {"running": "进行中", "finished": "完成", "failed": "失败", "interrupted": "中断"}
    return say(names.get(outcome, outcome), outcome)


def _moment(at: str | None) -> str:
    """An instant of the catalog to the second, without its Z."""
    return "–" if at is None else at[:19].replace("T", " ")


def _size(size_bytes: int) -> str:
    """Bytes for people, in powers of 1024."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004 - the base of these units
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
