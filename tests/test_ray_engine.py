"""Work on a Ray cluster of several nodes on this machine: the same results, whoever dies meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from cluster_data import ROOT, SETTINGS, environment, govcrawl, hold, make_archive
from small_site import HOST, SmallSite, declare, document, listing, paragraphs
from whole_catalogs import content

from benchmarks.nodes import HEAD, Nodes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

TESTS = Path(__file__).parent
SECONDS = 150.0  # of a machine that has much else to do


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """A cluster whose head works, too."""
    with Nodes([TESTS]) as running:
        yield running


@pytest.fixture(scope="module")
def crawled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive of some thirty WARC files."""
    folder = tmp_path_factory.mktemp("crawled")
    make_archive(folder)
    return folder


@pytest.fixture
def crawled(crawled_once: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    folder = tmp_path / "copy"
    shutil.copytree(crawled_once, folder)
    return folder


def copied(folder: Path, name: str) -> Path:
    """A second copy beside the first."""
    return Path(shutil.copytree(folder, folder.with_name(name)))


def age(folder: Path) -> None:
    """Let every version and attachment have been read by an older extractor."""
    with closing(sqlite3.connect(folder / "data" / "catalog.db")) as db, db:
        db.execute("UPDATE versions SET text = text || '页脚', author = '旧', extractor_version = '0'")
        db.execute("UPDATE file_texts SET text = '旧', reader_version = '0'")


def rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Everything the catalog says, but when it was read again."""
    found = content(folder / "data" / "catalog.db")
    for version in found["versions"]:
        version["reextracted_at"] = version["reextracted_at"] is not None
    return {name: sorted(table, key=repr) for name, table in found.items()}


def exported(folder: Path) -> str:
    """The canonical export."""
    return govcrawl(folder, "export", "documents", "--format", "jsonl", "--output", "-").stdout


def wait_for(what: Any) -> None:
    """Wait until something is the case."""
    until = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < until, "it never was"
        time.sleep(0.02)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a command on the archive in ``folder``."""
    line = [sys.executable, "-c", "from govcrawl.cli import main; main()", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, env=environment(folder), cwd=folder, text=True, stdout=pipe, stderr=pipe)


def test_a_node_that_is_killed_while_it_reads_costs_nothing(crawled: Path, nodes: Nodes) -> None:
    """Re-extraction on a shared folder: what the node had is done elsewhere, said, and the catalog is that of one machine."""
    age(crawled)
    alone = copied(crawled, "alone")
    done = govcrawl(alone, "reextract")
    assert done.returncode == 0, done.stderr
    node = nodes.add()
    hold(crawled)
    with start(crawled, "reextract", "--engine", "ray", "--address", nodes.address, "--shared") as command:
        wait_for(lambda: len(list(crawled.glob("held-*"))) == 2)  # one of each node
        nodes.kill(node)
        (crawled / "hold").unlink()
        out, err = command.communicate(timeout=SECONDS)
    assert command.returncode == 0, err
    assert out == done.stdout
    assert "16 read differently" in out
    assert "begun again 1 times" in err
    assert "warc/small_sfj/" in err.partition("begun again")[2]
    assert rows(crawled) == rows(alone)
    assert exported(crawled) == exported(alone)


def test_a_driver_that_is_killed_is_run_again(crawled: Path, nodes: Nodes) -> None:
    """What it had put stays; --resume does the rest, and the catalog is that of one machine."""
    age(crawled)
    alone = copied(crawled, "alone")
    here = govcrawl(alone, "reextract")
    assert here.returncode == 0, here.stderr
    hold(crawled)
    ray = ("--engine", "ray", "--address", nodes.address)
    with start(crawled, "reextract", *ray) as command:
        wait_for(lambda: list(crawled.glob("held-*")))
        command.send_signal(signal.SIGKILL)
    (crawled / "hold").unlink()
    done = govcrawl(crawled, "reextract", "--resume", *ray)
    assert done.returncode == 0, done.stderr
    assert rows(crawled) == rows(alone)


def test_a_rebuild_without_a_shared_folder_is_that_of_one_machine(crawled: Path, nodes: Nodes) -> None:
    """Every table and the export are equal, also where a file that was sent is damaged; that it is, is said."""
    spoilt = max((crawled / "data" / "warc" / "small_sfj").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(spoilt.read_bytes())
    data[len(data) // 2] ^= 0xFF
    spoilt.write_bytes(bytes(data))
    alone = copied(crawled, "alone")
    here = govcrawl(alone, "rebuild")
    done = govcrawl(crawled, "rebuild", "--engine", "ray", "--address", nodes.address)
    assert here.returncode == done.returncode == 1
    assert f"{spoilt.name} has SHA-256" in done.stderr
    told = [line for line in done.stderr.splitlines() if "has SHA-256" not in line]
    assert told == here.stderr.replace(str(alone), str(crawled)).splitlines()
    assert rows(crawled) == rows(alone)
    assert exported(crawled) == exported(alone)


def test_verify_finds_the_same_in_the_same_order(crawled: Path, nodes: Nodes) -> None:
    """Whether files are sent or shared, the lines are those of one process."""
    for number, path in enumerate(sorted((crawled / "data" / "warc" / "small_sfj").iterdir())[::4]):
        path.write_bytes(path.read_bytes()[: -30 - number])
    here = govcrawl(crawled, "verify", "--jobs", "1")
    assert here.returncode == 1
    assert len(here.stdout.splitlines()) > 8
    for more in ([], ["--shared"]):
        done = govcrawl(crawled, "verify", "--engine", "ray", "--address", nodes.address, *more)
        assert done.stdout == here.stdout, more
        assert done.returncode == 1


ERRANT = """
import sys
from pathlib import Path
from govcrawl.engines import Lost, Unit, Work
from govcrawl.engines.ray_engine import RayEngine
from govcrawl.engines import ray_engine

class Errant(Work):
    def do(self, argument, place):
        yield argument
        if argument == 2:
            raise ValueError("of the second file")

if __name__ == "__main__":
    engine = RayEngine(Path("data"), address=sys.argv[1], shared=True)
    units = [Unit(name=f"file {n}", argument=n, files=()) for n in range(6)]
    for result in engine.run(Errant(), units):
        print(result.reason if isinstance(result, Lost) else list(result.pieces), result.unit.name, flush=True)
    print(len(engine.redone))
    ours = ray_engine.fingerprint()
    ray_engine.fingerprint = lambda: ours._replace(code="0" * 64)
    list(engine.run(Errant(), units))
"""


def test_an_error_names_its_file_and_another_version_is_refused(tmp_path: Path, nodes: Nodes) -> None:
    """A unit that cannot be done is given up alone after three attempts; a node with other code does nothing at all."""
    (tmp_path / "errant.py").write_text(ERRANT, "utf-8")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    line = [sys.executable, "errant.py", nodes.address]
    done = subprocess.run(line, env=env, cwd=tmp_path, text=True, capture_output=True, timeout=SECONDS, check=False)
    said = done.stdout.splitlines()
    assert said == [
        "[0] file 0",
        "[1] file 1",
        "ValueError: of the second file file 2",
        "[3] file 3",
        "[4] file 4",
        "[5] file 5",
        "2",
    ], done.stderr
    assert "OtherVersion: the node 127.0.0." in done.stderr
    assert "install the same version" in done.stderr


def test_no_cluster_is_one_sentence(crawled: Path) -> None:
    """An address where nothing answers ends the command with what to do."""
    done = govcrawl(crawled, "verify", "--engine", "ray", "--address", "127.0.0.2:1")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("govcrawl: no Ray cluster at 127.0.0.2:1 (")
    assert len(done.stderr.splitlines()) == 1


LIST = "/zwgk/gsgg/"


class TwoSites:
    """Two agencies whose first document waits until it is let go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.go = threading.Event()
        self.sites: dict[str, SmallSite] = {}
        declare(folder)
        text = (folder / "smallspiders" / "small_sfj.py").read_text("utf-8")
        other = text.replace("small_sfj", "other_sfj").replace(HOST, "sfj.other.test")
        (folder / "smallspiders" / "other_sfj.py").write_text(other, "utf-8")
        (folder / "smallsettings.py").write_text(SETTINGS, "utf-8")

    def __enter__(self) -> Self:
        rows = [(f"./202403/t20240305_{n}.htm", f"关于第{n}项工作的通知", "2024-03-05") for n in range(1, 5)]
        for host in (HOST, "sfj.other.test"):
            pages = {
                f"{LIST}202403/t20240305_{n}.htm": document(rows[n - 1][1], paragraphs(f"{host}{n}"), ident=n)
                for n in range(1, 5)
            }
            first = pages[f"{LIST}202403/t20240305_1.htm"]
            routes: dict[str, Any] = {**pages, LIST: listing(rows), f"{LIST}202403/t20240305_1.htm": self._held(first)}
            self.sites[host] = SmallSite(routes)
            self.sites[host].__enter__()
        return self

    def _held(self, answer: Any) -> Any:
        def give(headers: Any) -> Any:
            del headers
            self.go.wait(SECONDS)
            return answer

        return give

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go.set()
        for site in self.sites.values():
            site.__exit__(kind, error, trace)

    def asked(self, target: str) -> int:
        """How many of the sites were asked for something."""
        return sum(any(path == target for path, _ in site.asked) for site in self.sites.values())

    def arguments(self) -> list[str]:
        """The command line of a recrawl of both."""
        to = " ".join(f"{host}:80:127.0.0.1:{site.port}" for host, site in self.sites.items())
        given = [f"GOVCRAWL_CONNECT_TO={to}", "DOWNLOAD_DELAY=0", "GOVCRAWL_LEASE_SECONDS=32"]
        return [
            "recrawl",
            "--agency",
            "small_sfj",
            "--agency",
            "other_sfj",
            "--json",
            *(word for one in given for word in ("-s", one)),
        ]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[TwoSites]:
    """Two agencies, of nothing else."""
    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "data").mkdir()
    with TwoSites(folder) as sites:
        yield sites


def outcome(out: str) -> dict[str, tuple[str, int]]:
    """How the crawl of each agency ended, and how many documents are new."""
    return {one["agency"]: (one["outcome"], one["counts"].get("new", 0)) for one in json.loads(out)}


def test_a_node_that_is_killed_while_it_crawls_loses_no_capture(two: TwoSites, nodes: Nodes) -> None:
    """The group it had is crawled again when its lease is over, goes on from its shard, and the archive is whole."""
    node = nodes.add()
    nodes.fill(HEAD)  # at most one crawl there, so that the other node has one
    with start(two.folder, *two.arguments(), "--engine", "ray", "--address", nodes.address, "--shared") as command:
        wait_for(lambda: two.asked(f"{LIST}202403/t20240305_1.htm") == 2)
        lost = crawls_on(nodes, node)
        assert lost
        nodes.kill(node)
        nodes.free(HEAD)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in lost))  # else they might end well after all
        two.go.set()
        out, err = command.communicate(timeout=SECONDS)
    assert command.returncode == 0, out + err
    assert {name: how for name, (how, _) in outcome(out).items()} == {"other_sfj": "finished", "small_sfj": "finished"}
    assert f"begun again {len(lost)} times" in err, err
    assert whole(two) == {"other_sfj": 4, "small_sfj": 4}


def test_a_crawl_without_a_shared_folder_leaves_the_archive_as_one_here(two: TwoSites, nodes: Nodes) -> None:
    """Shards go out and come back as files; settings and agencies of this machine go with them."""
    two.go.set()
    done = govcrawl(two.folder, *two.arguments(), "--engine", "ray", "--address", nodes.address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcome(done.stdout) == {"other_sfj": ("finished", 4), "small_sfj": ("finished", 4)}
    assert whole(two) == {"other_sfj": 4, "small_sfj": 4}
    assert not list((two.folder / "data").glob(".outposts-*"))


def test_a_driver_that_is_killed_without_a_shared_folder_loses_no_capture(two: TwoSites, nodes: Nodes) -> None:
    """What its crawls had is left on the nodes, handed over to the next round and merged; they go on from there."""
    with start(two.folder, *two.arguments(), "--engine", "ray", "--address", nodes.address) as command:
        wait_for(lambda: two.asked(f"{LIST}202403/t20240305_1.htm") == 2)
        command.kill()
    two.go.set()
    done = govcrawl(two.folder, *two.arguments(), "--engine", "ray", "--address", nodes.address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert whole(two) == {"other_sfj": 4, "small_sfj": 4}
    lists = f"http://{HOST}{LIST}"
    captured = [row["url"] for row in content(two.folder / "data" / "catalog.db")["captures"]]
    assert captured.count(lists) == 1, "the crawl went on with what it had"
    assert not list((two.folder / "data" / "shards").iterdir())


def crawls_on(nodes: Nodes, host: str) -> list[int]:
    """The processes that crawl on a node: children of workers of its raylet."""
    parents, lines = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(folder.name)] = (folder / "cmdline").read_bytes().decode("utf-8", "replace")
    raylets = {
        pid for pid, line in lines.items() if f"--node_ip_address={host}" in line and f"={nodes.address}\0" in line
    }
    workers = {pid for pid, parent in parents.items() if parent in raylets}
    return [pid for pid, line in lines.items() if "govcrawl.outpost_crawl" in line and parents[pid] in workers]


def whole(two: TwoSites) -> dict[str, int]:
    """How many documents the archive has of each agency; nothing is wrong with it, and its WARC files tell the same."""
    checked = govcrawl(two.folder, "verify", "--deep")
    assert checked.returncode == 0, checked.stdout
    made = two.folder / "made.db"
    assert govcrawl(two.folder, "rebuild", "--output", str(made)).returncode == 0
    found = content(two.folder / "data" / "catalog.db")
    assert content(made)["documents"] == found["documents"]
    assert len({row["record_id"] for row in found["captures"]}) == len(found["captures"])
    return dict(Counter(row["agency"] for row in found["documents"]))
