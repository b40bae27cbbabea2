"""No symbolic link in a data directory is followed for writing: it could lead anywhere.

The data directory itself may be a link, because whoever names it means what it leads to; what lies inside may not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.errors import ArchiveWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN_FOLDERS = ("warc", "locks", "manifests", "notices")


def refuse_links(data_dir: Path, agency: str | None = None) -> None:
    """Raise where a link stands in the place of a file or folder that a crawl (of this agency) writes.

    Raises:
        ArchiveWriteError: names the link.
    """
    for path in _written(data_dir, agency):
        if path.is_symlink():
            message = (
                f"{path} is a symbolic link (to {path.readlink()}): nothing is written through it, it could lead out of "
                "the data directory; remove it, or let the data directory itself be where there is room (GOVCRAWL_DATA)"
            )
            raise ArchiveWriteError(message)


def _written(data_dir: Path, agency: str | None) -> Iterator[Path]:
    """Yield what is there of what a crawl writes, folders before what is in them; closed WARC files are only read."""
    try:
        yield from (data_dir / name for name in OWN_FOLDERS)
        yield from _listed(data_dir, "catalog.db*")
        if (
            agency is None
        ):  # an agency's own lock is opened without following a link, and there may be thousands of others
            yield from _listed(data_dir / "locks", "*")
        for name, pattern in (("warc", "*.open"), ("manifests", "*")) if agency else ():
            folder = data_dir / name / str(agency)
            yield folder
            yield from _listed(folder, pattern)
    except OSError as error:
        message = f"{data_dir}: cannot be listed ({error.strerror or error}); give permission to read it"
        raise ArchiveWriteError(message) from error


def _listed(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.match(pattern)) if folder.is_dir() else []
