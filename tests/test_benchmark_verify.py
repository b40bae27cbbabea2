"""The benchmark of verify runs, and both commands find nothing in its files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_a_small_run_times_both_commands(tmp_path: Path) -> None:
    """Every figure is there; a command that found something would have ended the run."""
    report = tmp_path / "report.json"
    sizes = ["--files", "2", "--mebibytes", "0.2", "--records", "30", "--repeat", "1"]
    command = [sys.executable, "-m", "benchmarks.verify", *sizes, "--json", str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(report.read_text("utf-8"))["figures"]
    assert set(figures["one file"]) == {"warcio check", "govcrawl verify --jobs 1"}
    assert set(figures["all files"]) == {"warcio check", "govcrawl verify --jobs 1", "govcrawl verify --jobs 2"}
    assert "two processes against one" in done.stdout
