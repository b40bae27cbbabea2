"""The recrawl policy over a virtual clock, beside what others do.

``python -m benchmarks.recrawl [--days N] [--documents N] [--seeds S …] [--only-policy] [--json FILE]``
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean

from benchmarks.recrawl.crawler import Crawler
from benchmarks.recrawl.measures import Figures, find_misses, measure
from benchmarks.recrawl.rules import Everything, FirstKnown, NewOnly, Nutch, Ours
from benchmarks.recrawl.site import NEW_PER_DAY, Site
from govcrawl.recrawl.policy import RecrawlPolicy

FOLLOW_DAYS = 31
"""What happened in the measured days is watched for so long: found within 30 days can only be said then."""
REFERENCE_DOCUMENTS = 10_000  # for which the rate of new documents is given

COLUMNS = (
    ("requests a day", "requests_per_day", "{:.0f}"),
    ("worst day", "worst_day", "{}"),
    ("new ≤ 1 d", "new_1d", "{:.1%}"),
    ("(raw)", "new_1d_raw", "{:.1%}"),
    ("≤ 7 d", "new_7d", "{:.1%}"),
    ("edits ≤ 7 d", "edits_7d", "{:.1%}"),
    ("≤ 30 d", "edits_30d", "{:.1%}"),
    ("gone ≤ 7 d", "withdrawn_7d", "{:.1%}"),
    ("≤ 30 d", "withdrawn_30d", "{:.1%}"),
    ("false", "false_withdrawn", "{}"),
    ("false unlisted", "false_unlisted", "{}"),
    ("requests a change", "requests_per_change", "{:.1f}"),
    ("incomplete", "incomplete", "{}"),
)


def run(
    rule: Ours | Everything, policy: RecrawlPolicy, seed: int, days: int, documents: int
) -> tuple[Figures, Crawler]:
    """Run one rule over one site and measure it."""
    rate = NEW_PER_DAY * documents / REFERENCE_DOCUMENTS
    crawler = Crawler(Site(seed, days + FOLLOW_DAYS, documents, new_per_day=rate), rule, policy)
    began = time.monotonic()
    for day in range(days + FOLLOW_DAYS):
        crawler.crawl_at(float(day))
    print(f"seed {seed} {type(rule).__name__}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return measure(crawler, days), crawler


def run_seed(seed: int, days: int, documents: int, *, only_policy: bool) -> dict[str, Figures]:
    """Run every rule over one seed's site."""
    policy = RecrawlPolicy()
    figures: dict[str, Figures] = {}
    if not only_policy:
        figures["full recrawl daily"], _ = run(Everything(), policy, seed, days, documents)
        figures["deltafetch's rule"], _ = run(NewOnly(), policy, seed, days, documents)
        figures["stop at first known"], _ = run(FirstKnown(), policy, seed, days, documents)
    for name, one in (("policy", policy), ("policy without cycle", replace(policy, cycle_days=0))):
        ours = Ours(one)
        figures[name], crawler = run(ours, one, seed, days, documents)
        print(f"  looks: {dict(crawler.found.reasons)}", file=sys.stderr)
        if not only_policy:
            for title, filled in ((f"Nutch, budget of {name}", False), (f"Nutch filled up, budget of {name}", True)):
                nutch = Nutch(one, daily=ours.budgets, filled=filled)
                figures[title], _ = run(nutch, one, seed, days, documents)
    return figures


def full_requests(seed: int, days: int, documents: int) -> float:
    """Return the requests a day of a daily full recrawl without faults: every document and every list page."""
    site = Site(seed, days + FOLLOW_DAYS, documents, new_per_day=NEW_PER_DAY * documents / REFERENCE_DOCUMENTS)
    counts = []
    for day in range(1, days + 1):
        site.advance(float(day))
        counts.append(sum(len(one) - (-len(one) // 20) for one in site.lists))
    return mean(counts)


def main() -> None:
    """Run, print the table, say which bars are missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only-policy", action="store_true", help="leave out what others do")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    misses = []
    report = {}
    for seed in options.seeds:
        figures = run_seed(seed, options.days, options.documents, only_policy=options.only_policy)
        full = full_requests(seed, options.days, options.documents)
        report[seed] = {name: asdict(one) for name, one in figures.items()}
        print(
            f"\nseed {seed}: {options.documents} documents, {options.days} days, full recrawl {full:.0f} requests a day\n"
        )
        print("| rule | of full | " + " | ".join(title for title, _, _ in COLUMNS) + " |")
        print("|---|" + "---:|" * (len(COLUMNS) + 1))
        for name, one in figures.items():
            cells = [_cell(getattr(one, figure), form) for _, figure, form in COLUMNS]
            print(f"| {name} | {one.requests_per_day / full:.1%} | " + " | ".join(cells) + " |")
        misses += [f"seed {seed}: {miss}" for miss in find_misses(figures, full, options.documents)]
    print()
    for miss in misses:
        print(f"MISSED {miss}")
    print("every bar is met" if not misses else f"{len(misses)} bars are missed")
    if options.json:
        options.json.write_text(json.dumps({"figures": report, "misses": misses}, indent=1), "utf-8")
    raise SystemExit(1 if misses else 0)


def _cell(value: float | None, form: str) -> str:
    return "–" if value is None else "∞" if value == float("inf") else form.format(value)


if __name__ == "__main__":
    main()
