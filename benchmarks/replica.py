"""A replica of thousands of agencies' hosts on loopback, and what a round over all of them costs.

Each agency has an address of its own (127.16.0.0 and up, which never leave this machine) and so is a server group of its own;
a fifth of them belong to platforms of ten, which are one group each. One process answers on all addresses
(``python -m benchmarks.replica ADDRESSES DOCUMENTS``). Measured by ``python -m benchmarks.agencies --replica``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections import defaultdict
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import run_measured
from benchmarks.server import Connection, Pages, Server
from benchmarks.site import make_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Cost

ROOT = Path(__file__).resolve().parent.parent
FIRST_ADDRESS = IPv4Address("127.16.0.1")
PLATFORM_EVERY = 5  # each fifth agency is on a platform …
PLATFORM_SIZE = 10  # … of so many
HOURS = "0.00001"  # between two crawls of an agency: all are due again at once
FILE = '''"""示例市司法局 {number}, a fictional agency of a benchmark."""

from spiders.templates.trt import FujianTrt


class {name}(FujianTrt):
    """示例市司法局 {number}."""

    name = "{name}"
    agency = "示例市司法局"
    base_url = "http://{address}:{port}"
    channels = {{"公告公示": "/zwgk/gsgg/"}}
    server_group = "{group}"
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One round, and what it left behind."""

    name: str
    processes: int
    wall_seconds: float
    start_seconds: float  # until the first request came in
    cpu_seconds: float
    cpu_ms_each: float  # beyond a round of one agency
    kib_each: float  # of the largest process, beyond that of a round of one agency
    largest_rss_mib: float
    peak_rss_mib: float  # of all processes together, readers included, pages they share counted in each
    requests: int
    warc_bytes_each: float
    catalog_bytes_each: float
    unfinished: int  # crawls that did not end as finished
    lock_errors: int
    overlaps: int  # pairs of crawls of one server group that went on in two processes at a time


def address(place: int) -> str:
    """Return the address of an agency's host."""
    return str(FIRST_ADDRESS + place)


def write_agencies(folder: Path, number: int, port: int) -> list[str]:
    """Write agencies as files into a new folder; return their names."""
    folder.mkdir(parents=True)
    names = []
    for place in range(number):
        on_platform = place % PLATFORM_EVERY == 0
        group = f"platform{place // PLATFORM_EVERY // PLATFORM_SIZE}" if on_platform else ""
        name = f"r{place:05d}_sfj"
        text = FILE.format(number=place, name=name, address=address(place), port=port, group=group)
        (folder / f"{name}.py").write_text(text, "utf-8")
        names.append(name)
    return names


