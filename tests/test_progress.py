"""How far long work has come: told by what does it, shown on a terminal only."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from datadirs import make_data
from warcs import AGENCY

from archive.bag import export_bag
from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_exchange import Choice
from archive.cdxj import export_cdxj
from archive.excerpt import About
from archive.wacz import export_wacz

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ABOUT = About(title="海岛市司法局", software="crawler/1")


class Told:
    """Keeps what was told."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.total: Counter[str] = Counter()

    def __call__(self, what: str, done: int, total: int) -> None:
        self.done[what] += done
        self.total[what] += total


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two crawls."""
    return make_data(tmp_path_factory.mktemp("progress") / "data", 2)


def bag(catalog: Catalog, data: Path, told: Told, folder: Path) -> None:
    """Make a bag."""
    output = folder / "bag"
    export_bag(
        catalog, data, output, agency=AGENCY.name, about=ABOUT, day=date(2024, 4, 1), progress=told
    )  # fmt: skip
    assert told.total["checksums"] == sum(
        path.stat().st_size for path in (output / "data").rglob("*") if path.is_file()
    )


def wacz(catalog: Catalog, data: Path, told: Told, folder: Path) -> None:
    """Make a package of whole files."""
    del folder
    export_wacz(catalog, data, io.BytesIO(), choice=Choice(), name="all", about=ABOUT, progress=told)
    assert told.total["files"] == sum(path.stat().st_size for path in data.rglob("*.warc.gz"))


def part(catalog: Catalog, data: Path, told: Told, folder: Path) -> None:
    """Make a package of a part of the files."""
    del folder
    choice = Choice(until=date(2024, 3, 6))
    packed = export_wacz(catalog, data, io.BytesIO(), choice=choice, name="part", about=ABOUT, progress=told)
    assert told.total["captures"] == packed.captures


def cdxj(catalog: Catalog, data: Path, told: Told, folder: Path) -> None:
    """Write an index."""
    del folder
    assert 0 < export_cdxj(catalog, data, io.BytesIO(), progress=told) <= told.total["captures"]


@pytest.mark.parametrize("export", [bag, wacz, part, cdxj])
def test_what_was_announced_is_done(export: Callable[..., Any], data: Path, tmp_path: Path) -> None:
    """Each stage ends where it was said to end."""
    told = Told()
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        export(catalog, data, told, tmp_path)
    assert told.done["captures"]
    for what, total in told.total.items():
        assert total in {0, told.done[what]}, what


@pytest.mark.parametrize("command", [["wacz"], ["bag", "--agency", AGENCY.name], ["tables", "--format", "csv"]])
def test_a_bar_stands_on_a_terminal_only(command: list[str], data: Path, tmp_path: Path) -> None:
    """A terminal is shown how far it has come, a pipe is told the last line alone."""
    run = [
        sys.executable,
        "-c",
        "from govcrawl.cli import main; main()",
        "export",
        *command,
        "--data",
        str(data),
        "--output",
    ]
    environment = {**os.environ, "GOVCRAWL_LANG": "en", "TERM": "xterm", "COLUMNS": "100"}
    piped = subprocess.run([*run, str(tmp_path / "a")], capture_output=True, check=True, env=environment)
    assert piped.stderr.count(b"\n") == 1
    terminal, end = pty.openpty()
    with subprocess.Popen([*run, str(tmp_path / "b")], stderr=end, env=environment) as child:
        os.close(end)
        shown = b""
        with suppress(OSError):  # Linux says the end of a terminal so (EIO)
            while piece := os.read(terminal, 65_536):
                shown += piece
    os.close(terminal)
    assert child.returncode == 0
    assert b"WARC files" in shown or b"exporting tables" in shown
