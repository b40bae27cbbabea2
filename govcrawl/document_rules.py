"""What the documents of a crawl tell against those read before: fields, dates, encoding, body, files; pure.

Drift is judged by :func:`drift`, channel by channel. Thresholds with their reasons: docs/monitoring.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from archive.catalog_facts import PRINTED
from archive.catalog_walks import FUTURE_DAYS, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from archive.catalog_facts import CrawlFacts, VersionSeen
    from archive.catalog_walks import Severity

LEAST_NOW, LEAST_BEFORE = 3, 10  # documents
USUAL = 0.1  # what one document in ten had before is nothing new
BROKEN, DRIFTING, DRIFTING_LEAST = 0.8, 0.4, 5
SURE_BEFORE = 30  # after so many without a single exception one exception is worth a warning
FIRST_LEAST = 10  # of a first crawl, where there is nothing to compare with
COLLAPSED_CHARACTERS, COLLAPSED_SHARE = 20, 0.03
UNDECODABLE_LEAST, UNDECODABLE_SHARE = 3, 0.005
SAME_LEAST, SEVERAL_DAYS = 5, 3  # documents; days that the lists say
FILES_LEAST, FILES_SHARE, FILES_ALARM_LEAST, FILES_ALARM_SHARE, FILES_RISE = 3, 0.3, 5, 0.8, 0.2
WHOLE_PAGE = "page+trafilatura"
_CHINESE, _ODD, _LEAST_SAMPLE = 0.1, 0.3, 40
_READ_BACK = 0.3


def drift(
    now: Sequence[VersionSeen], before: Sequence[VersionSeen], bad: Callable[[VersionSeen], bool]
) -> tuple[Severity, int] | None:
    """Return (severity, how many) where something is the case of documents now that was not before."""
    wrong = sum(map(bad, now))
    if not wrong or len(before) < LEAST_BEFORE:
        return None
    usual = sum(map(bad, before)) / len(before)
    share = wrong / len(now)
    if usual > USUAL:
        return None
    if len(now) >= LEAST_NOW and share >= BROKEN:
        return "alarm", wrong
    if wrong >= DRIFTING_LEAST and share >= DRIFTING:
        return "warning", wrong
    if len(now) < LEAST_NOW and wrong == len(now) and usual == 0 and len(before) >= SURE_BEFORE:
        return "warning", wrong
    return None


def judge_documents(facts: CrawlFacts, today: str) -> Iterator[Finding]:
    """Yield what the documents that this crawl read tell."""
    for channel, now, before in _groups(facts):
        yield from _judge_drift(channel, now, before)
    for one in facts.standing:
        before = [each for each in facts.read_before if one.channel in {None, each.channel}]
        for found in _judge_drift(one.channel, one.read, before):
            if found.kind == one.kind:
                yield replace(found, facts={**found.facts, "since": one.since})
    yield from _judge_dates(facts.read, today)
    yield from _judge_files(facts)
    if not facts.read_before:
        yield from _judge_first(facts.read)


def _judge_drift(channel: str | None, now: Sequence[VersionSeen], before: Sequence[VersionSeen]) -> Iterator[Finding]:
    for kind, said, bad in _signs(before):
        found = drift(now, before, bad)
        if found is None:
            continue
        severity, count = found
        first = next(one for one in now if bad(one))
        unread = kind == "fields_missing" and said["field"] == "publish_date" and _printed_unread(now, bad)
        if unread:  # it is there, in another form
            said = {"what": "document", "text": first.date_text}  # noqa: PLW2901
        yield Finding(
            kind="dates_unread" if unread else kind,
            severity=severity,
            channel=channel,
            facts={**said, "count": count, "of": len(now)},
            capture_id=first.capture_id,
        )


def is_garbled(one: VersionSeen) -> bool:
    """Tell whether a text was decoded wrongly: U+FFFD, accented Latin letters, or UTF-8 read as GBK."""
    if one.undecodable >= max(UNDECODABLE_LEAST, UNDECODABLE_SHARE * (one.characters or 0)):
        return True
    text = "".join(one.beginning.split())
    if len(text) < _LEAST_SAMPLE:
        return False
    chinese = sum("\u4e00" <= letter <= "\u9fff" for letter in text) / len(text)
    odd = sum("\u0080" <= letter <= "\u024f" for letter in text) / len(text)
    if chinese < _CHINESE:
        return odd > _ODD
    back = text.encode("gbk", "ignore").decode("utf-8", "ignore")  # of sound Chinese next to nothing is left
    return sum("\u4e00" <= letter <= "\u9fff" for letter in back) / len(text) > _READ_BACK


def _groups(
    facts: CrawlFacts,
) -> Iterator[tuple[str | None, Sequence[VersionSeen], Sequence[VersionSeen]]]:
    """Documents of a channel against the channel's own; those of channels with too few of their own together."""
    thin: list[VersionSeen] = []
    channels = sorted({one.channel for one in facts.read}, key=str)
    for channel in channels:
        now = [one for one in facts.read if one.channel == channel]
        before = [one for one in facts.read_before if one.channel == channel]
        if len(before) >= LEAST_BEFORE:
            yield channel, now, before
        else:
            thin += now
    if len(thin) >= DRIFTING_LEAST and len({one.channel for one in thin}) > 1:
        yield None, thin, facts.read_before


