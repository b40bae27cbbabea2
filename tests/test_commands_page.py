"""The command tree as it is told: page, examples, exit codes, language, colours, completion."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from govcrawl.cli import main
from govcrawl.cli.completion import VARIABLE
from govcrawl.cli.reference import REFERENCE, leaves, markdown

ROOT = Path(__file__).parent.parent


def test_every_command_is_told_and_no_other() -> None:
    """The reference has every command of the tree, and none that is not there."""
    there = {words for words, _ in leaves(main)}
    assert there - set(REFERENCE) == set(), "commands without a line in govcrawl/cli/reference.py"
    assert set(REFERENCE) - there == set(), "lines of commands that are gone"


def test_page_is_in_sync() -> None:
    """docs/commands.md is what ``python -m govcrawl.cli.reference`` prints."""
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == markdown()


@pytest.mark.parametrize("words", sorted(REFERENCE))
def test_examples_can_be_typed(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example is the command's own, every option in it is there with a value that it takes; and its help shows one."""
    (tmp_path / "page.html").touch()
    monkeypatch.chdir(tmp_path)
    program, *rest = shlex.split(REFERENCE[words].example)
    names = words.split()
    assert (program, rest[: len(names)]) == ("govcrawl", names)
    leaf = dict(leaves(main))[words]
    leaf.make_context(words, rest[len(names) :])
    help_text = CliRunner(env={"GOVCRAWL_LANG": "en"}).invoke(main, [*names, "--help"]).output
    assert f"govcrawl {words}" in " ".join(help_text.split())


def test_language_by_flag() -> None:
    """``--lang`` goes before GOVCRAWL_LANG, and what was set is as before afterwards."""
    runner = CliRunner(env={"GOVCRAWL_LANG": "en"})
    assert "没有命令" in runner.invoke(main, ["--lang", "zh", "nothing"]).output
    assert "there is no command" in runner.invoke(main, ["nothing"]).output
    assert "抓取、存档、阅读" in runner.invoke(main, ["--lang", "zh", "--help"]).output
    assert "抓取、存档、阅读" not in runner.invoke(main, ["--help"]).output
    assert runner.invoke(main, ["--lang", "fr", "status"]).exit_code == 2


def test_no_color(tmp_path: Path) -> None:
    """Where NO_COLOR is set there are none, on a terminal neither."""
    arguments = ["doctor", "--data", str(tmp_path)]
    for value, coloured in (("", True), ("1", False)):
        env = {"NO_COLOR": value, "GOVCRAWL_STATE": str(tmp_path / "state")}
        assert ("\x1b[" in CliRunner(env=env).invoke(main, arguments, color=True).output) is coloured


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    """The script asks the program under the name that click listens to."""
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert VARIABLE in result.output
    assert f"{shell}_complete" in result.output


def test_what_is_completed() -> None:
    """Commands, subcommands and names of agencies."""
    completing = BashComplete(main, {}, "govcrawl", VARIABLE)
    for before, begun, found in (
        ([], "withh", ["withhold"]),
        (["export"], "bo", ["bodies"]),
        (["status", "--agency"], "xia", ["xiamen_sfj"]),
        (["agency", "check"], "luf", ["lufeng_sfj"]),
    ):
        assert [item.value for item in completing.get_completions(before, begun)] == found


def test_every_agency_option_is_completed() -> None:
    """An option or argument that takes an agency's name knows the names."""
    for words, leaf in leaves(main):
        context = click.Context(leaf)
        for parameter in leaf.params:
            if "--agency" in parameter.opts and words != "agency add":
                assert [item.value for item in parameter.shell_complete(context, "panj")] == ["panjin_sfj"], words
    assert "GOVCRAWL_COMPLETE" not in os.environ
