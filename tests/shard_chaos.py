"""Leases, shards and merges in any order: ``python3 run.py python tests/shard_chaos.py [STEPS] [SEED]``.

One agency, an archive, workers that crawl whole or die, are cut off and come back late, with shards that lie in the archive's folder
or come as one file, merged when they may be and again when they were. Whatever happens: no lease is given while another is valid,
every capture that was ever stored is in the catalog once or in a shard that was set aside, and verify finds nothing else.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datadirs import told
from shard_sites import NOW, crawl, later, lend_out, merge_at

from archive.catalog import CATALOG_NAME, Catalog
from archive.errors import ArchiveBusy, ShardOut
from archive.shard_merge import find_shards
from archive.shard_pack import pack, unpack
from archive.shards import close_shard, read_shard
from archive.verify import Counts, silent, verify_paths

if TYPE_CHECKING:
    from archive.shards import Shard

LEASE_SECONDS = 600.0


@dataclass(slots=True)
class Worker:
    """One that has, or had, a lease."""

    shard: Shard  # where it crawls
    until: float
    done: bool = False


class Chaos:
    """The archive, its workers, and what must never be missing."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.data = folder / "data"
        self.folder = folder
        self.chance = random.Random(seed)  # noqa: S311 -- no secret
        self.now = 0.0
        self.number = 1
        self.workers: list[Worker] = []
        self.stored: set[str] = set()
        self.tally: Counter[str] = Counter()
        crawl(self.data, 1)
        self.stored |= captures_of(self.data)

    def run(self, steps: int) -> None:
        """Do so many steps, then end everything and compare."""
        doings = (self.lend, self.crawl, self.crawl, self.crawl, self.pass_time, self.come_back, self.merge)
        for _ in range(steps):
            self.chance.choice(doings)()
        self.now += 10 * LEASE_SECONDS
        for worker in self.workers:
            self.hand_in(worker)
        for folder in find_shards(self.data):
            self.tally[merge_at(self.data, folder, later(self.now)).outcome] += 1
        self.check()

    def lend(self) -> None:
        """Ask for the group; it is lent where nobody has it, and only there."""
        valid = [one for one in self.workers if one.until > self.now]
        try:
            shard = lend_out(self.data, at=later(self.now), seconds=LEASE_SECONDS)
        except ArchiveBusy:
            if not valid:
                raise
            self.tally["refused"] += 1
            return
        if valid:
            raise AssertionError(f"lent twice: {shard} beside {valid}")
        self.tally["lent"] += 1
        if self.chance.random() < 0.5:  # it has no folder in common with the archive
            away = unpack(pack(shard, self.folder / "out.tar.zst"), self.folder / "away")
            shutil.rmtree(shard.folder)
            shard = read_shard(away)
        self.workers.append(Worker(shard, self.now + LEASE_SECONDS))

    def crawl(self) -> None:
        """A worker that has its lease crawls, or dies in the middle."""
        able = [one for one in self.workers if not one.done and one.until > self.now and one.shard.folder.exists()]
        if not able:
            return
        worker = self.chance.choice(able)
        self.number += 1
        dies = self.chance.random() < 0.5
        crawl(worker.shard.folder, self.number, dies=dies)
        self.stored |= captures_of(worker.shard.folder)
        self.tally["died" if dies else "crawled"] += 1
        worker.done = dies or self.chance.random() < 0.7
        if worker.done and not dies:
            close_shard(worker.shard.folder, {})

    def pass_time(self) -> None:
        """Let time pass."""
        self.now += self.chance.choice((200.0, 700.0))

    def come_back(self) -> None:
        """A worker's shard comes to the archive, now or much later, as it is."""
        if self.workers:
            self.hand_in(self.chance.choice(self.workers))

    def hand_in(self, worker: Worker) -> None:
        """Bring a shard that lies elsewhere into the archive's folder."""
        folder = worker.shard.folder
        if folder.is_relative_to(self.data) or not folder.exists():
            return
        worker.done = True
        packed = pack(worker.shard, self.folder / "back.tar.zst", back=True)
        unpack(packed, self.data / "shards")
        if self.chance.random() < 0.7:  # else it comes a second time
            shutil.rmtree(folder)

    def merge(self) -> None:
        """Merge what lies there."""
        for folder in find_shards(self.data):
            try:
                merged = merge_at(self.data, folder, later(self.now))
            except ShardOut:
                self.tally["out"] += 1
                continue
            self.tally[merged.outcome] += 1
            for worker in self.workers:
                if worker.shard.name == merged.shard:
                    worker.until, worker.done = 0.0, True  # its lease has ended with that

    def check(self) -> None:
        """Compare what there is with what was ever stored.

        Raises:
            AssertionError: something is missing, there twice, or wrong.
        """
        here = captures_of(self.data)
        aside: set[str] = set()
        folder = self.data / "fenced"
        for shard in folder.iterdir() if folder.exists() else ():
            aside |= captures_of(shard) - captures_of_base(shard)
        if lost := self.stored - here - aside:
            raise AssertionError(f"lost: {sorted(lost)}")
        if here & aside:
            raise AssertionError(f"in the catalog and set aside: {sorted(here & aside)}")
        findings = told(list(verify_paths([self.data], deep=True, counts=Counts(), progress=silent)))
        if wrong := [one for one in findings if one[0] != "shard-fenced"]:
            raise AssertionError(f"verify: {wrong}")
        self.tally["captures"] += len(here)
        self.tally["captures set aside"] += len(aside)


def captures_of(data: Path) -> set[str]:
    """Record ids of the captures of a data directory."""
    with Catalog.open_read_only(data / CATALOG_NAME) as catalog:
        return {row["record_id"] for row in catalog.file.rows("SELECT record_id FROM captures")}


def captures_of_base(shard: Path) -> set[str]:
    """Record ids of the captures whose WARC files a shard does not have: it was checked out with them."""
    with Catalog.open_read_only(shard / CATALOG_NAME) as catalog:
        rows = catalog.file.rows("SELECT record_id, warc_file FROM captures")
    return {row["record_id"] for row in rows if not (shard / row["warc_file"]).exists()}


def main() -> None:
    """Try one seed after another."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    seeds = [int(sys.argv[2])] if len(sys.argv) > 2 else range(20)
    whole: Counter[str] = Counter()
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="govcrawl-chaos-") as folder:
            chaos = Chaos(Path(folder), seed)
            try:
                chaos.run(steps)
            except BaseException:
                sys.stderr.write(f"seed {seed}, {steps} steps, at {NOW}: {dict(chaos.tally)}\n")
                raise
            whole += chaos.tally
    sys.stdout.write(f"{dict(whole)}\n")


if __name__ == "__main__":
    main()
