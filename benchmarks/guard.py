"""How well the guard tells walls from pages: ``python -m benchmarks.guard``, on the labelled pages of this folder.

Exit status 1 where a wall passes or more than 1 % of the genuine pages are stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.genuine import PAGES
from benchmarks.walls import CHALLENGES, LOGINS, SOFT_404S
from govcrawl.decode import Page
from govcrawl.errors import BlockedPage, CrawlError, NotAPage, RefusedPage
from govcrawl.guard import check

if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "http://www.yunling.test/zwgk/gsgg/202403/t20240305_12.htm"
MOST_FALSE = 0.01

GROUPS: dict[str, tuple[Mapping[str, tuple[int, str]], type[CrawlError] | None]] = {
    "challenges and refusals": (CHALLENGES, BlockedPage),
    "log-in walls": (LOGINS, BlockedPage),
    "soft 404s": (SOFT_404S, NotAPage),
    "genuine pages": (PAGES, None),
}


@dataclass(slots=True)
class Score:
    """How one group of pages was told."""

    pages: int = 0
    right: int = 0
    wrong: dict[str, str] = field(default_factory=dict)
    signatures: Counter[str] = field(default_factory=Counter)


def page_of(status: int, body: str) -> Page:
    """Return a labelled page as it comes over the wire."""
    content_type = "application/json" if body[:1] == "{" else "text/html; charset=utf-8"
    return Page(url=URL, body=body.encode(), content_type=content_type, status=status)


def judge(page: Page) -> CrawlError | None:
    """Return what the guard says against a page."""
    try:
        check(page)
    except CrawlError as error:
        return error
    return None


def score(pages: Mapping[str, tuple[int, str]], wanted: type[CrawlError] | None) -> Score:
    """Judge a group of labelled pages."""
    done = Score()
    for name, (status, body) in pages.items():
        said = judge(page_of(status, body))
        if wanted is None:
            right = said is None or (status != 200 and isinstance(said, RefusedPage))  # noqa: PLR2004
        else:
            right = isinstance(said, wanted)
        done.pages += 1
        done.right += right
        if not right:
            done.wrong[name] = "passed" if said is None else f"{type(said).__name__}: {said}"
        if isinstance(said, BlockedPage):
            done.signatures[said.signature or "(none: empty or tiny)"] += 1
    return done


def main(arguments: list[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    scores = {name: score(pages, wanted) for name, (pages, wanted) in GROUPS.items()}
    seconds = time.perf_counter() - began
    for name, one in scores.items():
        print(f"{name:25} {one.right:4} of {one.pages:4} told rightly ({one.right / one.pages:.1%})")
        for case, said in one.wrong.items():
            print(f"    {case}: {said}")
    walls = [one for name, one in scores.items() if GROUPS[name][1] is not None]
    recall = sum(one.right for one in walls) / sum(one.pages for one in walls)
    genuine = scores["genuine pages"]
    false = 1 - genuine.right / genuine.pages
    pages = sum(one.pages for one in scores.values())
    print(f"recall {recall:.2%}, false positives {false:.2%}, {seconds / pages * 1000:.2f} ms a page")
    if options.json:
        figures: dict[str, Any] = {"recall": recall, "false_positives": false}
        figures["groups"] = {
            name: {"pages": one.pages, "right": one.right, "wrong": one.wrong} for name, one in scores.items()
        }
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1), "utf-8")
    return int(recall < 1 or false > MOST_FALSE)


if __name__ == "__main__":
    sys.exit(main())
