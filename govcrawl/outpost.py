"""An outpost (前哨): the agencies of one server group crawled in a shard, by whatever runs functions on other machines.

Whoever has the archive lends a group (:func:`lend_group`), hands the shard to a worker, which crawls it
(:func:`crawl_group`) and hands it back, and merges it (:func:`collect`). Where both see one folder the shard stays where it is; where
they do not, it is packed and unpacked on each side (:mod:`archive.shard_pack`). No engine is named here.

The crawl runs in a process of its own (:mod:`govcrawl.outpost_crawl`), for Scrapy's reactor runs once. :func:`crawl_group` renews the lease
while that runs; when the lease is lost, or cannot be renewed in time, the crawl has ended before somebody else may begin
(:mod:`govcrawl.tenure`). However it ends, the shard can be merged: what was fetched is kept, and goes on with the next lease.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from archive.errors import ArchiveBusy, LeaseLost, SchemaTooNew, ShardOut, ShardRefused
from archive.shard_merge import find_shards, merge, tidy
from archive.shards import close_shard, lend, read_shard
from govcrawl.handover import put_pace, read_pace
from govcrawl.tenure import EXIT_LOST, boot_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from archive.shard_merge import Merged
    from archive.shards import Shard
    from archive.store import Store
    from govcrawl.machine import Machine
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

LEASE_SECONDS = 180.0
"""A usual lease: renewed every third of it, and its end costs so long at most where a worker died."""

TIDY_SECONDS = 86_400.0
"""What was cut off in the folder of shards so long ago is removed."""

RESULTS_FILE = "results.json"
PACE_FILE = "pace.json"
LOG_FILE = "crawl.log"
LOOK_SECONDS = 0.2

Renew = Callable[[], float]
"""Asks for the lease to go on, and returns for how many seconds it now holds.

Raises :class:`archive.errors.LeaseLost` where it is over or somebody else's, OSError (ConnectionError, TimeoutError) where nobody could be
asked: then it is asked again, as long as the lease holds.
"""

Outcome = Literal["finished", "interrupted", "lost", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How the crawl of a shard ended; plain values, to be sent anywhere.

    ``finished``: every agency's crawl ended by itself, well or not (``results`` say how each went). ``interrupted``: in order, to be
    gone on with. ``lost``: the lease was; ``failed``: the process died. The shard is to be merged in every case.
    """

    shard: str
    token: int
    outcome: Outcome
    results: list[dict[str, Any]] = field(default_factory=list)  # govcrawl.rounds.Result, as dicts
    sentence: str | None = None
    seconds: float = 0.0
    renewals: int = 0


def lend_group(
    store: Store,
    machine: Machine,
    group: str,
    agencies: Sequence[type[DisclosureSpider]],
    *,
    holder: str,
    seconds: float = LEASE_SECONDS,
    into: Path | None = None,
) -> Shard:
    """Lend the agencies of one server group and check out their shard, with what this machine knows of their servers.

    Args:
        store: the archive, open.
        machine: this machine's state.
        group: the server group (:func:`govcrawl.groups.group_of`).
        agencies: all of its agencies that may be crawled now; others of the group are not to be crawled meanwhile.
        holder: who crawls them, for people.
        seconds: how long the lease holds unless it is renewed.
        into: folder for the shard; None: ``shards`` in the data directory.

    Raises:
        ArchiveBusy: lent already, or being crawled here.
        ArchiveError: the shard cannot be made; nothing is lent.
    """
    pace = read_pace(machine, hosts_of(agencies), group)
    return lend(store, group, [one.name for one in agencies], holder=holder, seconds=seconds, pace=pace, into=into)


