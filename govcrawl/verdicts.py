"""What is to be thought of a crawl (判定): ok, warning or alarm, with the findings it rests on; pure.

A finding is a kind and facts; the sentences are made when it is shown (:mod:`govcrawl.finding_words`). Rules and thresholds with
their reasons: docs/monitoring.md. The worst finding is the verdict; a ``note`` is known already and changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from archive.catalog_walks import Finding
from govcrawl.document_rules import judge_documents
from govcrawl.list_rules import judge_lists
from govcrawl.rhythm import judge_rhythm

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from archive.catalog_facts import CrawlFacts, Trouble
    from archive.catalog_walks import Severity

Level = Literal["ok", "warning", "alarm"]
RANK = {"note": 0, "ok": 0, "warning": 1, "alarm": 2}

BLOCKED_ALARM = 3  # documents: one may be a firewall's whim, three are the host
FAILED_LEAST, FAILED_SHARE, FAILED_ALARM_SHARE = 3, 0.1, 0.5
GONE_LEAST, GONE_SHARE, GONE_ALARM_LEAST, GONE_ALARM_SHARE = 5, 0.2, 10, 0.5
ROBOTS_LEAST, ROBOTS_SHARE = 3, 0.2
BLOCKS = frozenset({"blocked", "login", "login_wall"})  # reasons of failures that are blocks
NO_FAULT = frozenset({"robots", "off_site", "ending", *BLOCKS})  # failures of documents with rules of their own

_CHALLENGE = re.compile(r"answered (?:412|521)\b")
_LOGIN = ("log-in form", "(登录)")  # the guard names the sign in brackets
_MAINTENANCE = ("(维护)",)
_EMPTY = ("empty body", "bytes without markup", "bytes that hold nothing", "bytes showing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fatal:
    """Why a crawl did not come to its end as it should."""

    reason: str  # one word
    sentence: str
    paused: bool = False  # interrupted, or it goes on later by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be thought of a crawl."""

    level: Level
    findings: tuple[Finding, ...] = ()  # the worst first

    def of_channel(self, channel: str) -> Level:
        """Return the verdict on one channel."""
        return level_of(
            one for one in self.findings if one.channel == channel or channel in one.facts.get("channels", ())
        )


def level_of(findings: Collection[Finding] | Iterator[Finding]) -> Level:
    """Return the verdict that findings amount to."""
    worst = max((RANK[one.severity] for one in findings), default=0)
    return "alarm" if worst == RANK["alarm"] else "warning" if worst else "ok"


def judge(facts: CrawlFacts, *, declared: Collection[str], fatal: Fatal | None, today: str) -> Verdict:
    """Return the verdict on a crawl.

    Args:
        facts: what the crawl saw and what was seen before.
        declared: the agency's channels; others that the catalog knows are not walked any more.
        fatal: why the crawl counts as failed or interrupted, if it does.
        today: the agency's local calendar day, ``YYYY-MM-DD``.
    """
    facts = replace(facts, troubles=tuple(map(_blocked_before_asked, facts.troubles)))
    findings = [
        *_judge_blocks(facts),
        *judge_lists(facts, declared),
        *_judge_failures(facts),
        *judge_documents(facts, today),
        *judge_rhythm(facts, declared, today),
    ]
    if fatal and not fatal.paused and not any(one.severity == "alarm" for one in findings):
        findings.append(
            Finding(kind="failed", severity="alarm", facts={"reason": fatal.reason, "message": fatal.sentence})
        )
    findings += _judge_partial(facts, declared, fatal, told=any(one.severity == "alarm" for one in findings))
    findings.sort(key=lambda one: -RANK[one.severity])  # stable: the rules above stand in the order of their weight
    return Verdict(level=level_of(findings), findings=tuple(findings))


def _blocked_before_asked(one: Trouble) -> Trouble:
    """A challenge in the place of robots.txt is a block, whatever the failure is called."""
    return (
        replace(one, reason="blocked") if one.reason == "robots_unavailable" and _CHALLENGE.search(one.message) else one
    )


