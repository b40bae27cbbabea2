"""The catalog made again from the WARC files is the one that the crawls made, whatever happened to them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from small_site import SmallSite, command, crawl, declare, document, listing, paragraphs
from whole_catalogs import content

from archive.catalog import CATALOG_NAME
from archive.errors import ArchiveBusy
from archive.locks import take_catalog
from archive.store import Store
from archive.writer import utc_now
from govcrawl.cli import main
from govcrawl.demo.run import run_demo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parent.parent
NOTICES, POLICIES = "/zwgk/gsgg/", "/zwgk/zcwj/"
CHANNELS = {"公告公示": NOTICES, "政策文件": POLICIES}
SETTINGS = 'from govcrawl.settings import *\nSPIDER_MODULES = ["smallspiders", "spiders"]\nGOVCRAWL_READERS = 1\n'
PDF = b"%PDF-1.4\n" + b"1 0 obj << >> endobj\n" * 40


def row(number: int, title: str = "") -> tuple[str, str, str]:
    """The list's line of document ``number``."""
    return f"./202403/t20240305_{number}.htm", title or f"小城市司法局关于第{number}项工作的通知", "2024-03-05"


def page(number: int, body: str = "", files: str = "") -> Any:
    """The page of document ``number``."""
    return document(row(number)[1], paragraphs(f"第{number}号通知", 5) + body, files=files, ident=number)


def address(number: int) -> str:
    """Where document ``number`` stands."""
    return f"{NOTICES}202403/t20240305_{number}.htm"


def attachment(*names: str) -> str:
    """A block of attachments."""
    items = "".join(f'<li><a href="{name}">{name}</a></li>' for name in names)
    return f'<div class="article_attachment"><ul>{items}</ul></div>'


def with_validator(tag: str, body: bytes, media_type: str) -> Any:
    """An answer that is confirmed by a 304 where it is known."""

    def answer(headers: Mapping[str, str]) -> Any:
        if headers.get("If-None-Match") == tag:
            return 304, {"ETag": tag}, b""
        return 200, {"Content-Type": media_type, "ETag": tag}, body

    return answer


