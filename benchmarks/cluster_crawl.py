"""A round of N agencies on worker processes of this machine and on Ray's nodes, and with a node killed in mid-flight.

``python -m benchmarks.cluster_crawl [--agencies N] [--documents D] [--nodes 1,2] [--json FILE]``: each agency is a host of its own, led to one
server on loopback. Every way begins with an empty archive and must end with every document, no capture twice and nothing for
``govcrawl verify`` to find; else the exit code is 1.
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
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.agencies import NOBODY, environment_of, write_agencies
from benchmarks.cluster import BEGUN_AGAIN, KILLED_AT, MEBIBYTE, Watch
from benchmarks.nodes import Nodes
from benchmarks.pipeline import ask_tally, machine_facts, serve_site

if TYPE_CHECKING:
    from collections.abc import Sequence

LEASE_SECONDS = 40  # what a group of a node that died waits for at most; 180 as the program comes


@dataclass(frozen=True, slots=True)
class Row:
    """What one way cost."""

    engine: str
    seconds: float
    peak_rss_mib: float
    requests: int  # that the server got
    captures: int
    redone: int  # groups lent again
    whole: bool


class Bench:
    """The agencies, and ways of crawling them."""

    def __init__(self, folder: Path, port: int, agencies: int) -> None:
        self.folder = folder
        self._port = port
        write_agencies(folder / "spiders", agencies)
        self._environment = {**environment_of(folder, port), "GOVCRAWL_LANG": "en"}
        self._documents: int | None = None

    def run(self, engine: str, more: Sequence[str], nodes: Nodes | None, kill: tuple[str, float] | None = None) -> Row:
        """Crawl once, into an empty archive; ``kill`` is a node and after how many seconds it is killed."""
        for name in ("data", "state"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        given = ("DOWNLOAD_DELAY=0", f"SPIDER_MODULES={NOBODY}", f"GOVCRAWL_LEASE_SECONDS={LEASE_SECONDS}")
        line = ["recrawl", "--all", *more, *(word for one in given for word in ("-s", one))]
        ask_tally(f"http://127.0.0.1:{self._port}")
        began = time.monotonic()
        pipe = subprocess.PIPE
        with subprocess.Popen(  # noqa: S603 - our own command
            self._program(line), env=self._environment, cwd=self.folder, text=True, stdout=pipe, stderr=pipe
        ) as process:
            watch = Watch([process.pid, *([nodes.pid] if nodes else [])])
            watch.start()
            if kill and nodes:
                time.sleep(kill[1])
                nodes.kill(kill[0])
            out, err = process.communicate()
        seconds = time.monotonic() - began
        if process.returncode:
            raise SystemExit(f"{' '.join(line)} ended with {process.returncode}:\n{out[-2000:]}\n{err[-3000:]}")
        redone = int(err.partition(BEGUN_AGAIN)[2].split()[0]) if BEGUN_AGAIN in err else 0
        if redone:
            print(err.rstrip())  # what happened, and what became of it
        requests = ask_tally(f"http://127.0.0.1:{self._port}")["requests"]
        captures, whole = self._look()
        row = Row(engine, seconds, watch.end() / MEBIBYTE, requests, captures, redone, whole)
        print(
            f"{row.engine:36} {row.seconds:7.2f} s {row.peak_rss_mib:7.0f} MiB {row.requests:6} requests {row.captures:6} captures "
            f"{row.redone:3} groups lent again {'' if row.whole else '  NOT WHOLE'}",
            flush=True,
        )
        return row

    def _program(self, line: Sequence[str]) -> list[str]:
        return [sys.executable, "-c", "from govcrawl.cli import main; main()", *line]

    def _look(self) -> tuple[int, bool]:
        """Return how many captures there are, and whether the archive is whole."""
        with contextlib.closing(sqlite3.connect(self.folder / "data" / "catalog.db")) as db:
            captures, different = db.execute("SELECT COUNT(*), COUNT(DISTINCT record_id) FROM captures").fetchone()
            (documents,) = db.execute("SELECT COUNT(*) FROM documents").fetchone()
        checked = subprocess.run(  # noqa: S603 - our own command
            self._program(["verify"]), env=self._environment, cwd=self.folder, capture_output=True, check=False
        )
        self._documents = self._documents or documents
        return captures, captures == different and documents == self._documents and checked.returncode == 0


def measure(bench: Bench, counts: Sequence[int]) -> list[Row]:
    """Measure every way."""
    rows = [bench.run(f"processes: {count}", ["--processes", str(count)], None) for count in (1, 2)]
    for count in counts:
        with Nodes(environment={"GOVCRAWL_STATE": str(bench.folder / "state")}) as nodes:
            hosts = [nodes.add() for _ in range(count - 1)]
            ray = ["--engine", "ray", "--address", nodes.address]
            name = f"ray, {count} node" + ("s" if count > 1 else "")
            rows.append(bench.run(f"{name}, shards sent", ray, nodes))
            shared = bench.run(f"{name}, shared folder", [*ray, "--shared"], nodes)
            rows.append(shared)
            if hosts:
                kill = hosts[-1], shared.seconds * KILLED_AT
                rows.append(bench.run(f"{name}, shared, one killed", [*ray, "--shared"], nodes, kill))
    return rows


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agencies", type=int, default=40)
    parser.add_argument("--documents", type=int, default=10, help="of each agency")
    parser.add_argument("--nodes", default="1,2", help="how many nodes, in turn")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-cluster-") as name, serve_site(6 * options.documents) as port:
        folder = Path(name)
        facts = machine_facts(folder)
        print(
            f"{options.agencies} agencies, {os.cpu_count()} cores; " + ", ".join(f"{k} {v}" for k, v in facts.items())
        )
        bench = Bench(folder, port, options.agencies)
        rows = measure(bench, [int(count) for count in options.nodes.split(",")])
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2), "utf-8")
    return 0 if all(row.whole for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
