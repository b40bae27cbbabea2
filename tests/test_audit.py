"""The audit: the highest rate ever seen on a server can be shown, and whether a promise was broken."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from govcrawl.audit import audit_groups, prune
from govcrawl.cli import main
from govcrawl.machine import Machine
from govcrawl.pace import PACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DAY = 86_400.0


@pytest.fixture
def machine(machine_state: Path) -> Iterator[Machine]:
    """The machine that a command sees, too."""
    machine = Machine.open(machine_state)
    machine.ensure(PACE)
    yield machine
    machine.close()


def put(machine: Machine, instants: Sequence[float], *, group: str = "g", gap: float = 0.0, status: int = 200) -> None:
    """Write requests of 100 bytes."""
    rows = [(at, at, group, f"{group}.test", "small_sfj", "list", gap, "", 0.0, 1, status, 100) for at in instants]
    machine.transact_now(
        lambda db: db.executemany(
            "INSERT INTO audit (at, sent_at, group_name, host, agency, kind, gap_seconds, waited_for, waited_seconds, pid, "
            "status, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    )


def run(*arguments: str) -> tuple[int, str]:
    """Run ``govcrawl audit``."""
    done = CliRunner(env={"GOVCRAWL_LANG": "en"}).invoke(main, ["audit", *arguments])
    return done.exit_code, done.output


def test_what_was_the_most_is_counted_in_any_span(machine: Machine) -> None:
    """Spans slide: five requests around the turn of a minute are five within a minute."""
    start = machine.now()
    put(machine, [start + t for t in (0, 0.4, 0.9, 30, 61, 3599, 3600.5)])
    put(machine, [start], group="other", status=429)
    one, other = audit_groups(machine, group=None, host=None, since=None)
    assert (one.record.most_1s, one.record.most_60s, one.record.most_1h, one.record.most_1d) == (3, 4, 6, 7)
    assert one.record.smallest_gap_seconds == pytest.approx(0.4, abs=1e-6)
    assert (one.record.requests, one.record.bytes, one.hosts) == (7, 700, {"g.test": 7})
    assert (other.group, other.record.refusals, other.kept) == ("other", 1, True)


def test_a_request_that_came_too_early_is_named(machine: Machine) -> None:
    """A gap shorter than was promised at that request, and a request inside a quiet, break the promise: exit code 1."""
    start = machine.now()
    put(machine, [start, start + 3, start + 5], gap=3)
    machine.transact_now(
        lambda db: db.execute(
            "INSERT INTO quiets (group_name, from_at, until_at, why) VALUES ('q', ?, ?, 'answered 429')",
            (start, start + 60),
        )
    )
    put(machine, [start, start + 30, start + 60], group="q")
    code, output = run("--json")
    found: list[dict[str, Any]] = json.loads(output)
    assert code == 1
    assert [(one["group"], one["broken"], one["kept"]) for one in found] == [("g", 1, False), ("q", 1, False)]
    assert found[0]["broken_first"][0]["why"] == "2.000 s after the one before, promised 3 s"
    assert found[1]["broken_first"][0]["why"] == "while the server had asked for quiet (answered 429)"
    assert found[1]["quiets"][0]["why"] == "answered 429"


def test_rows_go_and_the_maxima_stay(machine: Machine) -> None:
    """Rows older than GOVCRAWL_AUDIT_DAYS are dropped once a day; what they showed is still shown."""
    now = machine.now()
    old = [now - 100 * DAY + 0.1 * number for number in range(5000)]
    put(machine, old, gap=0.2)
    put(machine, [now - DAY, now - DAY + 5])
    (before,) = audit_groups(machine, group="g", host=None, since=None)
    assert prune(machine, 90) == 5000
    assert prune(machine, 1) == 0, "once a day"
    (after,) = audit_groups(machine, group="g", host=None, since=None)
    assert after.record == before.record
    assert after.record.most_1s in {10, 11}
    assert after.record.broken == 4999
    assert machine.rows("SELECT count(*) FROM audit")[0][0] == 2
    machine.transact_now(lambda db: db.execute("DELETE FROM chores"))
    prune(machine, 0)
    assert machine.rows("SELECT count(*) FROM audit")[0][0] == 2, "0 keeps all"


def test_the_command_answers_for_a_group_a_host_and_a_day(machine: Machine) -> None:
    """Each narrows what is counted; a wrong day is a mistake of usage."""
    now = machine.now()
    put(machine, [now - 3 * DAY, now], gap=1)
    put(machine, [now], group="h")
    code, output = run("--group", "g")
    assert code == 0
    assert "the promised pace was kept" in output
    assert "2, 200 B" in output
    assert "h.test" not in output
    assert "h.test" in run("--host", "H.test")[1]
    today = datetime.fromtimestamp(now - DAY, UTC).date().isoformat()
    assert "1, 100 B" in run("--group", "g", "--since", today)[1]
    assert run("--since", "yesterday")[0] == 2
    assert "holds no such request" in run("--group", "nowhere")[1]