@contextmanager
def serve_replica(addresses: int, documents: int) -> Iterator[int]:
    """Serve from another process; yield the port, the same at every address."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "benchmarks.replica", str(addresses), str(documents)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as process:  # noqa: S603 - our own command
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            yield int(process.stdout.readline() or 0)
        finally:
            process.terminate()


class Replica:
    """A data directory that rounds over the replica are run into.

    Args:
        folder: with ``spiders``; data and state go beside it.
        agencies: how many there are.
        environment: of the commands.
        settings: options of every round.
    """

    def __init__(self, folder: Path, agencies: int, environment: dict[str, str], settings: list[str]) -> None:
        self._folder = folder
        self._agencies = agencies
        self._environment = environment
        self._settings = settings
        self._base: Cost | None = None

    def measure(self, name: str, port: int, processes: int) -> Run:
        """Run a round over all agencies."""
        before, began_id = self._sizes(), self._last_turn()
        _ask(port, "/-/tally")
        cost = self._round(["--due", "--processes", str(processes)])
        told = json.loads(_ask(port, "/-/tally"))
        warc, catalog = (after - one for after, one in zip(self._sizes(), before, strict=True))
        further = max(1, self._agencies - 1)
        base = self._base or cost
        return Run(
            name=name,
            processes=processes,
            wall_seconds=cost.ended_at - cost.began_at,
            start_seconds=(told["first_at"] or cost.ended_at) - cost.began_at,
            cpu_seconds=cost.cpu_seconds,
            cpu_ms_each=1000 * (cost.cpu_seconds - base.cpu_seconds) / further,
            kib_each=(cost.largest_rss_bytes - base.largest_rss_bytes) / 1024 / further,
            largest_rss_mib=cost.largest_rss_bytes / 2**20,
            peak_rss_mib=cost.peak_rss_bytes / 2**20,
            requests=told["requests"],
            warc_bytes_each=warc / self._agencies,
            catalog_bytes_each=catalog / self._agencies,
            unfinished=self._unfinished(),
            lock_errors=(self._folder / "log.txt").read_text("utf-8", "replace").count("database is locked"),
            overlaps=count_overlaps(self._folder, began_id),
        )

    def measure_base(self, agency: str) -> None:
        """Run a round over one agency, crawled before: what a round costs whatever it crawls."""
        self._base = self._round(["--agency", agency])

    def _round(self, options: list[str]) -> Cost:
        program = "from govcrawl.cli import main; main()"
        command = [sys.executable, "-c", program, "recrawl", *options, *self._settings]
        return run_measured(command, self._environment, self._folder / "log.txt", self._folder)

    def _sizes(self) -> tuple[int, int]:
        data = self._folder / "data"
        warc = sum(path.stat().st_size for path in (data / "warc").rglob("*.warc.gz"))
        return warc, sum(path.stat().st_size for path in data.glob("catalog.db*"))

    def _last_turn(self) -> int:
        return int(self._rows("state/governor.db", "SELECT COALESCE(MAX(id), 0) FROM audit")[0][0])

    def _unfinished(self) -> int:
        sql = "SELECT COUNT(DISTINCT agency), COUNT(*) FILTER (WHERE outcome <> 'finished') FROM crawls"
        ((agencies, unfinished),) = self._rows("data/catalog.db", sql)
        return int(self._agencies - agencies + unfinished)

    def _rows(self, file: str, sql: str) -> list[tuple[int, ...]]:
        if not (self._folder / file).exists():
            return [(0, 0)]
        with closing(sqlite3.connect(self._folder / file)) as db:
            return db.execute(sql).fetchall()


def count_overlaps(folder: Path, after_id: int = 0) -> int:
    """Count crawls of one server group that two processes made at a time, as the governor's book of turns has it.

    A crawl lasts from its first turn to its last; ``after_id`` is that of the last turn before.
    """
    sql = "SELECT group_name, agency, pid, MIN(at), MAX(at) FROM audit WHERE id > ? GROUP BY 1, 2, 3"
    with closing(sqlite3.connect(folder / "state" / "governor.db")) as db:
        rows = db.execute(sql, (after_id,)).fetchall()
    of_group = defaultdict(list)
    for group, _, pid, first, last in rows:
        of_group[group].append((pid, first, last))
    return sum(
        one[0] != other[0] and one[1] <= other[2] and other[1] <= one[2]
        for crawls in of_group.values()
        for one, other in combinations(crawls, 2)
    )


def print_runs(runs: list[Run]) -> None:
    """Print a line for each round."""
    for run in runs:
        print(
            f"{run.name}, {run.processes} process{'es' if run.processes > 1 else ''}: "
            f"{run.wall_seconds:.1f} s wall, first request after {run.start_seconds:.1f} s, {run.cpu_seconds:.1f} s CPU "
            f"({run.cpu_ms_each:.1f} ms each), largest process {run.largest_rss_mib:.0f} MiB ({run.kib_each:.0f} KiB each), all "
            f"{run.peak_rss_mib:.0f} MiB; {run.requests} requests; each {run.warc_bytes_each:.0f} bytes of WARC, "
            f"{run.catalog_bytes_each:.0f} of catalog; not finished {run.unfinished}, lock errors {run.lock_errors}, "
            f"groups in two processes at once {run.overlaps}"
        )


def write_runs(runs: list[Run], file: Path) -> None:
    """Write the figures as JSON."""
    file.write_text(json.dumps([asdict(run) for run in runs], indent=2) + "\n", "utf-8")


def _ask(port: int, path: str) -> str:
    with socket.create_connection((address(0), port), timeout=30) as asking:
        asking.sendall(f"GET {path} HTTP/1.1\r\nHost: replica\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.rstrip().endswith(b"}"):
            answer += asking.recv(65536)
    return answer.partition(b"\r\n\r\n")[2].decode()


async def _serve(addresses: int, documents: int) -> None:
    """Serve until the process is ended."""
    server = Server(Pages(make_site(documents)))
    loop, port, listening = asyncio.get_running_loop(), 0, []
    for place in range(addresses):
        one = await loop.create_server(lambda: Connection(server), address(place), port)
        port = one.sockets[0].getsockname()[1]
        listening.append(one)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await listening[0].serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("addresses", type=int)
    parser.add_argument("documents", type=int)
    asked = parser.parse_args()
    asyncio.run(_serve(asked.addresses, asked.documents))
