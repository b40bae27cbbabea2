"""Machines with and without a browser, and what is said there."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from browser_site import ROBOTS, SIGNED, show
from scrapy.settings import Settings
from small_site import SmallSite, command, crawl

from govcrawl.browser_find import find_browser, require_browser
from govcrawl.errors import BadAgency, UsageMistake
from spiders.templates.p8 import P8

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WITHOUT = """
import sys
from govcrawl import browser_find
browser_find.FIXED_PLACES = ()
from scrapy.cmdline import execute
execute(["scrapy", *sys.argv[1:]])
"""


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without browsers: PATH, Playwright's cache and Debian's place are empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "cache"))
    monkeypatch.setattr("govcrawl.browser_find.FIXED_PLACES", ())
    return tmp_path


def said(output: str) -> list[str]:
    """The lines of output that are no log."""
    return [line for line in output.splitlines() if " INFO " not in line]


def test_without_a_browser_one_sentence_says_what_to_do(nowhere: Path) -> None:
    """The crawl does not begin and its exit code says so: which channels, what follows, how to get one, how to name one."""
    show(nowhere, {"签名列表": SIGNED})
    with SmallSite({"/robots.txt": ROBOTS}) as site:
        line, env = command(nowhere, site)
        arguments = line[line.index("scrapy") + 1 :]
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT, *arguments],
            env=env,
            cwd=nowhere,
            text=True,
            capture_output=True,
            check=False,
        )
    assert done.returncode == 1
    assert len(said(done.stderr)) == 1
    for part in (
        "small_sfj",
        "签名列表",
        "nothing was crawled",
        "sudo apt-get install chromium",
        "GOVCRAWL_BROWSER=PATH",
    ):
        assert part in done.stderr
    assert site.targets() == []


def test_a_named_browser_that_is_none_is_refused(nowhere: Path) -> None:
    """GOVCRAWL_BROWSER that names no program ends the crawl before it begins; an agency that needs none does not look."""
    show(nowhere, {"签名列表": SIGNED})
    done = crawl(nowhere, None, GOVCRAWL_BROWSER="/nowhere/chrome")
    assert done.returncode == 1
    assert len(said(done.stdout)) == 1
    assert "GOVCRAWL_BROWSER is '/nowhere/chrome'" in done.stdout
    assert require_browser(P8, Settings({"GOVCRAWL_BROWSER": "/nowhere/chrome"})) is None


def program(path: Path) -> Path:
    """Something that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_browser_that_does_not_start_says_why(tmp_path: Path) -> None:
    """What the program itself complains of is passed on as the reason of the failed list."""
    broken = program(tmp_path / "chrome")
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libnss3.so' >&2\nexit 127\n")
    show(tmp_path, {"签名列表": SIGNED})
    with SmallSite({"/robots.txt": ROBOTS}) as site:
        done = crawl(tmp_path, site, "-s", "RETRY_TIMES=0", GOVCRAWL_BROWSER=str(broken))
    assert done.returncode == 1
    assert f"{broken} did not start: error while loading shared libraries: libnss3.so" in done.stdout


def test_browsers_are_found_in_order(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is named comes first, then Playwright's newest, then PATH in the order of names, then Debian's place."""
    settings = Settings()
    assert find_browser(settings) is None
    debian = program(nowhere / "debian" / "chromium")
    monkeypatch.setattr("govcrawl.browser_find.FIXED_PLACES", (debian,))
    assert find_browser(settings) == debian
    edge = program(nowhere / "microsoft-edge-stable")
    assert find_browser(settings) == edge
    chrome = program(nowhere / "google-chrome")
    assert find_browser(settings) == chrome
    cache = nowhere / "cache"
    shell = program(cache / "chromium_headless_shell-1300" / "chrome-headless-shell-linux64" / "chrome-headless-shell")
    assert find_browser(settings) == shell
    program(cache / "chromium-999" / "chrome-linux" / "chrome")
    newest = program(cache / "chromium-1208" / "chrome-linux64" / "chrome")
    assert find_browser(settings) == newest
    named = program(nowhere / "mine" / "chrome")
    assert find_browser(Settings({"GOVCRAWL_BROWSER": str(named)})) == named
    assert find_browser(Settings({"GOVCRAWL_BROWSER": "google-chrome"})) == chrome


def test_a_browser_channel_must_be_a_channel() -> None:
    """A name in browser_channels that channels does not have is refused when the class is defined."""
    facts: Callable[[], dict[str, Any]] = lambda: {  # noqa: E731 - a fresh body for each class
        "name": "xx_sfj",
        "agency": "某市司法局",
        "base_url": "http://xx.test",
        "channels": {"公告": "/gg/"},
        "browser_channels": ("公示",),
        "__module__": "spiders.xx_sfj",
    }
    with pytest.raises(BadAgency, match="browser_channels names"):
        type("xx_sfj", (P8,), facts())


@pytest.mark.usefixtures("nowhere")
def test_the_sentence_is_in_the_users_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Chinese the same things are said."""
    monkeypatch.setenv("GOVCRAWL_LANG", "zh")
    needing = type("Needing", (), {"name": "xx_sfj", "browser_channels": ("行政执法公示",)})
    with pytest.raises(UsageMistake, match=r"行政执法公示.*apt-get install chromium.*GOVCRAWL_BROWSER"):
        require_browser(needing, Settings())
