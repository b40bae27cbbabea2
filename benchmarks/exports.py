"""Exports of documents in every format: rows a second and peak memory (``python3 run.py python -m benchmarks.exports``).

Makes two invented catalogs, one ten times the other, and runs ``govcrawl export documents`` on both in each format, as a command of its
own. Memory is the command's largest resident set. The bar: ten times the rows take no more than a quarter more memory.

    python3 run.py python -m benchmarks.exports                                # 100,000 documents
    python3 run.py python -m benchmarks.exports --documents 2000               # a small one

The exit code is 1 where memory grows, or a row is missing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from archive.catalog import CATALOG_NAME, Catalog
from benchmarks.copied_catalog import Copier
from benchmarks.made_catalog import Maker, Plan
from benchmarks.measure import run_measured

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMATS = ("parquet", "csv", "xlsx", "jsonl")
TIMES = 10
MOST_GROWTH = 1.25
"""Peak memory of the large export, of the small one's."""


class Written(NamedTuple):
    """One export: what it took."""

    form: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    file_bytes: int

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.form:8} {self.rows:8} rows {self.rows / self.seconds:8.0f} rows/s {self.rows / self.cpu_seconds:8.0f} rows/CPU s"
            f" {self.peak_bytes / 1e6:7.0f} MB peak {self.file_bytes / 1e6:8.1f} MB file"
        )


def make(folder: Path, documents: int, characters: int, copies: int) -> None:
    """Make a catalog of so many documents."""
    folder.mkdir()
    part = documents // copies
    plan = Plan(part, 2 * part, max(1, part // 500), rounds=4, characters=characters)
    with Catalog.open(folder / CATALOG_NAME) as catalog:
        catalog.file.execute("PRAGMA synchronous = OFF")
        Maker(catalog, plan).make()
        copier = Copier(catalog)
        for _ in range(copies - 1):
            copier.copy()


def write(data: Path, form: str, folder: Path) -> Written:
    """Export; returns what it took."""
    target = folder / f"documents.{form}"
    arguments = ("export", "documents", "--format", form, "--output", str(target), "--data", str(data))
    command = [sys.executable, "-c", "from govcrawl.cli import main; main()", *arguments]
    log = folder / f"{form}.log"
    cost = run_measured(command, {**os.environ, "GOVCRAWL_LANG": "en"}, log, folder)
    rows = int(log.read_text("utf-8").split(" documents")[0].split()[-1].replace(",", ""))
    done = Written(
        form, rows, cost.ended_at - cost.began_at, cost.cpu_seconds, cost.largest_rss_bytes, target.stat().st_size
    )
    target.unlink()
    return done


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, export, compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--characters", type=int, default=1_100, help="mean length of a text")
    parser.add_argument("--only", action="append", choices=FORMATS, help="only this format; may be repeated")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args(arguments)
    ok = True
    figures = []
    with tempfile.TemporaryDirectory(prefix="govcrawl-exports-") as name:
        folder = Path(name)
        made = ((folder / "small", options.documents // TIMES, 1), (folder / "large", options.documents, TIMES))
        for (
            data,
            documents,
            copies,
        ) in made:  # in a process of its own: a command begins with the memory of who starts it
            maker = multiprocessing.get_context("spawn").Process(
                target=make, args=(data, documents, options.characters, copies)
            )
            maker.start()
            maker.join()
            if maker.exitcode:
                raise ChildProcessError(
                    f"the catalog of {documents} documents was not made: exit code {maker.exitcode}"
                )
        for form in options.only or FORMATS:
            small, large = write(folder / "small", form, folder), write(folder / "large", form, folder)
            growth = large.peak_bytes / small.peak_bytes
            held = growth <= MOST_GROWTH
            ok = ok and held
            print(
                f"{small}\n{large}\n{'':8} memory x {growth:.2f} (bar {MOST_GROWTH}) {'ok' if held else 'MISSED'}",
                flush=True,
            )
            figures += [small._asdict(), large._asdict()]
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
