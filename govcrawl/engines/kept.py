"""Child processes of a worker elsewhere that outlive a unit: starting one costs as much as reading a dozen pages.

They end with the worker's process.
"""

from __future__ import annotations

import asyncio
from functools import cache

from govcrawl.file_workers import FileReaders
from govcrawl.workers import Readers, prepare


@cache
def kept_readers(seconds: float, memory_bytes: int) -> tuple[asyncio.Runner, Readers]:
    """Return this process's reader of pages, and the loop that it belongs to."""
    prepare()
    return asyncio.Runner(), Readers(1, seconds, memory_bytes)


@cache
def kept_file_readers(seconds: float, memory_bytes: int) -> FileReaders:
    """Return this process's reader of files."""
    return FileReaders(seconds, memory_bytes)
