"""Facts as JSON: every command that prints facts can say them as data, and says then nothing else on standard output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner
from datadirs import make_data

from govcrawl.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WITHOUT = {
    "agency add": "writes files and says which",
    "agency probe": "prints the agency's file, which is the answer",
    "completion": "prints a script",
    "demo": "a show",
    "extract": "prints JSON as it is",
    "feed": "writes Atom",
    "merge": "says one line",
    "open": "opens a browser",
    "reindex": "says one line; --check names entries, one a line",
    "release": "says one line",
    "savepage": "writes files and says which",
    "schedule": "prints units",
    "serve": "answers in a browser",
    "verify": "--jsonl writes findings as they come",
}
"""Commands without ``--json``, and why; exports say only how much they wrote."""


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))
    else:
        yield " ".join(path), command


def test_every_command_says_json_or_why_not() -> None:
    """A new command is either given ``--json`` or named here with the reason."""
    silent = {
        name
        for name, command in leaves(main)
        if not any("--json" in parameter.opts for parameter in command.params) and not name.startswith("export ")
    }
    assert silent <= set(WITHOUT)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after two crawls."""
    return make_data(tmp_path_factory.mktemp("data"), 2)


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("agency list", list),
        ("attachments", dict),
        ("audit", list),
        ("changes", None),
        ("doctor", None),
        ("recrawl --due --dry-run", list),
        ("search 号", dict),
        ("search --searches", list),
        ("status", list),
        ("withhold --list", list),
    ],
)
def test_json_alone_is_on_standard_output(data: Path, typed: str, kind: type[Any] | None, tmp_path: Path) -> None:
    """What is on standard output is JSON, or JSON lines, whatever the language."""
    env = {"GOVCRAWL_LANG": "zh", "GOVCRAWL_DATA": str(data), "GOVCRAWL_STATE": str(tmp_path / "state")}
    done = CliRunner(env=env).invoke(main, [*typed.split(), "--json"])
    assert done.exit_code in {0, 1}, done.output
    if kind is None:
        assert (
            [json.loads(line) for line in done.stdout.splitlines()] if typed == "changes" else json.loads(done.stdout)
        )
    else:
        assert isinstance(json.loads(done.stdout), kind), done.stdout
