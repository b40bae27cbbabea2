"""The recrawl policy: what is walked and looked at, when, and why; pure, on a clock of the tests' own."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from math import exp
from typing import Any

import pytest
from scrapy.settings import Settings

from archive.facts import ChannelFacts, DocumentFacts, Experience
from govcrawl import settings as project_settings
from govcrawl.errors import BadAgency
from govcrawl.recrawl.plan import plan_looks, plan_walks
from govcrawl.recrawl.policy import SETTINGS, RecrawlPolicy, check_parameter, read_policy
from govcrawl.recrawl.rates import AGE_BOUNDS_DAYS, NO_EXPERIENCE, PRIOR_RATES, Rates, age_class, look_value
from spiders.templates.trt import FujianTrt

DAY = timedelta(days=1)
BEGAN = datetime(2024, 5, 1, 2, tzinfo=UTC)
POLICY = RecrawlPolicy()
RATES = Rates.learn(NO_EXPERIENCE)


def document(name: str, *, looked_days_ago: float = 5, now: datetime = BEGAN, **fields: Any) -> DocumentFacts:
    """A live document published in 2020."""
    usual = DocumentFacts(name, "live", now - 100 * DAY, now - looked_days_ago * DAY, date(2020, 1, 1))
    return usual._replace(**fields)


def looks(*documents: DocumentFacts, days: float = 1.0, policy: RecrawlPolicy = POLICY) -> dict[str, str]:
    """What is looked at, and why, so many days after the crawl before."""
    return dict(plan_looks(policy, documents, RATES, BEGAN, BEGAN - days * DAY))


# Time since the last crawl


def test_a_crawl_seconds_after_another_only_reads_the_heads_of_lists() -> None:
    """Every budget is proportional to the time that passed; suspected and withdrawn documents wait too."""
    channels = [ChannelFacts("a", 0, BEGAN - 100 * DAY, pages=5)]
    before = BEGAN - timedelta(seconds=30)
    walks = plan_walks(POLICY, channels, BEGAN, before)
    assert (dict(walks.whole), dict(walks.least_pages)) == ({}, {})
    old = [document(str(n), looked_days_ago=100) for n in range(500)]
    gone = [document("s", state="suspected"), document("w", state="withdrawn", looked_days_ago=100)]
    assert plan_looks(POLICY, [*old, *gone], RATES, BEGAN, before) == ()


def test_a_list_that_was_never_walked_is_walked_to_its_end_in_any_crawl() -> None:
    """Also seconds after another."""
    walks = plan_walks(POLICY, [ChannelFacts("a", 0, None)], BEGAN, BEGAN - timedelta(seconds=30))
    assert walks.whole == {"a": "never"}


# Lists


def run_sweeps(pages: list[int], *, failing: range = range(0), total: int | None = 100) -> list[Counter[str]]:
    """Walk lists for 40 days as planned; all were walked on day 0, and nothing can be on failing days."""
    walked = {str(n): BEGAN for n in range(len(pages))}
    days = []
    for day in range(1, 41):
        now = BEGAN + day * DAY
        facts = [ChannelFacts(str(n), n, walked[str(n)], pages=size, total=total) for n, size in enumerate(pages)]
        whole = plan_walks(POLICY, facts, now, now - DAY).whole
        days.append(Counter(dict.fromkeys(whole, 1)))
        if day not in failing:
            for name in whole:
                assert now - walked[name] <= (7 + len(failing)) * DAY
                walked[name] = now
    return days


def test_lists_that_were_walked_on_one_day_are_spread_over_the_days() -> None:
    """Each comes round within the sweep, and no day has far more pages than another."""
    pages = [133, 99, 75, 56, 42, 32, 24, 18, 13, 10]
    days = run_sweeps(pages)
    counts = Counter[str]()
    for day in days:
        counts += day
    assert all(5 <= counts[str(n)] <= 9 for n in range(10))
    a_day = [sum(pages[int(name)] for name in day) for day in days]
    assert sum(a_day) / len(a_day) < 1.35 * sum(pages) / 7
    assert max(a_day) <= 3 * sum(pages) / 7


def test_what_failing_days_left_is_made_up_for() -> None:
    """Lists that could not be walked when it was their turn are walked when they can be."""
    run_sweeps([20] * 7, failing=range(10, 13))


def test_a_list_without_a_count_is_read_further_and_swept_more_often() -> None:
    """Nothing else shows what changed further down."""
    facts = [ChannelFacts("counted", 0, BEGAN - 6 * DAY, 80, 1600), ChannelFacts("not", 1, BEGAN - 2 * DAY, 80)]
    walks = plan_walks(POLICY, facts, BEGAN, BEGAN - DAY)
    assert walks.least_pages.get("counted", 0) == 0
    assert walks.least_pages["not"] == 10
    facts = [facts[0]._replace(walked_at=BEGAN - DAY), facts[1]._replace(walked_at=BEGAN - 5 * DAY)]
    assert plan_walks(POLICY, facts, BEGAN, BEGAN - DAY).whole == {"not": "sweep"}


# Documents


def test_the_cycle_comes_round_without_a_spike() -> None:
    """3,000 documents captured on one day: each is looked at within 30 days, at no time many more than a thirtieth a day."""
    policy = replace(POLICY, probes_per_day=0)
    checked = {f"{n:04}": BEGAN for n in range(3000)}
    most = 0
    for day in range(1, 70):
        now = BEGAN + day * DAY
        facts = [DocumentFacts(name, "live", BEGAN, at, date(2020, 1, 1)) for name, at in checked.items()]
        chosen = plan_looks(policy, facts, RATES, now, now - DAY)
        assert {why for _, why in chosen} == {"cycle"}
        most = max(most, len(chosen))
        for name, _ in chosen:
            assert now - checked[name] <= 30 * DAY
            checked[name] = now
    assert max(now - at for at in checked.values()) < 30 * DAY
    assert most <= 110


@pytest.mark.parametrize("interval_days", [0.25, 3, 7])
def test_the_cycle_holds_at_other_intervals(interval_days: float) -> None:
    """Crawls four times a day or once a week look at every document within the cycle, and at as many."""
    checked = {f"{n:03}": BEGAN for n in range(300)}
    count = 0
    step = interval_days * DAY
    for number in range(1, int(60 / interval_days) + 1):
        now = BEGAN + number * step
        facts = [DocumentFacts(name, "live", BEGAN, at, date(2020, 1, 1)) for name, at in checked.items()]
        for name, _ in plan_looks(replace(POLICY, probes_per_day=0), facts, RATES, now, now - step):
            assert now - checked[name] <= 30 * DAY + step / 4
            checked[name] = now
            count += 1
    assert 590 <= count <= 720


def test_without_the_cycle_only_probes_are_left() -> None:
    """cycle_days = 0 switches the bound off; what is looked at is what is worth most."""
    young = [document(f"y{n}", publish_date=(BEGAN - 3 * DAY).date()) for n in range(10)]
    old = [document(f"o{n}") for n in range(990)]
    policy = replace(POLICY, cycle_days=0, probes_per_day=10)
    chosen = looks(*old, *young, policy=policy)
    assert set(chosen) == {one.document_id for one in young}
    assert set(chosen.values()) == {"probe"}


def test_a_small_agency_is_asked_in_proportion() -> None:
    """One per cent of the known documents a day at most, whatever probes_per_day allows; over days nothing is lost."""
    policy = replace(POLICY, cycle_days=0)
    facts = [document(str(n)) for n in range(50)]
    counts = [len(plan_looks(policy, facts, RATES, BEGAN + n * DAY, BEGAN + (n - 1) * DAY)) for n in range(100)]
    assert max(counts) == 1
    assert sum(counts) in {49, 50, 51}


def test_probes_are_made_up_for_a_week_at_most() -> None:
    """After a pause of three months there is no burst of probes."""
    policy = replace(POLICY, cycle_days=0)
    assert len(looks(*(document(str(n)) for n in range(9000)), days=90, policy=policy)) in range(314, 317)


def test_a_document_that_changed_often_is_worth_more() -> None:
    """Its own history raises its rate above that of its age."""
    policy = replace(POLICY, cycle_days=0, probes_per_day=1, probes_share=1)
    facts = [document("often", changes=3), *(document(str(n)) for n in range(50))]
    chosen = [
        name for n in range(10) for name, _ in plan_looks(policy, facts, RATES, BEGAN + n * DAY, BEGAN + (n - 1) * DAY)
    ]
    assert set(chosen) == {"often"}


def test_suspected_documents_are_looked_at_once_a_day() -> None:
    """Not twice on one day, and at a daily timer that comes a little early all the same."""
    now = document("s", state="suspected", looked_days_ago=0.5)
    early = document("e", state="suspected", looked_days_ago=0.95)
    assert looks(now, early) == {"e": "suspected"}


def test_withdrawn_documents_are_looked_at_rarely() -> None:
    """Each once in its interval, spread over the days."""
    facts = [document(f"{n:02}", state="withdrawn", looked_days_ago=1 + n) for n in range(30)]
    chosen = looks(*facts)
    assert set(chosen) == {"29"}
    assert set(chosen.values()) == {"withdrawn"}


def test_what_no_list_shows_is_looked_at_until_it_is_settled() -> None:
    """Once a day."""
    assert looks(document("u", unlisted=True))["u"] == "unlisted"
    assert "u" not in looks(document("u", unlisted=True, looked_days_ago=0.1))


def test_a_document_that_cannot_be_read_takes_no_others_turn() -> None:
    """A look that brought nothing counts as a look; other rules try it again."""
    policy = replace(POLICY, probes_per_day=0)
    broken = [document(f"b{n}", looked_days_ago=300, unread_at=BEGAN - DAY) for n in range(30)]
    facts = [*broken, *(document(f"{n:03}", looked_days_ago=29.5) for n in range(10))]
    chosen = looks(*facts, policy=policy)
    assert set(chosen) == {f"{n:03}" for n in range(10)}


# Rates


def test_the_value_of_a_look_is_the_greedy_crawl_value() -> None:
    """(1/d)(1 − e^(−dt)(1 + dt)), also where the closed form would lose its digits."""
    for rate, days in ((0.5, 3.0), (0.01, 7.0), (0.002, 1.0)):
        assert look_value(rate, days) == pytest.approx((1 - exp(-rate * days) * (1 + rate * days)) / rate, rel=1e-3)
    assert look_value(1e-4, 9.99) == pytest.approx(look_value(1e-4, 10.01), rel=0.01)
    assert look_value(1e-9, 1.0) == pytest.approx(0.5e-9, rel=1e-6)


def test_rates_are_learned_from_what_was_seen() -> None:
    """Without experience the guess holds; with much of it, what was seen does; other classes keep theirs."""
    assert RATES.classes == pytest.approx(PRIOR_RATES)
    days, changes = [0.0] * 6, [0] * 6
    days[4], changes[4] = 100_000.0, 500  # old documents of this agency change a lot
    learned = Rates.learn(Experience(tuple(days), tuple(changes)))
    assert learned.classes[4] == pytest.approx(501 / 110_000)
    assert learned.classes[:4] == pytest.approx(PRIOR_RATES[:4])


def test_what_an_agency_does_decides_what_is_probed() -> None:
    """Where old documents change and young ones do not, old ones are looked at."""
    days = (5000.0, 5000.0, 5000.0, 5000.0, 100_000.0, 0.0)
    learned = Rates.learn(Experience(days, (0, 0, 0, 0, 2000, 0)))
    policy = replace(POLICY, cycle_days=0, probes_per_day=20, probes_share=1)
    facts = [
        document(f"y{n}", publish_date=(BEGAN - 3 * DAY).date(), first_captured_at=BEGAN - 3 * DAY) for n in range(20)
    ]
    facts += [document(f"o{n}") for n in range(20)]
    chosen = plan_looks(policy, facts, learned, BEGAN, BEGAN - DAY)
    assert {name[0] for name, _ in chosen} == {"o"}


def test_ages_fall_into_classes() -> None:
    """Bounds belong to the older class; future dates to the youngest, undated documents to a class of their own."""
    assert [age_class(age) for age in (-3, 0, 6, 7, 29, 30, 364, 365, 4000, None)] == [0, 0, 0, 1, 1, 2, 3, 4, 4, 5]
    assert len(PRIOR_RATES) == len(AGE_BOUNDS_DAYS) + 2
    for age, watched in product(range(0, 500, 11), range(0, 500, 13)):
        assert RATES.rate(age, watched, 0) <= RATES.classes[age_class(age)] * 1.0001


# Parameters


def test_settings_give_the_defaults() -> None:
    """The settings page and the policy say the same; an agency's own values win."""
    settings = Settings()
    settings.setmodule(project_settings)
    assert read_policy(settings, {}) == POLICY
    assert read_policy(settings, {"sweep_days": 3, "cycle_days": 0}) == replace(POLICY, sweep_days=3.0, cycle_days=0.0)
    assert set(SETTINGS) == set(RecrawlPolicy.__dataclass_fields__)


