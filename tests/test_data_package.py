"""The data package: every table described, equal catalogs give equal packages, files and pages as captured."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner
from exhibits import PAGE_URL, PDF, make_archive

from archive.schema import TABLES
from govcrawl.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def run(*arguments: object) -> Result:
    """Run a command in English."""
    return CliRunner(env={"GOVCRAWL_LANG": "en"}).invoke(main, [*map(str, arguments)], catch_exceptions=False)


def described(folder: Path) -> dict[str, Any]:
    """The package's descriptor."""
    found: dict[str, Any] = json.loads((folder / "datapackage.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_descriptor_is_true(tmp_path: Path, form: str) -> None:
    """Every table is there with the size, digest and columns that the descriptor says, each column with its meaning."""
    data = make_archive(tmp_path / "data")
    assert run("export", "package", "--output", tmp_path / "out", "--format", form, "--data", data).exit_code == 0
    resources = described(tmp_path / "out")["resources"]
    assert {one["name"] for one in resources} >= {
        "documents",
        "versions",
        "changes",
        "captures",
        "crawls",
        "figures",
        "tables",
    }
    for one in resources:
        content = (tmp_path / "out" / one["path"]).read_bytes()
        assert one["bytes"] == len(content)
        assert one["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        names = [field["name"] for field in one["schema"]["fields"]]
        assert all(field["title"] and field["description"] for field in one["schema"]["fields"])
        assert set(one["schema"]["primaryKey"]) <= set(names)
        if form == "csv":
            assert next(csv.reader(io.StringIO(content.decode("utf-8-sig")))) == names
        elif form == "parquet":
            assert pq.read_schema(tmp_path / "out" / one["path"]).names == names


def test_equal_catalogs_give_equal_packages(tmp_path: Path) -> None:
    """Made twice, every file is the same byte for byte; a package that is there is not overwritten."""
    data = make_archive(tmp_path / "data")
    for name in ("one", "two"):
        run("export", "package", "--output", tmp_path / name, "--data", data)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert files
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path
    again = run("export", "package", "--output", tmp_path / "one", "--data", data)
    assert again.exit_code == 1
    assert "is there already" in again.stderr


def test_with_files(tmp_path: Path) -> None:
    """Attachments and pages lie in folders, as captured."""
    data = make_archive(tmp_path / "data")
    run("export", "package", "--output", tmp_path / "out", "--with-files", "--data", data)
    files = {path.name: path.read_bytes() for path in (tmp_path / "out" / "files").rglob("*") if path.is_file()}
    assert files["01-P1.pdf"] == PDF
    pages = [path.read_text("utf-8") for path in (tmp_path / "out" / "pages").rglob("*.html")]
    assert len(pages) == 1
    assert "正文已改" in pages[0]


def test_unknown_agency_makes_nothing(tmp_path: Path) -> None:
    """An agency that is not there is said, and nothing is left behind."""
    data = make_archive(tmp_path / "data")
    assert run("export", "package", "--output", tmp_path / "out", "--agency", "nobody", "--data", data).exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_sqlite_copy(tmp_path: Path) -> None:
    """The copy has the same rows, opens by itself, and Datasette's metadata explains every column."""
    data = make_archive(tmp_path / "data")
    assert run("export", "sqlite", "--output", tmp_path / "copy.db", "--data", data).exit_code == 0
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("SELECT COUNT(*) FROM documents WHERE url = ?", (PAGE_URL,)).fetchone() == (1,)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()
    metadata = json.loads((tmp_path / "copy.db.metadata.json").read_text("utf-8"))
    tables = metadata["databases"]["copy"]["tables"]
    for table in TABLES:
        assert set(tables[table.name]["columns"]) == {column.name for column in table.columns}
    assert run("export", "sqlite", "--output", tmp_path / "copy.db", "--data", data).exit_code == 1
