"""The benchmark of many agencies in one process runs, and its crawls lose nothing."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

from benchmarks.replica import count_overlaps

ROOT = Path(__file__).resolve().parent.parent


def test_a_small_round_of_generated_agencies(tmp_path: Path) -> None:
    """Six agencies: dry run, first crawl, recrawl, and nothing due after that; the figures are written."""
    report = tmp_path / "report.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks.agencies",
        "--agencies",
        "6",
        "--separate",
        "0",
        "--json",
        str(report),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    for run in ("dry run", "first crawl", "recrawl", "nothing due"):
        assert f"{run}: 6 agencies" in done.stdout
    assert json.loads(report.read_text("utf-8"))["agencies"] == 6


def test_a_small_replica_on_addresses_of_its_own(tmp_path: Path) -> None:
    """Twelve agencies, three of them one platform: one process and two lose nothing, and no group is in two at once."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "benchmarks.agencies", "--replica", "--agencies", "12", "--at-once", "4"]
    command += ["--json", str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = json.loads(report.read_text("utf-8"))
    assert [(run["name"], run["processes"]) for run in runs] == [("first crawl", 2), ("recrawl", 1), ("recrawl", 2)]
    assert [run["requests"] for run in runs[1:]] == [12, 12]
    assert {(run["unfinished"], run["lock_errors"], run["overlaps"]) for run in runs} == {(0, 0, 0)}


def test_a_group_in_two_processes_at_once_is_seen(tmp_path: Path) -> None:
    """Crawls of one group overlap in two processes, or follow each other; others do not count."""
    (tmp_path / "state").mkdir()
    with sqlite3.connect(tmp_path / "state" / "governor.db") as db:
        db.execute("CREATE TABLE audit (id INTEGER PRIMARY KEY, at REAL, group_name TEXT, agency TEXT, pid INTEGER)")
        turns = [(1, "a", "x", 1), (5, "a", "x", 1), (3, "a", "y", 2), (6, "a", "z", 3), (2, "b", "w", 2)]
        db.executemany("INSERT INTO audit (at, group_name, agency, pid) VALUES (?, ?, ?, ?)", turns)
    db.close()
    assert count_overlaps(tmp_path) == 1
    assert count_overlaps(tmp_path, 2) == 0
