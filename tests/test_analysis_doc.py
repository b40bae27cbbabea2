"""The recipes of docs/analysis.md run on a package made from a catalog."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from catalogs import Sample, fetched, read_document
from click.testing import CliRunner

from govcrawl.cli import main

DOC = Path(__file__).parent.parent / "docs" / "analysis.md"
RECIPES = re.findall(r"```(sql|python)\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package in Parquet and a dataset."""
    folder = tmp_path_factory.mktemp("analysis")
    sample = Sample.make(folder)
    sample.put(
        read_document("t1", title="甲", text="根据国办发〔2019〕14号", publish_date="2024-05-01"),
        attachments=[fetched("http://sfj.sample.test/a.pdf", "a" * 64)],
    )
    sample.begin()
    sample.put(read_document("t1", title="甲（更正）", text="根据国办发〔2019〕14号", publish_date="2024-05-01"))
    sample.catalog.close()
    arguments = [
        "export",
        "package",
        "--output",
        str(folder / "disclosure"),
        "--format",
        "parquet",
        "--data",
        str(folder),
    ]
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    arguments = ["export", "dataset", "--output", str(folder / "dataset"), "--data", str(folder)]
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 0
    return folder


@pytest.mark.parametrize(("language", "text"), RECIPES, ids=[f"{n}-{one[0]}" for n, one in enumerate(RECIPES)])
def test_recipes_run(folder: Path, monkeypatch: pytest.MonkeyPatch, language: str, text: str) -> None:
    """Each recipe runs as it is printed and finds what is there."""
    monkeypatch.chdir(folder)
    if language == "sql":
        rows = duckdb.connect().execute(text).fetchall()
        assert rows
    else:
        names: dict[str, object] = {}
        exec(compile(text, str(DOC), "exec"), names)  # noqa: S102 - the project's own recipe
        assert len(names) > 2


def test_there_are_recipes() -> None:
    """The page holds recipes of both kinds."""
    assert {language for language, _ in RECIPES} == {"sql", "python"}
