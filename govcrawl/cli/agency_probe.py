"""``govcrawl agency probe URL``: which family a site is of, on what evidence, and the agency's file that follows from it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from govcrawl.agency_file import agency_text, suggest_name
from govcrawl.channels import is_organ
from govcrawl.cli.agency import explain, look_options, requests_option
from govcrawl.errors import CrawlError, UsageMistake
from govcrawl.families import FEWEST_MARKS, Family
from govcrawl.loader import project_settings, templates
from govcrawl.look import Looker, look
from govcrawl.probe import Probe
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from archive.model import Document
    from govcrawl.finding import Finding, FoundChannel

SHOWN_TEXT = 60  # characters of a text that are shown
UNKNOWN_AGENCY = "机构全称"
_FIELDS = (
    ("title", "标题"),
    ("publish_date", "发布日期"),
    ("publish_time", "发布时刻"),
    ("source", "来源"),
    ("publisher", "发布机构"),
    ("index_number", "索引号"),
    ("document_number", "文号"),
    ("written_date", "成文日期"),
)


@click.command(
    name="probe",
    help=say(
        "有礼貌地看几个页面：网站属于哪种模板（凭什么）、公开栏目在哪里、列表和文件读得对不对，并打印将要写出的机构文件。什么都不改。",
        "Look at a few pages, politely: which family the site is of and on what evidence, where its disclosure channels are, how one "
        "list and one document are read; print the agency's file that `agency add` would write. Nothing is changed.",
    ),
)
@click.argument("url")
@requests_option
@look_options
def probe_command(url: str, requests: int, delay: float | None, data: Path | None) -> None:
    """Print what was found."""
    began = time.monotonic()
    finding = run_probe(url, requests=requests, delay=delay, data=data)
    for line in finding_lines(finding):
        click.echo(line)
    click.echo()
    click.echo(cost_line(finding, time.monotonic() - began, data))
    problem = what_is_missing(finding)
    if problem:
        raise CrawlError(problem)
    if finding.family is None:
        return
    name = suggest_name(finding.base_url)
    channels, browser = declared_channels(finding.channels)
    click.echo()
    click.echo(click.style(f"# {name}.py", bold=True))
    text = agency_text(
        name=name,
        title=finding.agency or UNKNOWN_AGENCY,
        template=finding.family.template,
        base_url=finding.base_url,
        channels=channels,
        browser_channels=browser,
    )
    click.echo(text)
    agency = "" if finding.agency else f" --agency {UNKNOWN_AGENCY}"
    click.echo(
        say("写出：", "To write it: ") + f"govcrawl agency add {finding.url} --name {name}{agency}",
    )


def run_probe(
    url: str,
    *,
    requests: int,
    delay: float | None,
    data: Path | None,
    channels: Mapping[str, str] | None = None,
) -> Finding:
    """Probe a site.

    Raises:
        UsageMistake: the address cannot be used.
        CrawlError: the start page could not be had or is none.
    """
    address = absolute(url)

    async def explore(looker: Looker) -> Finding:
        return await Probe(looker, templates(project_settings()), most_requests=requests).run(address, channels)

    try:
        return look(explore, address, data=data, delay_seconds=delay)
    except CrawlError as error:
        raise explain(address, error) from error


def absolute(url: str) -> str:
    """Return an address as it is asked for; ``sfj.example.cn`` becomes ``http://sfj.example.cn/``.

    Raises:
        UsageMistake: it is none.
    """
    from govcrawl.urls import canonical_url  # noqa: PLC0415 - beside its only use

    given = url.strip()
    if "://" not in given and "." in given.partition("/")[0]:
        given = f"http://{given}"
    try:
        return canonical_url(given)
    except ValueError as error:
        raise UsageMistake(
            say(
                f"{url!r} 不是网址；请给出以 http:// 或 https:// 开头的网址",
                f"{url!r} is no address of a site ({error}); expected http:// or https:// and a host name",
            )
        ) from None


def declared_channels(channels: list[FoundChannel]) -> tuple[dict[str, str], list[str]]:
    """Return (printed name → seed URL, names of those that need a browser)."""
    return {one.name: one.url for one in channels}, [one.name for one in channels if one.browser]


def what_is_missing(finding: Finding) -> str | None:
    """Return a sentence about what keeps an agency's file from being written; None where nothing does."""
    if finding.family is None or (finding.family.score < FEWEST_MARKS and not finding.channels):
        marks = ", ".join(f"{other.name} {len(other.marks)}" for other in _all(finding)[:3])
        seen = say(f"（看到的特征：{marks}）", f" (marks seen: {marks})") if marks else ""
        return say(
            f"{finding.url} 不属于任何已知模板{seen}；请写一个新模板（docs/add-a-template.md），或给出一个列表页或文件页的网址再试",
            f"{finding.url} is of no known family{seen}; write a template (docs/add-a-template.md), or try again with the address of a "
            "list or a document",
        )
    if not finding.channels:
        return say(
            f"{finding.url} 像是 {finding.family.name} 模板，但没有找到能读的公开栏目；请用 agency add … --channel 名称=网址 指明",
            f"{finding.url} looks like {finding.family.name}, but no disclosure channel was found that can be read; name them with "
            "agency add … --channel NAME=URL",
        )
    return None


