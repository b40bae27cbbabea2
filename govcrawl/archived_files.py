"""One file as the archive holds it, copied out and read in a child process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from archive.model import FileText
from archive.reader import open_capture
from govcrawl.file_workers import MAX_FILE_BYTES, FileReaders

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

    from archive.model import Capture
    from archive.reader import OriginalOf

READER_VERSION = "2"
"""Changes when any reader reads anything differently."""


def readers_of(settings: BaseSettings) -> FileReaders:
    """Return the readers that the settings ask for."""
    return FileReaders(settings.getfloat("GOVCRAWL_TEXT_SECONDS"), settings.getint("GOVCRAWL_READER_MEMORY_BYTES"))


def read_archived_file(
    data_dir: Path, sha256: str, capture: Capture, original_of: OriginalOf, readers: FileReaders
) -> FileText:
    """Return the text of a file as the archive holds it.

    Raises:
        CaptureMissing, DigestMismatch, UnreadableContent: the archive does not hold it any more.
    """
    with tempfile.TemporaryDirectory(prefix="govcrawl-") as folder:
        path = Path(folder) / "file"
        _copy(data_dir, capture, original_of, path)
        found = readers.read(path)
    return FileText(
        sha256=sha256,
        media_type=found.media_type,
        status=found.status,
        reason=found.reason,
        pages=found.pages,
        text=found.text,
        tables=tuple(found.tables),
        members=tuple(found.members),
        flags=tuple(sorted(found.flags)),
        reader_version=READER_VERSION,
    )


def _copy(data_dir: Path, capture: Capture, original_of: OriginalOf, path: Path) -> None:
    """Copy a capture's content into a file, up to just beyond what is read."""
    with open_capture(data_dir, capture, original_of=original_of) as stored, path.open("wb") as target:
        for piece in stored.iter_content():
            target.write(piece)
            if target.tell() > MAX_FILE_BYTES:
                return
