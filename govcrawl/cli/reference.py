"""Every command on one page: what it does, how it is called, what its exit codes mean.

``python -m govcrawl.cli.reference`` prints ``docs/commands.md``; a test holds page and table against the real command tree.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from govcrawl.command_table import COMMANDS
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Said = tuple[str, str]
"""The same in Chinese and English."""

DONE: Said = ("完成", "done")
FAILED: Said = ("失败，标准错误输出一行原因", "it failed; one line on standard error says why")
MISUSED: Said = ("用法有误", "called wrongly")


class Reference(NamedTuple):
    """How a command is called, and what its exit code 1 means where that is more than a failure."""

    example: str
    one: Said = FAILED
    zero: Said = DONE
    line: Said | None = None  # one line of what it does; None: as in the table of commands


_LEFT_OUT: Said = ("有读不出的，已逐一列出；或失败", "something could not be read and was named; or it failed")
_DOCUMENT = "xiamen_sfj-0123456789ab"

REFERENCE: Mapping[str, Reference] = {
    "agency add": Reference(
        "govcrawl agency add http://sfj.example/ --name example_sfj",
        line=("看网站，写机构文件和测试用例", "look at a site, write the agency's file and cases"),
    ),
    "agency check": Reference(
        "govcrawl agency check xiamen_sfj",
        ("有需要修的", "something must be repaired"),
        line=("小规模实地检查一个机构", "check an agency live and small"),
    ),
    "agency list": Reference("govcrawl agency list", line=("列出所有机构", "name all agencies")),
    "agency probe": Reference(
        "govcrawl agency probe http://sfj.example/",
        line=("判断网站的模板和栏目", "which family a site is of, its channels"),
    ),
    "attachments": Reference("govcrawl attachments --agency xiamen_sfj", _LEFT_OUT),
    "audit": Reference("govcrawl audit --json", ("承诺的间隔未守住", "a promised pace was not kept")),
    "changes": Reference("govcrawl changes --since 2024-05-01 --agency xiamen_sfj --diff"),
    "completion": Reference("govcrawl completion bash"),
    "demo": Reference("govcrawl demo", ("有一项与预期不符", "an expectation failed")),
    "diff": Reference(f"govcrawl diff {_DOCUMENT} --from 1 --to 3"),
    "doctor": Reference("govcrawl doctor --json", ("至少一项 fail", "at least one check fails")),
    "export attachments": Reference(
        "govcrawl export attachments --format csv --output attachments.csv",
        line=("附件及其文本，每个一行", "attachments with their texts, one a row"),
    ),
    "export bag": Reference(
        "govcrawl export bag --agency xiamen_sfj --output xiamen-bag",
        line=("BagIt 包", "an agency's archive as a bag (BagIt)"),
    ),
    "export bodies": Reference(
        "govcrawl export bodies --as markdown --output bodies",
        _LEFT_OUT,
        line=("正文，每份一个文件", "bodies, a file each"),
    ),
    "export captures": Reference(
        "govcrawl export captures --format parquet --output captures.parquet",
        line=("捕获，每次一行", "captures, one a row"),
    ),
    "export cdxj": Reference("govcrawl export cdxj --output index.cdxj", line=("回放索引", "the replay index")),
    "export changes": Reference(
        "govcrawl export changes --format jsonl --output changes.jsonl", line=("变动，每条一行", "changes, one a row")
    ),
    "export citations": Reference(
        "govcrawl export citations --format graphml --output citations.graphml", line=("引用关系", "who cites whom")
    ),
    "export coverage": Reference(
        "govcrawl export coverage --format csv --output coverage.csv",
        line=("各栏目覆盖情况", "coverage of each channel"),
    ),
    "export crawls": Reference(
        "govcrawl export crawls --format csv --output crawls.csv", line=("抓取，每次一行", "crawls, one a row")
    ),
    "export documents": Reference(
        "govcrawl export documents --format csv --output documents.csv",
        line=("公开文件，每份一行", "documents, one a row"),
    ),
    "export dataset": Reference(
        "govcrawl export dataset --output dataset",
        line=(
            "分区 Parquet 数据集，再次运行只改写变化",
            "Parquet files by agency and year; run again it rewrites what changed",
        ),
    ),
    "export figures": Reference(
        "govcrawl export figures --format csv --output figures.csv",
        line=("年度报告的数据", "figures of annual reports"),
    ),
    "export package": Reference(
        "govcrawl export package --output package --with-files",
        line=("全部表格和说明，可附文件", "all tables with what each column means, files where asked"),
    ),
    "export sqlite": Reference(
        "govcrawl export sqlite --output copy.db", line=("目录库的 SQLite 副本", "a copy of the catalog as SQLite")
    ),
    "export report-findings": Reference(
        "govcrawl export report-findings --format csv --output findings.csv",
        line=("年度报告中对不上的", "what does not agree in annual reports"),
    ),
    "export tables": Reference(
        "govcrawl export tables --format csv --shape long --output tables.csv",
        line=("正文和附件中的表格", "tables of bodies and attachments"),
    ),
    "export versions": Reference(
        "govcrawl export versions --format csv --output versions.csv", line=("版本，每版一行", "versions, one a row")
    ),
    "export wacz": Reference(
        "govcrawl export wacz --agency xiamen_sfj --output xiamen.wacz", line=("WACZ 包", "a package for replay (WACZ)")
    ),
    "export warc": Reference(
        f"govcrawl export warc --document {_DOCUMENT} --output document.warc.gz",
        line=("一份公开文件的 WARC 记录", "the WARC records of one document"),
    ),
    "extract": Reference("govcrawl extract page.html --url http://sfj.example/t1.htm"),
    "feed": Reference("govcrawl feed --agency xiamen_sfj --output xiamen.atom"),
    "merge": Reference(
        "govcrawl merge --json", ("有分片未并入", "some shards were not merged"), ("全部并入", "all are merged")
    ),
    "open": Reference(f"govcrawl open {_DOCUMENT}"),
    "rebuild": Reference("govcrawl rebuild", _LEFT_OUT),
    "recrawl": Reference("govcrawl recrawl --due --dry-run", ("有的抓取不完整", "some crawls are not complete")),
    "reextract": Reference("govcrawl reextract --agency xiamen_sfj", _LEFT_OUT),
    "reindex": Reference(
        "govcrawl reindex --check", ("--check 发现不一致；或失败", "--check found differences; or it failed")
    ),
    "release": Reference(f"govcrawl release {_DOCUMENT} --reason 'reviewed: may be shown'"),
    "savepage": Reference("govcrawl savepage http://sfj.example/t1.htm --template trt --case document-plain"),
    "schedule": Reference("govcrawl schedule --systemd --user"),
    "search": Reference(
        "govcrawl search 法律援助 --limit 5 --json", ("没有找到；或失败", "nothing was found; or it failed")
    ),
    "serve": Reference("govcrawl serve --port 8000"),
    "show": Reference(f"govcrawl show {_DOCUMENT} --json"),
    "status": Reference("govcrawl status --json"),
    "timestamp": Reference("govcrawl timestamp --tsa http://tsa.example/"),
    "verify": Reference("govcrawl verify --deep", ("有发现", "there are findings"), ("没有发现", "no finding")),
    "withhold": Reference(f"govcrawl withhold {_DOCUMENT} --reason 'personal data'"),
}
"""By the command's words."""


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its words."""
    if not isinstance(command, click.Group):
        yield " ".join(words), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        if found is not None:
            yield from leaves(found, (*words, name))


def add_examples(command: click.Command, name: str) -> None:
    """Put the example under the help of a command, and of those subcommands that are there without an import."""
    if isinstance(command, click.Group):
        for word, sub in command.commands.items():
            add_examples(sub, f"{name} {word}")
    elif name in REFERENCE and f"govcrawl {name}" not in (command.help or ""):
        command.epilog = "\b\n" + say("例:", "Example:") + f"\n  {REFERENCE[name].example}"


def line_of(words: str) -> Said:
    """What a command does, in one line each."""
    entry = REFERENCE[words]
    return entry.line or (COMMANDS[words].zh, COMMANDS[words].en.rstrip("."))


_PREAMBLE = """\
# Commands 命令

