"""Manifests: written when a crawl ends, chained, checkable with sha256sum, healed after a crash."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from datadirs import begin, finish, make_data, manifests_in, put_pages, warcs_in
from warcs import AGENCY, block_of, members_of

from archive.errors import ArchiveWriteError
from archive.manifest import Line, last_manifest, warcinfo_value, write_manifest
from archive.store import Store

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2024, 3, 5, 6, tzinfo=UTC)


def sha256(path: Path) -> str:
    """The digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def said_in_warcinfo(path: Path) -> str:
    """The manifest that a WARC file's first record names."""
    lines = block_of(members_of(path)[0][1]).decode().split("\r\n")
    return next(line for line in lines if line.startswith("previousManifest: ")).partition(": ")[2]


def test_each_crawl_has_a_manifest_with_its_files_and_the_one_before(tmp_path: Path) -> None:
    """The lines are the crawl's WARC files and the manifest before; HEAD names the last."""
    data = make_data(tmp_path, 2, max_file_bytes=2000)
    first, second = manifests_in(data)
    assert [first.name, second.name] == ["000001-crawl-1.sha256", "000002-crawl-2.sha256"]
    files = [line.split("  ") for path in (first, second) for line in path.read_text().splitlines() if line[0] != "#"]
    assert files[-1] == [sha256(first), f"manifests/{AGENCY.name}/{first.name}"]
    assert {path: digest for digest, path in files[:-1]} == {
        f"warc/{AGENCY.name}/{path.name}": sha256(path) for path in warcs_in(data)
    }
    head = data / "manifests" / AGENCY.name / "HEAD"
    assert head.read_text() == f"{sha256(second)}  manifests/{AGENCY.name}/{second.name}\n"
    text = second.read_text()
    for line in ("# crawl: crawl-2", "# outcome: finished", f"# agency: {AGENCY.name}"):
        assert f"{line}\n" in text


def test_sha256sum_checks_manifests_and_head(tmp_path: Path) -> None:
    """Run in the data directory, the tool of every system says OK, and says which file was changed."""
    program = shutil.which("sha256sum")
    assert program, "sha256sum (GNU coreutils) is on the machine"
    data = make_data(tmp_path, 2)
    for path in (*manifests_in(data), data / "manifests" / AGENCY.name / "HEAD"):
        done = subprocess.run(
            [program, "-c", "--strict", str(path)], cwd=data, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    changed = warcs_in(data)[0]
    changed.write_bytes(changed.read_bytes() + b"x")
    done = subprocess.run(
        [program, "-c", str(manifests_in(data)[0])], cwd=data, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"{changed.name}: FAILED" in done.stdout


def test_each_warc_names_the_manifest_before_its_crawl(tmp_path: Path) -> None:
    """The first record of a file states which manifest was the last when its crawl began."""
    data = make_data(tmp_path, 3)
    first, second, _ = manifests_in(data)
    said = [said_in_warcinfo(path) for path in warcs_in(data)]
    assert said == [
        "none",
        f"sha256:{sha256(first)} manifests/{AGENCY.name}/{first.name}",
        f"sha256:{sha256(second)} manifests/{AGENCY.name}/{second.name}",
    ]


def test_crawl_that_died_before_its_manifest_gets_one_from_the_next(tmp_path: Path) -> None:
    """The next crawl of the agency writes what is missing, says so, and chains itself behind it."""
    make_data(tmp_path, 1)
    with Store.open(tmp_path) as store:
        begin(store, 2)
        put_pages(store, 2)
    assert len(manifests_in(tmp_path)) == 1  # closed, and never finished
    with Store.open(tmp_path) as store:
        begin(store, 3)
        assert [path.name for path in manifests_in(tmp_path)] == ["000001-crawl-1.sha256", "000002-crawl-2.sha256"]
        put_pages(store, 3)
        finish(store, 3)
    healed = manifests_in(tmp_path)[1]
    assert "# note: this crawl left no manifest" in healed.read_text()
    assert warcs_in(tmp_path)[1].name in healed.read_text()
    assert said_in_warcinfo(warcs_in(tmp_path)[2]).startswith(f"sha256:{sha256(healed)} ")


def test_manifest_written_and_head_not_is_healed(tmp_path: Path) -> None:
    """A crash between the manifest and HEAD leaves HEAD one behind; the next crawl goes on from the manifest."""
    make_data(tmp_path, 2)
    head = tmp_path / "manifests" / AGENCY.name / "HEAD"
    first, second = manifests_in(tmp_path)
    head.write_text(f"{sha256(first)}  manifests/{AGENCY.name}/{first.name}\n")
    assert last_manifest(tmp_path, AGENCY.name) == Line(sha256(second), f"manifests/{AGENCY.name}/{second.name}")
    assert second.name in head.read_text()


def test_a_lost_manifest_leaves_a_gap(tmp_path: Path) -> None:
    """What HEAD names counts although its file is gone: its number is not used again."""
    make_data(tmp_path, 2)
    gone = manifests_in(tmp_path)[1]
    digest = sha256(gone)
    gone.unlink()
    line = write_manifest(tmp_path, AGENCY.name, "crawl-3", [Line("0" * 64, "warc/a/b.warc.gz")], {}, AT)
    assert line.path == f"manifests/{AGENCY.name}/000003-crawl-3.sha256"
    assert f"{digest}  manifests/{AGENCY.name}/000002-crawl-2.sha256\n" in (tmp_path / line.path).read_text()


def test_odd_crawl_ids_stay_within_the_folder(tmp_path: Path) -> None:
    """A crawl id is data: in a file's name only harmless letters of it stand."""
    line = write_manifest(tmp_path, "a", "../../x y", [], {"reason": "two\nlines"}, AT)
    assert line.path == "manifests/a/000001-.._.._x_y.sha256"
    assert "# reason: two lines\n" in (tmp_path / line.path).read_text()
    assert "# crawl: ../../x y\n" in (tmp_path / line.path).read_text()


def test_no_manifest_yet(tmp_path: Path) -> None:
    """Before the first crawl there is no last manifest, and that is said in a word."""
    assert last_manifest(tmp_path, "a") is None
    assert warcinfo_value(None) == "none"


def test_disk_that_refuses_is_told_and_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest is there whole or not at all; the message says what to do."""

    def refuse(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    make_data(tmp_path, 1)
    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(ArchiveWriteError, match="next crawl of the agency writes it"):
        write_manifest(tmp_path, AGENCY.name, "crawl-2", [], {}, AT)
    assert len(manifests_in(tmp_path)) == 1
