"""A round on several worker processes: what it crawls, what a death costs, how it ends."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from small_site import document, listing, paragraphs

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
LIST = "/zwgk/gsgg/"
PAGE = "/zwgk/gsgg/202403/t20240305_1.htm"
AGENCY = '''"""某市司法局."""

from spiders.templates.trt import FujianTrt


class {name}(FujianTrt):
    """某市司法局."""

    name = "{name}"
    agency = "某市司法局"
    base_url = "http://{host}"
    channels = {{"公告公示": "/zwgk/gsgg/"}}
    server_group = "{group}"
'''


class Sites:
    """Any number of hosts on one loopback port, each with a list of one document; lists of some are held back."""

    def __init__(self) -> None:
        self.held: dict[str, threading.Event] = {}
        self.asked: dict[str, threading.Event] = defaultdict(threading.Event)
        sites = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                host = (self.headers["Host"] or "").partition(":")[0]
                if self.path == LIST:
                    sites.asked[host].set()
                    if (gate := sites.held.get(host)) is not None:
                        gate.wait(60)
                status, headers, body = sites.answer(self.path)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        """What stands at a path of every host."""
        if path == LIST:
            return listing([(PAGE, "关于开展工作的通知", "2024-03-05")])
        if path == PAGE:
            return document("关于开展工作的通知", paragraphs("甲"))
        return 404, {"Content-Type": "text/html"}, b"<html><body>404 not found</body></html>"

    def close(self) -> None:
        """Let go of all that is held, then end."""
        for gate in self.held.values():
            gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def sites() -> Iterator[Sites]:
    """The hosts."""
    made = Sites()
    yield made
    made.close()


class Project:
    """A folder of agencies, crawled by the command as anybody calls it."""

    def __init__(self, folder: Path, port: int, groups: dict[str, str]) -> None:
        self.folder = folder
        (folder / "spiders").mkdir()
        (folder / "nobody").mkdir()
        (folder / "nobody" / "__init__.py").touch()
        for name, group in groups.items():
            text = AGENCY.format(name=name, host=f"{name.replace('_', '-')}.crew.test", group=group)
            (folder / "spiders" / f"{name}.py").write_text(text, "utf-8")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GOVCRAWL_", "SCRAPY_"))}
        self.environment = {
            **kept,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
            "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
            "GOVCRAWL_SPIDERS": str(folder / "spiders"),
            "GOVCRAWL_DATA": str(folder / "data"),
            "GOVCRAWL_STATE": str(folder / "state"),
            "GOVCRAWL_CONNECT_TO": f":80:127.0.0.1:{port}",
            "GOVCRAWL_CONTACT": "ops@crew.test",
            "GOVCRAWL_LANG": "en",
        }

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Begin a round."""
        command = [sys.executable, "-c", "from govcrawl.cli import main; main()", "recrawl", "--all", "--json"]
        command += ["-s", "DOWNLOAD_DELAY=0", "-s", "SPIDER_MODULES=nobody", *options]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def rows(self, sql: str, file: str = "data/catalog.db") -> list[tuple[Any, ...]]:
        """Rows of one of the databases."""
        with closing(sqlite3.connect(self.folder / file)) as db:
            return db.execute(sql).fetchall()

    def worker_of(self, agency: str) -> int:
        """The process that crawls an agency, as its lock says."""
        return int((self.folder / "data" / "locks" / f"{agency}.lock").read_text("utf-8").split()[1])