def _signs(
    before: Sequence[VersionSeen],
) -> Iterator[tuple[str, dict[str, Any], Callable[[VersionSeen], bool]]]:
    """What can be wrong with a document: kind, facts, how to tell."""
    pages = [one.characters for one in before if one.characters]
    usual = median(pages) if pages else 0
    for name in PRINTED:
        yield (
            "fields_missing",
            {"what": "document", "field": name},
            lambda one, name=name: one.characters is not None and name not in one.printed,  # type: ignore[misc]
        )
    yield "garbled", {"what": "document"}, is_garbled
    short = max(COLLAPSED_CHARACTERS, COLLAPSED_SHARE * usual)
    yield (
        "text_collapsed",
        {"before": int(usual)},
        lambda one: one.characters is not None and one.characters < short and not one.files,
    )
    yield "body_moved", {"method": WHOLE_PAGE}, lambda one: one.method == WHOLE_PAGE


def _printed_unread(now: Sequence[VersionSeen], bad: Callable[[VersionSeen], bool]) -> bool:
    """Whether most of the documents without a date print something in its place."""
    wrong = [one for one in now if bad(one)]
    return sum(one.date_unread for one in wrong) * 2 >= len(wrong)


def _judge_dates(read: Sequence[VersionSeen], today: str) -> Iterator[Finding]:
    """Dates that cannot be: all in the future, all the same where the lists say otherwise."""
    dated = [one for one in read if one.publish_date]
    latest = (date.fromisoformat(today) + timedelta(days=FUTURE_DAYS)).isoformat()
    future = [one for one in dated if (one.publish_date or "") > latest]
    if len(future) >= LEAST_NOW and len(future) == len(dated):
        said = {"what": "document", "count": len(future), "of": len(read)}
        yield Finding(kind="dates_future", severity="alarm", facts=said, capture_id=future[0].capture_id)
    otherwise = [one for one in dated if one.list_date and one.list_date != one.publish_date]
    same = len(dated) >= SAME_LEAST and len({one.publish_date for one in dated}) == 1
    if same and len({one.list_date for one in otherwise}) >= SEVERAL_DAYS:
        said = {"what": "document", "of": len(dated), "date": dated[0].publish_date}
        yield Finding(kind="dates_same", severity="alarm", facts=said, capture_id=otherwise[0].capture_id)


def _judge_files(facts: CrawlFacts) -> Iterator[Finding]:
    """Attachments that could not be fetched."""
    files, failed = (sum(getattr(one, name) for one in facts.read) for name in ("files", "files_failed"))
    if failed < FILES_LEAST or failed / files < FILES_SHARE:
        return
    had = sum(one.files for one in facts.read_before)
    before = sum(one.files_failed for one in facts.read_before) / had if had else 0.0
    if failed / files < before + FILES_RISE:
        return
    alarm = failed >= FILES_ALARM_LEAST and failed / files >= FILES_ALARM_SHARE
    first = next(one for one in facts.read if one.files_failed)
    yield Finding(
        kind="attachments_failed",
        severity="alarm" if alarm else "warning",
        facts={"failed": failed, "of": files},
        capture_id=first.capture_id,
    )


def _judge_first(read: Sequence[VersionSeen]) -> Iterator[Finding]:
    """A first crawl: what cannot be right of any agency."""
    pages = [one for one in read if one.characters is not None]
    if len(pages) < FIRST_LEAST:
        return
    wrong: dict[str, list[VersionSeen]] = {
        "fields_missing": [one for one in pages if "title" not in one.printed],
        "dates_unread": [one for one in pages if one.date_unread],
        "text_collapsed": [one for one in pages if (one.characters or 0) < COLLAPSED_CHARACTERS and not one.files],
        "garbled": [one for one in pages if is_garbled(one)],
    }
    said: dict[str, dict[str, Any]] = {
        "fields_missing": {"what": "document", "field": "title"},
        "dates_unread": {"what": "document"},
        "text_collapsed": {"before": 0},
        "garbled": {"what": "document"},
    }
    for kind, found in wrong.items():
        if len(found) / len(pages) >= BROKEN:
            facts = {**said[kind], "count": len(found), "of": len(pages)}
            yield Finding(kind=kind, severity="alarm", facts=facts, capture_id=found[0].capture_id)