def crawl_group(
    folder: Path,
    *,
    settings: Mapping[str, Any],
    mode: str = "incremental",
    at_once: int = 50,
    renew: Renew,
    sitting_seconds: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Report:
    """Crawl the agencies of a shard in a process of its own, renewing the lease; blocks until that has ended.

    Args:
        folder: of the shard, as this machine sees it.
        settings: Scrapy settings over the project's, as of ``-s``; GOVCRAWL_DATA is the shard.
        mode: ``incremental`` or ``full``.
        at_once: crawlers side by side.
        renew: asks for the lease to go on.
        sitting_seconds: end the crawls in order after so long, to be merged and gone on with; None: when they are done.
        environment: variables of the process beside this one's.

    Raises:
        ShardRefused: the folder is no shard.
        ArchiveWriteError: the shard cannot be written.
    """
    shard = read_shard(folder)
    began = asked = boot_seconds()
    try:
        seconds = renew()
    except (LeaseLost, OSError) as error:
        return Report(shard=shard.name, token=shard.token, outcome="lost", sentence=str(error))
    job = {
        "folder": str(folder.absolute()),
        "settings": dict(settings),
        "mode": mode,
        "at_once": at_once,
        "until": asked + seconds,
        "lease_seconds": seconds,
        "sitting_seconds": sitting_seconds,
    }
    (folder / RESULTS_FILE).unlink(missing_ok=True)
    with subprocess.Popen(
        [sys.executable, "-m", "govcrawl.outpost_crawl"],
        stdin=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        text=True,
    ) as process:
        beat = _Heart(process, renew, asked + seconds, seconds)
        try:
            beat.say(json.dumps(job, ensure_ascii=False))
            beat.run()
        except BaseException:
            process.kill()
            raise
    outcome, sentence, results = _ending(folder, process.returncode, beat)
    report = Report(
        shard=shard.name,
        token=shard.token,
        outcome=outcome,
        results=results,
        sentence=sentence,
        seconds=round(boot_seconds() - began, 3),
        renewals=beat.renewals,
    )
    close_shard(folder, asdict(report))
    return report


def collect(store: Store, machine: Machine, folder: Path) -> Merged:
    """Merge a shard that came back, and take over what its worker's machine learned of the servers.

    Raises: as :func:`archive.shard_merge.merge`.
    """
    pace = _read_json(folder / PACE_FILE)
    merged = merge(store, folder)
    if merged.outcome == "merged" and isinstance(pace, dict):
        put_pace(machine, pace)
    return merged


def collect_all(store: Store, machine: Machine) -> list[Merged]:
    """Merge what is done, or whose lease is over, of the shards in the archive's own folder; what a driver does when it starts.

    One that cannot be merged is told in the log and stops no other.
    """
    merged = []
    tidy(store.data_dir, time.time() - TIDY_SECONDS)
    for folder in find_shards(store.data_dir):
        try:
            merged.append(collect(store, machine, folder))
        except ShardOut as error:
            logger.info("%s", error)
        except (ArchiveBusy, ShardRefused, SchemaTooNew) as error:
            logger.warning("shard not merged: %s", error)
    return merged


def hosts_of(agencies: Iterable[type[DisclosureSpider]]) -> set[str]:
    """Return the hosts of agencies' sites and lists."""
    return {(urlsplit(url).hostname or "").lower() for one in agencies for url in (one.base_url, *one.seeds().values())}


class _Heart:
    """Renews a lease while a process runs, and tells the process until when it holds."""

    def __init__(self, process: subprocess.Popen[str], renew: Renew, until: float, seconds: float) -> None:
        self._process = process
        self._renew = renew
        self._until = until
        self._next = boot_seconds() + seconds / 3
        self.renewals = 1
        self.lost: str | None = None

    def run(self) -> None:
        """Beat until the process has ended."""
        while True:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LOOK_SECONDS)
                return
            now = boot_seconds()
            if now > self._until:
                self._process.kill()  # it has ended itself before, unless it was stopped
            elif self.lost is None and now >= self._next:
                self._beat(now)

    def _beat(self, asked: float) -> None:
        try:
            seconds = self._renew()
        except LeaseLost as error:
            self.lost = str(error)
            self.say("stop")
            self._process.kill()  # somebody else may be asking these servers already
        except OSError as error:
            logger.warning("the lease could not be renewed, tried again: %s", error)
            self._next = asked + min(5.0, max(0.2, (self._until - asked) / 6))
        else:
            self.renewals += 1
            self._until, self._next = asked + seconds, asked + seconds / 3
            self.say(f"until {self._until}")

    def say(self, line: str) -> None:
        """Write one line to the process; one that has ended needs none."""
        if self._process.stdin is not None:
            with suppress(OSError, ValueError):
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()


def _ending(folder: Path, code: int, beat: _Heart) -> tuple[Outcome, str | None, list[dict[str, Any]]]:
    found = _read_json(folder / RESULTS_FILE)
    results: list[dict[str, Any]] = found if isinstance(found, list) else []
    if beat.lost is not None:
        return "lost", beat.lost, results
    if code == EXIT_LOST:
        return "lost", "the lease could not be renewed in time: the crawls were ended before it was over", results
    if code != 0 or not isinstance(found, list):
        return "failed", f"the crawl's process ended with {code}; {folder / LOG_FILE} says why", results
    going_on = next((one for one in results if one["outcome"] == "interrupted"), None)
    return ("interrupted", going_on["sentence"], results) if going_on else ("finished", None, results)


def _read_json(path: Path) -> Any:
    """Return what a JSON file says, None where it is not there or damaged."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