def finish(round_: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """Wait for a round; its exit code, its results by agency, its log."""
    out, log = round_.communicate(timeout=120)
    return round_.returncode, {one["agency"]: one for one in json.loads(out)}, log


def test_groups_are_crawled_by_one_process_each(tmp_path: Path, sites: Sites) -> None:
    """Six agencies of three groups on two processes: all complete, no group in two at once, one catalog, no lock error."""
    names = [f"a{number}_sfj" for number in range(6)]
    project = Project(tmp_path, sites.port, {name: f"city{number % 3}" for number, name in enumerate(names)})
    sites.held["a0-sfj.crew.test"] = gate = threading.Event()  # a group that stays until the others are done
    round_ = project.start("--processes", "2", "--at-once", "4")
    assert sites.asked["a0-sfj.crew.test"].wait(60)
    while project.rows("SELECT count(*) FROM crawls WHERE outcome = 'finished'") != [(5,)]:
        assert round_.poll() is None
        time.sleep(0.05)
    gate.set()
    code, results, log = finish(round_)
    assert (code, {one["outcome"] for one in results.values()}, sorted(results)) == (0, {"finished"}, names), log
    assert "locked" not in log
    turns = project.rows("SELECT group_name, pid, agency FROM audit ORDER BY id", "state/governor.db")
    assert len({pid for _, pid, _ in turns}) == 2
    assert {pid for group, pid, _ in turns if group.startswith("city0")} == {project.worker_of("a0_sfj")}
    by_agency = {(agency, pid) for _, pid, agency in turns}
    assert len(by_agency) == 6  # each was crawled by one process
    assert project.rows("SELECT count(*), count(DISTINCT agency) FROM documents") == [(6, 6)]
    assert project.rows("SELECT count(*) FROM warc_files WHERE closed_at IS NULL") == [(0,)]


def test_a_worker_that_is_killed_costs_nothing_but_time(tmp_path: Path, sites: Sites) -> None:
    """After kill -9 another goes on with the same crawl, the other worker does not notice, and the results say what happened."""
    names = ["a_sfj", "b_sfj", "c_sfj", "d_sfj"]
    project = Project(tmp_path, sites.port, dict.fromkeys(names, ""))
    for host in ("a-sfj.crew.test", "b-sfj.crew.test"):
        sites.held[host] = threading.Event()
    round_ = project.start("--processes", "2", "--at-once", "2")
    assert sites.asked["a-sfj.crew.test"].wait(60)
    assert sites.asked["b-sfj.crew.test"].wait(60)
    killed, other = project.worker_of("a_sfj"), project.worker_of("b_sfj")
    assert killed != other
    ((begun,),) = project.rows("SELECT id FROM crawls WHERE agency = 'a_sfj'")
    sites.asked["a-sfj.crew.test"].clear()
    os.kill(killed, signal.SIGKILL)
    sites.held["b-sfj.crew.test"].set()
    assert sites.asked["a-sfj.crew.test"].wait(60)
    sites.held["a-sfj.crew.test"].set()
    code, results, log = finish(round_)
    assert (code, sorted(results), {one["outcome"] for one in results.values()}) == (0, names, {"finished"}), log
    assert results["a_sfj"]["crawl_id"] == begun
    told = f"worker process {killed} was ended by SIGKILL"
    assert results["a_sfj"]["findings"] == [f"another process went on with it: {told}"]
    assert not any(told in finding for name in names[1:] for finding in results[name]["findings"])
    assert told in log
    assert project.worker_of("b_sfj") == other
    assert project.rows("SELECT agency, count(*) FROM crawls GROUP BY 1") == [(name, 1) for name in names]
    assert project.rows("SELECT count(*) FROM documents") == [(4,)]


def test_what_kills_every_worker_fails_alone(tmp_path: Path, sites: Sites) -> None:
    """An agency whose worker dies twice is given up; the others complete."""
    names = ["a_sfj", "b_sfj"]
    project = Project(tmp_path, sites.port, dict.fromkeys(names, ""))
    sites.held["a-sfj.crew.test"] = threading.Event()
    round_ = project.start("--processes", "2", "--at-once", "2")
    for _ in range(2):
        assert sites.asked["a-sfj.crew.test"].wait(60)
        sites.asked["a-sfj.crew.test"].clear()
        os.kill(project.worker_of("a_sfj"), signal.SIGKILL)
    code, results, _ = finish(round_)
    assert (code, results["a_sfj"]["outcome"], results["a_sfj"]["reason"]) == (1, "failed", "worker")
    assert "so did the one that had it before" in results["a_sfj"]["sentence"]
    assert results["b_sfj"]["outcome"] == "finished"


def test_an_interrupt_ends_all_in_order_and_the_next_round_goes_on(tmp_path: Path, sites: Sites) -> None:
    """Ctrl-C reaches every worker: what is under way is archived, crawls are interrupted, the same command goes on."""
    names = ["a_sfj", "b_sfj", "c_sfj"]
    project = Project(tmp_path, sites.port, dict.fromkeys(names, ""))
    for host in ("a-sfj.crew.test", "b-sfj.crew.test"):
        sites.held[host] = threading.Event()
    round_ = project.start("--processes", "2", "--at-once", "2")
    assert sites.asked["a-sfj.crew.test"].wait(60)
    assert sites.asked["b-sfj.crew.test"].wait(60)
    round_.send_signal(signal.SIGINT)
    for gate in sites.held.values():
        gate.set()
    code, first, log = finish(round_)
    assert (code, sorted(first), {one["outcome"] for one in first.values()}) == (1, names[:2], {"interrupted"}), log
    assert "interrupted: ending when what is under way is archived" in log
    code, second, log = finish(project.start("--processes", "2"))
    assert (code, {one["outcome"] for one in second.values()}) == (0, {"finished"}), log
    assert {name: second[name]["crawl_id"] for name in first} == {name: first[name]["crawl_id"] for name in first}
