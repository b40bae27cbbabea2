"""The simulator of recrawls: a small site for a short time meets every bar that such a site is held to."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.recrawl.measures import NEVER, Figures, find_misses, share

ROOT = Path(__file__).resolve().parent.parent

FIGURES = Figures(
    requests_per_day=50.0,
    worst_day=60,
    new_1d=1.0,
    new_1d_raw=1.0,
    new_7d=1.0,
    edits_7d=0.5,
    edits_30d=1.0,
    withdrawn_7d=1.0,
    withdrawn_30d=1.0,
    false_withdrawn=0,
    false_unlisted=0,
    requests_per_change=10.0,
    incomplete=0,
)


def test_a_small_run_meets_the_bars(tmp_path: Path) -> None:
    """All that is new, edited and withdrawn is found in time and nothing falsely; the run says so and exits with 0."""
    report = tmp_path / "report.json"
    sizes = ["--days", "40", "--documents", "600", "--seeds", "1", "--only-policy"]
    command = [sys.executable, "-m", "benchmarks.recrawl", *sizes, "--json", str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every bar is met" in done.stdout
    figures = json.loads(report.read_text("utf-8"))["figures"]["1"]
    assert set(figures) == {"policy", "policy without cycle"}
    assert figures["policy"]["edits_30d"] == 1.0


def test_a_missed_bar_is_named() -> None:
    """Each figure is compared with its bar; costs only of large sites, and with Nutch where it ran."""
    bad = replace(FIGURES, new_1d=0.98)
    assert find_misses({"policy": FIGURES}, 1100.0, 10_000) == []
    assert find_misses({"policy": bad}, 1100.0, 10_000) == ["policy: new_1d is 0.9800, expected at least 0.99"]
    assert find_misses({"policy": FIGURES}, 900.0, 100) == []
    assert find_misses({"policy": FIGURES}, 900.0, 10_000) == [
        "policy: requests_per_day is 0.0556, expected at most 0.05"
    ]
    nutch = replace(FIGURES, edits_7d=0.3)
    assert find_misses({"policy": FIGURES, "Nutch, budget of policy": nutch}, 1100.0, 10_000) == [
        "policy: edits_7d is 0.500, expected 2.0 × 0.300 of Nutch, budget of policy"
    ]


def test_what_is_never_found_is_late() -> None:
    """Shares count it; nothing that happened gives no share."""
    assert share([(1.0, 1.5), (2.0, NEVER)], 1) == 0.5
    assert share([], 1) is None
