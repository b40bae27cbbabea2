"""The language of the interface: chosen by flag, variable and locale; errors are said in both."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from archive import errors
from archive.errors import ArchiveError, CatalogError
from govcrawl.speech import in_words, language, say_in

ROOT = Path(__file__).parent.parent
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, ArchiveError)}
CALLED_WRONGLY = (
    "put_agency comes first",
    "put_warc_file comes first",
    "put_crawl comes first",
    "no version with row number",
)
"""What only a program that calls the store wrongly meets; and what cannot happen but by a collision of digests."""


def spoken(call: ast.Call) -> bool:
    """Whether an error is made with its Chinese sentence, or with one that the user's language chose."""
    return any(keyword.arg == "zh" for keyword in call.keywords) or "say(" in ast.unparse(call)


def test_what_the_archive_says_is_there_in_chinese() -> None:
    """Every error of the archive that a user may meet has a Chinese sentence."""
    without = []
    for path in [*sorted((ROOT / "archive").rglob("*.py")), *sorted((ROOT / "govcrawl" / "cli").glob("*.py"))]:
        source = path.read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ERRORS
                and not spoken(node)
            ):
                before = source.splitlines()[max(0, node.lineno - 8) : node.end_lineno]
                if not any(words in line for words in (*CALLED_WRONGLY, "has its whole digest") for line in before):
                    without.append(f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)[:80]}")
    assert without == []


@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "GOVCRAWL_LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "GOVCRAWL_LANG": "fr"}, "zh"),
    ],
    ids=["none", "locale", "first locale", "variable", "unknown variable"],
)
def test_language(variables: dict[str, str], chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """GOVCRAWL_LANG goes before the locale; what is not known is as if it were not there."""
    for name in ("GOVCRAWL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language() == chosen


def test_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error with two sentences says the user's; one with a single sentence says that."""
    monkeypatch.setenv("GOVCRAWL_LANG", "zh")
    assert in_words(CatalogError("nothing there", zh="什么都没有")) == "什么都没有"
    assert in_words(CatalogError("nothing there")) == "nothing there"
    monkeypatch.setenv("GOVCRAWL_LANG", "en")
    assert in_words(CatalogError("nothing there", zh="什么都没有")) == "nothing there"
    assert say_in("zh")("中", "en") == "中"
    assert say_in("en")("中", "en") == "en"
