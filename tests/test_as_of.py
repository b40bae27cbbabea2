"""What was known of documents at an earlier time."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from catalogs import FIRST_DAY, Sample, fetched, read_document
from click.testing import CliRunner

from govcrawl.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

DAY = (FIRST_DAY + timedelta(hours=8)).date()


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """t1 changes on the second day, when t2 appears."""
    one = Sample.make(tmp_path)
    one.list_("公示公告", "t1")
    one.put(
        read_document("t1", title="旧题", text="甲", publish_date="2024-04-01"),
        attachments=[fetched("http://sfj.sample.test/a.pdf", "a" * 64)],
    )
    one.finish()
    one.begin()
    one.list_("公示公告", "t1", "t2")
    one.put(read_document("t1", title="新题", text="乙", publish_date="2024-05-02"))
    one.put(read_document("t2", title="另一份"))
    one.finish()
    one.catalog.close()
    return one


def run(sample: Sample, *arguments: str, language: str = "en") -> Result:
    """Run a command."""
    env = {"GOVCRAWL_LANG": language, "GOVCRAWL_DATA": str(sample.path.parent)}
    return CliRunner(env=env).invoke(main, arguments)


def exported(sample: Sample, *arguments: str) -> list[dict[str, object]]:
    """The rows of an export."""
    done = run(sample, "export", "documents", "--format", "jsonl", "--output", "-", *arguments)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_documents_as_of_a_day(sample: Sample) -> None:
    """An export as of the first day has the first version alone; as of a later day what is known now."""
    assert exported(sample, "--as-of", (DAY - timedelta(days=1)).isoformat()) == []
    (first,) = exported(sample, "--as-of", DAY.isoformat())
    assert (first["title"], first["text"], first["version_count"], first["state"]) == ("旧题", "甲", 1, "live")
    assert len(first["attachments"]) == 1  # type: ignore[arg-type]
    assert (first["last_captured_at"], first["last_checked_at"]) == (None, None)
    later = exported(sample, "--as-of", (DAY + timedelta(days=1)).isoformat())
    now = exported(sample)
    for one in (*later, *now):
        one.pop("last_captured_at")
        one.pop("last_checked_at")
    assert later == now
    assert {one["title"] for one in now} == {"新题", "另一份"}


def test_the_day_of_publication_is_that_of_then(sample: Sample) -> None:
    """``--since`` goes by the day that was printed then."""
    assert exported(sample, "--as-of", DAY.isoformat(), "--since", "2024-05-01") == []
    assert len(exported(sample, "--as-of", DAY.isoformat(), "--since", "2024-04-01")) == 1


def test_show_as_of_an_instant(sample: Sample) -> None:
    """``show`` gives that version with the versions and states known by then; one that was not known is said to be none."""
    name = next(str(one["document_id"]) for one in exported(sample) if one["title"] == "新题")
    said = json.loads(run(sample, "show", name, "--as-of", DAY.isoformat(), "--json").stdout)
    assert (said["title"], said["version"], len(said["versions"]), said["version_count"]) == ("旧题", 1, 1, 1)
    assert "旧题" in run(sample, "show", name, "--as-of", DAY.isoformat()).stdout
    assert run(sample, "show", name, "--as-of", DAY.isoformat(), "--as", "text").exit_code in {0, 1}
    before = run(sample, "show", name, "--as-of", "2020-01-01T00:00:00Z")
    assert (before.exit_code, "was not archived then" in before.stderr) == (1, True)
    assert "当时尚未存档" in run(sample, "show", name, "--as-of", "2020-01-01", language="zh").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "x", "--as-of", "2024-01-01", "--version", "1"),
        ("show", "x", "--as-of", "soon"),
        ("export", "documents", "--format", "csv", "--output", "-", "--as-of", "2024-01-01", "--query", "x"),
    ],
    ids=["version", "no day", "query"],
)
def test_what_cannot_be_asked(sample: Sample, arguments: tuple[str, ...]) -> None:
    """The index holds present versions only; a version is said one way or the other."""
    assert run(sample, *arguments).exit_code == 2
