"""The catalog as a dataset of Parquet files in folders by agency and year, which DuckDB, Spark and pandas read as one table each.

``OUTPUT/TABLE/agency=NAME/year=YYYY/part-0.parquet`` (Hive's layout; tables without a day have no years; what has no day lies in
``year=__HIVE_DEFAULT_PARTITION__``). Files hold plain columns: text, numbers, lists of text; whatever else is nested is JSON text.

A second export writes what has changed: only agencies of which something was written since are read, and of these only the files whose
content differs are replaced, each at once. What is withheld, or gone, leaves its file, and an empty partition its folder. What lies there
is told by ``_govcrawl/AGENCY.json`` (digests) and ``datapackage.json``.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from archive.catalog_summaries import count_writes
from archive.data_package import DESCRIPTOR, describe_field
from archive.dataset_files import FORMAT, PartitionWriter
from archive.errors import ArchiveWriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.resources import Resource

    Rows = Callable[[Catalog, str | None], Generator[dict[str, Any]]]

STATE = "_govcrawl"
"""Folder of what is known of the files; readers of datasets leave out names that begin so."""

_UNFINISHED = "unfinished"  # stands in it while files are being replaced
_PIECE_BYTES = 1 << 20


class Table(NamedTuple):
    """One table of a dataset.

    ``day`` is the column whose first four characters are its year, ``whole`` says that one row may rest on any agency's: then
    all of it is read whenever anything was written; ``of`` is the column with the agency.
    """

    resource: Resource
    rows: Rows
    day: str | None = None
    whole: bool = False
    of: str = "agency"


@dataclass(slots=True)
class Made:
    """What an export did, in files; ``rows`` are those of the whole dataset, by table."""

    agencies: int = 0  # that were read
    written: int = 0
    kept: int = 0
    removed: int = 0
    rows: dict[str, int] = field(default_factory=dict)


def export_dataset(
    catalog: Catalog,
    output: Path,
    tables: Sequence[Table],
    *,
    agency: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Made:
    """Write a dataset, or bring the one that is there in step with the catalog; memory does not grow with it.

    Args:
        output: a folder that is not there yet, or holds a dataset.
        agency: only this one; the others stay as they are.

    Raises:
        ArchiveWriteError: ``output`` holds something else, or cannot be written.
    """
    output = output.absolute()
    if output.exists() and not (output / STATE).is_dir() and (not output.is_dir() or any(output.iterdir())):
        raise ArchiveWriteError(
            f"export dataset: {output} is no dataset of govcrawl; name another folder or move it away",
            zh=f"export dataset：{output} 不是 govcrawl 的数据集；请另选目录，或将它移走",
        )
    try:
        return _Export(catalog, output, tables).run(agency, progress)
    except OSError as error:
        raise ArchiveWriteError(
            f"export dataset: {output} cannot be written ({error.strerror or error}); make room or choose another;"
            " run it again, it goes on",
            zh=f"export dataset：不能写入 {output}（{error.strerror or error}）；请腾出空间或另选目录；再次运行即可接着写",
        ) from error


class _Export:
    def __init__(self, catalog: Catalog, output: Path, tables: Sequence[Table]) -> None:
        self._catalog, self._output, self._tables = catalog, output, tables
        self._made = Made()
        self._states: dict[str, dict[str, Any]] = {}

    def run(self, agency: str | None, progress: Callable[[str], None]) -> Made:
        """Export; what an earlier run left half done is done again."""
        (self._output / STATE).mkdir(parents=True, exist_ok=True)
        for part in self._output.glob("**/.*.part"):
            part.unlink()
        self._states = {
            path.stem: json.loads(path.read_text("utf-8")) for path in (self._output / STATE).glob("*.json")
        }
        writes = count_writes(self._catalog)
        wanted = [name for name in writes if agency in {None, name}]
        stale = [name for name in wanted if self._states.get(name, {}).get("token") != self._token(writes[name])]
        gone = [] if agency is not None else [name for name in self._states if name not in writes]
        unfinished = self._output / STATE / _UNFINISHED
        if stale or gone:
            unfinished.touch()
        for name in gone:
            self._remove(name)
        for name in stale:
            progress(name)
            self._agency(name)
        if unfinished.exists():
            for table in self._tables:
                if table.whole:
                    progress(table.resource.name)
                    self._whole(table, wanted)
        self._made.kept += sum(len(self._states[name]["files"]) for name in wanted if name not in stale)
        self._describe()
        unfinished.unlink(missing_ok=True)
        return self._made

    def _token(self, writes: int) -> str:
        """Return what says whether an agency's files are still what the catalog holds: its writes, what is withheld, the tables."""
        hidden = ",".join(sorted(self._catalog.file.withheld))
        names = ",".join(f"{table.resource.name}({' '.join(table.resource.names)})" for table in self._tables)
        return hashlib.sha256(f"{FORMAT}|{writes}|{hidden}|{names}".encode()).hexdigest()

    def _agency(self, agency: str) -> None:
        """Write the files of an agency, from one view of the catalog; then say so."""
        self._made.agencies += 1
        with self._catalog.snapshot():
            token = self._token(count_writes(self._catalog)[agency])
            files: dict[str, Any] = {}
            for table in self._tables:
                if not table.whole:
                    with closing(table.rows(self._catalog, agency)) as rows:
                        files |= self._table(table, agency, rows)
        whole = {table.resource.name for table in self._tables if table.whole}
        self._tidy(agency, files, lambda path: path.partition("/")[0] not in whole)
        self._put_state(agency, token)

    def _whole(self, table: Table, agencies: Iterable[str]) -> None:
        """Write a table whose rows come in the order of agencies."""
        wanted = set(agencies)
        with closing(table.rows(self._catalog, None)) as rows:
            found: dict[str, dict[str, Any]] = {}
            for agency, some in groupby(rows, key=lambda row: row[table.of]):
                if agency in wanted:
                    found[agency] = self._table(table, agency, some)
        for agency in sorted(wanted):
            self._tidy(agency, found.get(agency, {}), lambda path: path.partition("/")[0] == table.resource.name)
            self._put_state(agency, self._states[agency].get("token"))

    def _table(self, table: Table, agency: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Write one table of an agency; returns what lies there, by path. A file that is the same stays."""
        folder = self._output / table.resource.name / f"agency={agency}"
        files: dict[str, Any] = {}
        with PartitionWriter(folder, table.resource, table.day, without=table.of) as writer:
            for row in rows:
                writer.put(row)
            for part in writer.close():
                path = part.path.relative_to(self._output).as_posix()
                said = {"rows": part.rows, "bytes": part.temporary.stat().st_size, "sha256": _digest(part.temporary)}
                if self._state(agency)["files"].get(path) == said and part.path.exists():
                    part.temporary.unlink()
                    self._made.kept += 1
                else:
                    part.temporary.replace(part.path)
                    self._made.written += 1
                files[path] = said
        return files

    def _state(self, agency: str) -> dict[str, Any]:
        return self._states.setdefault(agency, {"token": None, "files": {}})

    def _tidy(self, agency: str, files: Mapping[str, Any], mine: Callable[[str], bool]) -> None:
        """Take away the files of earlier exports that these took the place of, with the folders that they leave empty."""
        known = self._state(agency)["files"]
        for path in [path for path in known if mine(path) and path not in files]:
            self._unlink(path)
            del known[path]
        known.update(files)

    def _unlink(self, path: str) -> None:
        target = self._output / path
        target.unlink(missing_ok=True)
        self._made.removed += 1
        for folder in target.parents:
            if folder == self._output or any(folder.iterdir()):
                break
            folder.rmdir()

    def _remove(self, agency: str) -> None:
        """Take away an agency that the catalog does not have any more."""
        for path in self._states.pop(agency)["files"]:
            self._unlink(path)
        (self._output / STATE / f"{agency}.json").unlink()

    def _put_state(self, agency: str, token: str | None) -> None:
        said = {"token": token, "files": dict(sorted(self._state(agency)["files"].items()))}
        self._states[agency] = said
        _replace(self._output / STATE / f"{agency}.json", json.dumps(said, ensure_ascii=False, indent=1) + "\n")

    def _describe(self) -> None:
        """Write the data package's descriptor."""
        described = []
        for table in self._tables:
            resource, begin = table.resource, f"{table.resource.name}/"
            files = {
                path: said
                for state in self._states.values()
                for path, said in state["files"].items()
                if path.startswith(begin)
            }
            self._made.rows[resource.name] = sum(said["rows"] for said in files.values())
            parts = ["agency", "year"] if table.day else ["agency"]
            described.append(
                {
                    "name": resource.name.replace("_", "-"),
                    "path": sorted(files),
                    "title": f"{resource.zh} / {resource.name}",
                    "description": resource.en,
                    "format": "parquet",
                    "mediatype": "application/vnd.apache.parquet",
                    "bytes": sum(said["bytes"] for said in files.values()),
                    "partitions": {"by": parts, "year": table.day},
                    "schema": {
                        "fields": [describe_field(one, "csv") for one in resource.fields if one.name != table.of],
                        "primaryKey": list(resource.key),
                    },
                }
            )
        descriptor = {
            "profile": "data-package",
            "name": "govcrawl-dataset",
            "title": "政务公开档案 / disclosure archive",
            "resources": described,
        }
        _replace(self._output / DESCRIPTOR, json.dumps(descriptor, ensure_ascii=False, indent=1) + "\n")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _replace(path: Path, text: str) -> None:
    """Give a file another content at once."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_text(text, "utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
