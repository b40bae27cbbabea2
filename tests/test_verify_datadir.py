"""The verifier of a data directory: files, catalog and manifests against each other."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from datadirs import begin, finish, make_data, manifests_in, put_pages, told, warcs_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutants import find_record, read_records, write_records
from warcs import AGENCY

from archive.store import Store
from archive.verify import Counts, silent
from archive.verify.datadir import verify_data
from govcrawl.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from archive.verify import Finding

WARC = f"warc/{AGENCY.name}"
MANIFESTS = f"manifests/{AGENCY.name}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after three crawls; not to be changed."""
    return make_data(tmp_path_factory.mktemp("made") / "data")


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(made, tmp_path / "data")  # modification times stay
    return tmp_path / "data"


def verify(data: Path, *, deep: bool = False) -> list[Finding]:
    """Everything that is told about a data directory."""
    return list(verify_data(data, deep=deep, counts=Counts(), progress=silent))


def execute(data: Path, *statements: str) -> None:
    """Change the catalog behind the software's back."""
    with closing(sqlite3.connect(data / "catalog.db", isolation_level=None)) as catalog:
        for statement in statements:
            catalog.execute(statement)
        catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything in a folder."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def test_nothing_is_found_in_own_data_and_nothing_is_changed(data: Path) -> None:
    """Three crawls with revisits and failures: no finding, deep or not, and not a byte or time is different after."""
    before = snapshot(data)
    assert verify(data) == []
    assert snapshot(data) == before
    assert told(verify(data, deep=True)) == set()


def test_rotation_and_several_agencies_are_clean(tmp_path: Path) -> None:
    """Many files per crawl are as good as one."""
    data = make_data(tmp_path, 2, max_file_bytes=2000)
    assert len(warcs_in(data)) > 4
    assert verify(data, deep=True) == []


COLUMNS = {
    "agency": None,
    "crawl_id": "'crawl-1'",
    "kind": "'list'",
    "url": "'https://sfj.haidao.test/other'",
    "method": "'POST'",
    "request_digest": "'sha256:0'",
    "status": "500",
    "media_type": "'text/plain'",
    "captured_at": "'2024-03-05T06:07:08.000000Z'",
    "offset": "offset + 1",
    "length": "length + 1",
    "block_digest": "'sha256:0'",
    "payload_digest": "'sha256:0'",
    "payload_bytes": "payload_bytes + 1",
    "truncated": "'time'",
    "revisit_profile": "'server-not-modified'",
    "refers_to": "'<urn:uuid:1>'",
    "etag": "'other'",
    "last_modified": "'other'",
    "ip": "'127.0.0.9'",
    "request_record_id": "'<urn:uuid:1>'",
    "metadata_record_id": "'<urn:uuid:1>'",
    "request_offset": "1",
    "group_length": "1",
    "channel": "NULL",
    "via": "'other'",
    "tls_version": "'TLSv1.2'",
    "tls_cipher": "'X'",
    "elapsed_seconds": "9.0",
}
"""Every column that a record states, and what it is changed to in the catalog."""


@pytest.mark.parametrize("column", [name for name, value in COLUMNS.items() if value])
def test_every_column_of_a_capture_is_compared_with_its_record(data: Path, column: str) -> None:
    """A changed value in a row is named with its column."""
    execute(data, f"UPDATE captures SET {column} = {COLUMNS[column]} WHERE url LIKE '%new2%'")  # noqa: S608
    found = [finding for finding in verify(data) if finding.code == "row-differs"]
    assert any(finding.what.endswith(f": {column}") for finding in found), found
    assert {finding.file for finding in found} == {f"{WARC}/{warcs_in(data)[1].name}"}


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("row-record", "UPDATE captures SET record_id = '<urn:uuid:1>' WHERE url LIKE '%new2%'"),
        ("record-orphan", "PRAGMA foreign_keys = OFF; DELETE FROM captures WHERE url LIKE '%/2.html' AND crawl_id = 'crawl-2'"),
        ("record-orphan", "DELETE FROM failures"),
        ("row-record", "UPDATE failures SET record_id = '<urn:uuid:1>'"),
        ("row-file-bytes", "UPDATE warc_files SET bytes = bytes + 1"),
        ("row-file-digest", "UPDATE warc_files SET sha256 = 'f' || substr(sha256, 2), bytes = bytes WHERE crawl_id = 'crawl-1' AND sha256 NOT LIKE 'f%' OR sha256 LIKE 'f%' AND crawl_id = 'x'"),
        ("row-file-unclosed", "UPDATE warc_files SET closed_at = NULL WHERE crawl_id = 'crawl-2'"),
        ("catalog-reference", "UPDATE versions SET capture_id = 999"),
        ("manifest-missing", "INSERT INTO crawls SELECT 'crawl-9', agency, mode, '2024-03-09', finished_at, outcome, reason, software, options, counts, verdict FROM crawls WHERE id = 'crawl-1'; UPDATE warc_files SET crawl_id = 'crawl-9' WHERE crawl_id = 'crawl-2'"),
        ("manifest-order", "UPDATE crawls SET started_at = '2030-01-01' WHERE id = 'crawl-1'"),
    ],
)  # fmt: skip
def test_rows_and_records_are_compared_both_ways(data: Path, code: str, statement: str) -> None:
    """A row without record, a record without row, a file's row that is wrong: each has its code."""
    execute(data, *statement.split("; "))
    assert code in {finding.code for finding in verify(data)}


