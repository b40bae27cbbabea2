"""What the doctor says of a machine that lacks something, and the exit code."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from catalogs import Sample, read_document
from click.testing import CliRunner
from scrapy.settings import Settings

from archive.withheld import LOG_NAME
from govcrawl.cli import main
from govcrawl.doctor import (
    Check,
    check_browser,
    check_clock,
    check_contact,
    check_folder,
    check_libraries,
    check_python,
    check_sqlite,
    check_time_zones,
    look_at_catalog,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def by_name(checks: list[Check]) -> dict[str, Check]:
    """Checks by name; whatever is not ok says what to do."""
    assert all(one.fix for one in checks if one.status != "ok")
    return {one.name: one for one in checks}


def made(folder: Path) -> Path:
    """A data directory with one document."""
    sample = Sample.make(folder)
    sample.put(read_document("t1"))
    sample.catalog.close()
    return folder


def test_this_machine_has_what_the_tests_need() -> None:
    """Python, SQLite and time zones, by which these tests run, are ok."""
    assert {one.status for one in (check_python(), check_sqlite(), check_time_zones())} == {"ok"}


def test_libraries(tmp_path: Path) -> None:
    """Another version than the lock names is a warning that names both; without a lock what is declared counts."""
    lock = tmp_path / "requirements.lock"
    assert check_libraries(lock).status == "ok"
    lock.write_text("# comment\nclick==0.1 \\\n    --hash=sha256:00\n")
    found = check_libraries(lock)
    assert (found.status, "click" in found.said, "0.1" in found.said) == ("warn", True, True)
    assert found.fix
    assert "run.py" in found.fix


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Below a file no folder can be made; one that is not there yet is ok where it can be."""
    (tmp_path / "file").touch()
    assert check_folder("data", tmp_path / "file" / "data", "GOVCRAWL_DATA").status == "fail"
    assert check_folder("data", tmp_path / "new" / "data", "GOVCRAWL_DATA").status != "fail"
    assert not (tmp_path / "new").exists()


def test_browser_and_contact() -> None:
    """A browser that is none fails; no contact is a warning."""
    assert check_browser(Settings({"GOVCRAWL_BROWSER": "/nowhere/chromium"})).status == "fail"
    assert (check_contact("").status, check_contact("mailto:a@b.test").status) == ("warn", "ok")


def test_clock() -> None:
    """A clock before this software, or before the latest capture, is wrong."""
    now = datetime(2026, 5, 1, tzinfo=UTC)
    later = (now + timedelta(days=1)).isoformat()
    assert check_clock(now, None).status == "ok"
    assert check_clock(now, "2026-04-30T00:00:00.000000Z").status == "ok"
    assert check_clock(now, later).status == "fail"
    assert check_clock(datetime(1970, 1, 1, tzinfo=UTC), None).status == "fail"


def test_catalog(tmp_path: Path) -> None:
    """None yet, whole, behind its index, damaged."""
    assert [one.status for one in look_at_catalog(tmp_path / "nowhere")[1]] == ["ok"]
    data = made(tmp_path)
    latest, checks = look_at_catalog(data)
    assert latest
    assert {name: one.status for name, one in by_name(checks).items()} == {
        "catalog": "ok",
        "search index": "ok",
        "withheld": "ok",
    }
    with sqlite3.connect(data / "catalog.db") as db:
        db.execute("DELETE FROM search_rows")
    db.close()
    found = by_name(look_at_catalog(data)[1])["search index"]
    assert (found.status, found.fix) == ("fail", "govcrawl reindex")
    (data / "catalog.db").write_bytes(b"no catalog at all, but long enough" * 99)
    assert by_name(look_at_catalog(data)[1])["catalog"].status == "fail"


def test_withheld_log(tmp_path: Path) -> None:
    """A broken line is a warning; a log that is gone while the catalog has entries is a failure."""
    data = made(tmp_path)
    (data / LOG_NAME).write_text('{"at"')
    assert by_name(look_at_catalog(data)[1])["withheld"].status == "warn"
    (data / LOG_NAME).unlink()
    with sqlite3.connect(data / "catalog.db") as db:
        db.execute("INSERT INTO withheld VALUES ('x', '[]', 'r', 'b', '2026-01-01T00:00:00.000000Z')")
    db.close()
    assert by_name(look_at_catalog(data)[1])["withheld"].status == "fail"


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 0 with JSON where nothing fails, 1 where something does; what is not ok says how it is put right."""
    monkeypatch.setenv("GOVCRAWL_STATE", str(tmp_path / "state"))
    runner = CliRunner(env={"GOVCRAWL_LANG": "en"})
    result = runner.invoke(main, ["doctor", "--json", "--data", str(tmp_path / "data")])
    said = json.loads(result.output)
    failed = [one["name"] for one in said["checks"] if one["status"] == "fail"]
    assert result.exit_code == (1 if failed else 0)
    assert {"python", "libraries", "sqlite", "browser", "data", "state", "locale", "clock", "font"} <= {
        one["name"] for one in said["checks"]
    }
    (tmp_path / "file").touch()
    result = runner.invoke(main, ["doctor", "--data", str(tmp_path / "file" / "data")])
    assert result.exit_code == 1
    assert "fail  data:" in result.output
    assert "→" in result.output
