"""``govcrawl savepage`` and the cases it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from archive.catalog import Catalog
from govcrawl.cases import LARGEST_BYTES, compare_case, read_case, write_case
from govcrawl.cli import main
from govcrawl.decode import Page
from govcrawl.demo.portal import Portal
from govcrawl.errors import UsageMistake
from govcrawl.items import ListEntry
from govcrawl.loader import find_template

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "tests" / "pages" / "trt"
URL = "http://sfj.yunling.test/zwgk/gsgg/202406/t20240612_5300.htm"
AT = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)


def saved(name: str = "document-attachments") -> Page:
    """A page of the saved cases."""
    return Page(url=URL, body=(PAGES / name / "page.html").read_bytes(), content_type="text/html; charset=utf-8")


def run(*arguments: str) -> Result:
    """Run the command in this process: nothing is fetched."""
    return CliRunner().invoke(main, ["savepage", *arguments])


# --- cases ---


def test_a_case_keeps_bytes_and_waits_for_review(tmp_path: Path) -> None:
    """The page's bytes are kept, what is read now is written, and the case is wrong until its review line is taken out."""
    entry = ListEntry(url=URL, title="抽查结果", date_text="[06-12]", key="5300")
    template = find_template("trt")
    folder = write_case(
        tmp_path, template, "document-one", saved(), kind="document", why="x", captured_at=AT, entry=entry
    )
    assert folder == tmp_path / "trt" / "document-one"
    assert (folder / "page.html").read_bytes() == saved().body
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    assert meta["captured_at"] == "2026-07-01T02:00:00Z"
    assert meta["entry"] == {"title": "抽查结果", "date_text": "[06-12]", "key": "5300"}
    assert [sentence.count("review is due") for sentence in compare_case(folder)] == [1]
    del meta["review"]
    (folder / "meta.json").write_text(json.dumps(meta), "utf-8")
    assert list(compare_case(folder)) == []
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    (folder / "expected.json").write_text(json.dumps({**expected, "title": "别的标题"}), "utf-8")
    assert ["title: expected '别的标题'" in sentence for sentence in compare_case(folder)] == [True]


def test_a_page_that_cannot_be_read_becomes_an_expected_error(tmp_path: Path) -> None:
    """What raises is expected to raise; a posted list keeps its form."""
    page = Page(url=URL, body=b"[]", content_type="application/json", method="POST", form={"page": "2"})
    folder = write_case(tmp_path, find_template("trt"), "search-changed", page, kind="list", why="x", captured_at=AT)
    wanted = json.loads((folder / "error.json").read_text("utf-8"))
    assert wanted["error"] == "TemplateMismatch"
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    assert (meta["method"], meta["form"]) == ("POST", {"page": "2"})
    assert read_case(folder)["error"] == "TemplateMismatch"
    assert len(list(compare_case(folder))) == 1
    (folder / "error.json").unlink()
    assert "error.json is missing" in list(compare_case(folder))[1]


@pytest.mark.parametrize("name", ["Upper", "a b", "../up", "x", "-x", "ö-page"])
def test_names_that_no_case_has(name: str, tmp_path: Path) -> None:
    """A case's name is a folder's name and a test's: nothing else is accepted."""
    with pytest.raises(UsageMistake, match="expected lower-case letters"):
        write_case(tmp_path, find_template("trt"), name, saved(), kind="document", why="x", captured_at=AT)


def test_a_case_is_not_overwritten(tmp_path: Path) -> None:
    """A name that is taken is refused, and the old case stays as it is."""
    template = find_template("trt")
    folder = write_case(tmp_path, template, "document-one", saved(), kind="document", why="first", captured_at=AT)
    with pytest.raises(UsageMistake, match="is there already"):
        write_case(tmp_path, template, "document-one", saved(), kind="list", why="second", captured_at=AT)
    assert json.loads((folder / "meta.json").read_text("utf-8"))["why"] == "first"


# --- the command ---


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Portal]]:
    """A small crawl of the built-in portal, and the portal."""
    folder = tmp_path_factory.mktemp("archived")
    with Portal() as portal:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
            "GOVCRAWL_DATA": str(folder / "data"),
            "GOVCRAWL_CONNECT_TO": portal.connect_to,
        }
        command = [sys.executable, "-m", "scrapy", "crawl", "demo_sfj", "-a", "limit=2", "-s", "DOWNLOAD_DELAY=0"]
        subprocess.run(command, env=environment, cwd=folder, capture_output=True, timeout=120, check=True)
        yield folder / "data", portal


