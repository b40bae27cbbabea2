"""``govcrawl …``: one file per command, imported only when it is run.

Exit codes: 0 done; 1 it failed, one line on standard error says why; 2 it was called wrongly.
"""

from __future__ import annotations

import errno
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archive.errors import ArchiveError, ArchiveWriteError, UnknownAgency
from govcrawl.command_table import COMMANDS
from govcrawl.errors import CrawlError, UsageMistake
from govcrawl.help_words import install
from govcrawl.speech import in_words, many, say

if TYPE_CHECKING:
    from archive.catalog import Catalog

install()

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 120}
"""Context settings of the group; commands inherit them."""


class Commands(click.Group):
    """A group that finds its commands in :data:`COMMANDS` and says an error in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that is run."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        from govcrawl.cli.reference import add_examples  # noqa: PLC0415 - a command's help needs it, the list of them does not

        module, _, attribute = COMMANDS[cmd_name].place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        add_examples(command, cmd_name)
        return command

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say what it is for, in the language that was chosen."""
        del ctx
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(
                say(
                    "抓取、存档、阅读中国机构网站的政务公开栏目。抓取用 scrapy crawl 机构名。",
                    "Crawl, archive and read the disclosure (政务公开) sections of Chinese agency sites. The crawl itself is `scrapy crawl AGENCY`.",
                )
            )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their short help, without importing them."""
        formatter.write_paragraph()
        formatter.write_text(
            say("例: govcrawl search 法律援助 --limit 5", "Example: govcrawl search 法律援助 --limit 5")
        )
        formatter.write_text(say("退出码见 docs/commands.md。", "Exit codes: docs/commands.md."))
        with formatter.section(say("命令", "Commands")):
            formatter.write_dl([(name, say(COMMANDS[name].zh, COMMANDS[name].en)) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered with those that there are."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            names = ", ".join(self.list_commands(ctx))
            raise click.UsageError(
                say(f"没有命令 {args[0]!r};可用: {names}", f"there is no command {args[0]!r}; there are {names}"), ctx
            ) from exc

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn the project's errors into one line on standard error and an exit code."""
        if os.environ.get("NO_COLOR"):  # no-color.org; what is no terminal gets none in any case
            ctx.color = False
        try:
            return super().invoke(ctx)
        except (UsageMistake, UnknownAgency) as exc:
            _complain(exc)
            ctx.exit(2)
        except (ArchiveError, CrawlError) as exc:
            _complain(exc)
            ctx.exit(1)
        except OSError as exc:
            if exc.errno not in _NO_ROOM:  # a closed pipe ends a command without a word
                raise
            _complain(
                ArchiveWriteError(
                    f"what the command prints cannot be written ({exc.strerror}); make room, or send it elsewhere",
                    zh=f"命令的输出不能写入（{exc.strerror}）；请腾出空间，或换个去处",
                )
            )
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing is tried again at the end
            ctx.exit(1)


def _complain(exc: Exception) -> None:
    """Say what went wrong in one line."""
    click.echo(f"govcrawl: {' '.join(in_words(exc).split())}", err=True)


def complete_agency(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of agencies that begin so, for the shell."""
    del context, parameter
    from govcrawl.loader import AgencyLoader, project_settings  # noqa: PLC0415 - only when a shell asks

    return [name for name in AgencyLoader.from_settings(project_settings()).list() if name.startswith(incomplete)]


INCLUDE_WITHHELD = "govcrawl.include_withheld"
"""In a command's ``meta``: the archivist asked for what is withheld, too."""

data_option = click.option(
    "--data",
    envvar="GOVCRAWL_DATA",
    show_envvar=True,
    default="data",
    show_default=True,
    type=click.Path(path_type=Path),
    help=say("数据目录。", "Data directory."),
)
"""The option of every command that reads the archive; the command takes it as ``data: Path``."""


json_option = click.option("--json", "as_json", is_flag=True, help=say("输出 JSON。", "As JSON."))
"""The option of commands that print facts; the command takes it as ``as_json: bool``."""


def open_catalog(data: Path) -> Catalog:
    """The catalog of a data directory, for reading; the caller closes it.

    What is withheld is not in it, and standard error says how many that are; ``export --include-withheld`` has them all.

    Raises:
        CatalogError: there is none, or it cannot be read.
    """
    from archive.catalog import CATALOG_NAME, Catalog  # noqa: PLC0415 - costs 60 ms, which --help need not pay

    path = data / CATALOG_NAME
    context = click.get_current_context(silent=True)
    catalog = Catalog.open_read_only(path, include_withheld=bool(context and context.meta.get(INCLUDE_WITHHELD)))
    if catalog.file.withheld:
        count = len(catalog.file.withheld)
        told = (
            f"有 {count} 份公开文件不予显示（govcrawl withhold --list）",
            f"{many(count, 'document is', 'documents are')} withheld and left out (govcrawl withhold --list)",
        )
        click.echo(say(*told), err=True)
    return catalog


def _choose_language(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Speak the language that is asked for, from here on: commands are imported, and say their help, after this."""
    del parameter
    if value is not None:
        before = os.environ.get("GOVCRAWL_LANG")
        os.environ["GOVCRAWL_LANG"] = value
        context.call_on_close(lambda: _restore("GOVCRAWL_LANG", before))
    return value


def _restore(name: str, value: str | None) -> None:
    """Put an environment variable back as it was."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


@click.group(
    cls=Commands,
    context_settings=CONTEXT,
    help="抓取、存档、阅读中国机构网站的政务公开栏目 / Crawl, archive and read disclosure sections of Chinese agency sites.",
)
@click.option(
    "--lang",
    type=click.Choice(["zh", "en"]),
    is_eager=True,
    expose_value=False,
    callback=_choose_language,
    help="界面语言 / Language (GOVCRAWL_LANG).",
)
@click.version_option(package_name="govcrawl")
def main() -> None:
    """Group of all commands."""
