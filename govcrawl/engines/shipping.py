"""Files that are brought to a worker, or found where it is: each is the one that was meant, or the unit is begun again."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from govcrawl.errors import CrawlError

CHUNK_BYTES = 8 << 20
PREFIX = "govcrawl-ray-"
"""Beginning of the name of a worker's temporary folder; the number of its process follows."""
LEFT_SECONDS = 86_400.0


class NotTheFile(CrawlError):
    """What a worker has is not the file that was meant."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that a unit reads, as it is on the machine that asks."""

    path: Path
    bytes: int
    modified_ns: int
    sha256: str | None  # as its crawl's manifest says; None where no manifest names it


class Source(Protocol):
    """Where files come from."""

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Return bytes of a file."""
        ...

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of a file as it is on the machine that asks."""
        ...


def fetch(listed: Listed, target: Path, source: Source) -> str | None:
    """Bring a file; returns a sentence where it is whole but not what its manifest says.

    Raises:
        NotTheFile: what arrived is not what was sent.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, offset = hashlib.sha256(), 0
    with target.open("xb") as file:
        while offset < listed.bytes:
            piece = source.read(listed.path, offset, min(CHUNK_BYTES, listed.bytes - offset))
            if not piece:
                break
            digest.update(piece)
            file.write(piece)
            offset += len(piece)
    found = digest.hexdigest()
    if found == listed.sha256:
        os.utime(target, ns=(listed.modified_ns, listed.modified_ns))
        return None
    sent = source.digest(listed.path)
    if offset != listed.bytes or found != sent:
        raise NotTheFile(
            f"{listed.path}: {offset} bytes with SHA-256 {found} arrived, {listed.bytes} with {sent} were sent; brought again"
        )
    os.utime(target, ns=(listed.modified_ns, listed.modified_ns))
    if listed.sha256 is None:
        return None
    return f"{listed.path} has SHA-256 {found}, its manifest says {listed.sha256}: govcrawl verify tells where it is damaged"


def sweep(temporary: Path) -> None:
    """Remove folders of workers that were killed: their process is gone, and they are a day old."""
    for folder in temporary.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        with suppress(OSError):
            old = time.time() - folder.stat().st_mtime > LEFT_SECONDS
            if old and pid.isdigit() and not Path("/proc", pid).exists():
                shutil.rmtree(folder)


def check_shared(listed: Listed, path: Path) -> None:
    """Look whether a file of a shared folder is the one that was meant, as far as its size tells.

    Raises:
        NotTheFile: it is another one, or none.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise NotTheFile(
            f"{path} cannot be seen here ({error.strerror}); is the data directory at the same path on every node? else leave --shared out"
        ) from error
    if size != listed.bytes:
        raise NotTheFile(
            f"{path} has {size} bytes here, {listed.bytes} on the machine that asks; is it the same folder?"
        )
