"""Re-extraction and verification of the same WARC files by the pool and by Ray on one, two and three nodes, and with a node killed.

``python -m benchmarks.cluster [--pages N] [--files F] [--nodes 1,2,3] [--json FILE]``: the generated site is crawled once into some F WARC
files; then each way reads them again. Nodes are processes of this machine with one processor each: what is measured is what Ray costs
beside the pool and what a death costs, not what more machines bring. Exit code 1 when a way does not leave the same catalog.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import rss_bytes
from benchmarks.nodes import Nodes
from benchmarks.pipeline import PACKAGES, ROOT, command_of, machine_facts, serve_site

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGES, FILES = 300, 12
BYTES_A_PAGE = 18_000  # of WARC, compressed
KILLED_AT = 0.5  # of the time that the same took with nobody killed
MEBIBYTE = 1 << 20
SAMPLE_SECONDS = 0.1
BEGUN_AGAIN = "begun again "


@dataclass(frozen=True, slots=True)
class Row:
    """What one way cost."""

    work: str
    engine: str
    seconds: float
    peak_rss_mib: float  # of the command and of all nodes, pages they share counted in each
    redone: int  # files begun again
    same: bool  # the catalog, or the findings, are the pool's


class Watch(threading.Thread):
    """Looks at how much memory some processes and their descendants have together."""

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self._pids = pids
        self._over = threading.Event()
        self.peak_bytes = 0

    def run(self) -> None:
        """Look until told to end."""
        while not self._over.wait(SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, sum(map(rss_bytes, descendants(self._pids))))

    def end(self) -> int:
        """Return the most that it was, in bytes."""
        self._over.set()
        self.join()
        return self.peak_bytes


def descendants(pids: Sequence[int]) -> set[int]:
    """Return processes with everything that they started."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, todo = set(), list(pids)
    while todo:
        pid = todo.pop()
        found.add(pid)
        todo += children.get(pid, [])
    return found


class Bench:
    """The archive, and ways of reading it again."""

    def __init__(self, folder: Path, pages: int, files: int) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.pages = pages
        with serve_site(pages) as port:
            command, self._environment = command_of("govcrawl", port, self.data)
            more = ["-s", f"GOVCRAWL_WARC_MAX_BYTES={pages * BYTES_A_PAGE // files}"]
            log = (folder / "crawl.log").open("wb")
            with log:
                subprocess.run(  # noqa: S603 - our own command
                    [sys.executable, *command, *more],
                    check=True,
                    env=self._environment,
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                )
        self._environment["GOVCRAWL_LANG"] = "en"
        self.set_readers(1)
        paths = os.pathsep.join([str(folder), str(ROOT)])
        self._environment |= {"SCRAPY_SETTINGS_MODULE": "clustersettings", "PYTHONPATH": paths}
        self.files = len(list(self.data.glob("warc/*/*.warc.gz")))
        self._first = dict.fromkeys(("reextract", "verify"), "")

    def set_readers(self, count: int) -> None:
        """Have pages read by so many processes of this machine."""
        package = PACKAGES["govcrawl"]
        text = f'from govcrawl.settings import *\nSPIDER_MODULES = ["{package}"]\nGOVCRAWL_READERS = {count}\n'
        (self.folder / "clustersettings.py").write_text(text, "utf-8")

    def run(
        self,
        work: str,
        engine: str,
        arguments: Sequence[str],
        nodes: Nodes | None,
        kill: tuple[str, float] | None = None,
    ) -> Row:
        """Do something once; ``kill`` is a node and after how many seconds it is killed."""
        with contextlib.closing(sqlite3.connect(self.data / "catalog.db")) as db, db:
            db.execute("UPDATE versions SET extractor_version = '0', author = 'older'")
        line = [sys.executable, "-m", "benchmarks.cluster", "--govcrawl", work, *arguments]
        began = time.monotonic()
        with subprocess.Popen(  # noqa: S603 - our own command
            line, env=self._environment, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            watch = Watch([process.pid, *([nodes.pid] if nodes else [])])
            watch.start()
            if kill and nodes:
                time.sleep(kill[1])
                nodes.kill(kill[0])
            out, err = process.communicate()
        seconds = time.monotonic() - began
        if process.returncode:
            raise SystemExit(f"{' '.join(line)} ended with {process.returncode}:\n{err[-3000:]}")
        redone = int(err.partition(BEGUN_AGAIN)[2].split()[0]) if BEGUN_AGAIN in err else 0
        found = self._result(work, out)
        first = self._first[work] = self._first[work] or found
        row = Row(work, engine, seconds, watch.end() / MEBIBYTE, redone, found == first)
        print(
            f"{row.work:10} {row.engine:34} {row.seconds:7.2f} s {self.pages / row.seconds:7.1f} pages/s {row.peak_rss_mib:7.0f} MiB "
            f"{row.redone:3} files redone {'' if row.same else '  ANOTHER RESULT'}",
            flush=True,
        )
        return row

    def _result(self, work: str, out: str) -> str:
        """Return what has to be equal, as a digest: lines of findings, or rows of versions but when they were read."""
        if work == "verify":
            return sha256(out.encode()).hexdigest()
        digest = sha256()
        with contextlib.closing(sqlite3.connect(self.data / "catalog.db")) as db:
            names = [row[1] for row in db.execute("PRAGMA table_info(versions)") if row[1] != "reextracted_at"]
            for row in db.execute(f"SELECT {', '.join(names)} FROM versions ORDER BY id"):  # noqa: S608 - SQLite's own names
                digest.update(repr(row).encode())
        return digest.hexdigest()


def measure(bench: Bench, counts: Sequence[int]) -> list[Row]:
    """Measure every way."""
    rows = []
    for work in ("reextract", "verify"):
        for processes in (1, 2):
            more = ["--jobs", str(processes)] if work == "verify" else []
            name = f"pool, {processes} process" + ("es" if processes > 1 else "")
            bench.set_readers(processes)
            rows.append(bench.run(work, name, more, None))
        bench.set_readers(1)
        for count in counts:
            with Nodes() as nodes:
                hosts = [nodes.add() for _ in range(count - 1)]
                ray = ["--engine", "ray", "--address", nodes.address]
                name = f"ray, {count} node" + ("s" if count > 1 else "")
                sent = bench.run(work, f"{name}, files sent", ray, nodes)
                rows += [sent, bench.run(work, f"{name}, shared folder", [*ray, "--shared"], nodes)]
                if hosts:
                    kill = hosts[-1], sent.seconds * KILLED_AT
                    rows.append(bench.run(work, f"{name}, sent, one killed", ray, nodes, kill))
    return rows


def main() -> int:
    """Measure, print, and return the exit code."""
    if sys.argv[1:2] == ["--govcrawl"]:
        from govcrawl.cli import main as govcrawl  # noqa: PLC0415 - a child of this benchmark is the program

        sys.argv = ["govcrawl", *sys.argv[2:]]
        govcrawl()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--files", type=int, default=FILES, help="WARC files, about")
    parser.add_argument("--nodes", default="1,2,3", help="how many nodes, in turn")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="benchmark-cluster-"))
    try:
        bench = Bench(folder, options.pages, options.files)
        facts = machine_facts(folder)
        print(
            f"{bench.pages} documents in {bench.files} WARC files; " + ", ".join(f"{k} {v}" for k, v in facts.items())
        )
        rows = measure(bench, [int(count) for count in options.nodes.split(",")])
    finally:
        shutil.rmtree(folder)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2), "utf-8")
    return 0 if all(row.same for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
