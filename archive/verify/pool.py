"""WARC files read side by side in processes of their own; what they find comes back in batches of bounded size."""

from __future__ import annotations

import io
import os
import stat
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archive.errors import ArchiveError
from archive.verify.findings import find
from archive.verify.warc import Batch, WarcScan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from pathlib import Path

FEWEST_BYTES = 8 << 20  # to be read before another process, a fifth of a second to start, is worth it


@dataclass(frozen=True, slots=True)
class Job:
    """A WARC file to read, what findings call it, and what its warcinfo record should call it."""

    path: Path
    name: str
    filename: str | None
    bytes: int


class WorkerDied(ArchiveError):
    """A process that read files ended before it was done."""


def scan_path(job: Job) -> Iterator[Batch]:
    """Read one file; a file that cannot be read is a finding. Symbolic links are not followed."""
    try:
        fd = os.open(job.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with io.FileIO(fd, closefd=True) as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                yield _unreadable(job, "not a regular file")
                return
            yield from WarcScan(file, job.name, filename=job.filename).run()
    except OSError as error:
        yield _unreadable(job, error.strerror or str(error))


def _unreadable(job: Job, why: str) -> Batch:
    return Batch(job.name, [find("file-unreadable", job.name, "the file cannot be read", got=why)], sha256="")


def scan_all(jobs: Sequence[Job], processes: int) -> Iterator[Batch]:
    """Read files, the largest first, in up to so many processes; in this one where more are not worth it."""
    processes = min(processes, len(jobs), 1 + sum(job.bytes for job in jobs) // FEWEST_BYTES)
    ordered = sorted(jobs, key=lambda job: job.bytes, reverse=True)
    if processes < 2:  # noqa: PLR2004 -- one process is this one
        for job in ordered:
            yield from scan_path(job)
        return
    yield from _scan_in_processes(ordered, processes)


def _scan_in_processes(jobs: Iterable[Job], processes: int) -> Iterator[Batch]:
    import multiprocessing  # noqa: PLC0415 -- 20 ms that one process need not pay
    from multiprocessing.connection import wait  # noqa: PLC0415

    # A fork costs nothing and a spawned process a tenth of a second, but a fork copies locks that other threads hold.
    forks = sys.platform == "linux" and threading.active_count() == 1
    context = multiprocessing.get_context("fork") if forks else multiprocessing.get_context("spawn")
    waiting = iter(jobs)
    with ExitStack() as steps:
        busy: dict[Connection, BaseProcess] = {}
        for _ in range(processes):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there,), daemon=True)
            process.start()
            there.close()
            steps.callback(_end, process, here)
            here.send(next(waiting))
            busy[here] = process
        while busy:
            ready = wait(list(busy))
            for connection in [one for one in busy if one in ready]:
                try:
                    batch: Batch = connection.recv()
                except EOFError as error:
                    message = (
                        f"a process that read WARC files ended with code {busy[connection].exitcode}, expected to go on; "
                        "free memory, or run verify with --jobs 1"
                    )
                    raise WorkerDied(message) from error
                yield batch
                if batch.sha256 is not None:
                    job = next(waiting, None)
                    connection.send(job)
                    if job is None:
                        del busy[connection]


def _work(connection: Connection) -> None:
    """Read one file after the other until told that there are no more."""
    try:
        while (job := connection.recv()) is not None:
            for batch in scan_path(job):
                connection.send(batch)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return  # whoever asked has ended


def _end(process: BaseProcess, connection: Connection) -> None:
    connection.close()
    process.join(1)
    if process.is_alive():
        process.terminate()
        process.join()
