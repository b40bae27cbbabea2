"""Crawl the same pages in three ways, in turn, and say what each costs.

``python -m benchmarks.pipeline [--pages N] [--repeat K] [--json FILE]``: plain Scrapy; the obvious way (Scrapy, warcio in a
middleware, trafilatura in the callback, SQLite); govcrawl with everything on. Exit code 1 when one of them lost pages.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.evidence import count_responses, count_trafilatura, count_whole, read_catalog, read_obvious
from benchmarks.measure import CommandFailed, file_system, run_measured, stored_bytes
from benchmarks.server import TALLY
from benchmarks.site import DOCUMENTS, HOST, make_site
from benchmarks.variants.plain import CONCURRENCY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.site import Site

ROOT = Path(__file__).resolve().parent.parent
REPEAT = 3
BAR = 2.5  # times the pages/s of the obvious way
MEBIBYTE = 1024 * 1024

PACKAGES = {"govcrawl": "benchmarks.variants.agencies", "captures": "benchmarks.variants.capturing"}
"""Ways that are ``scrapy crawl`` of an agency, and the package it is declared in."""

VARIANTS = ("plain", "obvious", "govcrawl")
TITLES = {"plain": "plain Scrapy", "obvious": "the obvious way", "govcrawl": "govcrawl"}


class LostPages(Exception):
    """A crawl does not have everything it should have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One crawl of the site. Pages are documents and pages of lists."""

    variant: str
    pages: int
    command_seconds: float  # from the start of the command to its end
    crawl_seconds: float  # from the first request to the end of the command
    pages_per_second: float  # of crawl_seconds
    cpu_ms_per_page: float  # the command from start to end, with all its processes
    server_cpu_ms_per_page: float
    peak_rss_mib: float
    stored_mib: float
    whole_texts: int | None  # documents kept with every paragraph and cell; None where none are kept
    read_by_trafilatura: int | None


def main() -> int:
    """Measure and report; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pages", type=int, default=DOCUMENTS, help=f"document pages of the site (default {DOCUMENTS})"
    )
    parser.add_argument(
        "--repeat", type=int, default=REPEAT, help=f"crawls of each kind; medians are shown (default {REPEAT})"
    )
    parser.add_argument("--json", type=Path, help="write every run and the summary to this file")
    parser.add_argument("--only", choices=VARIANTS, action="append", help="leave the others out; may be given again")
    parser.add_argument("--keep", type=Path, help="keep what is crawled, and the logs, below this folder")
    arguments = parser.parse_args()
    chosen = tuple(name for name in VARIANTS if not arguments.only or name in arguments.only)
    site = make_site(arguments.pages)
    try:
        with _folder(arguments.keep) as folder, serve_site(arguments.pages) as port:
            facts = machine_facts(folder)
            print("\n".join(f"{name}: {value}" for name, value in facts.items()))
            print(describe(site))
            runs = []
            for number in range(arguments.repeat):
                turn = number % len(chosen)
                for name in (*chosen[turn:], *chosen[:turn]):
                    runs.append(run := crawl(name, site, port, folder / f"{number + 1}-{name}"))
                    print(
                        f"  {number + 1} {TITLES[name]}: {run.pages_per_second:.1f} pages/s, {run.cpu_ms_per_page:.1f} ms CPU",
                        flush=True,
                    )
    except (CommandFailed, LostPages) as error:
        print(f"benchmark failed: {error}", file=sys.stderr)
        return 1
    medians = {name: summarize([run for run in runs if run.variant == name]) for name in chosen}
    ratios = compare(medians)
    print(table(medians))
    print("\n".join(say_ratios(ratios)))
    if arguments.json:
        record = {
            "machine": facts,
            "site": describe(site),
            "runs": [asdict(run) for run in runs],
            "medians": medians,
            "ratios": ratios,
        }
        arguments.json.write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return 0


def crawl(name: str, site: Site, port: int, folder: Path) -> Run:
    """Crawl the site in one way, check what came of it, and return what it cost.

    Raises:
        CommandFailed: the crawl's command failed.
        LostPages: the crawl does not have every page.
    """
    data = folder / "data"
    data.mkdir(parents=True)
    base_url = f"http://127.0.0.1:{port}"
    command, environment = command_of(name, port, data)
    ask_tally(base_url)
    cost = run_measured([sys.executable, *command], environment, folder / "log.txt", ROOT)
    tally = ask_tally(base_url)
    pages = check_served(name, site, tally)
    whole, read = _check_kept(name, site, pages, data)
    seconds = cost.ended_at - tally["first_at"]
    return Run(
        variant=name,
        pages=pages,
        command_seconds=cost.ended_at - cost.began_at,
        crawl_seconds=seconds,
        pages_per_second=pages / seconds,
        cpu_ms_per_page=1000 * cost.cpu_seconds / pages,
        server_cpu_ms_per_page=1000 * tally["cpu_seconds"] / pages,
        peak_rss_mib=cost.peak_rss_bytes / MEBIBYTE,
        stored_mib=stored_bytes(data) / MEBIBYTE,
        whole_texts=whole,
        read_by_trafilatura=read,
    )


