"""The benchmark of extraction runs, trafilatura reads every document, and a worker's memory stays where it is."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.extraction import MOST_GROWTH_MIB, make_word_page, read_govcrawl

ROOT = Path(__file__).resolve().parent.parent


def test_a_small_run_has_every_figure(tmp_path: Path) -> None:
    """The readers are timed on the same pages; ratios are for an idle machine, what was read is not."""
    report = tmp_path / "report.json"
    sizes = ["--pages", "20", "--repeat", "1", "--memory-pages", "400"]
    command = [sys.executable, "-m", "benchmarks.extraction", *sizes, "--json", str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert report.exists(), done.stderr
    found = json.loads(report.read_text("utf-8"))
    assert {"govcrawl, template", "govcrawl, no template", "trafilatura with metadata"} <= set(found["ms"])
    assert found["read"] == 20
    assert found["ratio"] > 1
    early, late = found["memory_mib"]
    assert late - early < MOST_GROWTH_MIB


def test_the_largest_real_page_takes_less_than_a_second() -> None:
    """350,000 characters of Word HTML are read whole, tables included."""
    body = make_word_page()
    began = time.process_time()
    document = read_govcrawl("http://bench.example/word.htm", body)
    assert time.process_time() - began < 1
    assert len(body.decode()) > 350_000
    assert document.extraction.trafilatura_version
    assert len(document.tables) > 50
    assert len(document.text or "") > 10_000
