"""What is done with WARC files that a dead process left open.

Run under the agency's lock, before anything new is written. A file is cut to what is known to be whole; what is cut off
is laid beside it and never deleted; then the file gets its final name.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from itertools import chain, count
from typing import TYPE_CHECKING

from archive.codings import PIECE_BYTES
from archive.errors import ArchiveWriteError, CaptureMissing
from archive.reader import iter_records
from archive.records import RecordWriter
from archive.writer import (
    OPEN_SUFFIX,
    WARC_SUFFIX,
    ClosedFile,
    Now,
    random_record_id,
    sync_folder,
    utc_now,
    write_all,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from archive.records import NewId

log = logging.getLogger(__name__)

FIRST_WORD = b"note: decision\r\ndecision: begin_crawl\r\n"

CommittedEnd = Callable[[str], "int | None"]
"""Tells how far a file (by its final name) is committed in the catalog; ``None`` = nothing of it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was done with one file."""

    warc_file: str  # final name
    closed: ClosedFile | None  # None where the file held nothing worth closing and was laid aside whole
    kept_bytes: int  # of what the dead process had written
    tail_bytes: int
    tail_path: Path | None  # where the tail lies
    missing_bytes: int  # committed in the catalog and not in the file: lost by the disk, not by us


def recover_folder(
    folder: Path,
    *,
    committed_end: CommittedEnd,
    now: Now = utc_now,
    new_id: NewId = random_record_id,
    compress_level: int = 6,
) -> list[Recovered]:
    """Close every file in ``folder`` that no living writer holds, cut to what is whole.

    Raises :class:`ArchiveWriteError` when the disk refuses; running it again goes on from there.
    """
    repair = _Repair(folder, committed_end, now, new_id, compress_level)
    done = []
    for open_path in sorted(folder.glob(f"*{WARC_SUFFIX}{OPEN_SUFFIX}")):
        try:
            recovered = repair.recover_file(open_path)
        except OSError as error:
            message = (
                f"{open_path}: the file that a crawl left open could not be repaired ({error}); "
                "nothing of it is lost; make room or give write permission, then crawl again"
            )
            raise ArchiveWriteError(
                message,
                zh=f"{open_path}：抓取留下的未关闭文件不能修复（{error}）；内容没有丢失；请腾出空间或给予写权限，再抓取一次",
            ) from error
        if recovered is not None:
            done.append(recovered)
            log.warning(
                "warc file repaired file=%s kept_bytes=%d tail_bytes=%d tail=%s missing_bytes=%d",
                recovered.warc_file,
                recovered.kept_bytes,
                recovered.tail_bytes,
                recovered.tail_path.name if recovered.tail_path else "-",
                recovered.missing_bytes,
            )
    return done


def whole_end(path: Path, *, start: int = 0) -> int:
    """Return where the last whole capture group or note of a file ends, without asking the catalog.

    Whole: each member inflates to its end with the right CRC and ends in two line ends, and each response or revisit is
    followed by its request and its metadata. ``start`` is where a group begins. A file with nothing but its warcinfo
    record gives ``start``.
    """
    end = start
    waiting: str | None = None  # the response whose metadata is still to come
    try:
        for record in iter_records(path, start=start):
            member_end = record.offset + record.finish()
            partner = record.header("WARC-Concurrent-To")
            if record.type in {"response", "revisit"} and waiting is None:
                waiting = record.record_id
            elif record.type == "metadata" and partner == waiting:
                end, waiting = member_end, None
            elif record.type == "resource" and waiting is None:  # names a capture that stands whole before it
                end = member_end
            elif partner != waiting or record.type not in {"request", "warcinfo"}:
                break
    except CaptureMissing as stop:
        log.debug("scan stopped file=%s reason=%s", path.name, stop)
    return end


def describe_closed(path: Path, at: datetime) -> ClosedFile:
    """Measure a file that bears its final name."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return ClosedFile(warc_file=path.name, bytes=file.tell(), sha256=digest.hexdigest(), closed_at=at)


