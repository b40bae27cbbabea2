"""What a recrawl is planned from: facts of channels and documents, as frozen values.

Named tuples, because a large agency has a million of them in one plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import date, datetime

    from archive.model import State


class ChannelFacts(NamedTuple):
    """What is known of one channel's list before it is walked again."""

    name: str
    position: int  # order in the agency's declaration
    walked_at: datetime | None  # when the crawl began that last walked it to its end; None = never
    pages: int | None = None  # list pages read then
    total: int | None = None  # the list's own count then (共 N 条); None = it prints none
    lines: int = 0  # lines that should still stand there: seen then or since, their documents not known to be gone
    newer: int = 0  # those of them that were first seen since


class DocumentFacts(NamedTuple):
    """What is known of one document before it is looked at again."""

    document_id: str
    state: State
    first_captured_at: datetime
    last_checked_at: datetime  # latest look, whatever came of it
    publish_date: date | None = None  # as printed; None where nothing is
    changes: int = 0  # versions after the first
    unread_at: datetime | None = (
        None  # latest look that brought nothing readable (time-out, server error); may be older
    )
    unlisted: bool = False  # lists showed it once, and none does since each was last walked to its end


class Experience(NamedTuple):
    """How often documents were seen to change, by class of age since publication; the last class has no date."""

    days: tuple[float, ...]  # document-days under observation
    changes: tuple[int, ...]  # changes found
