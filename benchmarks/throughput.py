"""What fetching and keeping a page costs beside Scrapy itself, on one core and on two, and over very many pages.

``python -m benchmarks.throughput [--pages N] [--repeat K] [--urls U] [--json FILE]`` crawls one generated site in four ways, each process
bound to a core of its own with everything it starts: plain Scrapy; Scrapy with warcio; govcrawl without reading the pages (wire-true WARC
with fsync, catalog, frontier, politeness); govcrawl with everything on. Then the same with two processes that crawl a site each, govcrawl's
into one data directory. With ``--urls`` govcrawl then crawls a site of so many URLs, and the memory of its process is printed as it goes.
The exit code is 1 when a bar is missed or pages were lost.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.evidence import count_responses
from benchmarks.measure import Cost, rss_bytes, run_measured
from benchmarks.pipeline import LostPages, ask_tally, check_served, command_of, describe, machine_facts, serve_site
from benchmarks.server import COUNT
from benchmarks.site import make_site
from benchmarks.wide import WideSite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.site import Site

ROOT = Path(__file__).resolve().parent.parent
PAGES = 3000
REPEAT = 3
AGENCIES = ("bench_sfj", "bench_zjj")
TITLES = {
    "plain": "plain Scrapy",
    "warcio_only": "Scrapy + warcio",
    "captures": "govcrawl, pages not read",
    "govcrawl": "govcrawl",
}
LEAST_OF_WARCIO = 0.85  # govcrawl's pages/s without reading, of those of Scrapy + warcio
LEAST_OF_TWO = 1.8  # pages/s of two processes, of those of one
MOST_GROWTH_BYTES = 64 * 1024 * 1024  # of the crawl's process, from a fifth of the URLs to the end
WARM_SHARE = 0.2
BIND = "import os,sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execv(sys.argv[2], sys.argv[2:])"
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Crawls side by side in one way."""

    variant: str
    processes: int
    pages: int  # of all of them
    pages_per_second: float  # from the first request to the end of the last command
    cpu_ms_per_page: float  # of the commands from start to end, with all they started
    rss_mib: float  # of the largest process of one command


def main() -> int:
    """Measure and report; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=PAGES, help=f"document pages of a site (default {PAGES}); 0: none")
    parser.add_argument("--repeat", type=int, default=REPEAT, help=f"crawls of each kind, medians are shown ({REPEAT})")
    parser.add_argument("--urls", type=int, default=0, help="URLs of the long crawl (default 0: none)")
    parser.add_argument("--only", choices=TITLES, action="append", help="leave the others out; may be given again")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        facts = machine_facts(folder)
        print("\n".join(f"{key}: {value}" for key, value in facts.items()))
        try:
            runs = _compare(folder, cores, options) if options.pages else []
            medians = _medians(runs)
            met = _judge(medians)
            grown = crawl_long(options.urls, folder / "long") if options.urls else None
        except (LostPages, RuntimeError) as error:
            print(f"benchmark failed: {error}", file=sys.stderr)
            return 1
    if grown is not None:
        fine = grown["grown_bytes"] <= MOST_GROWTH_BYTES
        print(
            f"bar: no more than {MOST_GROWTH_BYTES // MEBIBYTE} MiB of growth over the last {1 - WARM_SHARE:.0%} of {options.urls} URLs: "
            + ("met" if fine else "NOT met")
        )
        met = met and fine
    if options.json:
        record = {"machine": facts, "runs": [asdict(run) for run in runs], "medians": medians, "long": grown}
        options.json.write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return 0 if met else 1


def _compare(folder: Path, cores: Sequence[int], options: argparse.Namespace) -> list[Run]:
    site = make_site(options.pages)
    print(describe(site))
    runs: list[Run] = []
    with ExitStack() as stack:
        ports = [stack.enter_context(serve_site(options.pages)) for _ in AGENCIES]
        for number in range(options.repeat):
            for processes in (1, 2) if len(cores) > 1 else (1,):
                for variant, title in TITLES.items():
                    if options.only and variant not in options.only:
                        continue
                    place = folder / f"{number}-{processes}-{variant}"
                    runs.append(run := crawl(variant, site, ports[:processes], cores, place))
                    print(
                        f"  {number + 1} {title} x {processes}: {run.pages_per_second:.1f} pages/s, "
                        f"{run.cpu_ms_per_page:.2f} ms CPU",
                        flush=True,
                    )
    return runs


def crawl(variant: str, site: Site, ports: Sequence[int], cores: Sequence[int], folder: Path) -> Run:
    """Crawl a site at each port at once, a core for each.

    Raises:
        CommandFailed: a crawl failed.
        LostPages: not every page was asked for, or not every response kept.
    """

    def one(place: int) -> Cost:
        own = folder / "data" if variant in {"captures", "govcrawl"} else folder / f"data-{place}"
        own.mkdir(parents=True, exist_ok=True)
        command, environment = command_of(variant, ports[place], own, AGENCIES[place])
        bound = [sys.executable, "-c", BIND, str(cores[place % len(cores)]), sys.executable, *command]
        return run_measured(bound, environment, folder / f"log-{place}.txt", ROOT)

    bases = [f"http://127.0.0.1:{port}" for port in ports]
    for base in bases:
        ask_tally(base)
    folder.mkdir(parents=True)
    with ThreadPoolExecutor(len(ports)) as pool:
        costs = list(pool.map(one, range(len(ports))))
    tallies = [ask_tally(base) for base in bases]
    pages = sum(check_served(variant, site, tally) for tally in tallies)
    kept = sum(count_responses(place) for place in folder.glob("data*"))
    if variant != "plain" and kept < pages:
        raise LostPages(f"{variant}: {pages} pages were served, {kept} responses kept; see {folder}")
    seconds = max(cost.ended_at for cost in costs) - min(tally["first_at"] for tally in tallies)
    return Run(
        variant=variant,
        processes=len(ports),
        pages=pages,
        pages_per_second=pages / seconds,
        cpu_ms_per_page=1000 * sum(cost.cpu_seconds for cost in costs) / pages,
        rss_mib=max(cost.largest_rss_bytes for cost in costs) / MEBIBYTE,
    )


def _medians(runs: Sequence[Run]) -> dict[str, dict[int, dict[str, float]]]:
    """Return variant → processes → figure → median."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for variant, processes in dict.fromkeys((run.variant, run.processes) for run in runs):
        own = [asdict(run) for run in runs if (run.variant, run.processes) == (variant, processes)]
        figures = ("pages_per_second", "cpu_ms_per_page", "rss_mib")
        found.setdefault(variant, {})[processes] = {name: median(one[name] for one in own) for name in figures}
    return found