def test_a_missing_and_an_extra_file_are_named(data: Path) -> None:
    """A WARC file that went away and one that came from elsewhere."""
    first, second, _ = warcs_in(data)
    shutil.copy(first, first.with_name(f"{AGENCY.name}-20200101000000-00000.warc.gz"))
    second.unlink()
    found = told(verify(data))
    assert ("row-file", f"{WARC}/{second.name}") in found
    assert ("manifest-file", f"{WARC}/{second.name}") in found
    assert ("file-orphan", f"{WARC}/{AGENCY.name}-20200101000000-00000.warc.gz") in found
    assert ("manifest-lacks", f"{WARC}/{AGENCY.name}-20200101000000-00000.warc.gz") in found


def test_strange_files_and_links_are_named_and_not_followed(data: Path, tmp_path: Path) -> None:
    """Whatever else lies among the files is told; a link leads nowhere."""
    secret = tmp_path / "secret.warc.gz"
    secret.write_bytes(b"not to be read")
    (data / WARC / f"{AGENCY.name}-20240101000000-00000.warc.gz").symlink_to(secret)
    (data / WARC / "notes.txt").write_text("x")
    (data / "warc" / "linked").symlink_to(tmp_path)
    (data / MANIFESTS / "000009-x.sha256").symlink_to(secret)
    os.mkfifo(data / WARC / f"{AGENCY.name}-20240101000000-00001.warc.gz")
    found = told(verify(data))
    assert ("file-link", f"{WARC}/{AGENCY.name}-20240101000000-00000.warc.gz") in found
    assert ("file-extra", f"{WARC}/notes.txt") in found
    assert ("file-link", "warc/linked") in found
    assert ("file-unreadable", f"{MANIFESTS}/000009-x.sha256") in found
    assert ("file-extra", f"{WARC}/{AGENCY.name}-20240101000000-00001.warc.gz") in found


def test_a_running_crawl_is_passed_over(data: Path) -> None:
    """What is being written is no finding but a note; its rows are not missed."""
    with Store.open(data) as store:
        begin(store, 4)
        put_pages(store, 4)
        found = verify(data)
        assert told(found) == set()
        assert [finding.code for finding in found] == ["file-live"]
        finish(store, 4)
    assert verify(data) == []


def test_what_a_dead_crawl_left_is_found_until_it_is_repaired(data: Path) -> None:
    """An open file that nobody writes is a finding; after the next crawl only the laid-aside tail is noted."""
    with Store.open(data) as store:
        begin(store, 4)
        put_pages(store, 4)
        (live,) = (data / WARC).glob("*.open")
        torn = live.read_bytes() + b"\x1f\x8b\x08torn"
        catalog = {path: path.read_bytes() for path in data.glob("catalog.db*")}
    (closed,) = (data / WARC).glob(live.name.removesuffix(".open"))
    closed.unlink()
    live.write_bytes(torn)
    for path in data.glob("catalog.db*"):
        path.unlink()
    for path, content in catalog.items():
        path.write_bytes(content)
    found = told(verify(data))
    assert ("file-open", f"{WARC}/{live.name}") in found
    assert {code for code, _ in found} <= {"file-open", "gzip-broken", "gzip-truncated"}
    with Store.open(data) as store:
        begin(store, 5)
        put_pages(store, 5)
        finish(store, 5)
    after = verify(data)
    assert told(after) == set()
    assert {finding.code for finding in after} == {"file-tail"}


def test_deep_reads_what_versions_and_files_stand_on(data: Path) -> None:
    """A digest in the catalog that is not the content's, and a content that cannot be had."""
    execute(data, "UPDATE files SET sha256 = replace(sha256, '0', '1'), bytes = 1")
    assert told(verify(data)) == set()
    found = [finding for finding in verify(data, deep=True) if finding.code == "content"]
    assert {finding.what.partition(" of ")[0] for finding in found} == {"SHA-256", "bytes"}
    execute(data, "UPDATE versions SET tables = '['")
    assert any(finding.code == "catalog-damaged" for finding in verify(data, deep=True))


