"""The partitioned dataset: what lies where, what a second export rewrites, what leaves it, and who can read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pandas as pd  # type: ignore[import-untyped]
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from catalogs import AGENCY, Sample, fetched, read_document, url_of
from click.testing import CliRunner
from pyarrow.dataset import partitioning  # type: ignore[import-untyped]

from archive import dataset as datasets
from archive.catalog import Catalog
from archive.dataset import STATE, export_dataset
from archive.errors import ArchiveWriteError
from archive.withheld import withhold
from govcrawl.cli import main
from govcrawl.cli.export_dataset import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archive.dataset import Made

OF = f"agency={AGENCY.name}"


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """A catalog with documents of two years and one without a day."""
    made = Sample.make(tmp_path)
    made.put(
        read_document("t1", publish_date="2023-05-01", cites=("国办发〔2019〕14号",), text="依据国办发〔2019〕14号")
    )
    made.put(read_document("t2", publish_date="2024-01-02"), attachments=[fetched(url_of("f"), "ab" * 32)])
    made.put(read_document("t3", tables=((("甲", "乙"), ("1", "2")),)))
    yield made
    made.catalog.close()


def export(sample: Sample, output: Path, *, include_withheld: bool = False) -> Made:
    """Export as a reader of the catalog does."""
    with Catalog.open_read_only(sample.path, include_withheld=include_withheld) as catalog:
        return export_dataset(catalog, output, TABLES)


def files(output: Path) -> dict[str, tuple[int, bytes]]:
    """Every data file with its inode and content."""
    found = sorted(output.glob("*/agency=*/**/*.parquet"))
    return {path.relative_to(output).as_posix(): (path.stat().st_ino, path.read_bytes()) for path in found}


def test_documents_lie_by_agency_and_year(sample: Sample, tmp_path: Path) -> None:
    """Documents lie in folders by agency and year of publication; DuckDB reads them as one table, no year as NULL."""
    made = export(sample, tmp_path / "out")
    assert made.rows["documents"] == 3
    places = [path for path in files(tmp_path / "out") if path.startswith("documents/")]
    assert places == [
        f"documents/{OF}/year=2023/part-0.parquet",
        f"documents/{OF}/year=2024/part-0.parquet",
        f"documents/{OF}/year=__HIVE_DEFAULT_PARTITION__/part-0.parquet",
    ]
    found = duckdb.read_parquet(f"{tmp_path}/out/documents/**/*.parquet", hive_partitioning=True)
    rows = found.select("agency", "year", "publish_date").order("year NULLS LAST").fetchall()
    assert rows == [(AGENCY.name, 2023, "2023-05-01"), (AGENCY.name, 2024, "2024-01-02"), (AGENCY.name, None, None)]
    parts = partitioning(pa.schema([("agency", pa.string()), ("year", pa.int32())]), flavor="hive")
    frame = pd.read_parquet(tmp_path / "out" / "documents", partitioning=parts)
    assert sorted(frame["year"].dropna()) == [2023, 2024]
    assert len(frame) == 3


def test_every_table_is_described_with_its_files(sample: Sample, tmp_path: Path) -> None:
    """The descriptor names every file of every table, and each file is where it says; columns of paths are not in the files."""
    export(sample, tmp_path / "out")
    descriptor = json.loads((tmp_path / "out" / "datapackage.json").read_text("utf-8"))
    named = {path for resource in descriptor["resources"] for path in resource["path"]}
    assert named == set(files(tmp_path / "out"))
    by_name = {resource["name"]: resource for resource in descriptor["resources"]}
    assert set(by_name) == {
        *("documents", "versions", "attachments", "changes", "citations", "tables", "crawls", "captures")
    }
    for name, resource in by_name.items():
        columns = [field["name"] for field in resource["schema"]["fields"]]
        assert "agency" not in columns
        for path in resource["path"]:
            assert list(pd.read_parquet(tmp_path / "out" / path, partitioning=None).columns) == columns, name
    assert by_name["citations"]["path"] == [f"citations/{OF}/part-0.parquet"]


def test_a_second_export_rewrites_what_changed(sample: Sample, tmp_path: Path) -> None:
    """Nothing written since: nothing is read. One document changed: its files alone are new, all others are the same files."""
    output = tmp_path / "out"
    export(sample, output)
    before = files(output)
    made = export(sample, output)
    assert (made.agencies, made.written, made.removed) == (0, 0, 0)
    assert files(output) == before
    sample.put(
        read_document("t2", publish_date="2024-01-02", text="改过"), attachments=[fetched(url_of("f"), "ab" * 32)]
    )
    made = export(sample, output)
    after = files(output)
    assert made.agencies == 1
    changed = {path for path in after if after[path] != before.get(path)}
    assert f"documents/{OF}/year=2024/part-0.parquet" in changed
    assert f"documents/{OF}/year=2023/part-0.parquet" not in changed
    assert f"citations/{OF}/part-0.parquet" not in changed
    assert made.written == len(changed)


def test_what_is_withheld_leaves_the_dataset(sample: Sample, tmp_path: Path) -> None:
    """A withheld document's partition goes with it, folder and all; released it is there again."""
    output = tmp_path / "out"
    export(sample, output)
    wanted = next(known.document_id for known in sample.catalog.known_documents(AGENCY.name) if "t1" in known.url)
    withhold(sample.catalog, tmp_path, wanted, [url_of("t1")], reason="个人信息", by="test", at=sample.now)
    made = export(sample, output)
    assert made.removed >= 1
    assert not (output / "documents" / OF / "year=2023").exists()
    assert all(wanted.encode() not in content for _, content in files(output).values())
    export(sample, output, include_withheld=True)
    assert (output / "documents" / OF / "year=2023" / "part-0.parquet").exists()


