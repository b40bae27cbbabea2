"""Shards on a machine that shares no folder with the archive: kept there until they are handed over, whoever dies.

A shard that was sent is unpacked below the machine's state folder, held by a lock while its process lives, and removed once it is back.
Where the process was killed, or whoever asked was gone, it stays: whichever next crawl for the same archive comes to this machine
hands it over first. It is then merged like any other, or set aside where it comes too late.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from archive.errors import ArchiveBusy, ShardRefused
from archive.locks import AgencyLock
from archive.shards import read_shard
from govcrawl.machine import state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scrapy.settings import BaseSettings

    from archive.shards import Shard

logger = logging.getLogger(__name__)

FOLDER = "outposts"
KEPT_SECONDS = 86_400.0  # locks whose shards are gone, shards half unpacked


def folder_of(settings: BaseSettings, archive: str) -> Path:
    """Return where this machine keeps shards of an archive, which is named by the machine and folder it lies on; made."""
    folder = state_folder(settings) / FOLDER / hashlib.sha256(archive.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def hold(folder: Path, name: str) -> Iterator[None]:
    """Hold a shard's lock while it is unpacked, crawled and handed over.

    Raises:
        ArchiveBusy: another process does.
    """
    lock = AgencyLock.take(folder, name, datetime.now(UTC))
    try:
        yield
    finally:
        lock.release()  # its file stays a while: who has just opened it must not lock what is gone


def find_strays(folder: Path) -> Iterator[Shard]:
    """Yield the shards that nobody holds any more, each held while it is handed over."""
    _tidy(folder, time.time() - KEPT_SECONDS)
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        try:
            with hold(folder, path.name):
                if path.is_dir():  # another process may have handed it over meanwhile
                    yield read_shard(path)
        except ArchiveBusy:
            continue
        except ShardRefused as error:
            logger.warning("left on this machine, and no shard: %s", error)


def _tidy(folder: Path, older_than: float) -> None:
    """Remove locks whose shards are gone, and what a process that was killed had half unpacked."""
    for lock in folder.glob("*.lock"):
        if not lock.with_suffix("").exists() and lock.stat().st_mtime < older_than:
            lock.unlink(missing_ok=True)
    for half in folder.glob(".*.*"):
        if half.is_dir() and half.stat().st_mtime < older_than:
            shutil.rmtree(half, ignore_errors=True)