def _judge(medians: dict[str, dict[int, dict[str, float]]]) -> bool:
    """Print the table and the bars; tell whether all are met."""
    if not medians:
        return True
    print(f"{'':26}{'processes':>9}{'pages/s':>10}{'CPU ms/page':>13}{'RSS MiB':>9}{'of warcio':>11}{'of one':>8}")
    for variant, by_processes in medians.items():
        for processes, own in by_processes.items():
            beside = medians.get("warcio_only", {}).get(processes)
            of_warcio = f"{own['pages_per_second'] / beside['pages_per_second']:.2f}" if beside else "-"
            gain = own["pages_per_second"] / by_processes[1]["pages_per_second"]
            print(
                f"{TITLES[variant]:26}{processes:>9}{own['pages_per_second']:>10.1f}{own['cpu_ms_per_page']:>13.2f}{own['rss_mib']:>9.0f}"
                f"{of_warcio:>11}{gain:>8.2f}"
            )
    rate = {variant: {n: one["pages_per_second"] for n, one in own.items()} for variant, own in medians.items()}
    bars: dict[str, bool] = {}
    if {"captures", "warcio_only"} <= rate.keys():
        share = rate["captures"][1] / rate["warcio_only"][1]
        said = f"fetch, WARC and commit {share:.2f} of Scrapy + warcio, at least {LEAST_OF_WARCIO}"
        bars[said] = share >= LEAST_OF_WARCIO
    if 2 in rate.get("captures", {}):  # noqa: PLR2004 - two processes
        gain = rate["captures"][2] / rate["captures"][1]
        bars[f"two processes {gain:.2f} x one, at least {LEAST_OF_TWO}"] = gain >= LEAST_OF_TWO
    for said, met in bars.items():
        print(f"bar: {said}: {'met' if met else 'NOT met'}")
    return all(bars.values())


def crawl_long(urls: int, folder: Path) -> dict[str, Any]:
    """Crawl a site of very many URLs with everything on; return and print what memory the crawl's process took as it went.

    Raises:
        RuntimeError: the crawl failed.
        LostPages: not every page was asked for.
    """
    site = WideSite.of(urls)
    while site.count + site.list_count > urls:
        site = WideSite.of(site.count - max(1, (site.count + site.list_count - urls) // 2))
    folder.mkdir(parents=True)
    with serve_site(site.count, "--wide") as port:
        base = f"http://127.0.0.1:{port}"
        command, environment = command_of("govcrawl", port, folder / "data")
        # its lists are longer than any that a crawl believes
        command += ["-s", f"GOVCRAWL_MAX_LIST_PAGES={site.list_count}"]
        began = time.monotonic()
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, *command], env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )
            marks = _watch(process, base, site.count + site.list_count)
        if process.returncode:
            said = "\n".join((folder / "log.txt").read_text("utf-8", "replace").splitlines()[-20:])
            raise RuntimeError(f"the crawl ended with exit code {process.returncode}; it said last:\n{said}")
        seconds = time.monotonic() - began
        tally = ask_tally(base)
    pages = tally["documents"] + tally["lists"]
    if pages < site.count + site.list_count:
        raise LostPages(f"{pages} of {site.count + site.list_count} pages were asked for")
    warm = next(rss for share, rss in marks if share >= WARM_SHARE)
    print(f"long crawl: {pages} URLs in {seconds:.0f} s, {pages / seconds:.1f} pages/s; RSS of the crawl's process")
    print("  " + ", ".join(f"{share:.0%} {rss / MEBIBYTE:.0f} MiB" for share, rss in marks))
    return {"pages": pages, "seconds": seconds, "marks": marks, "grown_bytes": max(rss for _, rss in marks) - warm}


def _watch(process: subprocess.Popen[bytes], base: str, urls: int) -> list[tuple[float, int]]:
    """Return (share of the URLs asked for, RSS in bytes) at every tenth of the way."""
    marks: list[tuple[float, int]] = []
    over = threading.Event()
    while process.poll() is None:
        over.wait(0.5)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(base + COUNT, timeout=30) as answer:
            share = min(int(answer.read()) / urls, 1.0)
        rss = rss_bytes(process.pid)
        if rss and share >= (len(marks) + 1) / 10:
            marks.append((share, rss))
            print(f"  {share:.0%} of {urls} URLs, {rss / MEBIBYTE:.0f} MiB", flush=True)
    return marks


if __name__ == "__main__":
    sys.exit(main())
