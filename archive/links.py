"""No symbolic link in a data directory is followed for writing: it could lead anywhere.

The data directory itself may be a link, because whoever names it means what it leads to; what lies inside may not.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from archive.errors import ArchiveWriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OWN_FOLDERS = ("warc", "locks", "manifests", "notices")


def refuse_links(data_dir: Path, agency: str | None = None) -> None:
    """Raise where a link stands in the place of a file or folder that a crawl (of this agency) writes.

    Raises:
        ArchiveWriteError: names the link.
    """
    try:
        link = next(_links(data_dir, agency), None)
    except OSError as error:
        message = f"{data_dir}: cannot be listed ({error.strerror or error}); give permission to read it"
        raise ArchiveWriteError(
            message, zh=f"{data_dir}：不能列出（{error.strerror or error}）；请给予读权限"
        ) from error
    if link is not None:
        message = (
            f"{link} is a symbolic link (to {link.readlink()}): nothing is written through it, it could lead out of "
            "the data directory; remove it, or let the data directory itself be where there is room (GOVCRAWL_DATA)"
        )
        raise ArchiveWriteError(
            message,
            zh=f"{link} 是符号链接（指向 {link.readlink()}），可能指到数据目录之外，不经它写入；请将它删去，或把数据目录本身放在有空间的地方（GOVCRAWL_DATA）",
        )


def _links(data_dir: Path, agency: str | None) -> Iterator[Path]:
    """Yield the links among what a crawl writes, folders before what is in them; closed WARC files are only read."""
    yield from (path for path in (data_dir / name for name in OWN_FOLDERS) if path.is_symlink())
    yield from _listed(data_dir, lambda name: name.startswith("catalog.db"))
    if agency is None:  # an agency's own lock is opened without following a link, and there may be thousands of others
        yield from _listed(data_dir / "locks", lambda _: True)
        return
    for folder, is_written in (
        (data_dir / "warc" / agency, lambda name: name.endswith(".open")),
        (data_dir / "manifests" / agency, lambda _: True),
    ):
        if folder.is_symlink():
            yield folder
        yield from _listed(folder, is_written)


def _listed(folder: Path, is_written: Callable[[str], bool]) -> list[Path]:
    try:
        with os.scandir(folder) as entries:  # says without a further question what is a link
            return sorted(folder / entry.name for entry in entries if is_written(entry.name) and entry.is_symlink())
    except (FileNotFoundError, NotADirectoryError):
        return []