def test_a_capture_of_the_archive(archived: tuple[Path, Portal], tmp_path: Path) -> None:
    """A case is made of a capture's id, its record id, or a document's id; family and kind are told by page and archive."""
    data, _ = archived
    with Catalog.open_read_only(data / "catalog.db") as catalog:
        document = next(
            iter(catalog.rows("SELECT d.id, v.capture_id FROM documents d JOIN versions v ON v.document_id = d.id"))
        )
        capture = catalog.capture(document["capture_id"])
        listed = next(iter(catalog.rows("SELECT id FROM captures WHERE kind = 'list' AND method = 'GET'")))["id"]
    bodies = set()
    for number, what in enumerate([str(capture.id), capture.record_id, document["id"]]):
        done = run(what, "--case", f"from-archive-{number}", "--into", str(tmp_path), "--data", str(data))
        assert done.exit_code == 0, done.output
        folder = tmp_path / "trt" / f"from-archive-{number}"
        bodies.add((folder / "page.html").read_bytes())
        assert json.loads((folder / "meta.json").read_text("utf-8"))["kind"] == "document"
        assert json.loads((folder / "expected.json").read_text("utf-8"))["url"] == capture.url
    assert len(bodies) == 1
    done = run(str(listed), "--case", "a-list", "--into", str(tmp_path), "--data", str(data), "--why", "for the test")
    assert done.exit_code == 0, done.output
    meta = json.loads((tmp_path / "trt" / "a-list" / "meta.json").read_text("utf-8"))
    assert (meta["kind"], meta["why"]) == ("list", "for the test")
    assert json.loads((tmp_path / "trt" / "a-list" / "expected.json").read_text("utf-8"))["entries"]


