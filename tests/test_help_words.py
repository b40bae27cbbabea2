"""click's own words follow the language of the user interface."""

from __future__ import annotations

import ast
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from govcrawl.cli import main
from govcrawl.help_words import CHINESE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "--help"], "用法："),
        (["show"], "错误：缺少参数"),
        (["show", "x", "--versoin"], "没有选项 '--versoin'"),
        (["export", "documents", "--format", "xls", "--output", "-"], "不在可选之列"),
    ],
)
def test_in_chinese_click_speaks_chinese(arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headings and mistakes are translated, whatever the locale is."""
    monkeypatch.setenv("GOVCRAWL_LANG", "zh")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    done = CliRunner().invoke(main, arguments)
    assert said in done.output


def test_in_english_click_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """English stays click's own."""
    monkeypatch.setenv("GOVCRAWL_LANG", "en")
    done = CliRunner().invoke(main, ["show"])
    assert "Error: Missing argument 'ID'." in done.output
    assert done.exit_code == 2


def test_every_translated_sentence_is_one_of_clicks() -> None:
    """A sentence that click does not say any more is found here, with the placeholders it fills."""
    said: set[str] = set()
    for path in Path(click.__file__).parent.glob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        said |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert set(CHINESE) <= said
    for english, chinese in CHINESE.items():
        assert {part.split("}")[0] for part in english.split("{")[1:]} == {
            part.split("}")[0] for part in chinese.split("{")[1:]
        }
