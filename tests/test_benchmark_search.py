"""The search benchmark, in a small size: it runs, and its answers are the truth."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.search import main

if TYPE_CHECKING:
    import pytest


def test_small_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Three hundred documents: every answer equals the scan's, exit 0."""
    assert main(["--documents", "300", "--characters", "300", "--queries", "40", "--truth", "40"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["missed"] == 0
