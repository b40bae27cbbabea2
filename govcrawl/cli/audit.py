"""``govcrawl audit``: how fast each server was asked at most, and whether the promised pace was kept."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from govcrawl.audit import audit_groups
from govcrawl.errors import UsageMistake
from govcrawl.opening_hours import CHINA
from govcrawl.speech import say

if TYPE_CHECKING:
    from govcrawl.audit import GroupAudit


@click.command(
    help=say(
        "本机对每台服务器请求得有多快，是否守住了承诺的间隔。退出码：0 守住，1 没有守住，2 用法错误。"
        "\n\n例：govcrawl audit --host sfj.xm.gov.cn --since 2026-10-01",
        "Say how fast this machine asked each server at most, and whether the promised pace was kept. Exit codes: 0 it was, "
        "1 it was not, 2 usage.\n\nExample: govcrawl audit --host sfj.xm.gov.cn --since 2026-10-01",
    )
)
@click.option("--group", help=say("只看这个服务器组。", "Only this server group."))
@click.option("--host", help=say("只看这台主机所在的组。", "Only groups in which this host was asked."))
@click.option("--since", help=say("只看从这天起的请求，YYYY-MM-DD。", "Only requests from this day on, YYYY-MM-DD."))
@click.option("--json", "as_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
def audit(*, group: str | None, host: str | None, since: str | None, as_json: bool) -> None:
    """Print the audit."""
    from govcrawl.loader import project_settings  # noqa: PLC0415 - --help does without
    from govcrawl.machine import Machine  # noqa: PLC0415
    from govcrawl.pace import PACE  # noqa: PLC0415

    machine = Machine.of(project_settings())
    try:
        machine.ensure(PACE)
        found = audit_groups(machine, group=group, host=host and host.lower(), since=_instant(since))
        place = machine.path
    finally:
        machine.close()
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], ensure_ascii=False, indent=2, sort_keys=True))
    elif not found:
        click.echo(
            say(f"{place} 里没有这样的请求", f"{place} holds no such request")
            + ("" if group or host or since else say("：本机还没有抓取过", ": nothing was sent yet"))
        )
    else:
        for one in found:
            _print(one)
    if not all(one.kept for one in found):
        sys.exit(1)


def _instant(day: str | None) -> float | None:
    if day is None:
        return None
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=CHINA).timestamp()
    except ValueError:
        raise UsageMistake(
            say(
                f"--since {day!r} 不是日期，应写作 YYYY-MM-DD，如 2026-10-01",
                f"--since {day!r} is no day; expected YYYY-MM-DD, e.g. 2026-10-01",
            )
        ) from None


def _as_json(one: GroupAudit) -> dict[str, object]:
    row = asdict(one)
    row |= {"kept": one.kept, **row.pop("record")}
    for name in ("first_at", "last_at"):
        row[name] = _utc(row[name])
    for quiet in row["quiets"]:
        quiet["from_at"], quiet["until_at"] = _utc(quiet["from_at"]), _utc(quiet["until_at"])
    row["broken_first"] = [{**asdict(each), "at": _utc(each.at)} for each in one.broken]
    row["broken"] = one.record.broken
    return row


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _print(one: GroupAudit) -> None:
    record = one.record
    hosts = ", ".join(f"{name} {count}" for name, count in sorted(one.hosts.items(), key=lambda item: -item[1])[:5])
    more = f" … ({len(one.hosts)})" if len(one.hosts) > 5 else ""  # noqa: PLR2004 - as many as fit on a line
    gap = "–" if record.smallest_gap_seconds is None else f"{record.smallest_gap_seconds:.3f} s"
    kept = say("守住了承诺的间隔", "the promised pace was kept")
    broken = say(f"有 {record.broken} 个请求来得过早", f"{record.broken} requests came too early")
    click.echo(click.style(one.group, bold=True) + f"  {hosts}{more}")
    click.echo(
        say("  请求      ", "  requests         ")
        + f"{record.requests}, {record.bytes} B, {_utc(record.first_at)} – {_utc(record.last_at)}"
    )
    click.echo(say("  最小间隔  ", "  smallest gap     ") + gap)
    click.echo(
        say("  最多      ", "  most             ")
        + f"{record.most_1s}/1 s, {record.most_60s}/60 s, {record.most_1h}/1 h, {record.most_1d}/1 d"
    )
    click.echo(
        say("  被拒      ", "  refusals         ")
        + say(
            f"{record.refusals} 次 429/503，静默 {len(one.quiets)} 段",
            f"{record.refusals} × 429 or 503, {len(one.quiets)} quiet windows",
        )
    )
    for quiet in one.quiets[-3:]:
        click.echo(f"    {_utc(quiet.from_at)} – {_utc(quiet.until_at)}  {quiet.why}")
    click.echo(say("  结论      ", "  verdict          ") + (kept if one.kept else click.style(broken, fg="red")))
    for each in one.broken:
        click.echo(f"    {_utc(each.at)} {each.host} ({each.agency}): {each.why}")
