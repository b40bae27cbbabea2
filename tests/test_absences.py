"""When a crawl may say that documents are gone."""

from __future__ import annotations

import pytest

from govcrawl.absences import Evidence, find_held_back, find_obstacle

FINE = Evidence(answered=50)


def test_absences_are_put_where_the_host_answers() -> None:
    """Single documents that are missing, refused or replaced by an error page are gone."""
    assert find_held_back(FINE, [404, 410, 403, 200, None]) == [None] * 5


@pytest.mark.parametrize("where", ["blocked_hosts", "failing_hosts"])
def test_a_host_that_is_walled_or_failing_takes_every_absence_back(where: str) -> None:
    """Also a 404 from before the wall came: nothing of the crawl is put."""
    evidence = Evidence(answered=50)
    getattr(evidence, where)["a.test"] = "521"
    assert all("a.test" in (reason or "") for reason in find_held_back(evidence, [404, 403]))


def test_many_server_errors_take_every_absence_back() -> None:
    """More addresses with 5xx than with their document: the host is failing, not its documents."""
    assert find_obstacle(Evidence(answered=2, server_errors=3))
    assert find_obstacle(Evidence(answered=2, server_errors=2)) is None
    assert find_obstacle(Evidence(answered=300, server_errors=3)) is None


def test_many_soft_absences_without_one_document_are_held_back() -> None:
    """Three refusals and not one document: the server may answer so in place of all; its own 404s stand."""
    held = find_held_back(Evidence(), [403, 200, 403, 404])
    assert [reason is None for reason in held] == [False, False, False, True]
    assert find_held_back(Evidence(), [403, 403]) == [None, None]
    assert find_held_back(Evidence(answered=1), [403] * 60) == [None] * 60


def test_evidence_is_read_from_counters() -> None:
    """New, changed and unchanged documents are those that answered."""
    evidence = Evidence.of({"new": 1, "changed": 2, "unchanged": 3, "server_errors": 4, "failed": 9}, {}, {})
    assert (evidence.answered, evidence.server_errors) == (6, 4)
