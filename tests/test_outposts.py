"""A round crawled elsewhere: each group is with one machine at a time, and lent again until it is done or given up."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings
from small_site import HOST, declare

from archive.shard_merge import FENCED, find_shards
from archive.shards import close_shard
from archive.store import Store
from govcrawl.loader import AgencyLoader
from govcrawl.machine import Machine
from govcrawl.outpost import Report, lend_group
from govcrawl.outposts import Back, FarRound
from govcrawl.rounds import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from archive.shards import Shard

LEASE_SECONDS = 1.0


def report(shard: Shard, outcome: Any, agency: Any) -> Report:
    """What a worker says of a shard."""
    results = [asdict(Result(agency="small_sfj", outcome=agency))] if agency else []
    return Report(shard=shard.name, token=shard.token, outcome=outcome, results=results, sentence=f"it was {outcome}")


@dataclass
class Script:
    """A carrier whose crawls end as they are told; what each shard was lent with is kept."""

    ends: list[Callable[[Shard], Back]]
    away: Path
    sent: list[Shard] = field(default_factory=list)
    out: list[Shard] = field(default_factory=list)
    called: int = 0

    def slots(self) -> int:
        return 1

    def check_out_into(self) -> Path | None:
        return None

    def call_in(self) -> None:
        self.called += 1
        for name in [shard.name for shard in self.sent if (self.away / shard.name).is_dir()]:
            (self.away / name).rename(self.sent[0].folder.with_name(name))

    def send(self, shard: Shard) -> None:
        assert not self.out, "one group, one machine"
        self.sent.append(shard)
        self.out.append(shard)

    def back(self, seconds: float) -> list[Back]:
        del seconds
        return [self.ends.pop(0)(self.out.pop())] if self.out else []


def done(shard: Shard) -> Back:
    """The crawl ended by itself."""
    said = report(shard, "finished", "finished")
    close_shard(shard.folder, asdict(said))
    return Back(shard, shard.folder, said)


def sitting(shard: Shard) -> Back:
    """The crawl was ended in order, to be gone on with."""
    said = report(shard, "interrupted", "interrupted")
    close_shard(shard.folder, asdict(said))
    return Back(shard, shard.folder, said)


def died(shard: Shard) -> Back:
    """Nothing came back but the news that the node is gone; the shard lies where it was made."""
    return Back(shard, shard.folder, None, "NodeDiedError: gone")


def left(away: Path) -> Callable[[Shard], Back]:
    """The crawl's process was killed on a machine that sees no folder of ours: the shard stays there."""

    def end(shard: Shard) -> Back:
        away.mkdir(exist_ok=True)
        shard.folder.rename(away / shard.name)
        return Back(shard, None, None, "WorkerCrashedError: gone")

    return end


@dataclass
class Field:
    """An archive with one agency."""

    store: Store
    machine: Machine
    agency: Any

    def run(self, *ends: Callable[[Shard], Back]) -> tuple[FarRound, Script, list[Result]]:
        """Run a round whose crawls end so."""
        script = Script(list(ends), self.store.data_dir.with_name("away"))
        work = FarRound(self.store, self.machine, script, "driver", LEASE_SECONDS)
        return work, script, work.run({HOST: [self.agency]})


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Field]:
    """The archive, open."""
    declare(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("govcrawl.outposts.RETRY_SECONDS", 0.05)
    agency = AgencyLoader.from_settings(Settings({"SPIDER_MODULES": ["smallspiders"]})).load("small_sfj")
    with Store.open(tmp_path / "data") as store, Machine.open(tmp_path / "state") as machine:
        yield Field(store, machine, agency)


def test_a_group_is_lent_again_when_its_lease_is_over(archive: Field) -> None:
    """A node that died: what it left is merged first, then the group is crawled again under a later token, and that is said."""
    work, script, results = archive.run(died, done)
    assert [(one.agency, one.outcome) for one in results] == [("small_sfj", "finished")]
    assert work.redone == [f"{HOST}: NodeDiedError: gone"]
    assert script.sent[0].token + LEASE_SECONDS * 1000 <= script.sent[1].token  # tokens are not below the clock
    assert work.problems == []
    assert find_shards(archive.store.data_dir) == []


def test_what_lies_on_a_machine_is_called_in_before_the_group_is_lent(archive: Field) -> None:
    """A shard that was left elsewhere is asked for once its lease is over, and merged: later it would come too late."""
    away = archive.store.data_dir.with_name("away")
    work, script, results = archive.run(left(away), left(away), done)
    assert [one.outcome for one in results] == ["finished"]
    assert script.called == 3  # at the beginning, and after each of the two
    assert work.problems == []
    assert list(away.iterdir()) == find_shards(archive.store.data_dir) == []
    assert not (archive.store.data_dir / FENCED).exists()


def test_a_sitting_is_no_failure(archive: Field) -> None:
    """A crawl that is ended in order goes on, however often, and nothing is said."""
    work, script, results = archive.run(sitting, sitting, sitting, sitting, done)
    assert [one.outcome for one in results] == ["finished"]
    assert len(script.sent) == 5
    assert work.redone == []


def test_a_group_that_kills_every_machine_is_given_up(archive: Field) -> None:
    """After three attempts its agencies have failed, with why."""
    work, script, results = archive.run(died, died, died)
    assert [(one.agency, one.outcome, one.reason) for one in results] == [("small_sfj", "failed", "outpost")]
    assert results[0].sentence == "given up after 3 attempts: NodeDiedError: gone"
    assert len(script.sent) == 3
    assert len(work.redone) == 2
    assert find_shards(archive.store.data_dir) == []


def test_what_a_driver_left_is_merged_before_the_group_is_lent(archive: Field) -> None:
    """A driver that died had lent the group: the next one waits for the end of the lease, merges, and crawls on."""
    left = lend_group(archive.store, archive.machine, HOST, [archive.agency], holder="dead", seconds=LEASE_SECONDS)
    work, script, results = archive.run(done)
    assert [one.outcome for one in results] == ["finished"]
    assert script.sent[0].token >= left.token + LEASE_SECONDS * 1000
    assert work.redone == []
    assert not left.folder.exists()


def test_an_agency_that_is_crawled_here_is_busy(archive: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group whose agency another process crawls is waited for as long as a lease, then told as busy."""
    monkeypatch.setattr("govcrawl.outposts.GRACE_SECONDS", 0.2)
    lock = archive.store.lock_agency("small_sfj")
    try:
        _, script, results = archive.run()
    finally:
        lock.release()
    assert [(one.agency, one.outcome) for one in results] == [("small_sfj", "busy")]
    assert script.sent == []
