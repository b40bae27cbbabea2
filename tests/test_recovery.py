"""Files that a dead process left open: nothing whole is lost, nothing broken stays, nothing is deleted."""

from __future__ import annotations

import errno
import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from warcs import STARTED_AT, block_of, fields_of, frozen_ids, frozen_now, group_of, members_of, response_of

from archive.errors import ArchiveWriteError
from archive.reader import iter_records
from archive.recovery import Recovered, recover_folder, whole_end
from archive.writer import Placed, WarcWriter

if TYPE_CHECKING:
    from archive.records import Group

NAME = "haidao_sfj-20240305060000-00000.warc.gz"


def small_group(text: bytes) -> Group:
    """A capture of few bytes."""
    return group_of(response_of(text))


def left_open(folder: Path, *groups: Group, notes: int = 0) -> tuple[bytes, list[Placed]]:
    """Leave an open file as a killed process would, without its lock; its bytes and places."""
    writer = writer_in(folder)
    places = [place for group in groups for place in writer.write_groups([group])]
    for _ in range(notes):
        writer.write_failure("https://sfj.haidao.test/b", {"reason": "dns"}, STARTED_AT)
    data = (folder / f"{NAME}.open").read_bytes()
    writer.close()
    (folder / NAME).unlink(missing_ok=True)
    (folder / f"{NAME}.open").write_bytes(data)
    return data, places


def writer_in(folder: Path) -> WarcWriter:
    """A writer with frozen ids and dates."""
    return WarcWriter(folder, "haidao_sfj", warcinfo={"software": "x"}, now=frozen_now(), new_id=frozen_ids())


def recover(folder: Path, committed: int | None = None) -> list[Recovered]:
    """Repair with a catalog that knows this much of every file."""
    return recover_folder(folder, committed_end=lambda _name: committed, now=frozen_now())


def end_of(place: Placed) -> int:
    """Where a group ends."""
    return place.offset + place.group_length


@pytest.mark.parametrize("catalog", [True, False])
def test_file_cut_at_every_byte_of_its_last_group_is_repaired(tmp_path: Path, *, catalog: bool) -> None:
    """Wherever the last group was cut, the groups before it stay, the rest lies aside, and the file is whole."""
    data, (first, second, third) = left_open(tmp_path, small_group(b"1"), small_group(b"2"), small_group(b"3"))
    kept_end = end_of(second)
    assert len(data) == end_of(third)
    for cut in range(kept_end, len(data) + 1):
        for path in tmp_path.iterdir():
            path.unlink()
        (tmp_path / f"{NAME}.open").write_bytes(data[:cut])
        (recovered,) = recover(tmp_path, kept_end if catalog else None)
        expected_end = len(data) if cut == len(data) and not catalog else kept_end
        assert (recovered.kept_bytes, recovered.tail_bytes) == (expected_end, cut - expected_end)
        repaired = (tmp_path / NAME).read_bytes()
        assert repaired[:expected_end] == data[:expected_end]
        types = [fields_of(record)["WARC-Type"] for _, record in members_of(tmp_path / NAME)]
        groups = (expected_end - first.offset) // first.group_length
        notes = ["metadata"] if cut > expected_end else []
        assert types == ["warcinfo", *["response", "request", "metadata"] * groups, *notes]
        names = {path.name for path in tmp_path.iterdir()}
        if cut > expected_end:
            assert recovered.tail_path is not None
            assert recovered.tail_path.read_bytes() == data[expected_end:cut]
            assert names == {NAME, recovered.tail_path.name}
        else:
            assert recovered.tail_path is None
            assert names == {NAME}
        assert recovered.closed is not None
        assert recovered.closed.bytes == len(repaired)
        assert recovered.closed.sha256 == hashlib.sha256(repaired).hexdigest()


