"""What many agencies in one process cost: ``python3 run.py python -m benchmarks.agencies [--agencies N] [--at-once K]``.

N invented agencies on hosts of their own (all led to one server on loopback by GOVCRAWL_CONNECT_TO), each with a list of a few
documents, declared in a folder of one's own (GOVCRAWL_SPIDERS). Timed: ``govcrawl recrawl --due --dry-run``; the first crawl of all;
a recrawl of all with nothing changed; the same three for one agency; and ``scrapy crawl`` in processes of their own. What a further
agency costs is the difference between all and one, by their number. The exit code is 1 when a crawl failed or a bar is missed.

With ``--replica`` the agencies (3,000) have addresses of their own, and ``govcrawl recrawl --due`` goes over all of them with one
process and with two: start-up, wall and CPU time, memory, bytes; no lock error, and no server group in two processes at once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import replica
from benchmarks.measure import CommandFailed, Cost, file_system, run_measured
from benchmarks.pipeline import serve_site
from benchmarks.replica import HOURS, serve_replica

ROOT = Path(__file__).resolve().parent.parent
AGENCIES = 400
REPLICA = 3000
SEPARATE = 5
MOST_CPU_MS = 20.0  # bars, each beyond the first agency
MOST_KIB = 300.0
LEAST_JUDGED = 200
NOBODY = "nobody"  # a package of agencies in which there are none: the project's own stay out of it
FILE = '''"""示例市司法局 {number}, a fictional agency of a benchmark."""

from spiders.templates.trt import FujianTrt


class {name}(FujianTrt):
    """示例市司法局 {number}."""

    name = "{name}"
    agency = "示例市司法局"
    base_url = "http://sfj{number}.agencies.test"
    channels = {{"公告公示": "/zwgk/gsgg/"}}
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """What each agency beyond the first cost."""

    cpu_ms: float
    kib: float

    @classmethod
    def of(cls, all_of_them: Cost, one: Cost, agencies: int) -> Beyond:
        """Compare two runs."""
        further = max(1, agencies - 1)
        return cls(
            cpu_ms=1000 * (all_of_them.cpu_seconds - one.cpu_seconds) / further,
            kib=(all_of_them.largest_rss_bytes - one.largest_rss_bytes) / 1024 / further,
        )


def main() -> int:
    """Measure and report; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agencies", type=int, help=f"how many (default {AGENCIES}; of the replica {REPLICA})")
    parser.add_argument(
        "--replica", action="store_true", help="hosts with addresses of their own, one and two processes"
    )
    parser.add_argument("--documents", type=int, default=2, help="of each agency (default 2)")
    parser.add_argument("--at-once", type=int, default=50, help="crawlers side by side (default 50)")
    parser.add_argument("--separate", type=int, default=SEPARATE, help=f"crawls in processes of their own ({SEPARATE})")
    parser.add_argument("--dry", action="store_true", help="only what finding out what is due costs")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    options.agencies = options.agencies or (REPLICA if options.replica else AGENCIES)
    if options.replica:
        return _measure_replica(options)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, serve_site(6 * options.documents) as port:
        folder = Path(name)
        print(f"{platform.python_version()}, {os.cpu_count()} cores, data on {file_system(folder)}")
        try:
            return _measure(folder, port, options)
        except CommandFailed as error:
            print(f"benchmark failed: {error}", file=sys.stderr)
            return 1


def write_agencies(folder: Path, number: int) -> list[str]:
    """Write ``number`` agencies as files into a new folder; return their names."""
    folder.mkdir(parents=True)
    (folder.parent / NOBODY).mkdir()
    (folder.parent / NOBODY / "__init__.py").touch()
    names = [f"example{place:05d}_sfj" for place in range(number)]
    for place, name in enumerate(names):
        (folder / f"{name}.py").write_text(FILE.format(name=name, number=place), "utf-8")
    return names


