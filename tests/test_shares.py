"""Who crawls what in a round of several processes: a server group is with one of them at a time."""

from __future__ import annotations

from random import Random

from govcrawl.shares import Shares


def shares_of(**groups: str) -> Shares:
    """Agencies with their groups, each a letter, in this order."""
    made = Shares()
    for agency, letters in groups.items():
        made.add(agency, letters)
    return made


def test_agencies_are_handed_out_in_their_order() -> None:
    """Whoever asks gets the next one."""
    shares = shares_of(a="x", b="y", c="z")
    assert [shares.take(1), shares.take(2), shares.take(1), shares.take(2)] == ["a", "b", "c", None]


def test_a_group_stays_with_its_worker_while_an_agency_of_it_is_handed_out() -> None:
    """The other worker gets what stands behind it; it may have the group once it is free."""
    shares = shares_of(a="x", b="x", c="y")
    assert [shares.take(1), shares.take(2), shares.take(2)] == ["a", "c", None]
    shares.give_back("a")
    assert shares.take(2) == "b"


def test_an_agency_of_two_groups_waits_for_both() -> None:
    """Where two workers have one each, neither gets it before one of them has given its own back."""
    shares = shares_of(a="x", b="y", c="xy")
    assert [shares.take(1), shares.take(2), shares.take(1), shares.take(2)] == ["a", "b", None, None]
    shares.give_back("b")
    assert [shares.take(2), shares.take(1)] == [None, "c"]


def test_what_a_dead_worker_had_comes_first() -> None:
    """In the order in which it had it, and its groups are free."""
    shares = shares_of(a="x", b="y", c="x", d="z")
    assert [shares.take(1), shares.take(1), shares.take(1)] == ["a", "b", "c"]
    assert shares.with_worker(1) == ["a", "b", "c"]
    for agency in reversed(shares.with_worker(1)):
        shares.put_back(agency)
    assert [shares.take(2) for _ in range(4)] == ["a", "b", "c", "d"]


def test_what_waits_can_be_dropped() -> None:
    """What is handed out stays so."""
    shares = shares_of(a="x", b="y")
    shares.take(1)
    assert (shares.drop_waiting(), shares.waiting, shares.handed) == (["b"], 0, 1)


def test_no_group_is_ever_with_two_workers() -> None:
    """Thousands of takes, returns and deaths in any order: a group has one holder, and every agency ends."""
    chance = Random(8)  # noqa: S311 - no secret
    shares, groups, holder = Shares(), {}, dict[str, int]()
    for number in range(600):
        groups[f"a{number}"] = set(chance.sample("abcdefghijklmnopqrst", chance.choice([1, 1, 1, 2])))
        shares.add(f"a{number}", groups[f"a{number}"])
    ended = 0
    while ended < 600:
        worker = chance.randrange(4)
        had = shares.with_worker(worker)
        match chance.choice(["take", "take", "end", "die"]):
            case "take" if len(had) < 10 and (agency := shares.take(worker)):
                assert all(holder.setdefault(group, worker) == worker for group in groups[agency])
            case "end" if had:
                shares.give_back(chance.choice(had))
                ended += 1
            case "die" if chance.random() < 0.1:
                for agency in had:
                    shares.put_back(agency)
        held = {group: one for one in range(4) for agency in shares.with_worker(one) for group in groups[agency]}
        holder = {group: one for group, one in holder.items() if group in held}
        assert holder == held
