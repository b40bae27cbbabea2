"""The benchmark of many agencies in one process runs, and its crawls lose nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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
