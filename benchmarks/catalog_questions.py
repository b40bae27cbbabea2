"""What people and crawls ask of a catalog, each question timed several times, with the bar it is held to."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from archive import catalog_recrawl as recrawl
from archive import catalog_texts
from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_change_reads import Choice, find_changes
from archive.export import export_documents
from archive.search import search
from archive.search_query import parse_query
from benchmarks.made_catalog import FIRST
from govcrawl.recrawl.rates import AGE_BOUNDS_DAYS
from govcrawl.web.app import make_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROUNDS = 5
LARGEST, MIDDLING = f"{FIRST}0000", f"{FIRST}0001"

QUERIES = (
    *("公", "的", "公开", "信息公开", "第一条", "行政处罚", "规范性文件的", "关于财政预算的公告", "鱼", "信国"),
    *("公开 条例", "公开 OR 处罚", "公开 -处罚", '"政务 公开" 通知', "文号:样府办〔2024〕17号", "标题:年度报告"),
    *(f"公开 机构:{MIDDLING}", "公开 从:2024-01-01", "公开 有:附件", "通知 状态:suspected", "通知 类型:notice"),
)
"""Common and rare characters and phrases, all of, one of, without, in a column, with filters."""


class Answer(NamedTuple):
    """How long a question took: median and worst of several times, in seconds; ``rows`` is what came, where that is told.

    ``cpu`` is the CPU time in the median, of a command with all it started: what a machine that is busy otherwise does not make longer.
    """

    name: str
    median: float
    worst: float
    bar: float | None
    rows: int | None = None
    cpu: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is within its bar."""
        return self.bar is None or self.median <= self.bar

    def __str__(self) -> str:
        """Say it in a line."""
        bar = "" if self.bar is None else f" (bar {self.bar:g} s) {'ok' if self.holds else 'MISSED'}"
        rows = "" if self.rows is None else f", {self.rows} rows"
        cpu = "" if self.cpu is None else f", {self.cpu * 1e3:.0f} ms CPU"
        return f"{self.name:44} median {self.median * 1e3:8.1f} ms, worst {self.worst * 1e3:8.1f} ms{cpu}{rows}{bar}"


def ask_all(folder: Path, rounds: int = ROUNDS) -> Iterator[Answer]:
    """Ask everything so many times, commands at most three times; yield each answer as it comes."""
    with Catalog.open_read_only(folder / CATALOG_NAME) as catalog:
        last = next(catalog.rows("SELECT MAX(at) AS at FROM changes"))["at"]
        day = (datetime.fromisoformat(last) - timedelta(days=1)).isoformat()[:19] + "Z"
        found = next(catalog.rows("SELECT id FROM documents WHERE agency = ? LIMIT 1", (LARGEST,)))["id"]
        yield from _searches(catalog, rounds)
        yield from _reads(catalog, day, rounds)
        yield from _crawl_reads(catalog, rounds)
    yield from _pages(folder, found, rounds)
    yield from _commands(folder, day, min(rounds, 3))


def _time(name: str, bar: float | None, ask: Callable[[], object], rounds: int) -> Answer:
    """Time a question; a number that it returns is how many rows came."""
    spent, busy, said = [], [], None
    for _ in range(rounds):
        began, cpu = time.perf_counter(), time.process_time()
        said = ask()
        spent.append(time.perf_counter() - began)
        busy.append(time.process_time() - cpu)
    rows = said if isinstance(said, int) else None
    return Answer(name, statistics.median(spent), max(spent), bar, rows, statistics.median(busy))


def _searches(catalog: Catalog, rounds: int) -> Iterator[Answer]:
    """Yield each query, and all of them as one answer whose median is the 95th percentile."""
    spent, busy = [], []
    for text in QUERIES:
        answer = _time(f"search {text}", None, partial(_total, catalog, text), rounds)
        spent.append(answer.median)
        busy.append(answer.cpu or 0.0)
        yield answer
    spent.sort()
    place = int(len(spent) * 0.95)
    yield Answer("search, 95th percentile of the queries", spent[place], spent[-1], 1.0, cpu=sorted(busy)[place])


def _total(catalog: Catalog, text: str) -> int:
    return search(catalog, parse_query(text), limit=20).total


