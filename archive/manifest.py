"""Manifests: what each crawl left behind, as digests chained from crawl to crawl.

``manifests/<agency>/<NNNNNN>-<crawl>.sha256`` below the data directory lists every WARC file that one sitting of the crawl
closed (one that was interrupted goes on in a further one, with a manifest of its own) and the manifest before it, in the form that ``sha256sum -c`` checks from the data directory; lines that begin with ``#`` are
for people. ``HEAD`` beside them names the last one in the same form. Each WARC file states in its warcinfo record which
manifest was the last when its crawl began, so a manifest that was left out is missed from both sides.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from archive.errors import ArchiveWriteError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

FOLDER = "manifests"
SUFFIX = ".sha256"
HEAD = "HEAD"
WARCINFO_FIELD = "previousManifest"
FIRST = "none"  # what the warcinfo of an agency's first crawl says

_NAME = re.compile(r"(\d{6})-([A-Za-z0-9._-]+)\.sha256")
_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """A file and its SHA-256, lower-case hex; the path is relative to the data directory."""

    sha256: str
    path: str

    def __str__(self) -> str:
        """Write it as ``sha256sum`` does."""
        return f"{self.sha256}  {self.path}"


def manifest_folder(data_dir: Path, agency: str) -> Path:
    """Return the folder of an agency's manifests."""
    return data_dir / FOLDER / agency


def manifest_names(folder: Path) -> list[str]:
    """Return the names of an agency's manifests in the order of their numbers."""
    try:
        return sorted(filter(_NAME.fullmatch, os.listdir(folder)))  # noqa: PTH208 - names alone: one a day for years
    except (FileNotFoundError, NotADirectoryError):
        return []


def crawl_in_name(crawl_id: str) -> str:
    """Write a crawl id so that it can stand in a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", crawl_id)


def listed_files(data_dir: Path) -> list[str]:
    """Return the WARC files that the manifests of a data directory name, relative to it, in order.

    Raises:
        ArchiveWriteError: a manifest cannot be read.
    """
    return sorted(listed_digests(data_dir))


def listed_digests(data_dir: Path) -> dict[str, str]:
    """Return the SHA-256 that the manifests of a data directory state of each WARC file, by its path relative to it.

    Raises:
        ArchiveWriteError: a manifest cannot be read.
    """
    folder = data_dir / FOLDER
    named: dict[str, str] = {}
    for one in folder.iterdir() if folder.is_dir() else ():
        for name in manifest_names(one):
            named |= _digests_in(one / name)
    return named


def files_in(path: Path) -> set[str]:
    """Return the WARC files that a manifest names, relative to the data directory.

    Raises:
        ArchiveWriteError: it cannot be read.
    """
    return set(_digests_in(path))


def _digests_in(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        message = f"{path}: the manifest cannot be read ({error.strerror}); make it readable, then try again"
        raise ArchiveWriteError(message, zh=f"{path}：清单读不出来（{error.strerror}）；请使它可读后再试") from error
    said = (match for match in map(_LINE.fullmatch, lines) if match)
    return {match[2]: match[1] for match in said if match[2].startswith("warc/")}


def manifests_by_crawl(folder: Path) -> dict[str, list[Path]]:
    """Return the manifests of an agency's folder under the crawl each is of, written as :func:`crawl_in_name` does."""
    found: dict[str, list[Path]] = {}
    for name in manifest_names(folder):
        match = _NAME.fullmatch(name)
        if match:
            found.setdefault(match[2], []).append(folder / name)
    return found


def read_head(folder: Path) -> Line | None:
    """Return the line of the last manifest, ``None`` where none was ever written or HEAD cannot be read."""
    with suppress(OSError):
        match = _LINE.fullmatch((folder / HEAD).read_text("utf-8", "replace").rstrip("\n"))
        if match:
            return Line(match[1], match[2])
    return None


def last_manifest(data_dir: Path, agency: str) -> Line | None:
    """Return the line of an agency's last manifest, repairing a HEAD that a crash left one behind.

    What HEAD names counts even when its file is gone: the gap must stay visible in the chain.

    Raises:
        ArchiveWriteError: HEAD has to be repaired and cannot be written.
    """
    folder = manifest_folder(data_dir, agency)
    head, names = read_head(folder), manifest_names(folder)
    if not names:
        return head
    path = f"{FOLDER}/{agency}/{names[-1]}"
    if head is not None and head.path.rpartition("/")[2] >= names[-1]:
        return head
    try:
        last = Line(hashlib.sha256((folder / names[-1]).read_bytes()).hexdigest(), path)
    except OSError as error:
        raise _cannot_write(folder / names[-1], error) from error
    log.warning("manifest head repaired agency=%s head=%s last=%s", agency, head.path if head else "-", path)
    _write_atomically(folder / HEAD, f"{last}\n")
    return last


def warcinfo_value(line: Line | None) -> str:
    """Say for a warcinfo record which manifest is the last one."""
    return FIRST if line is None else f"sha256:{line.sha256} {line.path}"


def write_manifest(
    data_dir: Path,
    agency: str,
    crawl_id: str,
    files: Sequence[Line],
    said: Mapping[str, str],
    at: datetime,
) -> Line:
    """Write the manifest of a crawl behind the agency's last one; the agency's lock is held.

    Args:
        data_dir: the data directory.
        agency: whose crawl it was.
        crawl_id: the crawl.
        files: the WARC files it closed, in the order they were opened.
        said: what the comment lines say besides: outcome, times …
        at: now.

    Returns:
        The line that names the new manifest.

    Raises:
        ArchiveWriteError: it could not be made durable.
    """
    folder = manifest_folder(data_dir, agency)
    previous = last_manifest(data_dir, agency)
    number = 1 + _number(_name_in(previous))
    comments = {
        "agency": agency,
        "crawl": crawl_id,
        **{name: value for name, value in said.items() if value},
        "written": at.astimezone(UTC).isoformat(),
    }
    lines = ["# govcrawl manifest 1", *(f"# {name}: {_one_line(value)}" for name, value in comments.items())]
    lines += [str(line) for line in files]
    lines += [str(previous)] if previous is not None else ["# first manifest of this agency"]
    text = "".join(f"{line}\n" for line in lines)
    name = f"{number:06d}-{crawl_in_name(crawl_id)}{SUFFIX}"
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            for parent in (data_dir, folder.parent):
                _sync(parent)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    _write_atomically(folder / name, text)
    line = Line(hashlib.sha256(text.encode()).hexdigest(), f"{FOLDER}/{agency}/{name}")
    _write_atomically(folder / HEAD, f"{line}\n")
    log.debug("manifest written path=%s files=%d", line.path, len(files))
    return line


def _name_in(line: Line | None) -> str:
    return line.path.rpartition("/")[2] if line else ""


def _number(name: str) -> int:
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else 0


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _write_atomically(path: Path, text: str) -> None:
    """Put a small file in place so that after a crash either the old one or the new one is there, whole."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _cannot_write(path: Path, error: OSError) -> ArchiveWriteError:
    return ArchiveWriteError(
        f"{path}: the manifest could not be written ({error.strerror or error}); the WARC files are intact and the "
        "next crawl of the agency writes it; make room or give write permission, then crawl again",
        zh=f"{path}：清单不能写入（{error.strerror or error}）；WARC 文件完好，该机构下次抓取时会写清单；请腾出空间或给予写权限，再抓取一次",
    )
