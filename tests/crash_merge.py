"""Merges that die at each of their steps in turn: ``python crash_merge.py FOLDER [HOW]``; says how many steps there were.

FOLDER holds ``base`` (an archive with a crawled shard that is not merged yet) and ``merged.txt`` (what the catalog is once it is). For
each step a copy of ``base`` is merged by a process that is killed there (HOW ``before`` or ``after`` the step) or whose disk is full from
there on (``ENOSPC``); then it is merged again, and must be what it would have been.
"""

from __future__ import annotations

import ast
import os
import shutil
import signal
import sys
from pathlib import Path

from crash_crawl import Faults, install
from datadirs import told
from shard_sites import merge_at
from whole_catalogs import content

from archive.errors import ArchiveError
from archive.shard_merge import find_shards
from archive.verify import Counts, silent, verify_paths


def merge_and_die(data: Path, at: int, how: str) -> bool:
    """Merge in a process that dies at a step; returns whether it came to that."""
    child = os.fork()
    if child == 0:
        os.environ["GOVCRAWL_DATA"] = str(data)
        faults = Faults(at, how)
        install(faults)
        try:
            merge_at(data, find_shards(data)[0])
        except (ArchiveError, OSError):
            os._exit(3)
        os._exit(4 if how == "ENOSPC" and faults.steps >= at else 0)
    _, status = os.waitpid(child, 0)
    return (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL) or os.waitstatus_to_exitcode(status) in {
        3,
        4,
    }


def main() -> None:
    """Try every step."""
    folder, how = Path(sys.argv[1]), sys.argv[2]
    expected = ast.literal_eval((folder / "merged.txt").read_text("utf-8"))
    step = 0
    while True:
        step += 1
        data = folder / f"{how}-{step}"
        shutil.copytree(folder / "base", data)
        died = merge_and_die(data, step, how)
        for shard in find_shards(data):
            merge_at(data, shard)
        found = content(data / "catalog.db")
        wrong = [table for table, rows in expected.items() if found[table] != rows]
        findings = told(list(verify_paths([data], deep=False, counts=Counts(), progress=silent)))
        left = [str(path) for path in (data / "shards").iterdir() if not path.name.startswith(".")]
        if wrong or findings or left:
            sys.exit(f"step {step} {how}: tables {wrong}, verify {findings}, left {left}")
        shutil.rmtree(data)
        if not died:
            break
    sys.stdout.write(f"{step - 1}\n")


if __name__ == "__main__":
    main()
