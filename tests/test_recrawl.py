"""Many agencies in one process: what is due, one that fails beside others that do not, one round at a time, interrupts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from small_site import ROOT, SmallSite, document, listing, paragraphs

from archive.catalog import Catalog
from archive.locks import take_round
from govcrawl.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIST = "/zwgk/gsgg/"
AGENCY = '''"""{title}, invented."""
from spiders.templates.trt import FujianTrt


class {name}(FujianTrt):
    """{title}."""

    name = "{name}"
    agency = "{title}"
    base_url = "http://{name}.round.test"
    channels = {{"公告公示": "{path}"}}
    {more}
'''
MEMORY = """
import gc, sys
from scrapy.crawler import Crawler
from scrapy.core.engine import ExecutionEngine
import govcrawl.rounds as rounds
from govcrawl.cli import main
from govcrawl.session import Session
run = rounds.Round.run
def counted(self, agencies):
    results = run(self, agencies)
    gc.unfreeze()
    gc.collect()
    print(len(results), sum(isinstance(one, (Crawler, ExecutionEngine, Session)) for one in gc.get_objects()), file=sys.stderr)
    return results
rounds.Round.run = counted
main()
"""


def path(number: int) -> str:
    """The address of document ``number``."""
    return f"{LIST}202403/t20240305_{number}.htm"


@pytest.fixture
def site() -> Iterator[SmallSite]:
    """One site on every host: a list of two documents."""
    rows = [(f"./202403/t20240305_{n}.htm", f"小城市司法局关于第{n}项工作的通知", "2024-03-05") for n in (1, 2)]
    routes: dict[str, Any] = {LIST: listing(rows)}
    routes |= {path(n): document(rows[n - 1][1], paragraphs(f"第{n}号通知", 5), ident=n) for n in (1, 2)}
    with SmallSite(routes) as running:
        yield running


def declare(folder: Path, name: str, *, more: str = "", channel: str = LIST) -> None:
    """Declare an agency in the folder of one's own."""
    (folder / "own").mkdir(exist_ok=True)
    text = AGENCY.format(name=name, title="小城市司法局", path=channel, more=more)
    (folder / "own" / f"{name}.py").write_text(text, "utf-8")


def command(folder: Path, site: SmallSite, *arguments: str, program: str = "") -> tuple[list[str], dict[str, str]]:
    """Return command line and environment of a recrawl of the folder's agencies and no others."""
    (folder / "none").mkdir(exist_ok=True)
    (folder / "none" / "__init__.py").touch()
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
        "GOVCRAWL_SPIDERS": str(folder / "own"),
        "GOVCRAWL_DATA": str(folder / "data"),
        "GOVCRAWL_STATE": str(folder / "state"),
        "GOVCRAWL_CONNECT_TO": f":80:127.0.0.1:{site.port}",
        "GOVCRAWL_LANG": "en",
    }
    line = [sys.executable, "-c", program or "from govcrawl.cli import main; main()", "recrawl"]
    given = ("SPIDER_MODULES=none", "DOWNLOAD_DELAY=0", "GOVCRAWL_READERS=1", "RETRY_TIMES=0")
    return [*line, *(part for one in given for part in ("-s", one)), *arguments], env


