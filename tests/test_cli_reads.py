"""``govcrawl export``, ``status`` and ``show`` as they are called, and the group they belong to."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from catalogs import AGENCY, EXTRACTION, Sample, fetched, read_document, url_of
from click.testing import CliRunner, Result

from archive.export import DOCUMENT_FIELDS
from archive.model import Agency
from govcrawl.cli import main
from govcrawl.command_table import COMMANDS
from govcrawl.speech import language, say

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
COMMAND = "from govcrawl.cli import main; main(prog_name='govcrawl')"
PDF = "http://sfj.sample.test/files/P1.pdf"


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """A catalog after two crawls: two documents, one of them in two versions, one failed attachment."""
    made = Sample.make(tmp_path)
    made.list_("公示公告", "t1", "t2")
    made.put(
        read_document(
            "t1", publish_date="2024-04-30", publish_date_source="label", publish_date_text="日期:2024-04-30"
        ),
        attachments=[fetched(PDF, "a" * 64), fetched("http://sfj.sample.test/files/P2.doc", None, error="404")],
    )
    flagged = type(EXTRACTION)(
        **{name: getattr(EXTRACTION, name) for name in EXTRACTION.__dataclass_fields__} | {"flags": ("short",)}
    )
    made.put(read_document("t2", extraction=flagged, tables=((("甲", "乙"), ("1", "2")),)))
    made.finish()
    made.begin()
    made.put(read_document("t2", text="改过", extraction=flagged, tables=((("甲", "乙"), ("1", "2")),)))
    made.catalog.put_failure(
        made.crawl_id, AGENCY.name, url_of("t9"), "document", None, "not-a-page", "soft 404", None, None, made.now
    )
    made.finish("failed", "blocked")
    yield made
    made.catalog.close()


def govcrawl(sample: Sample, *arguments: str, language: str = "en") -> Result:
    """Run a command in this process on the sample's data directory."""
    environment = {"GOVCRAWL_DATA": str(sample.path.parent), "GOVCRAWL_LANG": language}
    return CliRunner(env=environment).invoke(main, arguments, catch_exceptions=False)


def spawn(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-c", COMMAND, *arguments]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=ROOT, env={**os.environ, **environment}, check=False
    )


def document_id(sample: Sample, name: str) -> str:
    """The id of a document of the sample."""
    (found,) = (one for one in sample.catalog.known_documents(AGENCY.name) if one.url == url_of(name))
    return found.document_id


def test_export_jsonl(sample: Sample, tmp_path: Path) -> None:
    """``export documents --format jsonl`` writes every document and says how many on standard error."""
    target = tmp_path / "out.jsonl"
    result = govcrawl(sample, "export", "documents", "--format", "jsonl", "--output", str(target))
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"2 documents written to {target}\n"
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert {row["url"] for row in rows} == {url_of("t1"), url_of("t2")}
    assert {row["version_count"] for row in rows} == {1, 2}


def test_export_csv_to_standard_output(sample: Sample) -> None:
    """``--output -`` writes to standard output; --no-bom leaves the mark out."""
    for options, mark in (((), b"\xef\xbb\xbf"), (("--no-bom",), b"")):
        result = govcrawl(sample, "export", "documents", "--format", "csv", "--output", "-", *options)
        assert result.exit_code == 0
        assert result.stdout_bytes.startswith(mark + b"document_id,")
        header, *rows = csv.reader(io.StringIO(result.stdout_bytes.decode("utf-8-sig"), newline=""))
        assert (tuple(header), len(rows)) == (DOCUMENT_FIELDS, 2)


