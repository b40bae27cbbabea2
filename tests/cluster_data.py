"""An archive of several WARC files: two crawls of a small site whose pages, one attachment and line of a list change in between."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from small_site import SmallSite, crawl, declare, document, listing, paragraphs

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
LIST = "/zwgk/gsgg/"
SETTINGS = 'from govcrawl.settings import *\nSPIDER_MODULES = ["smallspiders", "spiders"]\nGOVCRAWL_READERS = 1\n'
SMALL_FILES = ("-s", "GOVCRAWL_WARC_MAX_BYTES=8000")


HELD = '''"""小城市司法局, invented; reading waits while a file ``hold`` lies beside the package, and says so."""
import os
import time
from pathlib import Path

from spiders.templates.trt import FujianTrt

FOLDER = Path({folder!r})


class small_sfj(FujianTrt):
    """小城市司法局."""

    name = "small_sfj"
    agency = "小城市司法局"
    base_url = "http://sfj.small.test"
    channels = {{"公告公示": "/zwgk/gsgg/"}}

    @classmethod
    def read_document(cls, page):
        """Read a page once nobody holds it."""
        while (FOLDER / "hold").exists():
            (FOLDER / f"held-{{os.getpid()}}").touch()
            time.sleep(0.05)
        return FujianTrt.read_document.__func__(cls, page)
'''


def hold(folder: Path) -> None:
    """Let whoever reads a page of the archive wait until the file ``hold`` is gone."""
    (folder / "smallspiders" / "small_sfj.py").write_text(HELD.format(folder=str(folder)), "utf-8")
    (folder / "hold").touch()


def _title(number: int) -> str:
    return f"小城市司法局关于第{number}项工作的通知"


def _page(number: int, words: str, files: str = "") -> Any:
    return document(_title(number), paragraphs(f"{words}第{number}号", 5), files=files, ident=number)


def make_archive(folder: Path, documents: int = 12) -> Path:
    """Crawl the site twice into ``folder``; returns the data directory."""
    declare(folder)
    (folder / "smallsettings.py").write_text(SETTINGS, "utf-8")
    block = '<div class="article_attachment"><ul><li><a href="./P2.csv">附表.csv</a></li></ul></div>'
    rows = [(f"./202403/t20240305_{n}.htm", _title(n), "2024-03-05") for n in range(1, documents + 1)]
    routes: dict[str, Any] = {LIST: listing(rows)}
    for n in range(1, documents + 1):
        routes[f"{LIST}202403/t20240305_{n}.htm"] = _page(n, "通知", block if n == 2 else "")
    routes[f"{LIST}202403/P2.csv"] = 200, {"Content-Type": "text/csv"}, "姓名,数\n甲,1\n".encode()
    with SmallSite(routes) as site:
        first = crawl(folder, site, *SMALL_FILES)
        assert first.returncode == 0, first.stderr
        for n in range(1, documents + 1, 3):
            site.routes[f"{LIST}202403/t20240305_{n}.htm"] = _page(n, "更正")
        second = crawl(folder, site, "-a", "mode=full", *SMALL_FILES)
        assert second.returncode == 0, second.stderr
    return folder / "data"


def environment(folder: Path) -> dict[str, str]:
    """The environment of a command that works on the archive in ``folder``."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "SCRAPY_SETTINGS_MODULE": "smallsettings",
        "GOVCRAWL_DATA": str(folder / "data"),
        "GOVCRAWL_LANG": "en",
    }


def govcrawl(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of the program on the archive in ``folder``."""
    line = [sys.executable, "-c", "from govcrawl.cli import main; main()", *arguments]
    return subprocess.run(
        line,
        env={**environment(folder), **(env or {})},
        cwd=folder,
        text=True,
        capture_output=True,
        timeout=240,
        check=False,
    )