def small_site(folder: Path) -> SmallSite:
    """Two channels that share a document; attachments that are there, missing, elsewhere; a row that is a file."""
    declare(folder, CHANNELS)
    (folder / "smallsettings.py").write_text(SETTINGS, "utf-8")
    rows = [row(n) for n in (1, 2, 3, 4)]
    html = page(4)[2]
    names = ("P2.xlsx", "missing.doc", "/nbzl/secret.pdf", "http://files.small.test/P.pdf")
    with_files = page(2, files=attachment(*(name if "/" in name else f"{NOTICES}202403/{name}" for name in names)))
    routes: dict[str, Any] = {
        "/robots.txt": (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /nbzl/\n"),
        NOTICES: listing([*rows, ("./202403/P_7.pdf", "小城市司法局年度报告", "2024-03-01")]),
        POLICIES: listing([("../gsgg/202403/t20240305_1.htm", row(1)[1], "2024-03-05"), ("./t20240305_2.htm", row(2)[1], "2024-03-05")]),
        address(1): page(1),
        address(2): with_files,
        address(3): page(3, body='<p><img src="./P3.png"></p>'),
        address(4): with_validator('"a"', html, "text/html; charset=utf-8"),
        f"{NOTICES}202403/P_7.pdf": (200, {"Content-Type": "application/pdf"}, PDF),
        f"{NOTICES}202403/P2.xlsx": with_validator('"1"', b"PK\x03\x04 first", "application/vnd.ms-excel"),
        f"{NOTICES}202403/P3.png": (200, {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n image"),
        f"{POLICIES}t20240305_2.htm": with_files,
    }  # fmt: skip
    return SmallSite(routes)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SmallSite]:
    """The site, running."""
    with small_site(tmp_path) as running:
        yield running


def govcrawl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program with the small agency."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "SCRAPY_SETTINGS_MODULE": "smallsettings",
        "GOVCRAWL_DATA": str(folder / "data"),
        "GOVCRAWL_LANG": "en",
    }
    line = [sys.executable, "-c", "from govcrawl.cli import main; main()", *arguments]
    return subprocess.run(line, env=env, cwd=folder, text=True, capture_output=True, timeout=120, check=False)


def shown(folder: Path) -> list[str]:
    """What the commands say: the canonical export, the status, every document with its states."""
    with sqlite3.connect(folder / "data" / CATALOG_NAME) as db:
        ids = [name for (name,) in db.execute("SELECT id FROM documents ORDER BY id")]
    db.close()
    lines = [("export", "documents", "--format", "jsonl", "--output", "-"), ("status", "--json")]
    lines += [("show", "--json", name) for name in ids]
    done = [CliRunner().invoke(main, [*line, "--data", str(folder / "data")]) for line in lines]
    assert [one.exit_code for one in done] == [0] * len(done), "".join(one.output for one in done)
    return [one.stdout for one in done]


def assert_same(folder: Path, step: str) -> None:
    """Rebuild beside the catalog in use and compare every table."""
    made = folder / f"{step}.db"
    done = govcrawl(folder, "rebuild", "--output", str(made))
    assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
    expected, found = content(folder / "data" / CATALOG_NAME), content(made)
    for table, rows in expected.items():
        assert found[table] == rows, f"{step}: {table}"


def kill_in_the_middle(folder: Path, site: SmallSite, requests: int) -> None:
    """Begin a crawl and kill its process after so many requests."""
    line, env = command(folder, site, "-a", "mode=full", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
    before = len(site.asked)
    with subprocess.Popen(line, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while len(site.asked) < before + requests and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()


def test_every_history_is_told_by_the_warc_files_alone(site: SmallSite, tmp_path: Path) -> None:
    """Partial, full, failed, interrupted and killed crawls; edits, new bytes, moves, withdrawals, returns: all the same."""
    assert crawl(tmp_path, site, "-a", "limit=2").returncode == 0
    assert crawl(tmp_path, site, "-a", "since=2024-03-04").returncode == 0
    assert crawl(tmp_path, site).returncode == 0
    assert_same(tmp_path, "first")

    site.routes[address(1)] = page(1, "<p>　　补充规定：报送时间延长至月底，逾期不再受理。</p>")
    site.routes[f"{NOTICES}202403/P2.xlsx"] = with_validator('"2"', b"PK\x03\x04 second", "application/vnd.ms-excel")
    site.routes[address(3)] = (404, {"Content-Type": "text/html"}, b"<html><body>404 Not Found</body></html>")
    site.routes[address(4)] = (302, {"Location": f"{NOTICES}202403/t20240305_40.htm"}, b"")
    site.routes[f"{NOTICES}202403/t20240305_40.htm"] = page(4)
    site.routes[NOTICES] = listing([row(1), row(2), row(3), row(5)])
    site.routes[address(5)] = page(5, files=attachment("./P2.xlsx"))
    assert crawl(tmp_path, site, "-a", "mode=full").returncode == 0
    assert_same(tmp_path, "changed")

    site.routes[address(3)] = page(3, body='<p><img src="./P3.png"></p>')
    site.routes[NOTICES] = (500, {"Content-Type": "text/html"}, b"<html><body>error</body></html>")
    assert crawl(tmp_path, site, "-a", "mode=full", "-s", "RETRY_TIMES=0").returncode == 1
    site.routes[NOTICES] = listing([row(1, "小城市司法局关于第1项工作的通知（更正）"), row(2), row(3), row(5)])
    kill_in_the_middle(tmp_path, site, 6)
    assert crawl(tmp_path, site).returncode == 0
    assert crawl(tmp_path, site, "-a", "mode=full").returncode == 0
    assert_same(tmp_path, "returned")

    with sqlite3.connect(tmp_path / "data" / CATALOG_NAME) as db:
        outcomes = {outcome for (outcome,) in db.execute("SELECT outcome FROM crawls")}
        profiles = {profile for (profile,) in db.execute("SELECT revisit_profile FROM captures")}
        reasons = {reason for (reason,) in db.execute("SELECT reason FROM failures")}
        seen = {state for (state,) in db.execute("SELECT state FROM states")}
    db.close()
    assert outcomes == {"finished", "failed", "interrupted"}
    assert profiles == {None, "identical-payload-digest", "server-not-modified"}
    assert len(reasons) >= 4, reasons
    assert seen >= {"live", "suspected", "unlisted"}

    before = shown(tmp_path)
    for path in (tmp_path / "data").glob(f"{CATALOG_NAME}*"):
        path.unlink()
    done = govcrawl(tmp_path, "rebuild")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown(tmp_path) == before
    assert crawl(tmp_path, site, "-a", "mode=full").returncode == 0, "crawls go on with it"
    assert_same(tmp_path, "after")


def test_the_catalog_after_a_kill_is_told_without_another_crawl(site: SmallSite, tmp_path: Path) -> None:
    """Of a crawl that was killed, what it had committed is there, and its open file is left for the next crawl."""
    assert crawl(tmp_path, site).returncode == 0
    for number in range(10, 40):
        site.routes[address(number)] = page(number)
    site.routes[NOTICES] = listing([row(n) for n in (1, 2, 3, *range(10, 40))])
    kill_in_the_middle(tmp_path, site, 15)
    (left,) = (tmp_path / "data" / "warc" / "small_sfj").glob("*.open")
    kept = left.read_bytes()
    made = tmp_path / "made.db"
    assert govcrawl(tmp_path, "rebuild", "--output", str(made)).returncode == 0
    expected, found = content(tmp_path / "data" / CATALOG_NAME), content(made)
    assert {row["id"] for row in expected["documents"]} <= {row["id"] for row in found["documents"]}
    assert left.read_bytes() == kept
    for path in (tmp_path / "data").glob(f"{CATALOG_NAME}*"):
        path.unlink()
    assert govcrawl(tmp_path, "rebuild").returncode == 0
    assert crawl(tmp_path, site, "-a", "mode=full").returncode == 0
    assert_same(tmp_path, "after")


def test_the_demonstration_is_rebuilt_from_its_two_days(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both days of the replica portal, attachments, edits, withdrawals and all, give the same catalog."""
    data = tmp_path / "demo"
    assert run_demo(data) == 0, capsys.readouterr().out
    env = {**os.environ, "GOVCRAWL_LANG": "en", "PYTHONPATH": str(ROOT), "SCRAPY_SETTINGS_MODULE": "govcrawl.settings"}
    line = [sys.executable, "-c", "from govcrawl.cli import main; main()", "rebuild", "--data", str(data)]
    made = tmp_path / "made.db"
    done = subprocess.run([*line, "--output", str(made)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    expected, found = content(data / CATALOG_NAME), content(made)
    for table, rows in expected.items():
        assert found[table] == rows, table


@pytest.fixture(scope="module")
def crawled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one whole crawl."""
    folder = tmp_path_factory.mktemp("crawled")
    with small_site(folder) as running:
        assert crawl(folder, running).returncode == 0
    return folder


@pytest.fixture
def crawled(crawled_once: Path, tmp_path: Path) -> Path:
    """A copy of it to be broken."""
    shutil.copytree(crawled_once, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_damaged_catalog_is_replaced_and_kept(crawled: Path) -> None:
    """Whatever stood under the catalog's name stands beside it afterwards, with its log."""
    used = crawled / "data" / CATALOG_NAME
    before = shown(crawled)
    used.write_bytes(b"this is no database" * 500)
    log = used.with_name(f"{CATALOG_NAME}-wal")
    log.write_bytes(b"nor is this its log")
    done = govcrawl(crawled, "rebuild")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown(crawled) == before
    kept = {path.name.rpartition("Z")[2]: path.read_bytes() for path in used.parent.glob(f"{CATALOG_NAME}.bak-*")}
    assert kept[""].startswith(b"this is no database")
    assert kept["-wal"] == b"nor is this its log"


def test_what_is_withheld_stays_withheld(crawled: Path) -> None:
    """Rebuilt with a document withheld, the catalog has it as before and its readers do not see it, nor after another crawl's look."""
    before = content(crawled / "data" / CATALOG_NAME)
    name, other = [one["id"] for one in before["documents"]][:2]
    assert govcrawl(crawled, "withhold", name, "--reason", "personal data", "--by", "keeper").returncode == 0
    for path in (crawled / "data").glob(f"{CATALOG_NAME}*"):
        path.unlink()
    done = govcrawl(crawled, "rebuild")
    assert done.returncode == 0, done.stderr
    after = content(crawled / "data" / CATALOG_NAME)
    assert [one["document_id"] for one in after.pop("withheld")] == [name]
    before.pop("withheld")
    assert after == before
    hidden, seen = govcrawl(crawled, "show", name), govcrawl(crawled, "show", other)
    assert (hidden.returncode, seen.returncode) == (1, 0)
    assert "personal data" in hidden.stderr
    exported = govcrawl(crawled, "export", "documents", "--format", "jsonl", "--output", "-").stdout
    assert {json.loads(line)["document_id"] for line in exported.splitlines()} == {
        one["id"] for one in before["documents"]
    } - {name}
    assert govcrawl(crawled, "release", name, "--reason", "reviewed").returncode == 0
    assert govcrawl(crawled, "show", name).returncode == 0


def test_an_unreadable_member_is_named_and_costs_nothing_else(crawled: Path) -> None:
    """One flipped byte in a document's record: that capture is named with its place, every other one is there; exit 1."""
    data = crawled / "data"
    with sqlite3.connect(data / CATALOG_NAME) as db:
        warc_file, offset, length, url = db.execute(
            "SELECT warc_file, offset, length, url FROM captures WHERE kind = 'document' AND url LIKE '%\\_3.htm' ESCAPE '\\'"
        ).fetchone()
        total = db.execute("SELECT COUNT(*) FROM captures").fetchone()[0]
    db.close()
    path = data / warc_file
    block = bytearray(path.read_bytes())
    block[offset + length // 2] ^= 0xFF
    path.write_bytes(block)
    done = govcrawl(crawled, "rebuild")
    assert done.returncode == 1, done.stdout
    assert f"offset {offset}" in done.stderr
    assert url in done.stderr
    found = content(data / CATALOG_NAME)
    assert len(found["captures"]) == total - 1
    assert not [row for row in found["documents"] if row["url"] == url]
    assert len(found["documents"]) == 4
    assert found["crawls"][0]["outcome"] == "finished"


def test_a_file_whose_first_record_is_gone_is_read_all_the_same(crawled: Path) -> None:
    """Who and how cannot be told then; captures and documents still are."""
    (path,) = (crawled / "data" / "warc" / "small_sfj").iterdir()
    block = bytearray(path.read_bytes())
    block[20:40] = bytes(20)
    path.write_bytes(block)
    before = content(crawled / "data" / CATALOG_NAME)
    done = govcrawl(crawled, "rebuild")
    assert done.returncode == 1
    assert "no readable WARC record at offset 0" in done.stderr
    found = content(crawled / "data" / CATALOG_NAME)
    assert found["captures"] == before["captures"]
    assert [(row["id"], row["mode"], row["outcome"]) for row in found["crawls"]] == [
        (before["crawls"][0]["id"], "unknown", "finished")
    ]


def test_a_file_that_is_gone_is_named(crawled: Path) -> None:
    """Its crawl's manifest knows it: a rebuild without it says so, once, and what to do, and goes on with the others."""
    (path,) = (crawled / "data" / "warc" / "small_sfj").iterdir()
    (path.parent / "small_sfj-20200101000000-00000.warc.gz").write_bytes(path.read_bytes())
    path.unlink()
    done = govcrawl(crawled, "rebuild")
    assert done.returncode == 1
    assert done.stderr.count(f"{path.name}: named by its crawl's manifest and not there") == 1
    assert "put it back from a backup" in done.stderr


def test_an_agency_that_is_gone_is_read_by_its_template(crawled: Path) -> None:
    """The template's name stands in the WARC; where that is gone too, the message says what to put back."""
    before = shown(crawled)
    (crawled / "smallspiders" / "small_sfj.py").unlink()
    done = govcrawl(crawled, "rebuild")
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown(crawled) == before
    (crawled / "smallspiders" / "templates").mkdir()
    (crawled / "smallspiders" / "templates" / "__init__.py").touch()
    (crawled / "smallsettings.py").write_text(SETTINGS.replace(', "spiders"', ""), "utf-8")
    done = govcrawl(crawled, "rebuild")
    assert done.returncode == 1
    assert "small_sfj: its pages were read by the template 'trt'" in done.stderr
    assert "Traceback" not in done.stderr
    assert shown(crawled) == before


def test_a_crawl_and_a_rebuild_exclude_each_other(crawled: Path) -> None:
    """Neither starts while the other runs, and each says so."""
    data = crawled / "data"
    with Store.open(data):
        done = govcrawl(crawled, "rebuild")
    assert done.returncode == 1
    assert "is in use by a crawl or another rebuild" in done.stderr
    lock = take_catalog(data / "locks", utc_now())
    with pytest.raises(ArchiveBusy, match=f"is being made again by pid {os.getpid()}"):
        Store.open(data)
    lock.release()
    Store.open(data).close()


def test_an_interrupted_rebuild_leaves_the_catalog_as_it_was(crawled: Path) -> None:
    """Killed at any time it leaves the catalog in use untouched; the next one begins anew."""
    used = crawled / "data" / CATALOG_NAME
    before = shown(crawled)
    digest = used.read_bytes()
    (crawled / "data" / f".{CATALOG_NAME}.rebuild").write_bytes(b"what an earlier one left")
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(crawled), str(ROOT)]),
        "SCRAPY_SETTINGS_MODULE": "smallsettings",
    }
    line = [sys.executable, "-c", "from govcrawl.cli import main; main()", "rebuild", "--data", str(crawled / "data")]
    with subprocess.Popen(line, env=env, cwd=crawled, start_new_session=True) as process:
        made = crawled / "data" / f".{CATALOG_NAME}.rebuild"
        until = time.monotonic() + 60
        while made.exists() and made.read_bytes()[:6] != b"SQLite" and time.monotonic() < until:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    assert used.read_bytes() == digest
    assert govcrawl(crawled, "rebuild").returncode == 0
    assert shown(crawled) == before
    assert not list((crawled / "data").glob(".catalog*rebuild*"))


@pytest.mark.parametrize("what", ["nothing there", "output is there"])
def test_a_rebuild_that_cannot_be_is_a_usage_mistake(tmp_path: Path, what: str) -> None:
    """Without WARC files, or over a file that exists, nothing is done."""
    (tmp_path / "smallsettings.py").write_text(SETTINGS, "utf-8")
    output = tmp_path / "made.db"
    if what == "output is there":
        folder = tmp_path / "data" / "warc" / "small_sfj"
        folder.mkdir(parents=True)
        (folder / "x.warc.gz").write_bytes(b"x")
        output.write_bytes(b"precious")
    done = govcrawl(tmp_path, "rebuild", "--output", str(output))
    assert done.returncode == 2, done.stdout + done.stderr
    assert ("precious" if what == "output is there" else "") == (output.read_text() if output.exists() else "")


def test_the_notes_of_a_crawl_are_small(crawled: Path) -> None:
    """What is said of a document besides its captures costs less than the metadata of its captures."""
    with sqlite3.connect(crawled / "data" / CATALOG_NAME) as db:
        captured = db.execute("SELECT SUM(group_length), COUNT(*) FROM captures").fetchone()
        (size,) = db.execute("SELECT bytes FROM warc_files").fetchone()
    db.close()
    assert size - captured[0] < 1000 * captured[1], json.dumps([size, *captured])
