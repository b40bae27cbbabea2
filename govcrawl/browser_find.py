"""Which browser there is: found without starting it, and one sentence for where there is none."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from govcrawl.errors import UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scrapy import Spider
    from scrapy.settings import BaseSettings

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge-stable")
FIXED_PLACES = (Path("/usr/bin/chromium"),)  # Debian's, also where PATH is empty: cron, systemd

# Under Playwright's cache, per system: chromium-<revision> or, for servers, chromium_headless_shell-<revision>.
_IN_CACHE = (
    "chrome-linux*/chrome",
    "chrome-linux*/headless_shell",
    "chrome-headless-shell-linux*/chrome-headless-shell",
    "chrome-mac*/*.app/Contents/MacOS/*",
    "chrome-win*/chrome.exe",
)


def find_browser(settings: BaseSettings) -> Path | None:
    """Return the Chromium, Chrome or Edge to use, None where there is none.

    Looked for in this order: GOVCRAWL_BROWSER; Playwright's own cache, newest first; the usual programs on PATH; Debian's
    place. That it starts is not tried.

    Raises:
        UsageMistake: GOVCRAWL_BROWSER names no program.
    """
    given = settings.get("GOVCRAWL_BROWSER")
    if given:
        found = shutil.which(os.path.expanduser(given))  # noqa: PTH111 - a bare name is looked for on PATH, not here
        if found is None:
            raise UsageMistake(
                say(
                    f"GOVCRAWL_BROWSER 指定的 {given!r} 不是可执行程序；请改为 Chromium、Chrome 或 Edge 的路径，或取消该设置以自动查找",
                    f"GOVCRAWL_BROWSER is {given!r}, which is no program that can be run; give the path of a Chromium, "
                    "Chrome or Edge, or unset it to have one looked for",
                )
            )
        return Path(found)
    on_path = (Path(found) for program in PROGRAMS if (found := shutil.which(program)))
    places = (*_cached(), *on_path, *FIXED_PLACES)
    return next((place for place in places if os.access(place, os.X_OK) and place.is_file()), None)


def require_browser(spider: type[Spider], settings: BaseSettings) -> Path | None:
    """Return the browser an agency's channels need, None where no channel needs one.

    Raises:
        UsageMistake: one is needed and there is none; the message says for which channels, what follows, and what to do.
    """
    needing: Sequence[str] = getattr(spider, "browser_channels", ())
    if not needing:
        return None
    found = find_browser(settings)
    if found is None:
        channels = "、".join(needing)
        raise UsageMistake(
            say(
                f"{spider.name} 的栏目“{channels}”由脚本签名加载，需要浏览器，本机未找到；没有它这些栏目会缺失，因此未开始抓取："
                "请安装（sudo apt-get install chromium，或 python3 run.py playwright install chromium），或用 GOVCRAWL_BROWSER=路径 指定 Chromium、Chrome 或 Edge",
                f"{spider.name}: only a browser shows the channel(s) {channels}, and none was found; they would be missing "
                "from the archive, so nothing was crawled: install one (sudo apt-get install chromium, or python3 run.py "
                "playwright install chromium) or name a Chromium, Chrome or Edge with GOVCRAWL_BROWSER=PATH",
            )
        )
    return found


def _cached() -> Iterator[Path]:
    """Yield the browsers in Playwright's cache, newest revision first, whole ones before headless shells."""
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if named and named != "0":
        cache = Path(named)
    elif sys.platform == "darwin":
        cache = Path("~/Library/Caches/ms-playwright").expanduser()
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", "")) / "ms-playwright"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ms-playwright"
    for family in ("chromium", "chromium_headless_shell"):
        folders = cache.glob(f"{family}-*")
        for folder in sorted(folders, key=_revision, reverse=True):
            for pattern in _IN_CACHE:
                yield from sorted(folder.glob(pattern))


def _revision(folder: Path) -> int:
    number = folder.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0
