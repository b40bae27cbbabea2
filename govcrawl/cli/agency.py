"""``govcrawl agency …``: look at a site, add an agency of a known family, check one, list all.

The subcommands lie in ``agency_probe``, ``agency_add`` and ``agency_check``; what they share is here.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from govcrawl.cli import CONTEXT
from govcrawl.cli.reference import add_examples
from govcrawl.errors import BadAgency, BadStatus, BlockedPage, CrawlError, NotAPage, UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Callable

_COMMANDS = {
    "probe": ("看一个网站属于哪种模板、有哪些公开栏目", "Say which family a site is of and where its channels are."),
    "add": ("为一个网站写好机构文件和测试用例", "Write the file of an agency, with saved pages for the tests."),
    "check": ("小规模实测一个机构，逐项给出结论", "Check a few live pages of an agency, field by field."),
    "list": ("列出所有机构", "Name all agencies."),
}

_REASONS = {
    "dns": "主机名无法解析，请检查网址和网络",
    "refused": "服务器拒绝连接，可能已停机，请稍后再试",
    "timeout": "服务器没有及时应答",
    "connection": "连接失败",
    "cut": "连接在页面传完之前断开",
    "too_large": "页面超过大小上限",
    "robots": "网站的 robots.txt 不允许抓取这个地址",
    "robots_unavailable": "robots.txt 取不到，按 RFC 9309 整个主机都不得抓取",
    "ending": "网站要求的等待时间太长，请稍后再试",
}


class _Agency(click.Group):
    """Imports the subcommand that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the subcommands."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = "agency_check" if cmd_name == "list" else f"agency_{cmd_name}"
        command: click.Command = getattr(import_module(f"govcrawl.cli.{module}"), f"{cmd_name}_command")
        add_examples(command, f"agency {cmd_name}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        with formatter.section(say("命令", "Commands")):
            formatter.write_dl([(name, say(*_COMMANDS[name])) for name in self.list_commands(ctx)])


@click.group(
    cls=_Agency,
    context_settings=CONTEXT,
    help=say(
        "机构：查看、添加、检查、列出。\n\n例: govcrawl agency probe http://sfj.example/",
        "Agencies: look at a site, add one, check one, list all.\n\nExample: govcrawl agency probe http://sfj.example/",
    ),
)
def agency() -> None:
    """Group the commands about agencies."""


def look_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of commands that look at a site: ``delay``, ``data``."""
    delay = click.option(
        "--delay",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help=say(
            "两次请求之间的秒数（默认 1，即设置 DOWNLOAD_DELAY）",
            "seconds between two requests (default: 1, the setting DOWNLOAD_DELAY)",
        ),
    )
    data = click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        help=say(
            "把本次往来存入这个数据目录的 warc/probe/；不给则什么都不保存",
            "keep the exchanges in this data directory, under warc/probe/; without it nothing is kept",
        ),
    )
    return delay(data(function))


def requests_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--requests``: how much of a site may be asked for."""
    from govcrawl.probe import MOST_REQUESTS  # noqa: PLC0415 - --help of the group need not load it

    return click.option(
        "--requests",
        type=click.IntRange(min=3),
        default=MOST_REQUESTS,
        show_default=True,
        help=say("最多发出多少次请求", "as many requests at most"),
    )(function)


def explain(url: str, error: CrawlError) -> CrawlError:
    """Return an error of the same exit code that says in one sentence, in the user's language, why a site cannot be looked at."""
    if isinstance(error, UsageMistake | BadAgency):
        return error
    reason = getattr(error, "reason", None)
    zh = _REASONS.get(str(reason), "取不到页面")
    if isinstance(error, BlockedPage):
        zh = "网站返回的是验证页或拦截页，程序不绕过验证"
    elif isinstance(error, NotAPage):
        zh = "这个地址上没有网页"
    elif isinstance(error, BadStatus):
        zh = "网站返回错误状态"
    detail = str(error).removeprefix(f"{url}: ").removesuffix(".")
    return CrawlError(say(f"无法查看 {url}：{zh}（{detail}）", f"cannot look at {url}: {detail}"))
