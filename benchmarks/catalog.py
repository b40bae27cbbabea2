"""A catalog of a million documents: how fast it takes rows, how large it is, how soon it answers (``python -m benchmarks.catalog``).

Makes a catalog through its own write functions (:mod:`benchmarks.made_catalog`), a twentieth of it by crawls and the rest by copies of these
under other names (:mod:`benchmarks.copied_catalog`), and asks it what people and crawls ask. Rates are of real crawls at 1, 50 and 100 %
of the size, in CPU time, each beside the same crawls into a small catalog at the same moment: so a busy machine falls out of the ratio.

    python3 run.py python -m benchmarks.catalog                                                     # 50,000 documents
    python3 run.py python -m benchmarks.catalog --documents 1000000 --captures 5000000 --agencies 1000

The exit code is 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from archive.catalog import CATALOG_NAME, Catalog
from benchmarks.catalog_questions import ask_all
from benchmarks.copied_catalog import Copier
from benchmarks.made_catalog import Maker, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.made_catalog import Tally

COPIES = 20
LEAST_RATE = 0.7
"""Rows a CPU second at the end, of those at the beginning."""

_CONTROL = Plan(documents=400, captures=2_000, agencies=4, rounds=10)


class Pace(NamedTuple):
    """How fast captures were put with all that comes with them, and into a small catalog at the same time; a CPU second, a second."""

    at_captures: int
    cpu_rate: float
    rate: float
    control_cpu_rate: float

    @property
    def share(self) -> float:
        """The rate of the small catalog's."""
        return self.cpu_rate / self.control_cpu_rate


def make(folder: Path, plan: Plan, copies: int) -> list[Pace]:
    """Make the catalog; returns its pace at the beginning, in the middle, and at the end."""
    part = Plan(plan.documents // copies, plan.captures // copies, max(1, plan.agencies // copies), seed=plan.seed)
    paces: list[Pace] = []
    with Catalog.open(folder / CATALOG_NAME) as catalog, _control() as control:
        maker = Maker(catalog, part)
        for site in maker.sites:
            catalog.put_agency(site.agency)
        for number in range(part.rounds):
            done = maker.crawl()
            if number == 1:
                paces.append(_pace(catalog, done, control))
        _say(f"crawled: {part.documents} documents, {part.captures} captures")
        copier = Copier(catalog)
        for number in range(1, copies):
            copier.copy()
            if number in {copies // 2, copies - 1}:
                paces.append(_pace(catalog, maker.crawl(), control))
                _say(f"copied {number} of {copies - 1}: {paces[-1].cpu_rate:.0f} captures a CPU second")
        catalog.file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return paces


@contextmanager
def _control() -> Iterator[Maker]:
    """A small catalog that is crawled beside the large one."""
    with (
        tempfile.TemporaryDirectory(prefix="govcrawl-control-") as folder,
        Catalog.open(Path(folder) / CATALOG_NAME) as catalog,
    ):
        maker = Maker(catalog, _CONTROL)
        maker.make()
        yield maker


def _pace(catalog: Catalog, done: Tally, control: Maker) -> Pace:
    beside = control.crawl()
    row = catalog.file.row("SELECT COUNT(*) AS n FROM captures")
    return Pace(
        row["n"] if row else 0,
        done.captures / done.cpu_seconds,
        done.captures / done.seconds,
        beside.captures / beside.cpu_seconds,
    )


def sizes(folder: Path) -> dict[str, int]:
    """Return bytes on disk by table, its indexes included; the search index as one; ``free``: pages that the next rows take."""
    found: dict[str, int] = {}
    with Catalog.open_read_only(folder / CATALOG_NAME) as catalog:
        owner: dict[str, str] = {}
        for row in catalog.rows("SELECT name, tbl_name FROM sqlite_master"):
            owner[row["name"]] = row["tbl_name"]
        (page,) = catalog.rows("PRAGMA page_size")
        (free,) = catalog.rows("PRAGMA freelist_count")
        found["free"] = free["freelist_count"] * page["page_size"]
        for row in catalog.rows(
            "SELECT name, pageno AS pages FROM dbstat WHERE aggregate = TRUE"
        ):  # its bytes have 32 bits
            table = owner.get(row["name"]) or str(row["name"])
            name = "search_index" if table.startswith("search_index") else table
            found[name] = found.get(name, 0) + row["pages"] * page["page_size"]
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, weigh, ask, print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--captures", type=int, help="default: five for each document")
    parser.add_argument("--agencies", type=int, help="default: one for a thousand documents, at least 40")
    parser.add_argument("--copies", type=int, default=COPIES, help="of what is crawled, itself included")
    parser.add_argument("--folder", type=Path, help="where; one that holds a catalog of an earlier run is asked again")
    parser.add_argument("--keep", action="store_true", help="leave the catalog where it is")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args(arguments)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="govcrawl-catalog-"))
    folder.mkdir(parents=True, exist_ok=True)
    captures = options.captures or 5 * options.documents
    agencies = options.agencies or max(2 * options.copies, options.documents // 1000)
    report: dict[str, Any] = {"documents": options.documents, "captures": captures, "agencies": agencies}
    try:
        ok = _run(folder, Plan(options.documents, captures, agencies), options.copies, report)
    finally:
        if not options.keep and options.folder is None:
            shutil.rmtree(folder)
    if options.json:
        options.json.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 0 if ok else 1


def _run(folder: Path, plan: Plan, copies: int, report: dict[str, Any]) -> bool:
    ok = True
    if not (folder / CATALOG_NAME).exists():
        paces = make(folder, plan, copies)
        report["paces"] = [one._asdict() | {"share": round(one.share, 3)} for one in paces]
        kept = paces[-1].share / paces[0].share
        ok = kept >= LEAST_RATE
        for one in paces:
            print(
                f"at {one.at_captures:>9} captures: {one.cpu_rate:6.0f} captures/CPU s, {one.rate:6.0f}/s;"
                f" small catalog beside it {one.control_cpu_rate:6.0f}; ratio {one.share:.2f}"
            )
        print(f"rate kept: {kept:.2f} (bar {LEAST_RATE}) {'ok' if ok else 'MISSED'}")
        report["rate_kept"] = round(kept, 3)
    report["bytes"] = sizes(folder)
    whole = sum(report["bytes"].values())
    for name, size in report["bytes"].items():
        if size * 200 > whole:
            print(f"{name:16} {size / 1e6:10.1f} MB {100 * size / whole:5.1f} %")
    print(f"{'all':16} {whole / 1e6:10.1f} MB")
    report["answers"] = []
    for answer in ask_all(folder):
        print(answer, flush=True)
        report["answers"].append(answer._asdict())
        ok = ok and answer.holds
    return ok


if __name__ == "__main__":
    sys.exit(main())