def recrawl(folder: Path, site: SmallSite, *arguments: str, program: str = "") -> subprocess.CompletedProcess[str]:
    """Run a recrawl to its end."""
    line, env = command(folder, site, *arguments, program=program)
    return subprocess.run(line, env=env, cwd=folder, text=True, capture_output=True, timeout=120, check=False)


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Agency → outcome, of a recrawl with --json."""
    assert done.stdout, done.stderr
    return {one["agency"]: one["outcome"] for one in json.loads(done.stdout)}


def test_what_is_due_is_crawled_and_then_not_due(site: SmallSite, tmp_path: Path) -> None:
    """Dry run, round, and round again: all agencies are due, crawled side by side, and then have their next time."""
    names = ["one_sfj", "two_sfj", "three_sfj"]
    for name in names:
        declare(tmp_path, name)
    dry = recrawl(tmp_path, site, "--due", "--dry-run")
    assert dry.returncode == 0
    assert "3 due, 0 not yet" in dry.stdout
    assert not site.asked
    assert not (tmp_path / "data").exists()
    done = recrawl(tmp_path, site)
    assert done.returncode == 0, done.stderr
    assert "3 agencies: finished 3" in done.stdout
    assert re.search(r"INFO one_sfj govcrawl\.\S+: list channel=公告公示", done.stderr)  # a line says whose it is
    with closing(Catalog.open_read_only(tmp_path / "data" / "catalog.db")) as catalog:
        rows = list(catalog.rows("SELECT agency, count(*) AS n FROM documents GROUP BY 1 ORDER BY 1"))
    assert rows == [{"agency": name, "n": 2} for name in sorted(names)]
    asked = len(site.asked)
    again = recrawl(tmp_path, site, "--due")
    assert (again.returncode, len(site.asked)) == (0, asked)
    assert "Nothing is due" in again.stdout
    plan = json.loads(recrawl(tmp_path, site, "--due", "--dry-run", "--json").stdout)
    assert {one["agency"]: (one["due"], one["why"]) for one in plan} == dict.fromkeys(names, (False, "interval"))
    line, env = command(tmp_path, site)
    told = subprocess.run(
        [*line[:3], "status", "--json"], env=env, cwd=tmp_path, text=True, capture_output=True, check=True
    )
    status = {one["agency"]: one["next_run_at"] for one in json.loads(told.stdout)}
    assert status == {one["agency"]: one["next_run_at"] for one in plan}
    named = recrawl(tmp_path, site, "--agency", "two_sfj", "--json")
    assert outcomes(named) == {"two_sfj": "finished"}


def test_agencies_that_fail_stop_no_other(site: SmallSite, tmp_path: Path) -> None:
    """A list that is gone, a missing browser, a wrong declaration: each fails with its sentence, the good one is crawled."""
    declare(tmp_path, "good_sfj")
    declare(tmp_path, "gone_sfj", channel="/gone/")
    declare(tmp_path, "browser_sfj", more='browser_channels = ("公告公示",)')
    declare(tmp_path, "wrong_sfj", more="every_hours = -1")
    done = recrawl(tmp_path, site, "--json", "-s", "GOVCRAWL_BROWSER=/nowhere/chromium")
    assert done.returncode == 1
    assert outcomes(done) == {
        "good_sfj": "finished",
        "gone_sfj": "failed",
        "browser_sfj": "failed",
        "wrong_sfj": "failed",
    }
    sentences = {one["agency"]: one["sentence"] for one in json.loads(done.stdout)}
    assert "/nowhere/chromium" in sentences["browser_sfj"]
    assert "every_hours is -1" in sentences["wrong_sfj"]
    assert "/gone/" in sentences["gone_sfj"]


def test_one_round_at_a_time(site: SmallSite, tmp_path: Path) -> None:
    """The second is told which process is at it since when, and asks for nothing."""
    declare(tmp_path, "one_sfj")
    lock = take_round(tmp_path / "data" / "locks", datetime(2026, 3, 2, 12, tzinfo=UTC))
    done = recrawl(tmp_path, site, "--due")
    lock.release()
    assert done.returncode == 1
    assert f"pid {os.getpid()} since 2026-03-02T12:00:00+00:00" in done.stderr
    assert not site.asked


def test_an_interrupt_ends_all_in_order_and_the_next_round_goes_on(site: SmallSite, tmp_path: Path) -> None:
    """Ctrl-C while documents are on their way: every crawl is closed as interrupted, no more begin, all are due at once."""
    for name in ("a_sfj", "b_sfj", "c_sfj"):
        declare(tmp_path, name)
    answer, asked, go_on = site.routes[path(1)], threading.Event(), threading.Event()

    def slowly(_: object) -> Any:
        asked.set()
        go_on.wait(30)
        return answer

    site.routes[path(1)] = slowly
    line, env = command(tmp_path, site, "--at-once", "2", "--json")
    with subprocess.Popen(line, env=env, cwd=tmp_path, text=True, stdout=subprocess.PIPE) as process:
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        go_on.set()
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    found = {one["agency"]: one["outcome"] for one in json.loads(said)}
    assert "interrupted" in found.values()
    assert "c_sfj" not in found  # had not begun
    site.routes[path(1)] = answer
    done = recrawl(tmp_path, site, "--due", "--json")
    assert done.returncode == 0, done.stderr
    left = {name for name, outcome in found.items() if outcome == "interrupted"} | {"c_sfj"}
    assert outcomes(done) == dict.fromkeys(left, "finished")


def test_nothing_of_a_crawl_stays_in_memory(site: SmallSite, tmp_path: Path) -> None:
    """After a round of a dozen agencies no crawler, engine or session is left."""
    for number in range(12):
        declare(tmp_path, f"agency{number}_sfj")
    done = recrawl(tmp_path, site, "--json", "-s", "LOG_LEVEL=ERROR", "-s", "GOVCRAWL_TEXTS=0", program=MEMORY)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "12 0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--agency", "nobody_sfj"), "nobody_sfj"),
        (("--all", "--due"), "--all"),
        (("-s", "DOWNLOAD_DELAY"), "NAME=VALUE"),
        (("-s", "DOWNLOAD_DELAYS=1"), "DOWNLOAD_DELAY"),
        (("--at-once", "0"), "at-once"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2 and a sentence that names it."""
    done = CliRunner().invoke(main, ["recrawl", "--data", str(tmp_path), *arguments])
    assert done.exit_code == 2
    assert said in done.output