def test_an_export_that_broke_off_goes_on(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What broke off after an agency's files is completed by the next run, citations too, and leaves no part files."""
    output = tmp_path / "out"

    def refuse(*_: object) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(datasets._Export, "_whole", refuse)
        with pytest.raises(ArchiveWriteError, match=r"no room.*run it again"):
            export(sample, output)
    assert not list(output.glob(f"citations/{OF}/*"))
    (output / "documents" / OF / "year=2023" / ".part-0.parquet.ab.part").write_bytes(b"cut")
    export(sample, output)
    assert (output / "citations" / OF / "part-0.parquet").exists()
    assert not list(output.glob("**/*.part"))


def test_an_agency_that_is_gone_leaves_the_dataset(sample: Sample, tmp_path: Path) -> None:
    """Files of an agency that the catalog does not have (any more) are taken away."""
    output = tmp_path / "out"
    export(sample, output)
    state = output / STATE / f"{AGENCY.name}.json"
    stray = output / "documents" / "agency=gone" / "part-0.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"")
    told = {"token": "x", "files": {"documents/agency=gone/part-0.parquet": {"rows": 0, "bytes": 0, "sha256": ""}}}
    (state.parent / "gone.json").write_text(json.dumps(told))
    assert export(sample, output).removed == 1
    assert not stray.parent.exists()


def test_another_folder_is_left_alone(sample: Sample, tmp_path: Path) -> None:
    """A folder that holds something else is refused and stays as it is."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ArchiveWriteError, match="no dataset of govcrawl"):
        export(sample, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_the_command_says_what_it_did(sample: Sample, tmp_path: Path) -> None:
    """The command writes the tables that are asked for and tells, as JSON too."""
    sample.catalog.put_agency(AGENCY)
    arguments = ["export", "dataset", "--output", str(tmp_path / "out"), "--data", str(tmp_path), "--json"]
    result = CliRunner().invoke(main, [*arguments, "--only", "documents", "--only", "changes"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["rows"] == {"documents": 3, "changes": 3}
    assert said["written"] == 4