def _reads(catalog: Catalog, day: str, rounds: int) -> Iterator[Answer]:
    """Yield what readers ask."""

    def changes() -> int:
        return sum(1 for _ in find_changes(catalog, Choice(since=day)))

    def latest() -> int:
        return sum(1 for _ in find_changes(catalog, Choice(), limit=50, latest_first=True))

    def exported(since: str | None, agency: str | None) -> int:
        with closing(export_documents(catalog, agency=agency, changed_since=since)) as rows:
            return sum(1 for _ in rows)

    yield _time("changes of a day", 0.5, changes, rounds)
    yield _time("the latest 50 changes", 0.1, latest, rounds)
    grown = _time("export of what changed in a day", None, partial(exported, day, None), rounds)
    own = _time("export of one agency", None, partial(exported, None, MIDDLING), rounds)
    yield grown
    yield own
    # a changed row costs no more than three times a row of an export of everything of an agency
    yield Answer(
        "changed rows: seconds for 1,000",
        1000 * grown.median / max(1, grown.rows or 0),
        1000 * grown.worst / max(1, grown.rows or 0),
        max(0.5, 3000 * own.median / max(1, own.rows or 0)),
    )


def _crawl_reads(catalog: Catalog, rounds: int) -> Iterator[Answer]:
    """Yield what a recrawl asks at its beginning, of the largest agency."""

    def plan() -> int:
        recrawl.read_channels(catalog, LARGEST)
        recrawl.read_experience(catalog, LARGEST, AGE_BOUNDS_DAYS)
        recrawl.find_gone(catalog, LARGEST, "none")
        return sum(1 for _ in recrawl.read_documents(catalog, LARGEST))

    yield _time("recrawl: plan of the largest agency", 2.0, plan, rounds)
    yield _time("recrawl: its known documents", None, lambda: len(catalog.known_documents(LARGEST)), 1)
    yield _time(
        "recrawl: its unread files", 1.0, lambda: len(catalog_texts.unread_files(catalog, agency=LARGEST)), rounds
    )
    digest = f"sha256:{'0' * 64}"
    yield _time("recrawl: original of a payload", 0.01, lambda: catalog.original_of(LARGEST, digest), rounds)


# Pages


def _pages(folder: Path, document_id: str, rounds: int) -> Iterator[Answer]:
    """Yield pages of ``govcrawl serve``, without the network."""
    app = make_app(folder, hosts=["catalog.test"])
    for name, path, bar in (
        ("page: document", f"/document/{document_id}", 0.1),
        ("page: search 公开", "/?q=%E5%85%AC%E5%BC%80", 1.0),
        ("page: search form", "/", 0.5),
        ("page: agency (the largest)", f"/agency/{LARGEST}", 0.5),
        ("page: agencies", "/agencies", 1.0),
        ("page: changes", "/changes", 0.5),
        ("page: status", "/status", 5.0),
    ):
        yield _time(name, bar, partial(_get, app, path), rounds)


def _get(app: Callable[..., Any], path: str) -> None:
    """Ask the application for a page.

    Raises:
        ValueError: it answers with an error.
    """
    said: list[dict[str, Any]] = []
    route, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": route,
        "raw_path": route.encode(), "query_string": query.encode(), "root_path": "", "headers": [(b"host", b"catalog.test")],
        "client": ("127.0.0.1", 1), "server": ("catalog.test", 80), "state": {},
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    asyncio.run(app(scope, receive, send))
    if said[0]["status"] != 200:  # noqa: PLR2004 - HTTP's own number
        raise ValueError(f"{path} answered {said[0]['status']}")


# Commands


def _commands(folder: Path, day: str, rounds: int) -> Iterator[Answer]:
    """Yield whole commands, from their start to their end."""
    for arguments, bar in (
        (("status",), 2.0),
        (("status", "--json"), 2.0),
        (("search", "公开", "--json"), 2.0),
        (("changes", "--since", day), None),
        (("export", "documents", "--format", "jsonl", "--changed-since", day, "--output", os.devnull), None),
        (("recrawl", "--due", "--dry-run"), 5.0),
    ):
        spent: list[float] = []
        answer = _time(f"govcrawl {' '.join(arguments)}", bar, partial(_run, folder, arguments, spent), rounds)
        yield answer._replace(cpu=statistics.median(spent))


def _run(folder: Path, arguments: tuple[str, ...], spent: list[float]) -> None:
    """Run a command and note its CPU seconds.

    Raises:
        ValueError: it fails.
    """
    command = [sys.executable, "-c", "from govcrawl.cli import main; main()", *arguments]
    environment = {**os.environ, "GOVCRAWL_DATA": str(folder), "GOVCRAWL_LANG": "en"}
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 - our own
    after = os.times()
    spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    if done.returncode:
        raise ValueError(f"govcrawl {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-500:]}")
