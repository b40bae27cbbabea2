"""What 3,000, 30,000 and 300,000 agencies cost, from what one agency and one page were measured to cost.

``python -m benchmarks.scale [--agencies N …] [--measured FILE] [--set NAME=VALUE …] [--markdown]`` reads ``benchmarks/measured.json`` (figures with the
commands that gave them) and the assumptions below (about agencies and prices: nobody measured those), and prints requests, CPU,
bandwidth, storage and money, how full each part of the machinery is, and which is full first. ``--set`` changes a figure or an assumption.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEASURED = Path(__file__).resolve().parent / "measured.json"
AGENCIES = (3_000, 30_000, 300_000)
DAY_SECONDS = 86_400
YEAR_DAYS = 365
FULL = 1.0  # of what a part can do

ASSUMED: dict[str, tuple[float, str]] = {
    "documents_per_agency": (3_000, "documents that an agency's channels list when it is first crawled"),
    "new_per_agency_day": (2.0, "documents published a day"),
    "changed_share_year": (0.1, "of an agency's documents that change within a year"),
    "files_per_document": (0.5, "attachments and images of a document"),
    "file_bytes": (400_000, "mean size of one, as it is stored"),
    "agencies_per_group": (3.0, "agencies that share a server and so a pace"),
    "pace_seconds": (1.0, "between two requests to a server group (DOWNLOAD_DELAY; Crawl-delay where it is longer)"),
    "busiest_hour": (3.0, "times the mean: how much of a day's work may fall into its busiest hour"),
    "first_crawl_days": (30.0, "within which all agencies are crawled for the first time"),
    "reread_days": (7.0, "within which everything is read again by a new extractor"),
    "core_hour_price": (0.04, "US dollars; a virtual core with 4 GiB, rented by the year"),
    "terabyte_month_price": (20.0, "US dollars; disk or object storage, once"),
    "copies": (2.0, "of everything that is stored"),
    "gigabyte_in_price": (0.0, "US dollars; what comes in is free of charge at most hosts"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the machinery: how full it is, and what is done when it is full."""

    name: str
    used: float  # of what it can do; 1 = full
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a number of agencies asks for. Per day unless the name says otherwise."""

    agencies: int
    requests: float
    requests_per_second: float
    recrawl_core_hours: float
    first_crawl_requests: float  # in all
    first_crawl_core_hours: float  # in all
    reread_core_hours: float  # of the first crawl's pages, once
    bandwidth_mbit: float  # megabits a second, mean
    warc_terabytes_first: float
    warc_terabytes_year: float
    catalog_gigabytes_first: float
    documents_first: float
    captures_year: float
    dollars_first: float
    dollars_year: float
    parts: tuple[Part, ...]


def model(agencies: int, of: Mapping[str, float]) -> Load:
    """Return what ``agencies`` ask for.

    Args:
        of: measured figures and assumptions by name.
    """
    documents = agencies * of["documents_per_agency"]
    looks = of["recrawl_requests_per_document_day"] * of["documents_per_agency"] + of["recrawl_requests_per_agency_day"]
    changes = of["new_per_agency_day"] + of["documents_per_agency"] * of["changed_share_year"] / YEAR_DAYS
    files = changes * of["files_per_document"]
    requests = agencies * (looks + files)
    read_pages = agencies * changes
    recrawl_cpu = (
        agencies * of["agency_cpu_ms"] + requests * of["capture_cpu_ms"] + read_pages * of["read_cpu_ms"]
    ) / 1000
    per_document = 1 + of["list_pages_per_document"] + of["files_per_document"]
    first_requests = documents * per_document
    first_cpu = (first_requests * of["capture_cpu_ms"] + documents * of["read_cpu_ms"]) / 1000
    reread_cpu = documents * of["reread_cpu_ms"] / 1000
    document_bytes = of["page_warc_bytes"] + of["files_per_document"] * of["file_bytes"]
    first_bytes = documents * (document_bytes + of["list_pages_per_document"] * of["page_warc_bytes"])
    day_bytes = read_pages * document_bytes + agencies * looks * of["unchanged_warc_bytes"]
    catalog_first = documents * of["catalog_document_bytes"] + first_requests * of["catalog_capture_bytes"]
    catalog_day = read_pages * of["catalog_document_bytes"] + requests * of["catalog_capture_bytes"]
    stored_first = first_bytes + catalog_first
    stored_day = day_bytes + catalog_day
    core_price = of["core_hour_price"] / 3600
    year_storage = of["terabyte_month_price"] * 12 * of["copies"] * (stored_first + stored_day * YEAR_DAYS / 2) / 1e12
    wire = requests * of["unchanged_wire_bytes"] + day_bytes
    return Load(
        agencies=agencies,
        requests=requests,
        requests_per_second=requests / DAY_SECONDS,
        recrawl_core_hours=recrawl_cpu / 3600,
        first_crawl_requests=first_requests,
        first_crawl_core_hours=first_cpu / 3600,
        reread_core_hours=reread_cpu / 3600,
        bandwidth_mbit=wire * 8 / DAY_SECONDS / 1e6,
        warc_terabytes_first=first_bytes / 1e12,
        warc_terabytes_year=day_bytes * YEAR_DAYS / 1e12,
        catalog_gigabytes_first=catalog_first / 1e9,
        documents_first=documents,
        captures_year=requests * YEAR_DAYS,
        dollars_first=(first_cpu + reread_cpu) * core_price + first_bytes / 1e9 * of["gigabyte_in_price"],
        dollars_year=recrawl_cpu * YEAR_DAYS * core_price + year_storage,
        parts=_parts(agencies, of, requests, recrawl_cpu, documents, first_requests),
    )


def _parts(
    agencies: int, of: Mapping[str, float], requests: float, recrawl_cpu: float, documents: float, first_requests: float
) -> tuple[Part, ...]:
    """Return every part that can be full, the fullest first."""
    busy = of["busiest_hour"] / DAY_SECONDS
    first_seconds = of["first_crawl_days"] * DAY_SECONDS
    group_requests = of["agencies_per_group"] * first_requests / agencies
    rereading = documents * of["reread_cpu_ms"] / 1000 / (of["reread_days"] * DAY_SECONDS)
    parts = (
        Part(
            name="one core for recrawls",
            used=recrawl_cpu * busy,
            then="recrawl --processes N: a worker process for each core",
        ),
        Part(
            name="memory of one process (4 GiB) for a round",
            used=agencies * of["agency_kib"] / 1024 / 4096,
            then="recrawl --processes N, or smaller rounds (--limit)",
        ),
        Part(
            name="one writer of one catalog",
            used=requests * busy / of["catalog_rows_per_second"],
            then="shards: --engine ray, or a data directory for each province, merged by govcrawl merge",
        ),
        Part(
            name="search of one catalog within a second",
            used=documents / of["documents_searched_in_a_second"],
            then="a catalog for each province; the partitioned Parquet dataset for questions about all",
        ),
        Part(
            name="the pace of one server group, first crawl",
            used=group_requests * of["pace_seconds"] / first_seconds,
            then="more days: a server's pace is no matter of machines",
        ),
        Part(
            name="two cores for the first crawl",
            used=first_requests * (of["capture_cpu_ms"] + of["read_cpu_ms"]) / 1000 / first_seconds / 2,
            then="--engine ray on more machines for the first crawl",
        ),
        Part(
            name="two cores for reading everything again",
            used=rereading / 2,
            then="reextract --engine ray",
        ),
        Part(
            name="a disk of 16 TB for a year",
            used=of["copies"]
            * (documents * (of["page_warc_bytes"] + of["files_per_document"] * of["file_bytes"]))
            / 16e12,
            then="WARC files are closed and never change: move old ones to object storage",
        ),
    )
    return tuple(sorted(parts, key=lambda part: -part.used))


def read_figures(path: Path, given: Sequence[str]) -> dict[str, float]:
    """Return measured figures and assumptions by name, changed as ``NAME=VALUE`` says.

    Raises:
        ValueError: a name that there is not, or a value that is no number.
    """
    measured = json.loads(path.read_text("utf-8"))["figures"]
    figures = {name: float(one["value"]) for name, one in measured.items()}
    figures |= {name: value for name, (value, _) in ASSUMED.items()}
    for one in given:
        name, _, value = one.partition("=")
        if name not in figures:
            raise ValueError(f"--set {one}: there is no figure {name!r}; there are: {', '.join(sorted(figures))}")
        figures[name] = float(value)
    return figures


def tell(loads: Sequence[Load], *, markdown: bool) -> str:
    """Return the loads as a table, a column for each number of agencies."""
    rows: list[tuple[str, list[str]]] = [
        ("agencies", [f"{load.agencies:,}" for load in loads]),
        ("documents at the first crawl", [f"{load.documents_first / 1e6:,.0f} million" for load in loads]),
        ("requests a day", [f"{load.requests / 1e6:,.2f} million" for load in loads]),
        ("requests a second, mean", [f"{load.requests_per_second:,.1f}" for load in loads]),
        ("recrawls, core hours a day", [f"{load.recrawl_core_hours:,.1f}" for load in loads]),
        ("first crawl, million requests", [f"{load.first_crawl_requests / 1e6:,.0f}" for load in loads]),
        ("first crawl, core hours", [f"{load.first_crawl_core_hours:,.0f}" for load in loads]),
        ("reading everything again, core hours", [f"{load.reread_core_hours:,.0f}" for load in loads]),
        ("bandwidth of recrawls, Mbit/s mean", [f"{load.bandwidth_mbit:,.1f}" for load in loads]),
        ("WARC of the first crawl, TB", [f"{load.warc_terabytes_first:,.1f}" for load in loads]),
        ("WARC of a year of recrawls, TB", [f"{load.warc_terabytes_year:,.1f}" for load in loads]),
        ("catalog after the first crawl, GB", [f"{load.catalog_gigabytes_first:,.0f}" for load in loads]),
        ("captures in a year, million", [f"{load.captures_year / 1e6:,.0f}" for load in loads]),
        ("computing of the first crawl, US$", [f"{load.dollars_first:,.0f}" for load in loads]),
        ("a year of recrawls with storage, US$", [f"{load.dollars_year:,.0f}" for load in loads]),
    ]
    if markdown:
        lines = [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows]
        lines.insert(1, "|---|" + "---:|" * len(loads))
    else:
        lines = [f"{name:40}" + "".join(cell.rjust(16) for cell in cells) for name, cells in rows]
    for load in loads:
        full = [part for part in load.parts if part.used >= FULL]
        lines += ["", f"{load.agencies:,} agencies: " + ("full first:" if full else "nothing is full; fullest:")]
        lines += [
            f"{'- ' if markdown else '  '}{part.name}: {part.used:.0%} → {part.then}" for part in full or load.parts[:3]
        ]
    return "\n".join(lines)


def main() -> int:
    """Print the model; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agencies", type=int, nargs="+", default=AGENCIES)
    parser.add_argument("--measured", type=Path, default=MEASURED, help="figures to start from")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="change one; may be given again"
    )
    parser.add_argument("--markdown", action="store_true", help="print tables for docs/scale.md")
    options = parser.parse_args()
    try:
        figures = read_figures(options.measured, options.set)
        loads = [model(agencies, figures) for agencies in options.agencies]
    except (OSError, ValueError) as error:
        print(f"benchmarks.scale: {error}", file=sys.stderr)
        return 2
    except KeyError as error:
        print(f"benchmarks.scale: {options.measured} lacks the figure {error}", file=sys.stderr)
        return 2
    print(tell(loads, markdown=options.markdown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
