"""``govcrawl agency add URL --name NAME``: an agency of a known family, written as a file with saved pages for the tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import click

from govcrawl.agency_file import agency_text, check_name, check_title, counted_lines, places
from govcrawl.cases import LARGEST_BYTES, case_folder, write_case
from govcrawl.cli.agency import look_options, requests_option
from govcrawl.cli.agency_probe import (
    absolute,
    cost_line,
    declared_channels,
    finding_lines,
    run_probe,
    what_is_missing,
)
from govcrawl.errors import CrawlError, UsageMistake
from govcrawl.loader import AgencyLoader, project_settings
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path

    from govcrawl.agency_file import Places
    from govcrawl.finding import Finding


@click.command(
    name="add",
    help=say(
        "看一个网站，写出机构文件和两个测试用例（刚读到的列表页和文件页，原样字节）。不覆盖任何文件。",
        "Look at a site, then write the agency's file and two saved-page cases (the list and the document just read, bytes as they "
        "came). Overwrites nothing.",
    ),
)
@click.argument("url")
@click.option(
    "--name", required=True, help=say("机构的短名，如 xiamen_sfj", "the agency's short name, e.g. xiamen_sfj")
)
@click.option(
    "--agency",
    "title",
    metavar="官方全称",
    help=say("官方全称；不给则用网站自己印出的", "official name in full; without it the one the site prints"),
)
@click.option(
    "--channel",
    "given",
    multiple=True,
    metavar="名称=URL",
    help=say(
        "公开栏目，可重复；给了就不再自动寻找",
        "a disclosure channel as NAME=URL, may be repeated; then no others are looked for",
    ),
)
@requests_option
@look_options
def add_command(
    url: str,
    name: str,
    title: str | None,
    given: tuple[str, ...],
    requests: int,
    delay: float | None,
    data: Path | None,
) -> None:
    """Write the agency."""
    settings = project_settings()
    where = places(settings)
    check_name(name, AgencyLoader.from_settings(settings))
    if title is not None:
        check_title(title)
    address = absolute(url)
    channels = parse_channels(given, address)
    began = time.monotonic()
    finding = run_probe(address, requests=requests, delay=delay, data=data, channels=channels)
    for line in finding_lines(finding):
        click.echo(line)
    click.echo()
    click.echo(cost_line(finding, time.monotonic() - began, data))
    problem = _unread(finding, channels) or what_is_missing(finding)
    if problem:
        raise CrawlError(f"{problem}; {say('没有写任何文件', 'nothing was written')}")
    if title is None and finding.agency is None:
        raise UsageMistake(
            say(
                "网站没有印出机构全称，请用 --agency 给出；没有写任何文件",
                "the site does not print whose it is: give the official name in full with --agency; nothing was written",
            )
        )
    write_agency(finding, name, title or finding.agency or "", where)


def parse_channels(given: tuple[str, ...], base: str) -> dict[str, str]:
    """Return printed name → absolute URL of what ``--channel`` was given.

    Raises:
        UsageMistake: one is not NAME=URL, or a name comes twice.
    """
    channels: dict[str, str] = {}
    for text in given:
        name, separator, address = text.partition("=")
        name = name.strip()
        if not (separator and name and address.strip()) or name in channels:
            raise UsageMistake(
                say(
                    f"--channel {text!r}：应为 名称=网址，名称不重复，例如 公告公示=/zwgk/gsgg/",
                    f"--channel {text!r}: expected NAME=URL with a name of its own, e.g. 公告公示=/zwgk/gsgg/",
                )
            )
        _, hash_sign, fragment = address.strip().partition("#")  # where a tree stands in one page: index#721
        channels[name] = absolute(urljoin(base, address.strip())) + (f"#{fragment}" if hash_sign else "")
    return channels


def _unread(finding: Finding, channels: dict[str, str]) -> str | None:
    """Return a sentence about the channels that were asked for and cannot be read."""
    read = {channel.name for channel in finding.channels}
    missing = [name for name in channels if name not in read]
    if not missing:
        return None
    reasons = "; ".join(f"{one.name}: {one.reason}" for one in finding.left_out if one.name in missing)
    return say(f"这些栏目读不出来：{reasons}", f"these channels cannot be read: {reasons}")


def write_agency(finding: Finding, name: str, title: str, where: Places) -> None:
    """Write the agency's file and its cases, and say what to do next.

    Raises:
        UsageMistake: something of it is there already.
        CrawlError: it cannot be written.
    """
    if finding.family is None:
        raise CrawlError("no family")
    template = finding.family.template
    path = where.spiders / f"{name}.py"
    stem = name.replace("_", "-").strip("-")
    for kind in ("list", "document"):
        case_folder(where.pages, template.template_name, f"{stem}-{kind}")
    channels, browser = declared_channels(finding.channels)
    text = agency_text(
        name=name,
        title=title,
        template=template,
        base_url=finding.base_url,
        channels=channels,
        browser_channels=browser,
    )
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        cases = _write_cases(finding, stem, title, where.pages)
    except FileExistsError:
        raise UsageMistake(
            say(f"{path} 已存在，没有覆盖", f"{path} is there already and was not overwritten")
        ) from None
    except OSError as error:
        raise CrawlError(
            say(f"{error.filename} 写不了：{error.strerror}", f"{error.filename} cannot be written: {error.strerror}")
        ) from error
    AgencyLoader.from_settings(project_settings()).load(name)
    _say_next(name, path, counted_lines(text), cases, finding)


def _write_cases(finding: Finding, stem: str, title: str, root: Path) -> list[Path]:
    if finding.family is None:
        return []
    template = finding.family.template
    cases = []
    listed = finding.list_case
    if listed is not None and listed.source is not None:
        source = listed.source
        cases.append(
            write_case(
                root,
                template,
                f"{stem}-list",
                source.page,
                kind="list",
                why=f"{title}: {listed.name}, as found when the agency was added",
                captured_at=source.capture.captured_at,
            )
        )
    if finding.document is not None:
        found = finding.document
        cases.append(
            write_case(
                root,
                template,
                f"{stem}-document",
                found.source.page,
                kind="document",
                why=f"{title}: a document of its lists, as found when the agency was added",
                captured_at=found.source.capture.captured_at,
                entry=found.entry,
            )
        )
    return cases


def _say_next(name: str, path: Path, lines: int, cases: list[Path], finding: Finding) -> None:
    click.echo()
    click.echo(
        click.style(say("已写出", "written"), bold=True)
        + f"  {path}  "
        + say(
            f"（{lines} 行，另有 {len(finding.channels)} 个栏目）",
            f"({lines} lines and {len(finding.channels)} channels)",
        )
    )
    for case in cases:
        size = (case / "page.html").stat().st_size
        large = say(
            f"；{size // 1024} KiB，须按整个元素删减到 {LARGEST_BYTES // 1024} KiB 以内",
            f"; {size // 1024} KiB: trim it by whole elements to {LARGEST_BYTES // 1024} KiB",
        )
        click.echo(f"         {case}{large if size > LARGEST_BYTES else ''}")
    if finding.document is None:
        click.echo(
            say(
                f"注意：没有读出一份文件（{finding.document_problem or '列表里没有本站的网页'}）",
                f"note: no document was read ({finding.document_problem or 'the lists name no page of this site'})",
            )
        )
    steps = [
        say(f"核对 {path} 里的全称和栏目", f"look through {path}: the official name, the channels"),
        say(
            f"人工核对用例：把 page.html 和 expected.json 对照（govcrawl savepage --review {cases[0].parent if cases else ''}），"
            "改正后删去 meta.json 里的 review 一行",
            'review the cases: compare page.html with expected.json, correct it, delete the line "review" of meta.json '
            f"(govcrawl savepage --review {cases[0].parent if cases else ''} says what is due)",
        ),
        f"govcrawl agency check {name}",
        f"scrapy crawl {name} -a limit=5",
    ]
    click.echo(click.style(say("接下来", "next"), bold=True))
    for number, step in enumerate(steps, 1):
        click.echo(f"  {number}. {step}")
