"""A disk that loses what it confirmed: told at every start until the catalog is made again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from test_store import begin, finish, put, warcs_in
from warcs import exchange_of, response_of

from archive.errors import CaptureMissing
from archive.store import Store

if TYPE_CHECKING:
    from pathlib import Path


def left_open(data: Path, captures: int) -> tuple[Path, list[int]]:
    """Leave an open file as a killed process would; return it and where each capture's group begins."""
    with Store.open(data) as store:
        begin(store)
        offsets = [put(store, exchange_of(response_of(b"%d" % n * 900)))[0].offset for n in range(captures)]
        (path,) = warcs_in(data)
        content = path.read_bytes()
    with Store.open(data) as store, store.catalog.atomic():
        store.catalog.file.execute("UPDATE warc_files SET closed_at = NULL, bytes = NULL, sha256 = NULL")
    for path in warcs_in(data):
        path.unlink()
    (data / "warc" / "haidao_sfj").mkdir(exist_ok=True)
    name = data / "warc" / "haidao_sfj" / path.name
    opened = name.with_name(name.name.removesuffix(".open") + ".open")
    opened.write_bytes(content)
    return opened, offsets


def test_no_crawl_begins_on_captures_that_are_gone(tmp_path: Path) -> None:
    """A file shorter than what was committed is repaired, and every start says what is missing and what to do."""
    opened, offsets = left_open(tmp_path, 3)
    os.truncate(opened, offsets[2] + 10)
    for _ in range(2):
        with Store.open(tmp_path) as store, pytest.raises(CaptureMissing, match=r"lacks \d+ bytes.*govcrawl rebuild"):
            begin(store, "crawl-2")
    assert not list(tmp_path.glob("warc/*/*.open"))
    (path,) = tmp_path.glob("warc/*/*.warc.gz")
    assert path.stat().st_size > offsets[2]


def test_no_crawl_begins_without_a_file_that_is_gone_whole(tmp_path: Path) -> None:
    """Where nothing of a file is left, that is said too."""
    opened, _ = left_open(tmp_path, 1)
    opened.unlink()
    with Store.open(tmp_path) as store, pytest.raises(CaptureMissing, match="govcrawl rebuild"):
        begin(store, "crawl-2")


def test_a_cut_behind_everything_committed_is_no_loss(tmp_path: Path) -> None:
    """A tail that no row points at is cut off, and the crawl goes on."""
    opened, _ = left_open(tmp_path, 2)
    with opened.open("ab") as file:
        file.write(b"half a member")
    with Store.open(tmp_path) as store:
        begin(store, "crawl-2")
        finish(store, "crawl-2")


def test_beginning_whose_rows_were_not_committed_is_laid_aside(tmp_path: Path) -> None:
    """A file that holds no more than the word that a crawl begins, unknown to the catalog, leaves its name and no orphan."""
    with Store.open(tmp_path) as store:
        begin(store)
        (path,) = warcs_in(tmp_path)
        content = path.read_bytes()
        finish(store)
    name = "haidao_sfj-20200101000000-00000.warc.gz"
    (tmp_path / "warc" / "haidao_sfj" / f"{name}.open").write_bytes(content)
    with Store.open(tmp_path) as store:
        begin(store, "crawl-2")
        finish(store, "crawl-2")
        rows = {row["path"] for row in store.catalog.rows("SELECT path FROM warc_files")}
    assert {f"warc/haidao_sfj/{path.name}" for path in tmp_path.glob("warc/*/*.warc.gz")} == rows
    (tail,) = tmp_path.glob(f"warc/*/{name}.tail-*")
    assert tail.read_bytes() == content
