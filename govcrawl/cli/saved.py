"""Saved searches in commands: the option that names one, the words it stands for, the list of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from govcrawl.errors import UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from pathlib import Path


def complete_saved(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of saved searches that begin so, for the shell."""
    del parameter
    from archive.errors import ArchiveError  # noqa: PLC0415 - only when a shell asks
    from archive.saved_searches import read_searches  # noqa: PLC0415

    try:
        return [
            name
            for name in read_searches(context.params.get("data") or _default(context))
            if name.startswith(incomplete)
        ]
    except ArchiveError:
        return []


def _default(context: click.Context) -> Path:
    """Return the data directory that the command would take."""
    from pathlib import Path  # noqa: PLC0415 - as above

    option = next(one for one in context.command.params if one.name == "data")
    return Path(str(option.get_default(context)))


saved_option = click.option(
    "--saved",
    metavar="NAME",
    shell_complete=complete_saved,
    help=say(
        "用已存的检索（govcrawl search --searches 列出）。", "A saved search (govcrawl search --searches lists them)."
    ),
)
query_option = click.option(
    "--query",
    metavar="WORDS",
    help=say(
        "只要检索到的（写法同 govcrawl search）。", "Only what this search finds, written as for govcrawl search."
    ),
)


def words_of(data: Path, query: str | None, saved: str | None) -> str | None:
    """Return what is searched for: the words, those of a saved search, or both together; ``None`` where neither is given.

    Raises:
        UsageMistake: no search has that name.
    """
    if saved is None:
        return query
    from archive.saved_searches import read_searches  # noqa: PLC0415 - not needed for --help

    known = read_searches(data)
    if saved not in known:
        names = "、".join(known)
        raise UsageMistake(
            say(
                f"没有名为 {saved!r} 的检索；已存的有：{names or '（还没有）'}",
                f"no search is saved as {saved!r}; there are: {', '.join(known) or '(none yet)'}",
            )
        )
    kept = known[saved].query
    return f"{kept} {query}" if query and kept else query or kept


def list_searches(data: Path, *, as_json: bool) -> None:
    """Print the saved searches, one a line."""
    from archive.saved_searches import read_searches  # noqa: PLC0415

    found = read_searches(data)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found.values()], ensure_ascii=False, sort_keys=True, indent=2))
        return
    for one in found.values():
        click.echo(f"{one.name}\t{one.query}")
    if not found:
        click.echo(
            say(
                "还没有存过检索：govcrawl search 词 --save 名称",
                "no search is saved yet: govcrawl search WORDS --save NAME",
            ),
            err=True,
        )


def keep_search(data: Path, name: str, query: str) -> None:
    """Save a search and say so on standard error."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from archive.saved_searches import save_search  # noqa: PLC0415

    save_search(data, name, query, datetime.now(UTC))
    said = say(f"已存为 {name!r}：{query or '（全部）'}", f"saved as {name!r}: {query or '(everything)'}")
    click.echo(said, err=True)


def forget_search(data: Path, name: str) -> None:
    """Delete a saved search and say what it was."""
    from archive.saved_searches import delete_search  # noqa: PLC0415

    words_of(data, None, name)  # says which there are where this one is not
    gone = delete_search(data, name)
    click.echo(say(f"已删去 {name!r}：{gone.query}", f"deleted {name!r}: {gone.query}"), err=True)
