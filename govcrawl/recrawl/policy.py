"""How often what is looked at again: the parameters of a recrawl, each with its unit and reason.

Set by ``GOVCRAWL_*`` settings; an agency overrides them by its class attribute ``recrawl``, e.g. ``recrawl = {"sweep_days": 3}``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RecrawlPolicy:
    """The parameters of a recrawl; ``docs/recrawl.md`` shows what they lead to in the simulator."""

    sweep_days: float = 7.0
    """Every list is walked to its end once in so many days: whatever happens further down is to be found within a week."""

    uncounted_sweep_days: float = 5.0
    """… and a list that does not print how many lines it has (共 N 条) once in so many: nothing else shows what changed further
    down. One that does is read on at once when its count disagrees."""

    uncounted_head: float = 0.125
    """… and this share of its pages at every crawl: what is dated back is mostly dated back by days or months, not by years."""

    cycle_days: float = 30.0
    """Every known document is looked at once in so many days, however unlikely it is to have changed; 0 = no such bound.
    What is edited or withdrawn without any sign in a list is found within a month; it is three fifths of the cost."""

    probes_per_day: float = 45.0
    """At most so many further looks a day, at the documents whose change is worth most to find: under a minute at
    the polite pace. More of them find more edits within a week; these keep a recrawl below a twentieth of a full one."""

    probes_share: float = 0.01
    """… and at most this share of the known documents a day, so that a small agency is not asked more, in proportion."""

    suspected_days: float = 1.0
    """A document that was gone is looked at again after so many days: often enough to tell an outage from a withdrawal."""

    withdrawn_days: float = 14.0
    """Gone for at least so many days it counts as withdrawn: EDGI's rule; repairs and moves of sites take days, not weeks."""

    withdrawn_failures: float = 3.0
    """… and at that many looks in a row at least: one look is never enough."""

    restored_days: float = 30.0
    """A withdrawn document is looked at once in so many days: some come back, and most do not."""


SETTINGS = {
    "sweep_days": "GOVCRAWL_SWEEP_DAYS",
    "uncounted_sweep_days": "GOVCRAWL_UNCOUNTED_SWEEP_DAYS",
    "uncounted_head": "GOVCRAWL_UNCOUNTED_HEAD",
    "cycle_days": "GOVCRAWL_CYCLE_DAYS",
    "probes_per_day": "GOVCRAWL_PROBES_PER_DAY",
    "probes_share": "GOVCRAWL_PROBES_SHARE",
    "suspected_days": "GOVCRAWL_SUSPECTED_DAYS",
    "withdrawn_days": "GOVCRAWL_WITHDRAWN_DAYS",
    "withdrawn_failures": "GOVCRAWL_WITHDRAWN_FAILURES",
    "restored_days": "GOVCRAWL_RESTORED_DAYS",
}
"""Parameter → the setting that gives it."""

_ZERO_ALLOWED = {"uncounted_head", "cycle_days", "probes_per_day", "probes_share"}
_WHOLE = {"withdrawn_days", "withdrawn_failures"}  # a note in the archive says them as whole numbers


def check_parameter(name: str, value: object) -> float:
    """Return a parameter's value.

    Raises:
        ValueError: naming the parameter, what it is and what it must be.
    """
    if name not in SETTINGS:
        raise ValueError(f"{name!r} is no parameter of a recrawl; expected one of {', '.join(SETTINGS)}")
    least = "0 or more" if name in _ZERO_ALLOWED else "more than 0"
    kind = "a whole number" if name in _WHOLE else "a number"
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is None or not 0 <= number < float("inf") or (number == 0 and name not in _ZERO_ALLOWED):
        raise ValueError(f"{name} is {value!r}; expected {kind}, {least}")
    if name in _WHOLE and number != int(number):
        raise ValueError(f"{name} is {value!r}; expected {kind}, {least}")
    return float(number)


def read_policy(settings: BaseSettings, overrides: Mapping[str, float]) -> RecrawlPolicy:
    """Return the policy of an agency: settings, and what the agency's class says instead.

    Raises:
        ValueError: a setting or an override is no value that the parameter can have.
    """
    given: dict[str, float] = {}
    for name, setting in SETTINGS.items():
        try:
            given[name] = check_parameter(name, settings.getfloat(setting))
        except ValueError as error:
            raise ValueError(f"setting {setting}={settings.get(setting)!r}: {error}") from None
    return replace(
        RecrawlPolicy(), **(given | {name: check_parameter(name, value) for name, value in overrides.items()})
    )
