"""What is given to ``scrapy crawl`` is checked before anything begins."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scrapy.settings import Settings

from govcrawl.crawl_options import check_arguments, check_settings, quiet_engine
from govcrawl.errors import UsageMistake


def given(**settings: str) -> Settings:
    """Settings of which these came from the command line."""
    all_of_them = Settings()
    all_of_them.setmodule("govcrawl.settings", priority="project")
    all_of_them.setdict(settings, priority="cmdline")
    return all_of_them


@pytest.mark.parametrize(
    ("args", "said"),
    [([], "name one agency"), (["a_sfj", "b_sfj"], "got 2"), (["a_sfj", "--nix"], "no option --nix")],
)
def test_other_than_one_agency_is_refused(args: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No agency, two agencies and an option that there is not are told apart."""
    monkeypatch.setenv("GOVCRAWL_LANG", "en")
    with pytest.raises(UsageMistake, match=said):
        check_arguments(args)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DOWNLOAD_DELAY", "abc", "no number"),
        ("DOWNLOAD_DELAY", "-1", "no number"),
        ("GOVCRAWL_READERS", "", "no number"),
        ("ROBOTSTXT_OBEY", "maybe", "True or False"),
        ("GOVCRAWL_DTAA", "data", "is GOVCRAWL_DATA meant"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that is none and a misspelt name are named, with what was probably meant."""
    monkeypatch.setenv("GOVCRAWL_LANG", "en")
    with pytest.raises(UsageMistake, match=said):
        check_settings(given(**{name: value}))


def test_settings_that_can_be_meant_pass() -> None:
    """Numbers, truth values, addresses and names of somebody's own extension are left alone."""
    check_arguments(["a_sfj"])
    check_settings(given(DOWNLOAD_DELAY="0", ROBOTSTXT_OBEY="true", GOVCRAWL_DATA="x", MY_OWN="anything"))


def test_an_interrupt_is_told_in_the_users_language(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the engine's notices only those on Ctrl-C are heard, and they say what comes next."""
    monkeypatch.setenv("GOVCRAWL_LANG", "en")
    quiet_engine(given())
    engine = logging.getLogger("scrapy.crawler")
    engine.info("Overridden settings: %s", {})
    engine.info("Received %(signame)s, shutting down gracefully. Send again to force ", {"signame": "SIGINT"})
    assert [record.getMessage() for record in caplog.records] == [
        "interrupted: ending when what is under way is archived; Ctrl-C again ends at once"
    ]


def test_item_files_are_refused_and_not_offered(tmp_path: Path) -> None:
    """Scrapy's -o would be taken and write nothing; the sentence names the export."""
    env = {**os.environ, "SCRAPY_SETTINGS_MODULE": "govcrawl.settings", "GOVCRAWL_LANG": "en"}
    env["PYTHONPATH"] = str(Path(__file__).parents[1])
    line = [sys.executable, "-m", "scrapy", "crawl"]
    tried = subprocess.run(
        [*line, "demo_sfj", "-o", "x.json"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert tried.returncode == 2
    assert "govcrawl export documents" in tried.stderr
    assert list(tmp_path.iterdir()) == []
    shown = subprocess.run([*line, "--help"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "-a NAME=VALUE" in shown.stdout
    assert "--output" not in shown.stdout
