"""A round crawled elsewhere: server groups lent, sent out, taken back and merged, until each is done.

Who carries a shard to a machine and runs the crawl there is a :class:`Carrier` (:mod:`govcrawl.engines.ray_crawl`). Whatever
dies, a group is with one machine at a time: it is lent again only when its lease is over and what came of it is merged.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from archive import leases
from archive.errors import ArchiveBusy, ArchiveError, ShardRefused
from archive.shard_merge import find_shards
from archive.shards import read_shard
from archive.writer import utc_now
from govcrawl.engines import ATTEMPTS
from govcrawl.outpost import collect, lend_group
from govcrawl.rounds import Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from archive.shards import Shard
    from archive.store import Store
    from govcrawl.machine import Machine
    from govcrawl.outpost import Report
    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1.0  # for something to come back
RETRY_SECONDS = 2.0  # until a group that is lent, or a shard that is out, is tried again
GRACE_SECONDS = 10.0  # beyond a lease, for clocks and a machine that is busy


@dataclass(frozen=True, slots=True)
class Back:
    """What came of a shard: where it lies here and what its worker says; ``None`` where nothing came."""

    shard: Shard
    folder: Path | None
    report: Report | None
    reason: str = ""


class Carrier(Protocol):
    """Takes shards to other machines, has them crawled and brings them back."""

    def slots(self) -> int:
        """How many groups may be out at once."""
        ...

    def check_out_into(self) -> Path | None:
        """Where shards are made that are to be sent; None: in the archive's own folder, which workers see."""
        ...

    def call_in(self) -> None:
        """Have shards that were left on machines brought into the archive's own folder, as far as those can be reached."""
        ...

    def send(self, shard: Shard) -> None:
        """Have a shard crawled."""
        ...

    def back(self, seconds: float) -> list[Back]:
        """Wait so long for something to come back."""
        ...


@dataclass(slots=True)
class _Group:
    name: str
    agencies: list[type[DisclosureSpider]]
    attempts: int = 0  # that failed
    not_before: float = 0.0  # of time.monotonic()
    busy_since: float | None = None


@dataclass(slots=True)
class _Pending:
    """A shard that is merged once its lease is over."""

    folder: Path
    agencies: frozenset[str]
    until: float
    next_at: float = 0.0


