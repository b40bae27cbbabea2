"""Files: archived whole in little memory; what a crawl says of them is what the archive holds."""

from __future__ import annotations

import gzip
import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from large_files import MEGABYTE, ZIP, bomb, crawl, make_site, measure

if TYPE_CHECKING:
    from pathlib import Path

GROWTH_BYTES = 45 * MEGABYTE  # over the peak of tiny files, for 120 MB of attachments at once


def test_several_large_files_at_once_do_not_add_up(tmp_path: Path) -> None:
    """Four attachments of 30 MB are archived whole, and the crawl's memory grows by far less than one of them each."""
    tiny, large = measure(tmp_path, 30 * MEGABYTE, 4)
    assert large - tiny < GROWTH_BYTES


def test_digest_and_size_are_of_the_file_itself(tmp_path: Path) -> None:
    """A file that came compressed, longer than what is held in memory, has the digest of what it decodes to."""
    content = ZIP + os.urandom(1_500_000) + bytes(2_000_000)
    outcome = crawl(tmp_path / "c", make_site({"P1.zip": ({"Content-Encoding": "gzip"}, gzip.compress(content, 1))}))
    digest = hashlib.sha256(content).hexdigest()
    assert outcome.exit_code == 0, outcome.said
    assert outcome.files == {"P1.zip": (digest, len(content), None)}
    assert outcome.stored == {"P1.zip": digest}


def test_compressed_bomb_is_kept_and_not_blown_up(tmp_path: Path) -> None:
    """A file that decodes to more than DOWNLOAD_MAXSIZE has a reason instead of a digest; the crawl goes on."""
    files = {"P1.zip": ({"Content-Encoding": "gzip"}, bomb(300 * MEGABYTE)), "P2.zip": ({}, ZIP + b"whole")}
    outcome = crawl(tmp_path / "c", make_site(files), "-s", "DOWNLOAD_MAXSIZE=50000000")
    assert outcome.exit_code == 0, outcome.said
    digest, size, error = outcome.files["P1.zip"]
    assert (digest, size) == (None, None)
    assert error is not None
    assert "decodes to more than 50000000 bytes" in error
    assert outcome.files["P2.zip"] == (hashlib.sha256(ZIP + b"whole").hexdigest(), len(ZIP) + 5, None)
    assert outcome.peak_rss_bytes < 250 * MEGABYTE


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<html><head><title>404</title></head><body>您访问的页面不存在</body></html>".encode(), "not_a_page"),
        (b"", "blocked"),
    ],
    ids=["soft-404", "empty"],
)
def test_error_page_in_place_of_a_file_is_no_file(tmp_path: Path, body: bytes, reason: str) -> None:
    """A page that says that the file is not there, or nothing at all, gives the file a reason and no digest."""
    outcome = crawl(tmp_path / "c", make_site({"P1.zip": ({"Content-Type": "text/html; charset=utf-8"}, body)}))
    digest, _, error = outcome.files["P1.zip"]
    assert digest is None
    assert error is not None
    assert error.startswith(reason), error


def test_page_longer_than_a_page_may_be_is_archived_and_not_read(tmp_path: Path) -> None:
    """A document page over GOVCRAWL_PAGE_MAX_BYTES is archived whole, recorded as a failure, and the crawl goes on."""
    site = make_site({"P1.zip": ({}, ZIP + b"1")})
    longest = max(len(route[2]) for route in site.routes.values() if not callable(route))
    outcome = crawl(tmp_path / "c", site, "-s", f"GOVCRAWL_PAGE_MAX_BYTES={longest - 1}")
    assert "reason=unreadable" in outcome.said
    assert "longer than a page may be" in outcome.said
    assert outcome.files == {}
