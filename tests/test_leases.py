"""Leases: one holder at a time, tokens that only grow, and who is refused meanwhile."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_sites import NOW, later
from warcs import AGENCY, STARTED_AT

from archive import leases
from archive.catalog import CATALOG_NAME, Catalog
from archive.errors import ArchiveBusy, LeaseLost
from archive.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

HOUR = 3600.0


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """An empty catalog."""
    with Catalog.open(tmp_path / CATALOG_NAME) as opened:
        yield opened


def take(catalog: Catalog, group: str, *agencies: str, at: datetime = NOW, holder: str = "node-1") -> leases.Lease:
    """Take a lease of an hour."""
    return leases.take(catalog, group, agencies, holder=holder, seconds=HOUR, now=at)


def test_second_holder_is_refused_until_the_lease_is_over(catalog: Catalog) -> None:
    """A group that is lent is lent to nobody else; the refusal names the holder and the end; then it is, with a greater token."""
    first = take(catalog, "g", "a", "b")
    with pytest.raises(ArchiveBusy, match=r"lent to node-1 .* until 2026-01-01T01:00:00"):
        take(catalog, "g", "c", at=later(HOUR - 1), holder="node-2")
    with pytest.raises(ArchiveBusy, match=r"^b .*token"):
        take(catalog, "other", "b", at=later(HOUR - 1))
    second = take(catalog, "g", "a", "b", at=later(HOUR))
    assert second.token > first.token
    assert leases.find(catalog, first.token) is None


def test_lease_that_is_over_is_not_renewed(catalog: Catalog) -> None:
    """In time it is renewed; afterwards, given back or taken over it is lost."""
    lease = take(catalog, "g", "a")
    assert leases.renew(catalog, lease.token, HOUR, later(HOUR - 1)).lease_until == later(2 * HOUR - 1)
    with pytest.raises(LeaseLost, match="is held, it ended"):
        leases.renew(catalog, lease.token, HOUR, later(2 * HOUR))
    again = take(catalog, "g", "a", at=later(3 * HOUR))
    with pytest.raises(LeaseLost, match="somebody else"):
        leases.renew(catalog, lease.token, HOUR, later(3 * HOUR))
    leases.release(catalog, again.token)
    with pytest.raises(LeaseLost, match="is free"):
        leases.renew(catalog, again.token, HOUR, later(3 * HOUR))


def test_tokens_grow_where_the_table_was_lost(tmp_path: Path) -> None:
    """A new catalog gives tokens greater than those of the one before it; a rebuilt one has its leases."""
    with Catalog.open(tmp_path / "old.db") as old, Catalog.open(tmp_path / "new.db") as new:
        before = take(old, "g", "a")
        assert take(new, "g", "b", at=later(1)).token > before.token
        assert leases.carry_over(tmp_path / "old.db", new) == 1
        assert leases.of_agency(new, "a") == before
    (tmp_path / "damaged.db").write_bytes(b"no catalog" * 1000)
    with Catalog.open(tmp_path / "third.db") as third:
        assert leases.carry_over(tmp_path / "damaged.db", third) == 0


def test_agency_that_is_lent_is_not_crawled_here(tmp_path: Path) -> None:
    """A crawl on the archive's own machine is refused with who has the agency, and goes after the lease is over."""
    clock = [NOW]
    with Store.open(tmp_path, now=lambda: clock[0]) as store:
        take(store.catalog, "g", AGENCY.name)

        def begin() -> None:
            store.begin_crawl(
                AGENCY,
                crawl_id="c",
                mode="full",
                options={},
                software="s",
                user_agent="u",
                contact=None,
                started_at=STARTED_AT,
            )

        with pytest.raises(ArchiveBusy, match=r"haidao_sfj .* is lent to node-1"):
            begin()
        clock[0] = later(HOUR)
        begin()


def test_agency_whose_shard_is_being_merged_waits_however_long(catalog: Catalog) -> None:
    """A merge that was cut off holds its agencies until it is run again, also after the lease's time."""
    lease = take(catalog, "g", "a")
    leases.begin_merge(catalog, lease)
    with pytest.raises(ArchiveBusy, match="merge it again"):
        take(catalog, "g", "a", at=later(1e6))
    with pytest.raises(ArchiveBusy, match="merge it again"):
        leases.check_not_lent(catalog, "a", later(1e6))
    leases.end_merge(catalog, lease.token)
    take(catalog, "g", "a", at=later(1e6))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "renew", "release", "wait"]),
        st.integers(0, 2),  # which lease, the latest first
        st.sampled_from([("g", ("a",)), ("g", ("a", "b")), ("h", ("b",)), ("h", ("c",)), ("g", ("c",))]),
        st.integers(1, 40),  # seconds
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_there_are_never_two_holders(steps: list[tuple[str, int, tuple[str, tuple[str, ...]], int]]) -> None:
    """Whatever is taken, renewed, given back and let run out: no group and no agency has two valid holders, tokens only grow."""
    with TemporaryDirectory() as folder, Catalog.open(Path(folder) / CATALOG_NAME) as catalog:
        catalog.file.execute("PRAGMA synchronous = OFF")
        now, tokens = NOW, [0]
        held: dict[int, leases.Lease] = {}  # by token, as its holder knows it
        for what, which, (group, agencies), seconds in steps:
            lease = list(held.values())[-1 - which % len(held)] if held else None
            with suppress(ArchiveBusy, LeaseLost):
                if what == "take":
                    taken = leases.take(catalog, group, agencies, holder="one", seconds=seconds, now=now)
                    held[taken.token] = taken
                    tokens.append(taken.token)
                elif what == "renew" and lease is not None:
                    held[lease.token] = leases.renew(catalog, lease.token, seconds, now)
                elif what == "release" and lease is not None:
                    leases.release(catalog, lease.token)
                    del held[lease.token]
                elif what == "wait":
                    now += timedelta(seconds=seconds)
            valid = [one for one in held.values() if one.is_valid(now)]
            assert len({one.group for one in valid}) == len(valid)
            names = [name for one in valid for name in one.agencies]
            assert len(set(names)) == len(names)
            assert tokens == sorted(set(tokens))
