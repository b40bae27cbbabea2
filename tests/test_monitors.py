"""Crawls of a small site with a silent failure: what the verdict, the exit code and the summary say of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from monitor_faults import FAULTS, Fault, inject, prepare
from whole_catalogs import content

from govcrawl.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = (
    "lists redesigned",
    "captcha on documents",
    "dates of documents in another form",
    "lists redirected to one page",
)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one healthy crawl."""
    folder = tmp_path_factory.mktemp("healthy")
    prepare(folder)
    return folder


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.name in SAMPLE], ids=lambda one: one.name)
def test_a_silent_failure_is_named_in_one_run(healthy: Path, tmp_path: Path, fault: Fault) -> None:
    """The verdict is alarm, its first finding names the cause, exit code and summary say so."""
    folder = tmp_path / "site"
    shutil.copytree(healthy, folder)
    code, verdict, findings, printed = inject(folder, fault)
    assert (code, verdict) == (1, "alarm")
    assert findings[0]["kind"] in fault.kinds
    assert findings[0]["capture_id"] is not None
    assert "verdict: alarm" in printed


def test_verdicts_are_made_again_from_the_warc_files(
    healthy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebuilt catalog has the same walks, findings and verdicts; a healthy recrawl is ok and exits with 0."""
    folder = tmp_path / "site"
    shutil.copytree(healthy, folder)
    code, verdict, findings, printed = inject(folder, Fault("nothing", frozenset(), lambda _: None))
    assert (code, verdict, findings) == (0, "ok", []), printed
    before = content(folder / "data" / "catalog.db")
    monkeypatch.setenv("GOVCRAWL_SPIDERS", str(folder / "smallspiders"))
    with pytest.raises(SystemExit) as ended:
        main(["rebuild", "--data", str(folder / "data")])
    assert ended.value.code == 0
    after = content(folder / "data" / "catalog.db")
    assert {name: after[name] for name in ("walks", "findings", "crawls")} == {
        name: before[name] for name in ("walks", "findings", "crawls")
    }
    assert len(before["walks"]) == 4