def test_cut_is_told_in_the_file_and_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A note behind the kept groups says what was cut and where it lies; a warning says so too."""
    data, (first, _) = left_open(tmp_path, small_group(b"1"), small_group(b"2"))
    with caplog.at_level(logging.WARNING):
        recover(tmp_path, end_of(first))
    records = [record for _, record in members_of(tmp_path / NAME)]
    assert block_of(records[-1]).decode() == (
        f"note: recovery\r\nreason: cut back after a crash\r\nkeptBytes: {end_of(first)}\r\n"
        f"tailBytes: {len(data) - end_of(first)}\r\ntailFile: {NAME}.tail-20240305060000\r\n"
    )
    fields = fields_of(records[-1])
    assert fields["WARC-Warcinfo-ID"] == fields_of(records[0])["WARC-Record-ID"]
    assert fields["WARC-Target-URI"] == f"urn:warc:{NAME}"
    assert f"warc file repaired file={NAME} kept_bytes={end_of(first)}" in caplog.text


def test_notes_stay_as_far_as_they_are_committed(tmp_path: Path) -> None:
    """A failure with its row stays; one whose row was not committed goes with the tail, else a rebuild would know it."""
    data, (place,) = left_open(tmp_path, small_group(b"1"), notes=2)
    first_note = next(iter_records(tmp_path / f"{NAME}.open", start=end_of(place)))
    committed = end_of(place) + first_note.finish()
    (tmp_path / f"{NAME}.open").write_bytes(data)
    (recovered,) = recover(tmp_path, committed)
    notes = [record for _, record in members_of(tmp_path / NAME)][4:]
    assert [block_of(note).split(b"\r\n")[0] for note in notes] == [b"note: failure", b"note: recovery"]
    assert (recovered.kept_bytes, recovered.tail_bytes) == (committed, len(data) - committed)


def test_file_of_nothing_but_notes_is_kept(tmp_path: Path) -> None:
    """A crawl that brought only failures leaves them."""
    data, _ = left_open(tmp_path, notes=1)
    (recovered,) = recover(tmp_path)
    assert recovered.closed is not None
    assert (tmp_path / NAME).read_bytes() == data


@pytest.mark.parametrize(
    "size", ["nothing", "half of the warcinfo", "the warcinfo", "some of the first group", "garbage"]
)
def test_file_without_a_whole_group_is_laid_aside(tmp_path: Path, size: str) -> None:
    """A file that holds no capture keeps its bytes under another name, and its own name stays free."""
    data, (place,) = left_open(tmp_path, small_group(b"1"))
    left = {
        "nothing": b"",
        "half of the warcinfo": data[: place.offset // 2],
        "the warcinfo": data[: place.offset],
        "some of the first group": data[:-1],
        "garbage": bytes(5000),
    }[size]
    (tmp_path / f"{NAME}.open").write_bytes(left)
    (recovered,) = recover(tmp_path)
    assert recovered.closed is None
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {f"{NAME}.tail-20240305060000": left}


def test_file_of_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    """An open file whose writer lives is not touched."""
    writer = writer_in(tmp_path)
    writer.write_groups([small_group(b"1")])
    assert recover(tmp_path) == []
    (path,) = tmp_path.iterdir()
    assert path.name == f"{NAME}.open"
    writer.close()


def test_bytes_that_the_disk_lost_are_told(tmp_path: Path) -> None:
    """When the file is shorter than its rows say, what is whole is kept and what is missing is said."""
    data, (first, _) = left_open(tmp_path, small_group(b"1"), small_group(b"2"))
    (tmp_path / f"{NAME}.open").write_bytes(data[:-5])
    (recovered,) = recover(tmp_path, len(data))
    assert (recovered.kept_bytes, recovered.missing_bytes) == (end_of(first), 5)
    assert [record.type for record in iter_records(tmp_path / NAME)][-1] == "metadata"


def test_finished_name_is_never_overwritten(tmp_path: Path) -> None:
    """When a file with the final name is there already, the open one is laid aside whole."""
    data, _ = left_open(tmp_path, small_group(b"1"))
    (tmp_path / NAME).write_bytes(b"precious")
    recover(tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"precious"
    assert (tmp_path / f"{NAME}.tail-20240305060000").read_bytes() == data


def test_repair_that_was_itself_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repair that could not rename is run again: the same groups stay and no tail is overwritten."""
    data, (first, _) = left_open(tmp_path, small_group(b"1"), small_group(b"2"))

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(errno.EIO, f"Input/output error: {self} {target}")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(
            ArchiveWriteError, match=r"warc\.gz\.open: the file that a crawl left open could not be repaired"
        ):
            recover(tmp_path, end_of(first))
    tail = tmp_path / f"{NAME}.tail-20240305060000"
    assert tail.read_bytes() == data[end_of(first) :]
    (recovered,) = recover(tmp_path, end_of(first))
    assert recovered.tail_path is None
    assert tail.read_bytes() == data[end_of(first) :]
    assert whole_end(tmp_path / NAME) == (tmp_path / NAME).stat().st_size


def test_scan_stops_at_what_is_no_group(tmp_path: Path) -> None:
    """A response without its request and metadata, and what comes after it, is not whole."""
    data, (first, second) = left_open(tmp_path, small_group(b"1"), small_group(b"2"))
    path = tmp_path / "x.warc.gz"
    path.write_bytes(data[: first.offset + first.length] + data[second.offset :])
    assert whole_end(path) == 0
    path.write_bytes(data + data[second.offset + second.length :])
    assert whole_end(path) == len(data)
