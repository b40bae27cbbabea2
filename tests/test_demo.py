"""The demonstration: it passes on a sound archive, and names what is wrong with any other."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from archive.export import document_of_page
from archive.reader import iter_records
from govcrawl.cli.demo import demo
from govcrawl.decode import Page
from govcrawl.demo import agency, pages, run
from govcrawl.demo.checks import compare_changes, compare_counts, compare_document, compare_documents, same_text
from govcrawl.demo.portal import Portal
from govcrawl.errors import UsageMistake
from govcrawl.extract import read_page
from govcrawl.items import ListEntry
from spiders.demo_sfj import demo_sfj

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from govcrawl.demo.model import Truth

TRUTHS = agency.expected(2)
RICHEST = max(agency.expected(1), key=lambda truth: (len(truth.attachments) + len(truth.images), len(truth.channels)))


def row_of(truth: Truth) -> dict[str, Any]:
    """Return the export row of a document that was read perfectly."""
    row = asdict(truth)
    row["version_count"] = 2 if truth.change in {"body", "title", "attachment"} else 1
    row["tables"] = [[list(line) for line in grid] for grid in truth.tables]
    return row


def shown(keep: Path, **options: Any) -> tuple[int, str]:
    """Run the demonstration and return its exit code and what it shows."""
    told = io.StringIO()
    code = run.run_demo(keep, console=Console(file=told, width=160), **options)
    return code, told.getvalue()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """Run the whole demonstration once: its directory, exit code and output."""
    keep = tmp_path_factory.mktemp("demo") / "data"
    return (keep, *shown(keep))


def test_demonstration_meets_every_expectation(finished: tuple[Path, int, str]) -> None:
    """Two real crawls of the portal find everything, the second one the five differences; exit code 0."""
    keep, code, told = finished
    assert code == 0, told
    assert "Everything is as expected" in told
    assert str(keep) in told
    for row in ("new", "changed", "gone (suspected)"):
        assert row in told
    assert (keep / "catalog.db").is_file()


def test_every_warc_file_says_that_it_is_a_demonstration(finished: tuple[Path, int, str]) -> None:
    """The warcinfo record of each file marks its captures as demonstration data."""
    found = sorted((finished[0] / "warc").rglob("*"))
    files = [path for path in found if path.is_file()]
    assert files
    for path in files:
        record = next(iter_records(path))
        assert record.type == "warcinfo"
        assert "示例数据" in record.read_block().decode()


def test_demonstration_names_what_is_not_as_expected(
    finished: tuple[Path, int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that is not what the day demands gives exit code 1 and a line for each difference."""

    def arrive(_portal: Portal, data_dir: Path, _day: int) -> None:
        shutil.copytree(finished[0], data_dir, dirs_exist_ok=True)

    monkeypatch.setattr(run, "_crawl", arrive)
    code, told = shown(tmp_path / "data")
    assert code == 1
    gone = next(truth for truth in TRUTHS if truth.change == "gone")
    assert f"{gone.url}: state: expected 'live', found 'suspected'" in " ".join(told.split())
    assert "answered with 304" in told


def test_failed_crawl_fails_the_demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crawl that ends with an error is told with its exit code and where its log lies."""
    monkeypatch.setattr(agency, "NAME", "no_such_agency")
    code, told = shown(tmp_path / "data")
    assert code == 1
    assert "exit code 2" in told
    assert "crawl-1.log" in told


def test_crawl_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crawl that does not end in time is ended, and the demonstration fails."""
    monkeypatch.setattr(run, "CRAWL_SECONDS", 0.0)
    code, told = shown(tmp_path / "data")
    assert code == 1
    assert "was stopped" in told


