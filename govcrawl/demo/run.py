"""The demonstration: the real crawl over real HTTP against the replica portal, twice, and everything checked.

Nothing leaves the machine. What is made lies in a directory of its own, because invented documents must never stand among
real evidence; each WARC file says in its warcinfo record that it holds demonstration data.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from govcrawl.demo import agency, report
from govcrawl.demo.checks import Mismatch, compare_changes, compare_counts, compare_documents
from govcrawl.demo.evidence import read_evidence
from govcrawl.demo.portal import Portal
from govcrawl.errors import UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from govcrawl.demo.agency import Day

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended
CRAWL_SECONDS = 120.0  # a crawl of the demo takes five seconds; one that takes this long hangs
_GRACE_SECONDS = 15.0  # a crawl that was asked to stop closes its WARC file first
_KEPT_OUT = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_CRAWLS: Mapping[Day, tuple[str, ...]] = {1: (), 2: ("-a", "mode=full")}


class DemoFailed(Exception):
    """The demonstration could not be carried to its end; the message says where and what to look at."""


def run_demo(keep: Path | None = None, *, port: int = 0, console: Console | None = None) -> int:
    """Run the demonstration and show it.

    Args:
        keep: directory for what is made, new or empty; ``None`` makes one among the temporary files. Either is kept.
        port: loopback port of the replica portal; 0 takes a free one.
        console: where to show it; standard output if ``None``.

    Returns:
        0 if every expectation was met, 1 if not (each that failed is named), 130 after Ctrl-C.

    Raises:
        UsageMistake: ``keep`` cannot be used, or the port is taken.
    """
    console = console or Console(highlight=False)
    data_dir = _fresh_directory(keep)
    began = time.monotonic()
    try:
        with _running_portal(port) as portal:
            report.show_start(console, portal, data_dir)
            wrong = [found for day in agency.DAYS for found in _crawl_and_check(console, portal, data_dir, day)]
    except DemoFailed as failed:
        console.print(str(failed), style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print(
            say(
                f"已中断；已抓取的演示数据留在 {data_dir}，可以删除。",
                f"Interrupted; what was crawled so far lies in {data_dir} and may be deleted.",
            ),
            markup=False,
        )
        return INTERRUPTED
    report.show_result(console, read_evidence(data_dir), portal, data_dir)
    report.show_verdict(console, wrong, time.monotonic() - began)
    report.show_next(console, data_dir)
    return 1 if wrong else 0


def _crawl_and_check(console: Console, portal: Portal, data_dir: Path, day: Day) -> list[Mismatch]:
    portal.day = day
    report.show_day(console, day)
    _crawl(portal, data_dir, day)
    evidence = read_evidence(data_dir)
    truths = portal.expected(day)
    return [
        *compare_counts(truths, day, evidence.outcomes),
        *(Mismatch(f"day {day}", f"failures: {reason}", 0, number) for reason, number in evidence.failures.items()),
        *compare_documents(truths, evidence.documents),
        *compare_changes(truths, evidence.changed_fields),
        *evidence.unreadable,
        *_manners(portal),
    ]


def _manners(portal: Portal) -> list[Mismatch]:
    """Check what the portal saw: no trap entered, nothing asked that robots.txt closes, files asked for conditionally."""
    asked = portal.requests
    wrong = [
        Mismatch(portal.host, f"requests to a {kind} address", 0, number)
        for kind in ("trap", "disallowed", "refused")
        if (number := sum(one.kind == kind for one in asked))
    ]
    if portal.day > 1 and not any(one.day == portal.day and one.status == report.NOT_MODIFIED for one in asked):
        wrong.append(Mismatch(portal.host, "unchanged files answered with 304", "some", 0))
    return wrong


def _crawl(portal: Portal, data_dir: Path, day: Day) -> None:
    """Run the real crawl as a user would, in a process of its own.

    Raises:
        DemoFailed: it ended with another exit code than 0, or not at all.
    """
    log = data_dir / f"crawl-{day}.log"
    command = [sys.executable, "-m", "scrapy", "crawl", agency.NAME, *_CRAWLS[day], "-s", "DOWNLOAD_DELAY=0"]
    command += ["-s", "GOVCRAWL_DEMO=1", "--logfile", str(log)]
    # In a process group of its own a Ctrl-C reaches the crawl once, through us: a second one would make it drop everything.
    process = subprocess.Popen(command, env=_environment(portal, data_dir), process_group=0)  # noqa: S603 - our own
    try:
        code = process.wait(CRAWL_SECONDS)
    except subprocess.TimeoutExpired:
        _stop(process)
        raise DemoFailed(
            say(
                f"第 {day} 天的抓取在 {CRAWL_SECONDS:.0f} 秒内没有结束，已停止；日志：{log}",
                f"The crawl of day {day} did not end within {CRAWL_SECONDS:.0f} s and was stopped; its log: {log}",
            )
        ) from None
    except KeyboardInterrupt:
        _stop(process)
        raise
    if code != 0:
        raise DemoFailed(
            say(
                f"第 {day} 天的抓取以退出码 {code} 结束（应为 0）；日志：{log}",
                f"The crawl of day {day} ended with exit code {code}, expected 0; its log: {log}",
            )
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a crawl: ask it to close its files, then insist."""
    process.terminate()  # not SIGINT: a crawl that is still starting would show a traceback
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment(portal: Portal, data_dir: Path) -> dict[str, str]:
    """The crawl's environment: the user's, without proxies, aimed at the portal and the demo's own directory."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in _KEPT_OUT}
    return kept | {
        "GOVCRAWL_DATA": str(data_dir),
        "GOVCRAWL_CONNECT_TO": portal.connect_to,
        "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
    }


def _fresh_directory(keep: Path | None) -> Path:
    """Make the directory for what is made.

    Raises:
        UsageMistake: it is not empty, or cannot be made.
    """
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="govcrawl-demo-"))
    try:
        keep.mkdir(parents=True, exist_ok=True)
        in_the_way = next(keep.iterdir(), None)
    except OSError as error:
        raise UsageMistake(
            say(
                f"--keep {keep}：不能用作目录（{error.strerror}），请另选一个",
                f"--keep {keep}: cannot be used as a directory ({error.strerror}); choose another",
            )
        ) from error
    if in_the_way is not None:
        raise UsageMistake(
            say(
                f"--keep {keep}：目录里已有 {in_the_way.name}；演示数据不能与其他数据混放，请给一个新的或空的目录",
                f"--keep {keep}: it already holds {in_the_way.name}; demonstration data must not lie among other data, "
                "give a new or empty directory",
            )
        )
    return keep.resolve()


@contextmanager
def _running_portal(port: int) -> Iterator[Portal]:
    """Run the portal.

    Raises:
        UsageMistake: the port cannot be had.
    """
    portal = Portal(port=port)
    try:
        portal.start()
    except OSError as error:
        raise UsageMistake(
            say(
                f"--port {port}：不能在 127.0.0.1:{port} 上监听（{error.strerror}）；请另选一个，或不给 --port",
                f"--port {port}: cannot listen on 127.0.0.1:{port} ({error.strerror}); choose another or leave --port out",
            )
        ) from error
    try:
        yield portal
    finally:
        portal.stop()
