"""A crawl judged at its end: facts from the catalog, a verdict, and what puts it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from archive.catalog_facts import read_facts
from archive.catalog_walks import LOCAL
from archive.decisions import decide_verdict
from archive.errors import ArchiveError
from govcrawl import finding_words
from govcrawl.verdicts import Fatal, judge

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from archive.catalog import Catalog
    from archive.decisions import Decision
    from govcrawl.verdicts import Verdict

logger = logging.getLogger(__name__)


def told_alarm(verdict: Verdict | None) -> tuple[str, str] | None:
    """Return kind and sentence of the first alarm of a verdict; ``None`` where there is none."""
    first = next((one for one in verdict.findings if one.severity == "alarm"), None) if verdict else None
    return None if first is None else (first.kind, finding_words.sentence(first.kind, first.facts))


def judge_crawl(
    catalog: Catalog,
    crawl_id: str,
    declared: Collection[str],
    fatal: tuple[str, str] | None,
    at: datetime,
    *,
    paused: bool,
) -> tuple[Verdict, Decision[None]] | None:
    """Judge a crawl whose captures and states are put; return the verdict and what puts it, ``None`` where the archive is in the way.

    Args:
        catalog: that the crawl goes on in.
        crawl_id: the crawl.
        declared: channels that the agency declares now.
        fatal: why it counts as failed or interrupted: one word and a sentence.
        at: when it ended, UTC.
        paused: it was interrupted, or goes on later by itself; nothing is wrong with the site.
    """
    try:
        facts = read_facts(catalog, crawl_id)
    except ArchiveError as error:  # the crawl's end is tried all the same, and says what is wrong
        logger.error("crawl could not be judged crawl=%s: %s", crawl_id, error)  # noqa: TRY400 - a known error, told in a sentence
        return None
    verdict = judge(
        facts,
        declared=declared,
        fatal=Fatal(reason=fatal[0], sentence=fatal[1], paused=paused) if fatal else None,
        today=at.astimezone(LOCAL).date().isoformat(),
    )
    for one in verdict.findings:
        logger.log(
            logging.INFO if one.severity == "note" else logging.WARNING,
            "finding severity=%s kind=%s channel=%s: %s",
            one.severity,
            one.kind,
            one.channel,
            finding_words.sentence(one.kind, one.facts, "en"),
        )
    return verdict, decide_verdict(crawl_id, facts.agency, verdict.level, verdict.findings, at)