def test_a_damaged_catalog_is_a_finding(data: Path) -> None:
    """A file that is no database, or no longer one, is told, and the WARC files are checked all the same."""
    (data / "catalog.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    assert ("catalog-damaged", "catalog.db") in told(verify(data))
    (data / "catalog.db").unlink()
    assert ("catalog-missing", "catalog.db") in told(verify(data))


# Tamper evidence


def drop_last(data: Path) -> None:
    """Take away the last crawl's files, manifest and HEAD, as if it had never been."""
    warcs_in(data)[-1].unlink()
    manifests_in(data)[-1].unlink()
    last = manifests_in(data)[-1]
    digest = hashlib.sha256(last.read_bytes()).hexdigest()
    (data / MANIFESTS / "HEAD").write_text(f"{digest}  {MANIFESTS}/{last.name}\n")


def drop_middle(data: Path) -> None:
    """Take away the second crawl's manifest and WARC and number the third anew."""
    warcs_in(data)[1].unlink()
    _, second, third = manifests_in(data)
    third.rename(second.with_name("000002-crawl-3.sha256"))
    second.unlink()


def swap(data: Path) -> None:
    """Let the second and the third manifest change places."""
    _, second, third = manifests_in(data)
    content = second.read_bytes()
    second.write_bytes(third.read_bytes())
    third.write_bytes(content)


def insert(data: Path) -> None:
    """Put a manifest of a crawl that never was behind the last one."""
    (data / MANIFESTS / "000004-crawl-4.sha256").write_text("# crawl: crawl-4\n" + "0" * 64 + f"  {WARC}/x.warc.gz\n")


def rewrite(data: Path) -> None:
    """Change a WARC file and make manifest, HEAD and catalog agree with it."""
    warc, manifest = warcs_in(data)[-1], manifests_in(data)[-1]
    old = hashlib.sha256(warc.read_bytes()).hexdigest()
    records = read_records(warc)
    at = find_record(records, "response")
    records[at] = records[at].replace(b"<p>3</p>", b"<p>4</p>")
    write_records(warc, records)
    new = hashlib.sha256(warc.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace(old, new))
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    (data / MANIFESTS / "HEAD").write_text(f"{digest}  {MANIFESTS}/{manifest.name}\n")
    execute(data, f"UPDATE warc_files SET sha256 = '{new}', bytes = {warc.stat().st_size} WHERE sha256 = '{old}'")  # noqa: S608


@pytest.mark.parametrize(
    ("tamper", "code", "named"),
    [
        (drop_last, "manifest-missing", MANIFESTS),
        (drop_last, "row-file", WARC),
        (drop_middle, "manifest-chain", f"{MANIFESTS}/000002-crawl-3.sha256"),
        (drop_middle, "manifest-missing", f"{MANIFESTS}/000003-crawl-3.sha256"),
        (drop_middle, "manifest-warcinfo", WARC),
        (swap, "manifest-chain", f"{MANIFESTS}/000002-crawl-2.sha256"),
        (insert, "manifest-head", f"{MANIFESTS}/HEAD"),
        (insert, "manifest-chain", f"{MANIFESTS}/000004-crawl-4.sha256"),
        (rewrite, "block-digest", WARC),
        (rewrite, "row-differs", WARC),
    ],
)
def test_tampering_with_crawls_is_named(data: Path, tamper: Callable[[Path], None], code: str, named: str) -> None:
    """A crawl that was dropped, inserted, reordered or rewritten is found where it stands."""
    tamper(data)
    found = told(verify(data))
    assert any(code == its and file.startswith(named) for its, file in found), found


def test_a_dropped_crawl_is_missed_by_the_warc_files_alone(data: Path) -> None:
    """Without catalog, with a chain that was made anew without the second crawl, the third one's WARC still knows it."""
    drop_middle(data)
    (data / "catalog.db").unlink()
    last = data / MANIFESTS / "000002-crawl-3.sha256"
    first = manifests_in(data)[0]
    text = "".join(f"{line}\n" for line in last.read_text().splitlines() if "manifests/" not in line)
    last.write_text(f"{text}{hashlib.sha256(first.read_bytes()).hexdigest()}  {MANIFESTS}/{first.name}\n")
    digest = hashlib.sha256(last.read_bytes()).hexdigest()
    (data / MANIFESTS / "HEAD").write_text(f"{digest}  {MANIFESTS}/{last.name}\n")
    assert ("manifest-warcinfo", f"{WARC}/{warcs_in(data)[-1].name}") in told(verify(data))


@pytest.fixture(scope="module")
def playground(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which one byte after the other is changed and changed back."""
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("playground") / "data"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 6), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_flipped_bit_in_warc_or_manifest_is_named(playground: Path, which: int, place: int, bit: int) -> None:
    """One bit of any WARC file, manifest or HEAD: a finding names that very file."""
    files = [*warcs_in(playground), *manifests_in(playground), playground / MANIFESTS / "HEAD"]
    path = files[which]
    before = path.read_bytes()
    at = place % len(before)
    path.write_bytes(before[:at] + bytes([before[at] ^ 1 << bit]) + before[at + 1 :])
    os.utime(path, ns=(which, which))
    try:
        found = told(verify(playground))
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(which, which))
    name = str(path.relative_to(playground))
    assert name in {file for _, file in found} or (path.name == "HEAD" and found), found


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(0, 10**6), which=st.integers(0, 2))
def test_any_cut_or_grown_file_is_named(playground: Path, cut: int, which: int) -> None:
    """A WARC file cut anywhere, or with a byte more, is named."""
    path = sorted((playground / WARC).iterdir())[which]
    before = path.read_bytes()
    for changed in (before[: cut % len(before)], before + b"\0"):
        path.write_bytes(changed)
        try:
            assert str(path.relative_to(playground)) in {file for _, file in told(verify(playground))}
        finally:
            path.write_bytes(before)


# The command


def govcrawl(*arguments: str, language: str = "en") -> Any:
    """Run a command in this process."""
    return CliRunner(env={"GOVCRAWL_LANG": language}).invoke(main, arguments, catch_exceptions=False)


def test_command_says_that_nothing_was_found(data: Path) -> None:
    """No finding: exit code 0 and a line of what was read."""
    done = govcrawl("verify", "--data", str(data), "--deep")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "3 files, " in done.stderr
    assert done.stderr.rstrip().endswith("no findings")


def test_command_tells_findings_one_line_each(data: Path, tmp_path: Path) -> None:
    """Findings: exit code 1, text in the user's language, and the same as JSON lines."""
    path = warcs_in(data)[0]
    path.write_bytes(path.read_bytes() + b"x")
    lines = tmp_path / "findings.jsonl"
    done = govcrawl("verify", "--data", str(data), "--jsonl", str(lines))
    assert done.exit_code == 1
    told_lines = done.stdout.splitlines()
    as_json = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    assert len(told_lines) == len(as_json) >= 3
    assert f"error {WARC}/{path.name}:" in told_lines[0]
    assert {one["code"] for one in as_json} == {"garbage", "row-file-bytes", "manifest-digest"}
    assert {one["severity"] for one in as_json} == {"error"}
    chinese = govcrawl("verify", "--data", str(data), "--jsonl", "-", language="zh")
    assert [json.loads(line) for line in chinese.stdout.splitlines()] == as_json
    assert "3 处错误" in chinese.stderr


def test_command_takes_single_files(data: Path) -> None:
    """A WARC file, a manifest and HEAD can be checked by name."""
    manifest = manifests_in(data)[1]
    assert govcrawl("verify", str(warcs_in(data)[0]), str(manifest), str(data / MANIFESTS / "HEAD")).exit_code == 0
    manifests_in(data)[0].write_text("changed\n")
    done = govcrawl("verify", str(manifest))
    assert done.exit_code == 1
    assert f"{MANIFESTS}/000001-crawl-1.sha256: manifest-digest" in done.stdout


@pytest.mark.parametrize("arguments", [("verify", "no-such.warc.gz"), ("verify", "--jobs", "0"), ("verify", __file__)])
def test_command_called_wrongly(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """What is not there, and what is no kind of file that can be verified: exit code 2."""
    assert govcrawl(*arguments, "--data", str(tmp_path)).exit_code == 2


def test_command_without_data(tmp_path: Path) -> None:
    """A folder that is no data directory: exit code 2 and what to do."""
    done = govcrawl("verify", "--data", str(tmp_path / "none"))
    assert done.exit_code == 2
    assert "crawl first" in done.stderr


def test_gzip_header_bytes_are_covered(data: Path) -> None:
    """Bits that gzip does not check (time, system) are covered by the file's digest."""
    path = warcs_in(data)[1]
    content = bytearray(path.read_bytes())
    content[4] ^= 1
    assert gzip.decompress(bytes(content))
    path.write_bytes(bytes(content))
    found = told(verify(data))
    assert found == {("row-file-digest", f"{WARC}/{path.name}"), ("manifest-digest", f"{WARC}/{path.name}")}
