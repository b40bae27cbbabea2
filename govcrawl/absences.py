"""When a crawl may say that documents are gone: one rule, pure.

A document is gone by its own doing only where the host around it answers. What is held back is not lost: the next look says it
again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HARD = frozenset({404, 410})
"""Statuses by which a server itself says that nothing stands there (RFC 9110 15.5.5, 15.5.11)."""

MANY = 3
"""So many alike are no coincidence: a wall or a redesign answers in the documents' place."""


@dataclass(slots=True)
class Evidence:
    """What a crawl saw of its hosts beside the absences themselves."""

    answered: int = 0  # documents that answered with their page
    server_errors: int = 0  # documents and lists that answered 5xx after all retries
    blocked_hosts: dict[str, str] = field(default_factory=dict)  # host → what it answered with to the control request
    failing_hosts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, counts: Mapping[str, int], blocked: Mapping[str, str], failing: Mapping[str, str]) -> Evidence:
        """Read it from a crawl's counters and its control requests."""
        answered = sum(counts.get(name, 0) for name in ("new", "changed", "unchanged"))
        return cls(answered, counts.get("server_errors", 0), dict(blocked), dict(failing))


def find_obstacle(evidence: Evidence) -> str | None:
    """Return why no absence at all may be put by a crawl, None where absences may be put.

    It holds for the crawl as a whole, so that a block that comes after an absence counts as much as one before it.
    """
    for host, answer in {**evidence.blocked_hosts, **evidence.failing_hosts}.items():
        return f"{host} as a whole answered otherwise: {answer}"
    if evidence.server_errors >= MANY and evidence.server_errors > evidence.answered:
        return (
            f"{evidence.server_errors} addresses answered with a server error, {evidence.answered} with their document"
        )
    return None


def find_held_back(evidence: Evidence, statuses: Sequence[int | None]) -> list[str | None]:
    """Return for each absence, given the status its address answered with, why it is not put; None where it is.

    404 and 410 speak for themselves. Several refusals or soft 404s in a crawl in which not one document answered do not: the
    server may answer so in place of all.
    """
    obstacle = find_obstacle(evidence)
    soft = sum(status not in HARD for status in statuses)
    doubt = None
    if soft >= MANY and not evidence.answered:
        doubt = f"{soft} documents were refused or answered with an error page, and not one with its document"
    return [obstacle or (None if status in HARD else doubt) for status in statuses]
