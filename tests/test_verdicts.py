"""Verdicts: a healthy month is ok throughout, a fault is named with its cause, and what is known stays as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from catalogs import AGENCY, Sample, read_document
from healthy_log import Month
from monitor_faults import FAULTS

from archive.catalog_facts import ChannelFacts, CrawlFacts, Trouble, VersionSeen, WalkSeen, read_facts
from govcrawl import finding_words
from govcrawl.document_rules import is_garbled
from govcrawl.rhythm import read_rhythm
from govcrawl.verdicts import Fatal, block_kind, judge

if TYPE_CHECKING:
    from pathlib import Path

TODAY = "2024-06-15"
WALK = WalkSeen(
    ended_at="2024-06-15T00:00:00.000000Z", ending="end", pages=2, total=40, skipped=0, lines=40, fresh=0, dated=40,
    undated=0, days=30, future=0, garbled=0, capture_id=1,
)  # fmt: skip
CHANNEL = ChannelFacts(
    name="公告", seed_url="http://a.test/gg/", walk=WALK, earlier=(WALK, WALK, WALK), days=(), last_new_at=None,
    watched_since=None, redirected_to=None,
)  # fmt: skip
FACTS = CrawlFacts(
    agency="a", crawl_id="c2", mode="incremental", asked={}, started_at="2024-06-15T00:00:00.000000Z", earlier_crawls=3,
    channels=(CHANNEL,), troubles=(), read=(), read_before=(), standing=(), answered=0, gone=0, known=40,
)  # fmt: skip
VERSION = VersionSeen(
    channel="公告", printed=frozenset({"title", "publish_date", "source"}), publish_date="2024-06-14", list_date="2024-06-14",
    date_text="2024-06-14", date_unread=False, characters=800, undecodable=0, beginning="各区司法局应当按照通知要求做好工作。" * 5,
    method="container", files=0, files_failed=0, capture_id=7,
)  # fmt: skip


def kinds(facts: CrawlFacts, fatal: Fatal | None = None) -> list[str]:
    """Severity and kind of each finding."""
    verdict = judge(facts, declared={one.name for one in facts.channels}, fatal=fatal, today=TODAY)
    return [f"{one.severity} {one.kind}" for one in verdict.findings]


def walked(**changes: object) -> CrawlFacts:
    """A crawl whose only walk differs so from the earlier ones."""
    return replace(FACTS, channels=(replace(CHANNEL, walk=replace(WALK, **changes)),))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_healthy_month_raises_nothing(tmp_path: Path, seed: int) -> None:
    """Thirty crawls with growth, edits, withdrawals, odd documents and a holiday week: every verdict is ok."""
    month = Month(tmp_path, seed)
    verdicts = month.run()
    month.sample.catalog.close()
    assert [(day, one) for day, one in enumerate(verdicts) if one.level != "ok"] == []


def test_a_silence_longer_than_ever_is_noticed(tmp_path: Path) -> None:
    """An agency that published almost daily and has said nothing for weeks is warned of, then alarmed; not before."""
    month = Month(tmp_path, 3)
    month.run()
    found = {days: [(one.severity, one.kind) for one in month.skip(days).findings] for days in (45, 60, 90)}
    month.sample.catalog.close()
    assert found == {45: [], 60: [("warning", "no_news")], 90: [("alarm", "no_news")]}


def test_a_rhythm_needs_its_days() -> None:
    """There is no rhythm from seven days; a list dated back has news on the day it was found."""
    days = [f"2024-05-{day:02d}" for day in range(1, 8)]
    assert read_rhythm(days, None, TODAY) is None
    rhythm = read_rhythm([*days, "2024-05-20", "2099-01-01"], "2024-06-10T00:00:00Z", TODAY)
    assert rhythm is not None
    assert (rhythm.last_date, rhythm.silent_days, rhythm.longest_days, rhythm.expected_days) == (
        "2024-06-10",
        5,
        13,
        26,
    )


def test_a_dormant_channel_is_no_fault() -> None:
    """A channel that was silent before anybody watched it is dormant."""
    days = tuple(f"2020-01-{day:02d}" for day in range(1, 20))
    dormant = replace(CHANNEL, days=days, watched_since="2024-01-01T00:00:00Z")
    assert kinds(replace(FACTS, channels=(dormant,))) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"lines": 0, "dated": 0, "total": 0}, ["alarm list_empty"]),
        ({"total": 18, "lines": 18, "dated": 18}, ["alarm list_shrank"]),
        ({"total": 38, "lines": 38, "dated": 38}, []),
        ({"ending": "short", "total": 60}, ["alarm list_short", "warning partial"]),
        ({"ending": "endless"}, ["alarm list_endless", "warning partial"]),
        ({"ending": "capped", "total": 4000}, ["warning capped"]),
        ({"total": None}, ["warning total_gone"]),
        ({"dated": 0, "days": 0, "undated": 40}, ["alarm dates_unread"]),
        ({"dated": 0, "days": 0}, ["alarm fields_missing"]),
        ({"dated": 15}, ["warning fields_missing"]),
        ({"future": 40}, ["alarm dates_future"]),
        ({"future": 2}, []),
        ({"days": 1}, ["alarm dates_same"]),
        ({"garbled": 30}, ["alarm garbled"]),
    ],
)  # fmt: skip
def test_what_a_list_tells(changes: dict[str, object], expected: list[str]) -> None:
    """A list against its earlier walks: nothing on healthy ones, each fault under its name."""
    assert kinds(walked(**changes)) == expected


def test_what_is_known_to_be_capped_is_a_note() -> None:
    """A list that was capped before changes no verdict any more, but stays among the findings."""
    capped = replace(WALK, ending="capped", total=4000)
    facts = replace(FACTS, channels=(replace(CHANNEL, walk=capped, earlier=(capped,)),))
    verdict = judge(facts, declared={"公告"}, fatal=None, today=TODAY)
    assert (verdict.level, [one.severity for one in verdict.findings]) == ("ok", ["note"])


def test_a_channel_no_longer_declared_is_not_missed() -> None:
    """What the agency does not declare any more is not walked, and no gap."""
    former = replace(CHANNEL, name="旧栏目", walk=None)
    facts = replace(FACTS, channels=(CHANNEL, former))
    assert judge(facts, declared={"公告"}, fatal=None, today=TODAY).level == "ok"
    assert judge(facts, declared={"公告", "旧栏目"}, fatal=None, today=TODAY).of_channel("旧栏目") == "warning"


def test_a_crawl_that_broke_off_is_partial_and_one_that_failed_is_alarming() -> None:
    """An interruption is a warning that says so; any other failure is an alarm, whatever no rule knows of."""
    nothing = replace(FACTS, channels=(replace(CHANNEL, walk=None),))
    assert kinds(nothing, Fatal(reason="interrupted", sentence="Ctrl-C", paused=True)) == ["warning partial"]
    assert kinds(FACTS, Fatal(reason="bug", sentence="unexpected")) == ["alarm failed"]


def test_one_document_of_many_is_no_drift() -> None:
    """A single document without a source is nothing where some lack it, a warning after thirty without exception."""
    bare = replace(VERSION, printed=VERSION.printed - {"source"})
    for before, expected in (
        ([VERSION] * 9, []),
        ([VERSION] * 29 + [bare], []),
        ([VERSION] * 30, ["warning fields_missing"]),
    ):
        assert kinds(replace(FACTS, read=(bare,), read_before=tuple(before))) == expected
    assert kinds(replace(FACTS, read=(bare,) * 3, read_before=(VERSION,) * 12)) == ["alarm fields_missing"]


def test_documents_of_a_first_crawl_are_judged_by_themselves() -> None:
    """Ten documents whose printed dates are none are alarming without any history."""
    odd = replace(VERSION, date_unread=True, publish_date=None)
    assert kinds(replace(FACTS, read=(odd,) * 10)) == ["alarm dates_unread"]
    assert kinds(replace(FACTS, read=(VERSION,) * 10)) == []


def test_documents_all_dated_the_same_day_against_their_lists() -> None:
    """Many documents of one day are no fault where the lists say the same day, and one where they do not."""
    assert kinds(replace(FACTS, read=(VERSION,) * 6)) == []
    other = [replace(VERSION, list_date=f"2024-05-0{day}") for day in range(1, 7)]
    assert kinds(replace(FACTS, read=tuple(other))) == ["alarm dates_same"]


@pytest.mark.parametrize(
    ("text", "garbled"),
    [
        ("各区司法局应当按照通知要求做好有关工作，按时报送情况，确保落实到位。" * 3, False),
        ("ANNUAL REPORT of the Bureau of Justice, in English for once, and quite long as it is", False),
        (("各区司法局应当按照通知要求做好有关工作" * 4).encode().decode("latin-1"), True),
        (("各区司法局应当按照通知要求做好有关工作，按时报送情况，确保落实到位。" * 4).encode().decode("gbk", "replace").replace("\ufffd", ""), True),
    ],
)  # fmt: skip
def test_garbled_texts(text: str, *, garbled: bool) -> None:
    """Text decoded with the wrong codec is told from Chinese and from English."""
    assert is_garbled(replace(VERSION, beginning=text, characters=len(text))) is garbled


def test_failures_that_stay_are_told_once() -> None:
    """Documents that failed at an earlier crawl too are no news; new ones that are many are."""
    failed = Trouble(kind="document", channel="公告", reason="http_status", message="500", url="http://a.test/1", capture_id=3, before=False)  # fmt: skip
    assert kinds(replace(FACTS, troubles=(failed,) * 4, answered=2)) == ["alarm many_failed"]
    assert kinds(replace(FACTS, troubles=(replace(failed, before=True),) * 4, answered=2)) == []
    assert kinds(replace(FACTS, troubles=(failed,) * 4, answered=30)) == ["warning many_failed"]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("http://a.test/: status 521, 加速乐; it is not solved", "blocked"),
        ("http://a.test/login: status 200, but it says '请先登录' (登录)", "login_wall"),
        ("http://a.test/: status 200, but it says '系统维护中，请稍后' (维护)", "maintenance"),
        ("http://a.test/: status 200 with an empty body of 0 bytes; the home page may have to be visited first", "empty_answer"),
    ],
)  # fmt: skip
def test_what_kind_of_block_it_is(message: str, kind: str) -> None:
    """The guard's sentence says whether it is a wall, a log-in form, maintenance or nothing at all."""
    assert block_kind(message) == kind


