"""Crash safety, a small sample; ``python3 run.py python tests/crash.py`` is the whole of it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from crash import Broken, Harness, make_site, start_again

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A small site, crawled once without any fault."""
    with make_site(6) as site:
        yield Harness(tmp_path_factory.mktemp("crash"), site, random.Random())  # noqa: S311 - no secret


def test_killed_crawls_lose_nothing(harness: Harness) -> None:
    """After kill -9 at random steps and instants the archive is sound, readers end, and a last crawl has everything."""
    harness.kill(6)
    assert harness.tally["kills"] >= 6
    assert harness.tally["crawls completed after faults"] >= 1


def test_failing_disks_end_the_crawl_in_words(harness: Harness) -> None:
    """EIO and ENOSPC from some step on: exit code and a sentence, no traceback, and nothing committed is lost."""
    harness.fail(2)


def test_open_file_cut_at_any_byte_is_repaired_or_refused(harness: Harness) -> None:
    """What was not committed is laid aside; where committed bytes are gone no crawl begins before a rebuild."""
    harness.truncate(every=150)
    assert harness.tally["cuts of an uncommitted tail"] > 1
    assert harness.tally["cuts of a committed capture"] > 1


def test_harness_sees_what_is_broken(harness: Harness) -> None:
    """A flipped byte in a closed file, and a capture that vanished, do not pass."""
    trial = harness._trial("broken")
    assert trial.crawl()[0] == 0
    trial.check()
    (path,) = trial.data.glob("warc/*/*.warc.gz")
    data = path.read_bytes()
    path.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    with pytest.raises(Broken, match="verify found"):
        trial.check()
    path.write_bytes(data)
    trial.committed.add("<urn:uuid:lost>")
    with pytest.raises(Broken, match="committed captures without a row"):
        trial.check()


def test_starting_again_on_nothing_is_no_fault(tmp_path: Path) -> None:
    """A start where no crawl ever was, and one after it, find nothing to repair."""
    start_again(tmp_path / "data")
    start_again(tmp_path / "data")
