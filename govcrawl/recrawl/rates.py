"""How likely a document is to have changed, and what a look at it is worth; pure.

Changes are rare and young documents have most of them. The rate is learned for each class of age since publication from what
the archive saw of the agency, beginning with a guess that counts as one observed change; a document's own history raises or lowers it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import exp
from typing import Self

from archive.facts import Experience

AGE_BOUNDS_DAYS = (7, 30, 90, 365)
"""Classes of age since publication: the first week, when slips are corrected; the first month; the quarter; the year; later."""

PRIOR_RATES = (0.01, 0.003, 0.001, 0.0003, 0.0001, 0.0005)
"""Changes a day that are assumed before anything was seen, for each class and for undated documents: falling about as 1/age."""

_PRIOR_CHANGES = 1.0
"""The guess counts as this many observed changes: a few weeks of a large agency outweigh it."""

_OWN_CHANGES = 1.0
"""How strongly one document's own changes count: shape of the gamma distribution of documents around their class's rate."""

_SERIES_BELOW = 1e-3  # of rate × days: below it the closed form loses its digits

NO_EXPERIENCE = Experience((0.0,) * len(PRIOR_RATES), (0,) * len(PRIOR_RATES))


@dataclass(frozen=True, slots=True)
class Rates:
    """Changes a day by class of age, learned from one agency."""

    classes: tuple[float, ...]

    @classmethod
    def learn(cls, seen: Experience) -> Self:
        """Return the posterior mean of each class: gamma prior, changes counted over document-days."""
        return cls(
            tuple(
                (_PRIOR_CHANGES + changes) / (_PRIOR_CHANGES / prior + days)
                for prior, days, changes in zip(PRIOR_RATES, seen.days, seen.changes, strict=True)
            )
        )

    def rate(self, age_days: float | None, watched_days: float, changes: int) -> float:
        """Return the changes a day to expect of one document.

        Args:
            age_days: since publication; None where it has no date.
            watched_days: for how long it was under observation, up to the last look.
            changes: found in that time.
        """
        if age_days is None:
            rate = self.classes[-1]
            expected = rate * watched_days
        else:
            rate = self.classes[age_class(age_days)]
            expected = self._expected(age_days) - self._expected(age_days - watched_days)
        return rate * (_OWN_CHANGES + changes) / (_OWN_CHANGES + max(expected, 0.0))

    def _expected(self, age_days: float) -> float:
        """Return the changes to expect from publication up to an age."""
        total, below = 0.0, 0.0
        for rate, bound in zip(self.classes, AGE_BOUNDS_DAYS, strict=False):
            if age_days <= bound:
                return total + rate * (age_days - below)
            total += rate * (bound - below)
            below = bound
        return total + self.classes[len(AGE_BOUNDS_DAYS)] * (age_days - below)


def age_class(age_days: float | None) -> int:
    """Return the number of the class of an age; the last one is for documents without a date."""
    return len(AGE_BOUNDS_DAYS) + 1 if age_days is None else bisect_right(AGE_BOUNDS_DAYS, age_days)


def look_value(rate: float, days: float) -> float:
    """Return the greedy crawl value of a look: (1/d)(1 − e^(−dt)(1 + dt)) for change rate d and t days since the last look.

    The rule is that of Azar et al., PNAS 2018, as a greedy index (arXiv 2502.02430); all documents are equally important.
    """
    x = rate * days
    if x < _SERIES_BELOW:
        return days * x * (0.5 - x / 3)
    return (1 - exp(-x) * (1 + x)) / rate