def cost_line(finding: Finding, seconds: float, data: Path | None) -> str:
    """Say what the look cost and where it is kept."""
    kept_zh = f"往来存于 {data / 'warc' / 'probe'}" if data else "未保存任何内容"
    kept_en = f"the exchanges are kept in {data / 'warc' / 'probe'}" if data else "nothing was kept"
    return say(
        f"{finding.requests} 次请求，{seconds:.0f} 秒；{kept_zh}",
        f"{finding.requests} requests, {seconds:.0f} s; {kept_en}",
    )


# --- what was found, for people ---


def finding_lines(finding: Finding) -> list[str]:
    """Return what was found, for people."""
    lines = [click.style(finding.url, bold=True)]
    if finding.agency:
        lines.append(
            f"{say('机构', 'agency')}: {finding.agency}  ← {finding.agency_source}"
            + say("（请核对全称）", " (check that this is the official name in full)")
        )
    printed = finding.document and (finding.document.document.publisher or finding.document.document.source)
    if printed and printed != finding.agency and is_organ(printed):
        lines.append(
            say(
                f"  读到的文件写的是 {printed}；若它才是所要的机构，请用 --agency",
                f"  the document that was read says {printed}; if that is whose site it is, name it with --agency",
            )
        )
    return [*lines, *_family_lines(finding), *_channel_lines(finding), *_list_lines(finding), *_document_lines(finding)]


def _all(finding: Finding) -> list[Family]:
    return [*([finding.family] if finding.family else []), *finding.others]


def _family_lines(finding: Finding) -> list[str]:
    family = finding.family
    if family is None:
        return []
    template = family.template
    lines = [
        "",
        click.style(f"{say('模板', 'family')}: {family.name}", bold=True)
        + f"  {template.__module__}.{template.__name__}",
    ]
    lines += [f"  {mark!r}  ← {url}" for mark, url in family.marks.items()]
    for other in finding.others:
        marks = ", ".join(repr(mark) for mark in other.marks)
        lines.append(f"  {say('也可能是', 'could also be')} {other.name}: {marks}")
    return lines


def _channel_lines(finding: Finding) -> list[str]:
    lines = ["", click.style(f"{say('栏目', 'channels')}: {len(finding.channels)}", bold=True)]
    lines += [f"  {channel.name}  {channel.url}  {_said_of(channel)}" for channel in finding.channels]
    lines += [f"  {say('未收', 'left out')}: {one.name}  {one.url}  {one.reason}" for one in finding.left_out]
    if finding.unseen:
        names = ", ".join(f"{link.name} {link.url}" for link in finding.unseen)
        lines.append(
            f"  {say('未看（到了请求上限，可加大 --requests）', 'not looked at (limit of requests; raise --requests)')}: {names}"
        )
    return lines


def _said_of(channel: FoundChannel) -> str:
    if channel.browser:
        return say(f"需要浏览器：{channel.browser}", f"needs a browser: {channel.browser}")
    if channel.listed is None:
        return say("见于网站自己的栏目树，未逐个查看", "named by the site's own tree; not looked at")
    listed = channel.listed
    if not listed.entries:
        return say("目前是空的", "empty at present")
    parts = [say(f"{len(listed.entries)} 行", f"{len(listed.entries)} rows")]
    if listed.total is not None:
        parts.append(say(f"共 {listed.total} 条", f"{listed.total} in all"))
    if listed.pages is not None:
        parts.append(say(f"{listed.pages} 页", f"{listed.pages} pages"))
    return ", ".join(parts)


def _list_lines(finding: Finding) -> list[str]:
    case = finding.list_case
    if case is None or case.listed is None:
        return []
    listed = case.listed
    dated = sum(entry.publish_date is not None for entry in listed.entries)
    first = listed.entries[0]
    following = listed.next.url if listed.next else say("无", "none")
    return [
        "",
        click.style(say(f"列表 {case.name}", f"list {case.name}"), bold=True)
        + f"  {case.source.page.url if case.source else case.url}",
        f"  {say('行数', 'rows')}: {len(listed.entries)}, {say('有日期', 'dated')} {dated}",
        f"  {say('第一行', 'first row')}: {first.publish_date or '–'}  {first.title}  {first.url}",
        f"  {say('下一页', 'next page')}: {following}",
    ]


def _document_lines(finding: Finding) -> list[str]:
    if finding.document is None:
        if finding.document_problem is None:
            return []
        return ["", click.style(say("文件", "document"), bold=True) + f"  {finding.document_problem}"]
    return ["", *document_lines(finding.document.document)]


def document_lines(document: Document) -> list[str]:
    """Return the fields of a document as read."""
    lines = [click.style(say("文件", "document"), bold=True) + f"  {document.url}"]
    for field, zh in _FIELDS:
        value = getattr(document, field)
        origin = f"  ← {document.publish_date_source}" if field == "publish_date" and value else ""
        lines.append(f"  {say(zh, field)}: {value or '–'}{origin}")
    text = document.text or ""
    lines.append(f"  {say('正文', 'text')}: {say(f'{len(text)} 字', f'{len(text)} characters')}  {text[:SHOWN_TEXT]!r}")
    names = ", ".join(file.filename or file.label or file.url for file in document.attachments) or "–"
    lines.append(f"  {say('附件', 'attachments')}: {len(document.attachments)}  {names}")
    if document.extraction.flags:
        lines.append(f"  {say('标记', 'flags')}: {', '.join(document.extraction.flags)}")
    return lines