@dataclass(frozen=True, slots=True)
class _Repair:
    folder: Path
    committed_end: CommittedEnd
    now: Now
    new_id: NewId
    compress_level: int

    def recover_file(self, open_path: Path) -> Recovered | None:
        fd = os.open(open_path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None  # its writer lives
        try:
            return self._recover(open_path, fd)
        finally:
            os.close(fd)

    def _recover(self, open_path: Path, fd: int) -> Recovered:
        final = open_path.with_name(open_path.name.removesuffix(OPEN_SUFFIX))
        size = os.fstat(fd).st_size
        committed = self.committed_end(final.name)
        if committed is not None and committed <= size:
            end, missing = _end_of_repair(open_path, committed), 0
        else:
            end, missing = whole_end(open_path), max(0, (committed or 0) - size)
            if committed is None and end and _holds_first_word_only(open_path):
                end = 0  # its rows were not committed: nothing of it counts
        if end == 0 or final.exists():
            tail = self._free_tail(final)
            open_path.rename(tail)
            sync_folder(self.folder)
            return Recovered(
                warc_file=final.name,
                closed=None,
                kept_bytes=0,
                tail_bytes=size,
                tail_path=tail,
                missing_bytes=missing,
            )
        tail_path = None
        if end < size:
            tail_path = self._lay_tail_aside(fd, end, size, final)
            os.ftruncate(fd, end)
            self._append_note(open_path, fd, end, size, tail_path)
        os.fsync(fd)
        open_path.rename(final)
        sync_folder(self.folder)
        closed = describe_closed(final, self.now())
        return Recovered(
            warc_file=final.name,
            closed=closed,
            kept_bytes=end,
            tail_bytes=size - end,
            tail_path=tail_path,
            missing_bytes=missing,
        )

    def _free_tail(self, final: Path) -> Path:
        stamp = self.now().astimezone(UTC).strftime("%Y%m%d%H%M%S")
        first = final.with_name(f"{final.name}.tail-{stamp}")
        others = (first.with_name(f"{first.name}-{number}") for number in count(2))
        return next(path for path in chain((first,), others) if not path.exists())

    def _lay_tail_aside(self, fd: int, start: int, size: int, final: Path) -> Path:
        """Copy the tail into a file of its own and make that durable, before anything is cut off."""
        path = self._free_tail(final)
        with path.open("xb") as tail:
            position = start
            while position < size and (piece := os.pread(fd, min(PIECE_BYTES, size - position), position)):
                tail.write(piece)
                position += len(piece)
            tail.flush()
            os.fsync(tail.fileno())
        sync_folder(self.folder)
        return path

    def _append_note(self, path: Path, fd: int, end: int, size: int, tail_path: Path) -> None:
        """Tell in the file itself that it was cut, where, and what became of the rest."""
        warcinfo_id = next(iter_records(path)).record_id
        name = path.name.removesuffix(OPEN_SUFFIX)
        fields = {
            "reason": "cut back after a crash",
            "keptBytes": str(end),
            "tailBytes": str(size - end),
            "tailFile": tail_path.name,
        }
        note = io.BytesIO()
        writer = RecordWriter(note, new_id=self.new_id, level=self.compress_level, warcinfo_id=warcinfo_id)
        writer.write_note("recovery", f"urn:warc:{name}", fields, self.now())
        write_all(fd, note.getvalue(), end)


def _holds_first_word_only(path: Path) -> bool:
    """Tell whether a file holds no more than what is written first: that a crawl begins.

    What comes after that is written when the rows of it are committed. So a catalog that knows nothing of a longer file
    has been lost, and what the file holds is kept for a new one; of this one it never knew.
    """
    whole = 0
    with suppress(CaptureMissing):
        for record in iter_records(path):
            block = record.read_block()
            whole += 1
            if whole > 1 and (record.type != "metadata" or not block.startswith(FIRST_WORD)):
                return False
    return whole == 2  # noqa: PLR2004 -- the file's first record, and that


def _end_of_repair(path: Path, start: int) -> int:
    """Return where the notes of an earlier repair behind a committed end stop: one that could not rename goes on."""
    end = start
    try:
        for record in iter_records(path, start=start):
            if record.type != "metadata" or not record.read_block().startswith(b"note: recovery\r\n"):
                break
            end = record.offset + record.finish()
    except CaptureMissing as stop:
        log.debug("notes end file=%s reason=%s", path.name, stop)
    return end