def test_demonstration_data_never_go_among_other_data(tmp_path: Path) -> None:
    """A directory that already holds something is refused and left as it is."""
    (tmp_path / "catalog.db").write_bytes(b"real")
    with pytest.raises(UsageMistake, match=r"already holds catalog\.db"):
        shown(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.db"]
    with pytest.raises(UsageMistake, match="cannot be used as a directory"):
        shown(tmp_path / "catalog.db")


def test_port_in_use_is_a_usage_mistake(tmp_path: Path) -> None:
    """A port that somebody listens on is named together with what to do."""
    with Portal() as portal, pytest.raises(UsageMistake, match=f"--port {portal.port}.*choose another"):
        shown(tmp_path / "data", port=portal.port)


def test_ctrl_c_ends_cleanly(tmp_path: Path) -> None:
    """An interrupt while the crawl runs gives one sentence, no traceback, exit code 130 and no process left behind."""
    command = [
        sys.executable,
        "-u",
        "-c",
        "from govcrawl.cli import main; main()",
        "demo",
        "--keep",
        str(tmp_path / "data"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        before = list(iter_until(process.stdout, "Day 1"))
        process.send_signal(signal.SIGINT)
        told = "".join(before) + process.stdout.read()  # ends when every process that has this pipe is gone
        code = process.wait()
    assert code == 130, told
    assert "Interrupted" in told
    assert "Traceback" not in told


def iter_until(lines: io.TextIOBase | Any, mark: str) -> Iterator[str]:
    """Yield lines up to the one that has the mark."""
    for line in lines:
        yield line
        if mark in line:
            return


def test_proxies_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The crawl's environment is the user's without proxies: the portal is on this machine."""
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("GOVCRAWL_LANG", "zh")
    environment = run._environment(Portal(port=8080), tmp_path)
    assert not [name for name in environment if "proxy" in name.lower()]
    assert environment["GOVCRAWL_LANG"] == "zh"
    assert environment["GOVCRAWL_CONNECT_TO"] == "sfj.yunling.example:80:127.0.0.1:8080"
    assert environment["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(("language", "text"), [("zh", "仿真门户"), ("en", "replica portal")])
def test_help_speaks_the_users_language(language: str, text: str) -> None:
    """``govcrawl demo --help`` is Chinese or English."""
    command = [sys.executable, "-c", "from govcrawl.cli import main; main()", "demo", "--help"]
    done = subprocess.run(
        command, env={**os.environ, "GOVCRAWL_LANG": language}, capture_output=True, text=True, check=True
    )
    assert text in done.stdout
    assert "--keep DIR" in done.stdout


def test_command_hands_its_exit_code_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command's exit code is the demonstration's, and its options reach it."""
    seen: list[tuple[Path | None, int]] = []

    def pretend(keep: Path | None, *, port: int) -> int:
        seen.append((keep, port))
        return 1

    monkeypatch.setattr("govcrawl.cli.demo.run_demo", pretend)
    assert CliRunner().invoke(demo, ["--keep", str(tmp_path), "--port", "8123"]).exit_code == 1
    assert CliRunner().invoke(demo, ["--port", "99999"]).exit_code == 2
    assert seen == [(tmp_path, 8123)]


@pytest.mark.parametrize("draft", [d for d in agency.documents(2) if d.skin != "file"], ids=lambda draft: str(draft.id))
def test_template_reads_every_page_as_its_truth(draft: Any) -> None:
    """The real template and extraction read each page of the fictional agency to the letter."""
    truth = next(truth for truth in TRUTHS if truth.url == agency.BASE_URL + draft.path)
    body = pages.document_page(draft, draft.channel, pages.Moving(7, "2025-07-01 10:00:00.000")).encode()
    entry = ListEntry(url=truth.url, title=draft.title, publish_date=draft.date, date_text=draft.date)
    document = read_page(demo_sfj, Page(url=truth.url, body=body, content_type="text/html"), entry)
    row = document_of_page(document)
    assert [file["url"] for file in row["attachments"]] == [file.url for file in truth.attachments]
    assert [file["url"] for file in row["images"]] == [file.url for file in truth.images]
    only_a_crawl_knows = {"addresses", "channels", "state", "version_count", "attachments", "images"}
    wrong = [found for found in compare_document(truth, row) if found.what not in only_a_crawl_knows]
    assert wrong == []


def test_perfect_rows_give_no_mismatch() -> None:
    """What equals the truth passes."""
    assert compare_documents(TRUTHS, [row_of(truth) for truth in TRUTHS]) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "别的标题"),
        ("publish_date", None),
        ("publish_time", "00:00"),
        ("source", "别处"),
        ("index_number", "X"),
        ("document_number", "X〔2020〕1号"),
        ("written_date", "2020-01-01"),
        ("channels", []),
        ("state", "unlisted"),
        ("tables", [[["多出来的"]]]),
        ("attachments", []),
        ("images", [{"url": "http://sfj.yunling.example/x.png", "sha256": None, "error": "404"}]),
        ("text", None),
        ("version_count", 3),
    ],
)
def test_each_wrong_field_is_named(field: str, value: object) -> None:
    """A row that differs in one field gives one mismatch with address, field, expected and found value."""
    (found,) = compare_document(RICHEST, {**row_of(RICHEST), field: value})
    assert (found.where, found.what) == (RICHEST.url, field)
    assert f"{field}: expected " in str(found)


def test_missing_foreign_and_double_documents_are_named() -> None:
    """A document too few, one too many and the same one twice are three mismatches."""
    rows = [row_of(truth) for truth in TRUTHS[1:]]
    rows += [row_of(replace(TRUTHS[0], url="http://sfj.yunling.example/rl/index.htm", aliases=())), row_of(TRUTHS[1])]
    found = compare_documents(TRUTHS, rows)
    assert {one.where for one in found if one.what == "document"} == {
        TRUTHS[0].url,
        TRUTHS[1].url,
        "http://sfj.yunling.example/rl/index.htm",
    }


def test_text_is_compared_to_the_letter() -> None:
    """Table cells may stand between the paragraphs; anything missing, added or out of order is seen."""
    truth = replace(RICHEST, text="第一段。\n第二段。", tables=((("甲", "乙"), ("1", "2")),))
    assert same_text(truth, "第一段。\n第二段。")
    assert same_text(truth, "第一段。\n甲 | 乙\n1\t2\n第二段。")
    assert not same_text(truth, "第一段。")
    assert not same_text(truth, "第二段。\n第一段。")
    assert not same_text(truth, "第一段。\n附件下载\n第二段。")
    assert not same_text(truth, "第一段。\n第二段。\n分享到")


def test_counts_and_changes_are_compared() -> None:
    """A crawl that sees one change too few, or in the wrong field, is told so."""
    right = {"new": 1, "changed": 3, "unchanged": len(TRUTHS) - 5, "suspected": 1}
    assert compare_counts(TRUTHS, 2, right) == []
    assert len(compare_counts(TRUTHS, 2, {**right, "changed": 2, "unseen": 1})) == 2
    fields = {"body": ("text",), "title": ("title",), "attachment": ("attachments",)}
    changed = {truth.url: fields[truth.change] for truth in TRUTHS if truth.change in fields}
    assert compare_changes(TRUTHS, changed) == []
    address = next(iter(changed))
    assert (
        len(compare_changes(TRUTHS, {**changed, address: ("source",), "http://sfj.yunling.example/": ("title",)})) == 2
    )