def test_a_challenge_instead_of_robots_txt_is_a_block() -> None:
    """A site that answers 521 for robots.txt is blocked, not without robots.txt."""
    message = "http://a.test/robots.txt answered 521; nothing of the host may be fetched then (RFC 9309)"
    trouble = Trouble(kind="list", channel="公告", reason="robots_unavailable", message=message, url="http://a.test/gg/", capture_id=None, before=False)  # fmt: skip
    facts = replace(FACTS, channels=(replace(CHANNEL, walk=None),), troubles=(trouble,))
    assert kinds(facts, Fatal(reason="robots_unavailable", sentence=message)) == ["alarm blocked", "warning partial"]


def test_a_drift_stands_until_documents_read_well_again(tmp_path: Path) -> None:
    """A crawl that reads no document says nothing of a selector that failed: the finding stands, with its crawl."""
    sample = Sample.make(tmp_path)
    whole = {"source": "司法局", "publish_date": "2024-05-01", "publish_date_source": "label"}
    origins = {"origins": {"title": "heading", "source": "label", "publish_date": "label"}}
    text = {"text": "各区司法局应当按照通知要求做好有关工作，按时报送情况，确保落实到位。" * 3}

    def crawl(*names: str, **fields: object) -> list[tuple[str, str, object]]:
        sample.list_("公示公告", *names, *[f"n{number}" for number in range(12)])
        for name in names:
            sample.put(read_document(name, **{**whole, **origins, **text, **fields}))
        facts = read_facts(sample.catalog, sample.crawl_id)
        verdict = judge(facts, declared={"公示公告"}, fatal=None, today="2024-05-02")
        sample.catalog.put_verdict(sample.crawl_id, AGENCY.name, verdict.level, verdict.findings, sample.now)
        sample.finish()
        sample.begin()
        return [(one.severity, one.kind, one.facts.get("since")) for one in verdict.findings]

    assert crawl(*[f"n{number}" for number in range(12)]) == []
    assert crawl("m1", "m2", "m3", source=None) == [("alarm", "fields_missing", None)]
    assert crawl() == [("alarm", "fields_missing", "crawl-2")]
    assert crawl() == [("alarm", "fields_missing", "crawl-2")]
    assert crawl("m4", "m5", "m6") == []
    assert crawl() == []
    sample.catalog.close()


def test_every_kind_has_words_in_both_languages() -> None:
    """Each kind of finding has a name and a sentence in Chinese and English whose facts are all filled in."""
    assert {kind for fault in FAULTS for kind in fault.kinds} <= set(finding_words.KINDS)
    for kind in finding_words.KINDS:
        assert finding_words.name(kind, "zh") != finding_words.name(kind, "en")
    facts = {"field": "source", "count": 3, "of": 4}
    assert "source" in finding_words.sentence("fields_missing", facts, "zh")
    assert "3 of 4" in finding_words.sentence("fields_missing", facts, "en")
