"""An agency as a bag: every payload file is named with its digest, and nothing half-made appears."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import date
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from datadirs import make_data, manifests_in, warcs_in
from warcs import AGENCY

from archive.bag import export_bag
from archive.catalog import CATALOG_NAME, Catalog
from archive.errors import ArchiveBusy, ArchiveWriteError, CatalogError, DigestMismatch
from archive.excerpt import About
from govcrawl.cli import main

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = About(title="海岛市司法局\n第二行", software="crawler/1")


def make_bag(data: Path, output: Path, agency: str = AGENCY.name) -> int:
    """Make a bag."""
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        return export_bag(catalog, data, output, agency=agency, about=ABOUT, day=date(2024, 4, 1))


def manifest_of(path: Path) -> dict[str, str]:
    """A manifest as digests by path."""
    pairs = (line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in pairs}


def digests_of(folder: Path, *names: str) -> dict[str, str]:
    """Digests of files by path."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def everything_in(folder: Path) -> set[Path]:
    """Everything in a folder but the files that SQLite keeps beside an open catalog."""
    return {path for path in folder.rglob("*") if not path.name.startswith(f"{CATALOG_NAME}-")}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two crawls."""
    return make_data(tmp_path / "data", 2)


def test_bag(data: Path, tmp_path: Path) -> None:
    """Payload and tag manifests name every file with its digest; the declaration and sizes are right (RFC 8493)."""
    bag = tmp_path / "bag"
    assert make_bag(data, bag) == 2
    payload = [path.relative_to(bag).as_posix() for path in (bag / "data").rglob("*") if path.is_file()]
    assert manifest_of(bag / "manifest-sha256.txt") == digests_of(bag, *payload)
    tags = ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")
    assert manifest_of(bag / "tagmanifest-sha256.txt") == digests_of(bag, *tags)
    assert (bag / "bagit.txt").read_text() == "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    info = dict(line.split(": ", 1) for line in (bag / "bag-info.txt").read_text(encoding="utf-8").splitlines())
    bagged = sum((bag / name).stat().st_size for name in payload)
    assert info["Payload-Oxum"] == f"{bagged}.{len(payload)}"
    assert (info["External-Description"], info["Bagging-Date"]) == ("海岛市司法局 第二行", "2024-04-01")


def test_payload(data: Path, tmp_path: Path) -> None:
    """WARC files and manifests lie as in the data directory, so that the agency's own manifests still check."""
    bag = tmp_path / "bag"
    make_bag(data, bag)
    for path in (*warcs_in(data), *manifests_in(data)):
        assert (bag / "data" / path.relative_to(data)).read_bytes() == path.read_bytes()
    assert len((bag / "data" / "documents.jsonl").read_bytes().splitlines()) == 2
    index = (bag / "data" / "index.cdxj").read_text(encoding="utf-8")
    assert all(
        (bag / "data" / name).is_file() for name in {line.split('"filename": "')[1][:-2] for line in index.splitlines()}
    )
    for manifest in manifests_in(data):
        command = ["sha256sum", "--quiet", "-c", str(bag / "data" / manifest.relative_to(data))]
        assert subprocess.run(command, cwd=bag / "data", check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("case", ["changed", "open", "there", "unknown", "no folder"])
def test_no_half_made_bag(data: Path, tmp_path: Path, case: str) -> None:
    """What cannot be bagged raises, and leaves nothing behind and everything as it was."""
    bag = tmp_path / "out" / "bag"
    if case != "no folder":
        bag.parent.mkdir()
    agency, expected = (
        AGENCY.name,
        {
            "changed": DigestMismatch,
            "open": ArchiveBusy,
            "there": ArchiveWriteError,
            "unknown": CatalogError,
            "no folder": ArchiveWriteError,
        }[case],
    )
    if case == "changed":
        warcs_in(data)[1].write_bytes(b"changed")
    elif case == "open":
        with Catalog.open(data / CATALOG_NAME) as catalog, catalog.atomic():
            catalog.file.execute("UPDATE warc_files SET closed_at = NULL")
    elif case == "there":
        bag.mkdir()
    elif case == "unknown":
        agency = "nobody"
    elif case == "no folder":
        bag.parent.write_text("a file")
    before = everything_in(tmp_path)
    with pytest.raises(expected):
        make_bag(data, bag, agency)
    assert everything_in(tmp_path) == before


def test_command(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``govcrawl export bag`` makes a bag and says how many WARC files it has; a relative directory will do."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner(env={"GOVCRAWL_LANG": "en"}).invoke(
        main, ["export", "bag", "--agency", AGENCY.name, "--data", str(data), "--output", "b"]
    )
    assert (result.exit_code, "2 WARC files written to b" in result.stderr) == (0, True)
    assert (tmp_path / "b" / "bagit.txt").is_file()