def test_export_filters(sample: Sample) -> None:
    """--agency, --since and --changed-since narrow the export; an instant with zone is understood."""

    def count(*options: str) -> int:
        result = govcrawl(sample, "export", "documents", "--format", "jsonl", "--output", "-", *options)
        assert result.exit_code == 0, result.stderr
        return len(result.stdout.splitlines())

    assert count("--agency", AGENCY.name) == 2
    assert count("--since", "2024-05-01") == 1
    assert count("--changed-since", "2024-05-02") == 1
    assert count("--changed-since", "2024-05-02T07:00:00+08:00") == 1
    assert count("--changed-since", "2024-05-02T12:00:00Z") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "documents", "--format", "xml", "--output", "-"),
        ("export", "documents", "--format", "jsonl"),
        ("export", "documents", "--format", "jsonl", "--output", "-", "--since", "gestern"),
        ("export", "documents", "--format", "jsonl", "--output", "-", "--since", "2024-13-01"),
        ("export", "documents", "--format", "jsonl", "--output", "-", "--changed-since", "2024-05-02T99"),
        ("export", "documents", "--format", "jsonl", "--output", "-", "--raw"),
        ("show",),
        ("show", "x", "--version", "0"),
        ("nothing",),
    ],
)
def test_usage_mistakes(sample: Sample, arguments: tuple[str, ...]) -> None:
    """A command that is called wrongly exits with 2 and says how it is called."""
    result = govcrawl(sample, *arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [("status",), ("show", "x"), ("export", "documents", "--format", "csv", "--output", "-")]
)
def test_without_a_catalog(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Every reading command says in one line where it looked and that a crawl comes first, and exits with 1."""
    result = CliRunner().invoke(main, [*arguments, "--data", str(tmp_path / "none")])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"govcrawl: no catalog at {tmp_path / 'none' / 'catalog.db'}: run a crawl first")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_unwritable_export(sample: Sample, tmp_path: Path) -> None:
    """A target that cannot be written is one line and exit code 1."""
    result = govcrawl(sample, "export", "documents", "--format", "csv", "--output", str(tmp_path / "no" / "x.csv"))
    assert result.exit_code == 1
    assert result.stderr.startswith("govcrawl: export: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "xlsx"])
def test_full_disk(sample: Sample, form: str) -> None:
    """No format leaves more than one line, whether a file is full or what standard output leads to."""
    data = str(sample.path.parent)
    full = spawn("export", "documents", "--format", form, "--output", "/dev/full", GOVCRAWL_DATA=data)
    assert (full.returncode, full.stderr.count("\n")) == (1, 1)
    assert "/dev/full cannot be written: No space left on device" in full.stderr
    program = "from govcrawl.cli import main; main()"
    command = [sys.executable, "-c", program, "export", "documents", "--format", form, "--output", "-"]
    with Path("/dev/full").open("wb") as output:
        environment = {**os.environ, "GOVCRAWL_DATA": data, "GOVCRAWL_LANG": "en"}
        printed = subprocess.run(
            command, stdout=output, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    assert (printed.returncode, printed.stderr.count("\n")) == (1, 1)
    assert "what the command prints cannot be written (No space left on device)" in printed.stderr


def test_export_that_breaks_off(sample: Sample) -> None:
    """A full disk in mid-export is one line and exit code 1; a reader that has had enough is no error to speak of."""
    sample.put(read_document("t3", text="长" * 300_000))
    data = str(sample.path.parent)
    full = spawn("export", "documents", "--format", "jsonl", "--output", "/dev/full", GOVCRAWL_DATA=data)
    assert full.returncode == 1
    assert full.stderr.startswith("govcrawl: export: /dev/full cannot be written: No space left on device")
    assert full.stderr.count("\n") == 1
    command = [
        sys.executable,
        "-c",
        COMMAND,
        "export",
        "documents",
        "--format",
        "jsonl",
        "--output",
        "-",
        "--data",
        data,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_status_json(sample: Sample) -> None:
    """``status --json`` counts states, versions, bytes, failures by reason, missing fields and quality flags."""
    (one,) = json.loads(govcrawl(sample, "status", "--json").stdout)
    assert (one["agency"], one["documents"], one["versions"]) == (AGENCY.name, 2, 3)
    assert one["states"] == {"live": 2, "unlisted": 0, "suspected": 0, "withdrawn": 0}
    assert (one["captures"], one["warc_files"]) == (sample.captures, 2)
    assert one["warc_bytes"] == 2 * 400 + sample.captures * 1500
    assert (one["attachments"], one["attachments_missing"]) == (2, 1)
    assert (one["last_crawl"]["outcome"], one["last_crawl"]["reason"]) == ("failed", "blocked")
    assert one["last_success_at"] < one["last_crawl"]["finished_at"]
    assert one["failures"] == {"not-a-page": 1}
    assert (one["missing"]["source"], one["missing"]["publish_date"], one["missing"]["text"]) == (2, 1, 0)
    assert one["flags"] == {"short": 1}


def test_status_for_people(sample: Sample) -> None:
    """``status`` prints a line an agency and, for few agencies, a paragraph; in the user's language."""
    english = govcrawl(sample, "status").stdout
    assert AGENCY.name in english
    assert "failed (blocked)" in english
    assert "not-a-page 1" in english
    assert "source 2/2" in english
    assert "short 1" in english
    chinese = govcrawl(sample, "status", language="zh").stdout
    assert "公开文件" in chinese
    assert "失败 (blocked)" in chinese


def test_status_of_many_agencies(sample: Sample) -> None:
    """Many agencies are a table without paragraphs; --agency asks for one; one without a crawl is shown too."""
    for number in range(4):
        sample.catalog.put_agency(
            Agency(name=f"a{number}", title=f"第{number}局", base_url="http://a.test/", template="trt")
        )
    table = govcrawl(sample, "status").stdout
    assert len(table.splitlines()) == 1 + 5 + 1
    assert "--agency" in table
    assert "no crawl yet" in govcrawl(sample, "status", "--agency", "a1").stdout
    unknown = govcrawl(sample, "status", "--agency", "a9")
    assert unknown.exit_code == 2
    assert "no agency 'a9'" in unknown.stderr


def test_show(sample: Sample) -> None:
    """``show`` prints fields with the date's origin, text, attachments with digests, versions, states and WARC places."""
    text = govcrawl(sample, "show", document_id(sample, "t1")).stdout
    for part in (
        "关于t1的公示",
        "live (since 2024-05-01), version 1 of 1",
        "channels: 公示公告",
        "publish_date: 2024-04-30  ← printed label “日期:2024-04-30”",
        "not printed: ",
        "第一段\n第二段",
        f"sha256 {'a' * 64}",
        "not fetched: 404",
        "warc/sample_sfj/sample_sfj-00001.warc.gz @1900+1000",
        "first seen",
    ):
        assert part in text


def test_show_by_address(sample: Sample) -> None:
    """A document is found by its URL in either scheme, and an earlier version by its number."""
    by_http, by_https = (
        json.loads(govcrawl(sample, "show", url, "--json").stdout)
        for url in (url_of("t2"), url_of("t2").replace("http://", "https://"))
    )
    assert by_http == by_https
    assert (by_http["version"], by_http["text"], by_http["version_count"]) == (2, "改过", 2)
    assert by_http["versions"][1]["changed_fields"] == ["text"]
    earlier = json.loads(govcrawl(sample, "show", url_of("t2"), "--json", "--version", "1").stdout)
    assert (earlier["version"], earlier["text"]) == (1, "第一段\n第二段")
    assert set(DOCUMENT_FIELDS) < set(earlier)
    assert "甲 | 乙" in govcrawl(sample, "show", url_of("t2")).stdout


def test_show_what_is_not_there(sample: Sample) -> None:
    """An unknown id or version exits with 1 and names ids like it, how to search, or the versions that there are."""
    wanted = document_id(sample, "t1")
    unknown = govcrawl(sample, "show", wanted[:-2] + "zz")
    assert unknown.exit_code == 1
    assert f"the nearest: {wanted}" in unknown.stderr
    assert unknown.stderr.count("\n") == 1
    address = url_of("t1").replace("t1", "t1x")
    assert f"the nearest: {wanted}" in govcrawl(sample, "show", address).stderr
    for far in ("http://other.example/zwgk/t1.htm", "no such document"):
        strange = govcrawl(sample, "show", far)
        assert strange.exit_code == 1
        assert "no id or URL like it; look for it: govcrawl search" in strange.stderr
    version = govcrawl(sample, "show", wanted, "--version", "7")
    assert version.exit_code == 2
    assert "has no version 7; it has 1 to 1" in version.stderr


def test_help_imports_no_command() -> None:
    """``govcrawl --help`` lists every command without importing one, and in the user's language."""
    for language_, sentence in (("en", "Say what the archive holds"), ("zh", "各机构存档概况")):
        printed = spawn("--help", GOVCRAWL_LANG=language_)
        assert printed.returncode == 0, printed.stderr
        assert sentence in printed.stdout
        for name in COMMANDS:
            assert f"\n  {name} " in printed.stdout
    check = (
        "import sys; from click.testing import CliRunner; from govcrawl.cli import main; "
        "result = CliRunner().invoke(main, ['--help']); assert result.exit_code == 0, result.output; "
        "print([m for m in sys.modules if m.startswith('govcrawl.cli.') and m != 'govcrawl.cli.table' or m in ('sqlite_utils', 'rich')])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, encoding="utf-8", cwd=ROOT, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["export", "show", "status"])
def test_reading_commands_do_without_the_crawler(name: str) -> None:
    """Reading commands import no Scrapy, Twisted, lxml or trafilatura: they must start at once."""
    check = (
        f"import sys, govcrawl.cli.{name}, archive.catalog, archive.catalog_reads; "
        "print([m for m in ('scrapy', 'twisted', 'lxml', 'trafilatura') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, encoding="utf-8", cwd=ROOT, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("arguments", [["export", "documents", "--help"], ["status", "--help"], ["show", "--help"]])
def test_help_of_commands(arguments: list[str]) -> None:
    """Every reading command explains itself and names the data directory's variable."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert "GOVCRAWL_DATA" in result.stdout


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"GOVCRAWL_LANG": "zh"}, "zh"),
        ({"GOVCRAWL_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "C"}, "zh"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_TW.UTF-8"}, "zh"),
        ({"LC_ALL": "", "LANG": ""}, "en"),
        ({"GOVCRAWL_LANG": "fr", "LC_ALL": "", "LANG": "zh_CN"}, "zh"),
    ],
)
def test_language(monkeypatch: pytest.MonkeyPatch, environment: dict[str, Any], expected: str) -> None:
    """GOVCRAWL_LANG decides, else the first locale variable that is set."""
    for name in ("GOVCRAWL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language() == expected
    assert say("是", "yes") == {"zh": "是", "en": "yes"}[expected]


@pytest.mark.parametrize(
    "arguments",
    [
        ("documents", "--format", "csv"),
        ("documents", "--format", "jsonl"),
        ("tables", "--format", "csv"),
        ("figures", "--format", "csv"),
        ("citations", "--format", "csv"),
        ("citations", "--format", "graphml"),
    ],
)
def test_an_export_that_fails_writes_nothing(sample: Sample, arguments: tuple[str, ...]) -> None:
    """An agency that is not there is told before anything is written."""
    result = govcrawl(sample, "export", *arguments, "--output", "-", "--agency", "nosuch")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nosuch" in result.stderr


def test_exports_count_on_a_terminal_only(sample: Sample, tmp_path: Path) -> None:
    """Where standard error is a terminal the rows are counted there and the line goes away; a pipe gets the last line alone."""
    line = [
        sys.executable,
        "-c",
        "from govcrawl.cli import main; main()",
        "export",
        "documents",
        "--format",
        "csv",
        "--output",
    ]
    env = {**os.environ, "GOVCRAWL_LANG": "en", "GOVCRAWL_DATA": str(sample.path.parent), "TERM": "xterm"}
    here, there = os.openpty()
    subprocess.run([*line, str(tmp_path / "a.csv")], env=env, stderr=there, check=True, timeout=60)
    os.close(there)
    shown = os.read(here, 100_000).decode()
    os.close(here)
    assert "exporting documents" in shown
    piped = subprocess.run(
        [*line, str(tmp_path / "b.csv")], env=env, stderr=subprocess.PIPE, check=True, timeout=60, text=True
    )
    assert "exporting" not in piped.stderr
    assert "\x1b" not in piped.stderr
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