def command_of(name: str, port: int, data: Path, agency: str = "bench_sfj") -> tuple[list[str], dict[str, str]]:
    """Return what Python is given to crawl in one way, and the environment it is given it in."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GOVCRAWL_", "SCRAPY_"))}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    if name not in PACKAGES:
        return ["-m", f"benchmarks.variants.{name}", f"http://127.0.0.1:{port}", str(data)], environment
    environment["GOVCRAWL_DATA"] = str(data)
    environment["GOVCRAWL_STATE"] = str(data / "state")
    environment["GOVCRAWL_CONNECT_TO"] = f"{HOST}:80:127.0.0.1:{port}"
    given = {
        "SPIDER_MODULES": PACKAGES[name],
        "DOWNLOAD_DELAY": 0,
        "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
    }
    settings = [part for key, value in given.items() for part in ("-s", f"{key}={value}")]
    return ["-m", "scrapy", "crawl", agency, *settings], environment


def check_served(name: str, site: Site, tally: dict[str, Any]) -> int:
    """Return how many pages were served.

    Raises:
        LostPages: not all of the site was asked for.
    """
    if tally["documents"] != len(site.notices) or tally["lists"] != site.list_count or tally["missing"]:
        raise LostPages(
            f"{name} asked for {tally['documents']} of {len(site.notices)} documents and {tally['lists']} of {site.list_count} "
            f"pages of lists, and for what is not there: {tally['missing'] or 'nothing'}; see what its log says"
        )
    return int(tally["documents"] + tally["lists"])


def _check_kept(name: str, site: Site, pages: int, data: Path) -> tuple[int | None, int | None]:
    """Return (documents kept whole, documents read by trafilatura).

    Raises:
        LostPages: fewer documents or responses are kept than were served.
    """
    if name == "plain":
        return None, None
    texts = read_obvious(data) if name == "obvious" else read_catalog(data)
    read = len(texts) if name == "obvious" else count_trafilatura(data)
    documents, responses = len(texts), count_responses(data)
    if documents != len(site.notices) or responses < pages or read != documents:
        raise LostPages(
            f"{name} kept {documents} of {len(site.notices)} documents, {read} of them read by trafilatura, and {responses} responses "
            f"of {pages} pages and robots.txt"
        )
    return count_whole(site, texts), read


def summarize(runs: Sequence[Run]) -> dict[str, float | None]:
    """Return the median of every figure."""
    values = [{name: value for name, value in asdict(run).items() if name != "variant"} for run in runs]
    return {name: None if values[0][name] is None else median(one[name] for one in values) for name in values[0]}


def compare(medians: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return what govcrawl's medians are times those of the others."""
    own = medians.get("govcrawl")
    if own is None:
        return {}
    names = {"pages_per_second": "pages/s", "cpu_ms_per_page": "CPU/page"}
    return {
        name: {label: own[key] / other[key] for key, label in names.items()}
        for name, other in medians.items()
        if other is not own
    }


def say_ratios(ratios: dict[str, dict[str, float]]) -> list[str]:
    """Return the ratios, and whether the bar is met, as lines."""
    lines = [
        f"govcrawl / {TITLES[name]}: {one['pages/s']:.2f} x pages/s, {one['CPU/page']:.2f} x CPU per page"
        for name, one in ratios.items()
    ]
    if "obvious" in ratios:
        met = "met" if ratios["obvious"]["pages/s"] >= BAR else "NOT met"
        lines.append(f"bar: {BAR} x the pages/s of the obvious way: {met}")
    return lines


def table(medians: dict[str, dict[str, Any]]) -> str:
    """Return the medians as a table."""
    heads = (
        "",
        "pages",
        "command s",
        "crawl s",
        "pages/s",
        "CPU ms/page",
        "server ms/page",
        "peak RSS MiB",
        "stored MiB",
        "whole texts",
    )
    rows: list[tuple[str, ...]] = [heads]
    for name, one in medians.items():
        whole = "-" if one["whole_texts"] is None else f"{one['whole_texts']:.0f}"
        figures = [f"{one[key]:.2f}" for key in ("command_seconds", "crawl_seconds")]
        figures += [
            f"{one['pages_per_second']:.1f}",
            f"{one['cpu_ms_per_page']:.2f}",
            f"{one['server_cpu_ms_per_page']:.2f}",
        ]
        figures += [f"{one['peak_rss_mib']:.0f}", f"{one['stored_mib']:.1f}"]
        rows.append((TITLES[name], f"{one['pages']:.0f}", *figures, whole))
    widths = [max(len(row[place]) for row in rows) for place in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def describe(site: Site) -> str:
    """Return the site's size in words."""
    sizes = sorted(len(body) for body in site.document_pages().values())
    return (
        f"site: {len(sizes)} documents on {site.list_count} pages of lists; a document page has {median(sizes) / 1000:.1f} KB in the median, "
        f"{sizes[0] / 1000:.1f} to {sizes[-1] / 1000:.1f} KB, {sum(sizes) / len(sizes) / 1000:.1f} KB on average"
    )


def machine_facts(folder: Path) -> dict[str, str]:
    """Return what the figures depend on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "machine": f"{cores} cores, {platform.machine()}, {platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f}",
        "data on": file_system(folder),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("scrapy", "twisted", "trafilatura", "lxml", "warcio")},
    }


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        yield Path(name)


@contextmanager
def serve_site(pages: int, *options: str) -> Iterator[int]:
    """Serve the site from another process; yield the port."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
    }
    command = [sys.executable, "-m", "benchmarks.server", str(pages), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as process:  # noqa: S603 - our own command
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            yield int(process.stdout.readline() or 0)
        finally:
            process.terminate()


def ask_tally(base_url: str) -> dict[str, Any]:
    """Return what a server was asked since the last such question."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(base_url + TALLY, timeout=30) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


if __name__ == "__main__":
    sys.exit(main())