@dataclass(slots=True)
class FarRound:
    """Crawls server groups elsewhere.

    Args:
        store: the archive, open.
        machine: this machine's state.
        carrier: takes shards out.
        holder: who lends, for people.
        lease_seconds: how long a lease holds unless it is renewed.
    """

    store: Store
    machine: Machine
    carrier: Carrier
    holder: str
    lease_seconds: float
    redone: list[str] = field(default_factory=list)
    """Groups that were lent again because a machine or a crawl of theirs died, and why."""
    problems: list[str] = field(default_factory=list)
    _waiting: deque[_Group] = field(default_factory=deque)
    _out: dict[str, _Group] = field(default_factory=dict)  # by shard
    _pending: list[_Pending] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)  # shards that are, or were, out or waited for
    _results: dict[str, Result] = field(default_factory=dict)
    _called_in_at: datetime | None = None  # when shards that were left on machines were last asked for

    def run(self, groups: Mapping[str, Sequence[type[DisclosureSpider]]]) -> list[Result]:
        """Crawl groups; what an earlier round left in the archive is merged before it is lent again."""
        self._waiting.extend(_Group(name, list(agencies)) for name, agencies in groups.items())
        self._call_in()
        while self._waiting or self._out or self._pending:
            self._merge_pending()
            self._lend()
            for back in self.carrier.back(WAIT_SECONDS):
                self._take(back)
            self._find_strays()
        return list(self._results.values())

    def _call_in(self) -> None:
        self._called_in_at = utc_now()
        self.carrier.call_in()
        self._find_strays()

    def _find_strays(self) -> None:
        """See what lies in the archive that this round did not send out: of an earlier one, or from a machine that had it left."""
        for folder in find_shards(self.store.data_dir):
            if folder.name not in self._seen:
                self._seen.add(folder.name)
                self._wait_for_lease(folder)

    def _lend(self) -> None:
        now = time.monotonic()
        out = frozenset[str]().union(*(one.agencies for one in self._pending))
        for _ in range(len(self._waiting)):
            if len(self._out) >= self.carrier.slots():
                return
            group = self._waiting.popleft()
            if group.not_before > now or any(one.name in out for one in group.agencies):
                self._waiting.append(group)
            elif self._is_left_somewhere(group):
                self._waiting.append(group)
                self._call_in()
                return
            else:
                self._lend_one(group, now)

    def _is_left_somewhere(self, group: _Group) -> bool:
        """Whether a lease of the group ended by itself since machines were last asked: its shard may lie on one, and comes first."""
        for one in group.agencies:
            lease = leases.of_agency(self.store.catalog, one.name)
            if (
                lease is not None
                and lease.state == "held"
                and (self._called_in_at or lease.leased_at) < lease.lease_until < utc_now()
            ):
                return True
        return False

    def _lend_one(self, group: _Group, now: float) -> None:
        try:
            shard = lend_group(
                self.store,
                self.machine,
                group.name,
                group.agencies,
                holder=self.holder,
                seconds=self.lease_seconds,
                into=self.carrier.check_out_into(),
            )
        except ArchiveBusy as error:
            group.busy_since = group.busy_since or now
            if now - group.busy_since > self.lease_seconds + GRACE_SECONDS:
                self._end(group, Result(agency="", outcome="busy", reason="busy", sentence=str(error)))
                return
            group.not_before = now + RETRY_SECONDS
            self._waiting.append(group)
        except ArchiveError as error:
            self._end(group, Result(agency="", outcome="failed", reason="archive", sentence=str(error)))
        else:
            group.busy_since = None
            self._out[shard.name] = group
            self._seen.add(shard.name)
            self.carrier.send(shard)

    def _take(self, back: Back) -> None:
        group = self._out.pop(back.shard.name)
        if back.report is None:
            if back.folder is not None:
                self._wait_for_lease(back.folder)
            else:
                self._seen.discard(back.shard.name)  # it may be called in
            self._again(group, back.reason)
            return
        for said in back.report.results:
            self._results[said["agency"]] = Result(**said)
        if not self._merge(back):
            self._again(group, f"what came back from {back.shard.name} could not be merged")
            return
        over = {said["agency"] for said in back.report.results if said["outcome"] != "interrupted"}
        group.agencies = [one for one in group.agencies if one.name not in over]
        if not group.agencies:
            return
        if back.report.outcome == "interrupted":
            self._waiting.append(group)
        else:
            self._again(group, back.report.sentence or back.report.outcome)

    def _merge(self, back: Back) -> bool:
        try:
            merged = collect(self.store, self.machine, back.folder or back.shard.folder)
        except ArchiveError as error:
            self._tell(str(error))
            return False
        if merged.outcome == "fenced":
            self._tell(merged.sentence or f"{merged.shard} came too late and was set aside")
        return merged.outcome != "fenced"

    def _wait_for_lease(self, folder: Path) -> None:
        try:
            agencies = frozenset(read_shard(folder).agencies)
        except ShardRefused as error:
            self._tell(str(error))
            return
        self._pending.append(_Pending(folder, agencies, time.monotonic() + self.lease_seconds + GRACE_SECONDS))

    def _merge_pending(self) -> None:
        now = time.monotonic()
        for one in [one for one in self._pending if one.next_at <= now]:
            try:
                merged = collect(self.store, self.machine, one.folder)
            except (ShardRefused, ArchiveBusy) as error:
                one.next_at = now + RETRY_SECONDS
                if now < one.until:
                    continue
                self._tell(str(error))
            else:
                logger.info("shard %s of an earlier worker: %s", merged.shard, merged.outcome)
                if merged.outcome == "fenced":
                    self._tell(merged.sentence or f"{merged.shard} came too late and was set aside")
            self._pending.remove(one)

    def _again(self, group: _Group, why: str) -> None:
        """Lend a group again; one that failed too often is given up."""
        group.attempts += 1
        if group.attempts < ATTEMPTS:
            logger.warning("group %s is crawled again: %s", group.name, why)
            self.redone.append(f"{group.name}: {why}")
            self._waiting.append(group)
        else:
            sentence = f"given up after {ATTEMPTS} attempts: {why}"
            self._end(group, Result(agency="", outcome="failed", reason="outpost", sentence=sentence))

    def _end(self, group: _Group, as_told: Result) -> None:
        for one in group.agencies:
            self._results[one.name] = Result(
                agency=one.name, outcome=as_told.outcome, reason=as_told.reason, sentence=as_told.sentence
            )

    def _tell(self, problem: str) -> None:
        logger.warning("%s", problem)
        self.problems.append(problem)