def test_a_wrong_setting_is_named() -> None:
    """With what it is and what it must be."""
    settings = Settings()
    settings.setmodule(project_settings)
    settings.set("GOVCRAWL_SWEEP_DAYS", "-1")
    with pytest.raises(
        ValueError, match=r"GOVCRAWL_SWEEP_DAYS='-1': sweep_days is -1.0; expected a number, more than 0"
    ):
        read_policy(settings, {})


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"sweep_day": 3}, "'sweep_day' is no parameter of a recrawl"),
        ({"sweep_days": 0}, "sweep_days is 0; expected a number, more than 0"),
        ({"cycle_days": "30"}, "cycle_days is '30'; expected a number, 0 or more"),
        ({"withdrawn_days": 1.5}, "withdrawn_days is 1.5; expected a whole number"),
        ({"probes_share": True}, "probes_share is True"),
        ({"probes_per_day": float("nan")}, "probes_per_day is nan"),
    ],
)
def test_an_agencys_parameters_are_checked_when_its_class_is_defined(parameters: dict[str, Any], said: str) -> None:
    """The message names class, parameter, value and what is expected."""
    given = {"name": "x_sfj", "agency": "某市司法局", "base_url": "http://x.test", "channels": {"公告": "/gg/"}}
    with pytest.raises(BadAgency) as caught:
        type("x_sfj", (FujianTrt,), {**given, "recrawl": parameters})
    assert "x_sfj: recrawl: " in str(caught.value)
    assert said in str(caught.value)


def test_values_come_back_as_numbers() -> None:
    """A whole number stays usable as one."""
    assert check_parameter("withdrawn_failures", 3) == 3.0
