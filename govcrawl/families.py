"""Which site template a page speaks: the marks that templates declare, counted on pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from govcrawl.decode import Page

FEWEST_MARKS = 2.0
"""A migrated page may carry one mark of another family; two are no accident (trt pages have eight of their own)."""

_WEAK_CHARACTERS = 7  # ".shtml", "/art_": such a mark is found by chance too
_WEAK = 0.5


@dataclass(frozen=True, slots=True)
class Family:
    """A site template and what speaks for it."""

    template: Any  # the class
    marks: Mapping[str, str]  # mark → address of the first page that has it

    @property
    def name(self) -> str:
        """The template's name."""
        return str(self.template.template_name)

    @property
    def score(self) -> float:
        """How many marks there are; a very short one counts half."""
        return sum(_WEAK if len(mark) < _WEAK_CHARACTERS else 1.0 for mark in self.marks)


def rank(pages: Iterable[Page], templates: Iterable[Any]) -> list[Family]:
    """Return the families with at least one mark in the pages' source or address, in any case, the one with most first."""
    read = [(page.url, f"{page.url}\n{page.text}".lower()) for page in pages]
    families = []
    for template in templates:
        marks: dict[str, str] = {}
        for mark in template.signals:
            url = next((url for url, text in read if mark.lower() in text), None)
            if url is not None:
                marks[mark] = url
        if marks:
            families.append(Family(template, marks))
    return sorted(families, key=lambda family: (-family.score, family.name))