def govcrawl(folder: Path, portal: Portal, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that fetches, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCRAPY_SETTINGS_MODULE": "govcrawl.settings"}
    environment["GOVCRAWL_CONNECT_TO"] = portal.connect_to
    command = [sys.executable, "-c", "from govcrawl.cli import main; main()", *arguments, "--delay", "0"]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_a_posted_list_of_the_archive(archived: tuple[Path, Portal], tmp_path: Path) -> None:
    """The form that was posted is read out of the request record, and asking again with it gives the same case."""
    _, portal = archived
    data = tmp_path / "data"
    done = govcrawl(tmp_path, portal, "agency", "check", "demo_sfj", "--limit", "1", "--data", str(data))
    assert done.returncode == 0, done.stdout + done.stderr
    with Catalog.open_read_only(data / "catalog.db") as catalog:
        posted = next(iter(catalog.rows("SELECT id, url FROM captures WHERE method = 'POST'")))
    options = ("--into", str(tmp_path), "--template", "trt", "--kind", "list")
    result = run(str(posted["id"]), "--case", "from-archive", "--data", str(data), *options)
    assert result.exit_code == 0, result.output
    meta = json.loads((tmp_path / "trt" / "from-archive" / "meta.json").read_text("utf-8"))
    assert (meta["method"], meta["kind"]) == ("POST", "list")
    assert meta["form"]["classsql"].startswith("chnlid=")
    fields = [part for name, value in meta["form"].items() for part in ("--form", f"{name}={value}")]
    asked = govcrawl(tmp_path, portal, "savepage", posted["url"], "--case", "from-web", *fields, *options)
    assert asked.returncode == 0, asked.stderr
    cases = [tmp_path / "trt" / name for name in ("from-archive", "from-web")]
    assert json.loads((cases[1] / "meta.json").read_text("utf-8"))["form"] == meta["form"]
    assert (cases[0] / "expected.json").read_bytes() == (cases[1] / "expected.json").read_bytes()


def test_a_page_of_the_web(archived: tuple[Path, Portal], tmp_path: Path) -> None:
    """A URL is fetched once, after robots.txt; the bytes are those of the answer, content-decoded."""
    _, portal = archived
    before = len(portal.requests)
    done = govcrawl(
        tmp_path, portal, "savepage", f"http://{Portal.host}/zwgk/gsgg/", "--case", "from-web", "--into", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert [one.target for one in portal.requests[before:]] == ["/robots.txt", "/zwgk/gsgg/"]
    folder = tmp_path / "trt" / "from-web"
    assert b"pageChnlInfo" in (folder / "page.html").read_bytes()
    assert json.loads((folder / "meta.json").read_text("utf-8"))["kind"] == "list"
    assert "until then" in done.stdout


def test_review(tmp_path: Path) -> None:
    """``--review`` says what is due below a folder, and ends with 0 when nothing is."""
    assert run(str(tmp_path), "--review").exit_code == 2
    template = find_template("trt")
    folder = write_case(tmp_path, template, "document-one", saved(), kind="document", why="x", captured_at=AT)
    due = run(str(tmp_path), "--review")
    assert due.exit_code == 1
    assert "review is due" in due.stdout
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    del meta["review"]
    (folder / "meta.json").write_text(json.dumps(meta), "utf-8")
    fine = run(str(tmp_path), "--review")
    assert (fine.exit_code, fine.stdout) == (0, "1 cases are reviewed and read as expected\n")


def test_a_large_page_is_said_to_be_large(
    archived: tuple[Path, Portal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page over the limit is saved as it is, and its saver is told to trim it."""
    data, _ = archived
    monkeypatch.setattr("govcrawl.cli.savepage.LARGEST_BYTES", 10)
    done = run("2", "--case", "large", "--into", str(tmp_path), "--data", str(data), "--template", "trt")
    assert done.exit_code == 0, done.output
    assert "trim page.html by whole elements" in done.stdout
    assert LARGEST_BYTES == 100 * 1024


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["2"], 2, "give the case a name"),
        (["2", "--case", "Bad Name", "--template", "trt"], 2, "expected lower-case letters"),
        (["2", "--case", "fine", "--template", "nosuch"], 2, "there is no template 'nosuch'"),
        (["999999", "--case", "fine"], 1, "no capture 999999"),
        (["nosuch", "--case", "fine"], 1, "no URL, and the archive has no such capture"),
        (["http://x.test/", "--case", "fine", "--form", "x"], 2, "expected NAME=VALUE"),
    ],
)
def test_wrong_calls(arguments: list[str], code: int, said: str, archived: tuple[Path, Portal], tmp_path: Path) -> None:
    """Each mistake is one sentence; nothing is written."""
    data, _ = archived
    done = run(*arguments, "--into", str(tmp_path), "--data", str(data))
    assert done.exit_code == code, done.output
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_family_of_a_page_without_marks_must_be_named(archived: tuple[Path, Portal], tmp_path: Path) -> None:
    """robots.txt is of no family: the command asks for ``--template``."""
    data, _ = archived
    with Catalog.open_read_only(data / "catalog.db") as catalog:
        robots = next(iter(catalog.rows("SELECT id FROM captures WHERE kind = 'robots'")))["id"]
    done = run(str(robots), "--case", "fine", "--into", str(tmp_path), "--data", str(data))
    assert done.exit_code == 2
    assert "--template" in done.stderr


STATED = '''"""云岭市档案馆."""

from spiders.templates.selectors import Selectors


class stated_of_savepage(Selectors):
    """云岭市档案馆."""

    name = "stated_of_savepage"
    agency = "云岭市档案馆"
    base_url = "http://dag.yunling.test"
    channels = {"公告": "/gg/"}
    rows = "ul.news > li"
    content = "#text"
    title = "h1"
'''


def test_what_an_agency_states_is_saved_with_the_case(
    archived: tuple[Path, Portal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case of the selectors template is read by the selectors that stood in the agency's file when it was saved."""
    data, _ = archived
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "stated_of_savepage.py").write_text(STATED, "utf-8")
    monkeypatch.setenv("SCRAPY_SETTINGS_MODULE", "govcrawl.settings")
    monkeypatch.setattr("govcrawl.settings.GOVCRAWL_SPIDERS", str(tmp_path / "mine"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    done = run(
        "2", "--case", "by-agency", "--agency", "stated_of_savepage", "--into", str(tmp_path), "--data", str(data)
    )
    assert done.exit_code == 0, done.output
    folder = tmp_path / "selectors" / "by-agency"
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    assert meta["states"] == {"rows": "ul.news > li", "content": "#text", "title": "h1"}
    assert [sentence.count("review is due") for sentence in compare_case(folder)] == [1]
