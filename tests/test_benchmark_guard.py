"""The labelled pages: every wall is told, genuine pages pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.guard import GROUPS, MOST_FALSE, judge, main, page_of, score
from govcrawl.errors import BlockedPage, RefusedPage

if TYPE_CHECKING:
    from pathlib import Path

    from govcrawl.errors import CrawlError

WALLS = [(group, name) for group, (pages, wanted) in GROUPS.items() if wanted for name in pages]


@pytest.mark.parametrize(("group", "name"), WALLS, ids=str)
def test_every_labelled_wall_is_told(group: str, name: str) -> None:
    """Challenges, refusals and log-in walls block; soft 404s say that nothing stands there."""
    pages, wanted = GROUPS[group]
    said: CrawlError | None = judge(page_of(*pages[name]))
    assert wanted is not None
    assert isinstance(said, wanted), said


def test_genuine_pages_pass() -> None:
    """At most one in a hundred genuine pages is stopped, short ones and ones about walls included."""
    done = score(GROUPS["genuine pages"][0], None)
    assert done.pages >= 60
    assert 1 - done.right / done.pages <= MOST_FALSE, done.wrong


def test_there_are_enough_labelled_walls() -> None:
    """The set holds at least sixty walls of all kinds."""
    assert len(WALLS) >= 60


def test_genuine_refusals_are_not_signed() -> None:
    """A 403 that names no firewall may be how an agency takes one document away."""
    refusals = {name: case for name, case in GROUPS["genuine pages"][0].items() if case[0] == 403}
    assert len(refusals) >= 8
    assert {type(judge(page_of(*case))) for case in refusals.values()} == {RefusedPage}


def test_signed_blocks_name_their_signature() -> None:
    """All but empty and tiny bodies say whose wall it is."""
    unsigned = []
    for name, case in GROUPS["challenges and refusals"][0].items():
        said = judge(page_of(*case))
        if isinstance(said, BlockedPage) and not said.signature:
            unsigned.append(name)
    assert sorted(unsigned) == ["OK", "comment", "empty", "empty 202", "empty shell", "two bytes"]


def test_the_command_prints_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says recall and false positives and succeeds where both hold."""
    report = tmp_path / "guard.json"
    assert main(["--json", str(report)]) == 0
    assert "recall 100.00%" in capsys.readouterr().out
    assert report.exists()