def block_kind(message: str, reason: str = "blocked") -> str:
    """Return which kind of block a failure is."""
    if "login" in reason or any(mark in message for mark in _LOGIN):
        return "login_wall"
    if any(mark in message for mark in _MAINTENANCE):
        return "maintenance"
    if any(mark in message for mark in _EMPTY):
        return "empty_answer"
    return "blocked"


def _judge_blocks(facts: CrawlFacts) -> Iterator[Finding]:
    """Challenges, firewalls, log-in walls, empty answers: of the host, whatever was asked for."""
    groups: dict[str, list[Trouble]] = {}
    for one in facts.troubles:
        if one.reason in BLOCKS and one.kind not in {"attachment", "image"}:  # a file may be walled off by itself
            groups.setdefault(block_kind(one.message, one.reason), []).append(one)
    for kind, troubles in groups.items():
        listed = [one for one in troubles if one.kind in {"list", "robots", "home"}]
        severity: Severity = "alarm" if listed or len(troubles) >= BLOCKED_ALARM else "warning"
        first = (listed or troubles)[0]
        said = {"count": len(troubles), "url": first.url, "message": first.message}
        yield Finding(kind=kind, severity=severity, facts=said, capture_id=first.capture_id)


def _judge_failures(facts: CrawlFacts) -> Iterator[Finding]:
    """Documents that could not be had, and such as were there before and are gone."""
    asked = [one for one in facts.troubles if one.kind == "document" and not one.before]
    failed = [one for one in asked if one.reason not in NO_FAULT]
    looks = facts.answered + facts.gone + len(asked)
    share = len(failed) / looks if looks else 0.0
    listless = not any(
        one.walk for one in facts.channels
    )  # then what keeps us from the lists is the reason, and is told
    if len(failed) >= FAILED_LEAST and share >= FAILED_SHARE and not listless:
        reasons = Counter(one.reason for one in failed)
        reason, count = reasons.most_common(1)[0]
        first = next(one for one in failed if one.reason == reason)
        said: dict[str, Any] = {
            "failed": len(failed),
            "of": looks,
            "reasons": dict(reasons.most_common()),
            "url": first.url,
            "message": first.message,
        }
        drifted = reason == "template" and count / len(failed) >= FAILED_ALARM_SHARE
        yield Finding(
            kind="documents_unreadable" if drifted else "many_failed",
            severity="alarm" if share >= FAILED_ALARM_SHARE else "warning",
            facts=said,
            capture_id=first.capture_id,
        )
    refused = [one for one in asked if one.reason == "robots"]
    if len(refused) >= ROBOTS_LEAST and len(refused) / looks >= ROBOTS_SHARE:
        said = {"refused": len(refused), "of": looks, "url": refused[0].url}
        yield Finding(kind="robots_refuses", severity="warning", facts=said)
    looked = facts.answered + facts.gone
    if facts.gone >= GONE_LEAST and facts.gone / looked >= GONE_SHARE:
        alarm = facts.gone >= GONE_ALARM_LEAST and facts.gone / looked >= GONE_ALARM_SHARE
        yield Finding(
            kind="many_gone", severity="alarm" if alarm else "warning", facts={"gone": facts.gone, "of": looked}
        )


def _judge_partial(
    facts: CrawlFacts, declared: Collection[str], fatal: Fatal | None, *, told: bool
) -> Iterator[Finding]:
    """A crawl that did not walk every list as far as it had to is said to be partial, with the reason."""
    channels = [one for one in facts.channels if one.name in declared]
    unwalked = [one.name for one in channels if one.walk is None or one.walk.ending in {"endless", "short", "unknown"}]
    if facts.asked:
        why, message = "asked", " ".join(f"{name}={value}" for name, value in facts.asked.items())
    elif fatal and (unwalked or fatal.paused):
        why, message = fatal.reason, "" if told else fatal.sentence  # an alarm says it already
    elif unwalked:
        why, message = "unknown", ""
    else:
        return
    said = {
        "walked": len(channels) - len(unwalked),
        "of": len(channels),
        "channels": unwalked,
        "why": why,
        "message": message,
    }
    yield Finding(kind="partial", severity="warning", facts=said)


def worst(findings: Sequence[Finding]) -> Finding | None:
    """Return the finding that a short notice names: the first of the worst, ``None`` where nothing changes the verdict."""
    return next((one for one in findings if one.severity != "note"), None)