def _measure(folder: Path, port: int, options: argparse.Namespace) -> int:
    costs: dict[str, dict[str, Cost]] = {}
    for which, number in (("one", 1), ("all", options.agencies)):
        place = folder / which
        write_agencies(place / "spiders", number)
        environment = environment_of(place, port)
        _run(
            ["compileall", "-q", str(place / "spiders")], environment, place
        )  # byte code is there after the first time
        given = ("DOWNLOAD_DELAY=0", "LOG_LEVEL=WARNING", f"SPIDER_MODULES={NOBODY}")
        recrawl = ["govcrawl", "recrawl", "--processes", "1", "--at-once", str(options.at_once)]
        recrawl += [part for one in given for part in ("-s", one)]
        runs = {
            "dry run": [*recrawl, "--due", "--dry-run"],
            "first crawl": [*recrawl, "--all"],
            "recrawl": [*recrawl, "--all"],
            "nothing due": [*recrawl, "--due"],
        }
        costs[which] = {
            run: _run(command, environment, place)
            for run, command in runs.items()
            if run == "dry run" or not options.dry
        }
    for run, all_of_them in costs["all"].items():
        one, further = costs["one"][run], Beyond.of(all_of_them, costs["one"][run], options.agencies)
        print(
            f"{run}: {options.agencies} agencies {all_of_them.ended_at - all_of_them.began_at:.2f} s wall, "
            f"{all_of_them.cpu_seconds:.2f} s CPU, {all_of_them.largest_rss_bytes / 2**20:.0f} MiB; "
            f"one {one.cpu_seconds:.2f} s CPU, {one.largest_rss_bytes / 2**20:.0f} MiB; "
            f"each further {further.cpu_ms:.1f} ms CPU, {further.kib:.0f} KiB"
        )
    if options.dry:
        return 0
    alone = [_crawl_alone(folder / "alone", port, place) for place in range(options.separate)]
    if alone:
        print(
            f"a process each: {1000 * median(cost.cpu_seconds for cost in alone):.0f} ms CPU, "
            f"{median(cost.largest_rss_bytes for cost in alone) / 2**20:.0f} MiB"
        )
    further = Beyond.of(costs["all"]["recrawl"], costs["one"]["recrawl"], options.agencies)
    met = further.cpu_ms <= MOST_CPU_MS and further.kib <= MOST_KIB
    judged = options.agencies >= LEAST_JUDGED  # of fewer, the crawlers side by side are most of what memory they take
    print(
        f"bars for a recrawl, each further agency: {MOST_CPU_MS:g} ms CPU, {MOST_KIB:g} KiB: "
        + (("met" if met else "NOT met") if judged else f"judged from {LEAST_JUDGED} agencies on")
    )
    if options.json:
        record = {"agencies": options.agencies, "cpu_ms": further.cpu_ms, "kib": further.kib}
        options.json.write_text(json.dumps(record) + "\n", "utf-8")
    return 0 if met or not judged else 1


def _measure_replica(options: argparse.Namespace) -> int:
    """Go over the replica with one process and with two."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as name,
        serve_replica(options.agencies, 6 * options.documents) as port,
    ):
        folder = Path(name)
        print(f"{platform.python_version()}, {os.cpu_count()} cores, data on {file_system(folder)}")
        names = replica.write_agencies(folder / "spiders", options.agencies, port)
        (folder / NOBODY).mkdir()
        (folder / NOBODY / "__init__.py").touch()
        environment = {**environment_of(folder, port), "GOVCRAWL_CONNECT_TO": ""}
        _run(["compileall", "-q", str(folder / "spiders")], environment, folder)
        settings = [
            "DOWNLOAD_DELAY=0",
            "LOG_LEVEL=WARNING",
            f"SPIDER_MODULES={NOBODY}",
            f"GOVCRAWL_EVERY_HOURS={HOURS}",
        ]
        given = [*(part for one in settings for part in ("-s", one)), "--at-once", str(options.at_once)]
        rounds = replica.Replica(folder, options.agencies, environment, given)
        try:
            runs = [rounds.measure("first crawl", port, 2)]
            rounds.measure_base(names[0])
            runs += [rounds.measure("recrawl", port, processes) for processes in (1, 2)]
        except CommandFailed as error:
            print(f"benchmark failed: {error}", file=sys.stderr)
            return 1
    replica.print_runs(runs)
    if options.json:
        replica.write_runs(runs, options.json)
    clean = not any(run.unfinished or run.lock_errors or run.overlaps for run in runs)
    cheap = all(run.cpu_ms_each <= MOST_CPU_MS and run.kib_each <= MOST_KIB for run in runs[1:])
    judged = options.agencies >= LEAST_JUDGED
    print(
        "bars: every crawl finished, no lock error, no group in two processes at once: "
        + ("met" if clean else "NOT met")
        + f"; a recrawl of each further agency {MOST_CPU_MS:g} ms CPU, {MOST_KIB:g} KiB: "
        + (("met" if cheap else "NOT met") if judged else f"judged from {LEAST_JUDGED} agencies on")
    )
    return 0 if clean and (cheap or not judged) else 1


def environment_of(folder: Path, port: int) -> dict[str, str]:
    """Return the environment of a command over the agencies of a folder."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GOVCRAWL_", "SCRAPY_"))}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), str(folder), os.environ.get("PYTHONPATH", "")])),
        "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
        "GOVCRAWL_SPIDERS": str(folder / "spiders"),
        "GOVCRAWL_DATA": str(folder / "data"),
        "GOVCRAWL_STATE": str(folder / "state"),
        "GOVCRAWL_CONNECT_TO": f":80:127.0.0.1:{port}",
        "GOVCRAWL_CONTACT": "ops@agencies.test",
    }


def _crawl_alone(folder: Path, port: int, number: int) -> Cost:
    """Crawl one agency with ``scrapy crawl``, then again; return what the second time cost."""
    place = folder / str(number)
    (name,) = write_agencies(place / "spiders", 1)
    command = ["scrapy", "crawl", name, "-s", "DOWNLOAD_DELAY=0", "-L", "WARNING"]
    _run(command, environment_of(place, port), place)
    return _run(command, environment_of(place, port), place)


def _run(command: list[str], environment: dict[str, str], folder: Path) -> Cost:
    program = ["-c", "from govcrawl.cli import main; main()"] if command[0] == "govcrawl" else ["-m", command[0]]
    return run_measured([sys.executable, *program, *command[1:]], environment, folder / "log.txt", folder)


if __name__ == "__main__":
    sys.exit(main())
