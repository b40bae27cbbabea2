"""What one command costs: wall time, CPU of it and everything it started, memory, bytes left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAMPLE_SECONDS = 0.2
LIMIT_SECONDS = 900.0
KIBIBYTE = 1024
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command cost."""

    exit_code: int
    began_at: float  # of the monotonic clock
    ended_at: float
    cpu_seconds: float  # user and system, the command and every descendant
    peak_rss_bytes: int  # of all its processes together, pages they share counted in each; sampled
    largest_rss_bytes: int  # of the one process that had most; sampled


class CommandFailed(Exception):
    """A command ended with another exit code than 0, or not in time."""


def run_measured(command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> Cost:
    """Run a command to its end.

    Args:
        log: file for what it says.
        folder: where it is run.

    Raises:
        CommandFailed: with the last lines it said.
    """
    _adopt_orphans()
    with log.open("wb") as out:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, stdout=out, stderr=subprocess.STDOUT, env=dict(environment), cwd=folder, start_new_session=True
        )
        watch = _Watch(process.pid)
        watch.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            ended = time.monotonic()
            left = _wait_for_orphans(process.pid)
        finally:
            watch.end()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = "\n".join(log.read_text("utf-8", "replace").splitlines()[-30:])
        raise CommandFailed(f"exit code {process.returncode} of {' '.join(command)}; it said last:\n{last}")
    return Cost(
        exit_code=process.returncode,
        began_at=began,
        ended_at=ended,
        cpu_seconds=usage.ru_utime + usage.ru_stime + left,
        peak_rss_bytes=watch.peak_bytes or usage.ru_maxrss * KIBIBYTE,
        # not ru_maxrss, where it was looked at: a process that was started by a large one begins with that one's
        largest_rss_bytes=watch.largest_bytes or usage.ru_maxrss * KIBIBYTE,
    )


def _adopt_orphans() -> None:
    """Become the parent of processes that a command leaves behind, such as a server that forks its workers.

    What they used is in nobody's account otherwise (Linux: prctl(2), PR_SET_CHILD_SUBREAPER; elsewhere it is not counted).
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait_for_orphans(group: int) -> float:
    """Wait until every process of the command's group has ended; return their CPU seconds."""
    used = 0.0
    with contextlib.suppress(ChildProcessError):
        while True:
            _, _, usage = os.wait4(-group, 0)
            used += usage.ru_utime + usage.ru_stime
    return used


def stored_bytes(folder: Path) -> int:
    """Return the size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def file_system(folder: Path) -> str:
    """Return the type of the file system a folder is on: what fsync costs depends on it."""
    best, kind = "", "unknown"
    with contextlib.suppress(OSError):
        for line in Path("/proc/mounts").read_text("utf-8").splitlines():
            _, mount, name, *_ = line.split()
            if len(mount) >= len(best) and folder.resolve().is_relative_to(mount):
                best, kind = mount, name
    return kind


class _Watch(threading.Thread):
    """Looks at a process and its descendants now and then; ends it when it takes too long."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self.largest_bytes = 0
        self._pid = pid
        self._over = threading.Event()

    def run(self) -> None:
        limit = time.monotonic() + LIMIT_SECONDS
        while not self._over.wait(SAMPLE_SECONDS):
            sizes = [rss_bytes(pid) for pid in _tree(self._pid)]
            self.peak_bytes = max(self.peak_bytes, sum(sizes))
            self.largest_bytes = max(self.largest_bytes, *sizes)
            if time.monotonic() > limit:
                os.killpg(self._pid, 9)
                return

    def end(self) -> None:
        self._over.set()
        self.join()


def _tree(pid: int) -> list[int]:
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                found += _tree(int(child))
    return found


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process; 0 where it has ended, or this system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # it has ended meanwhile, or this system has no /proc
        return 0