Generated by `python -m govcrawl.cli.reference`; do not edit. 由程序生成，请勿手改。

`scrapy crawl AGENCY` 抓取一个机构 / crawls an agency: 0 完整 / complete; 1 不完整 / not complete; 2 用法有误 / called wrongly.

Every command below exits with 2 where it was called wrongly, and knows `--help`. `govcrawl --lang zh|en …` (or
`GOVCRAWL_LANG`) chooses the language; without it the locale does. Colours are for terminals only, and for none where `NO_COLOR` is set.
下列命令用法有误时退出码都是 2，都有 `--help`。`govcrawl --lang zh|en …`（或 `GOVCRAWL_LANG`）选语言，不给时按系统语言；只在终端上用颜色，
设了 `NO_COLOR` 则不用。

| command 命令 | 做什么 | what it does | 0 | 1 |
|---|---|---|---|---|
"""


def markdown() -> str:
    """The page, ``docs/commands.md``."""
    rows = []
    for words, entry in sorted(REFERENCE.items()):
        zh, en = line_of(words)
        codes = (f"{one[0]} / {one[1]}" for one in (entry.zero, entry.one))
        rows.append(" | ".join((f"`{words}`", zh, en, *codes)))
    examples = "\n".join(entry.example for _, entry in sorted(REFERENCE.items()))
    table = "".join(f"| {row} |\n" for row in rows)
    return f"{_PREAMBLE}{table}\n## Examples 例\n\n```\n{examples}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
