"""The diff of texts: exact for every pair of texts, readable for Chinese ones, bounded for all."""

from __future__ import annotations

import json
import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.alignment import Effort, align
from archive.hunks import hunks, side_by_side, unified
from archive.textdiff import diff_texts, dump_diff, load_diff, tokens
from benchmarks.diff import cases

LETTERS = "的一\n。，2024年3月ab中 〔〕号\u0301𠮷"
texts = st.text(alphabet=LETTERS, max_size=40) | st.text(max_size=30)


def edited(text: str, seed: int) -> str:
    """A text with a few changes anywhere in it."""
    random_ = random.Random(seed)  # noqa: S311 - a test's own
    characters = list(text)
    for _ in range(random_.randrange(6)):
        place = random_.randrange(len(characters) + 1)
        new = [random_.choice(LETTERS) for _ in range(random_.randrange(4))]
        characters[place : place + random_.randrange(4)] = new
    return "".join(characters)


pairs = st.tuples(texts, texts) | st.builds(lambda text, seed: (text, edited(text, seed)), texts, st.integers(0, 9999))


def marked(before: str, after: str) -> str:
    """A diff on one line: [-gone-] and {+come+}."""
    marks = {"equal": "{}", "delete": "[-{}-]", "insert": "{{+{}+}}"}
    return "".join(marks[side].format(text) for side, text in diff_texts(before, after).pieces())


@given(pairs)
def test_operations_make_both_texts(pair: tuple[str, str]) -> None:
    """Operations cover both texts without a gap, in order, and what is equal is equal."""
    before, after = pair
    diff = diff_texts(before, after)
    a = b = 0
    for side, start, end, other, other_end in diff.operations:
        assert (start, other) == (a, b)
        assert (end > start) == (side != "insert")
        assert (other_end > other) == (side != "delete")
        assert side != "equal" or before[start:end] == after[other:other_end]
        a, b = end, other_end
    assert (a, b) == (len(before), len(after))
    sides = [one.side for one in diff.operations]
    assert all(left != right for left, right in pairwise(sides)), "what belongs together is one"
    assert (before == after) == (set(sides) <= {"equal"})


@given(pairs)
def test_the_stored_form_gives_the_diff_back(pair: tuple[str, str]) -> None:
    """What is stored leads from the text before to the one after, and is refused with any other text."""
    diff = diff_texts(*pair)
    stored = dump_diff(diff)
    assert load_diff(stored, pair[0]) == diff
    with pytest.raises(ValueError, match="stored diff is"):
        load_diff(stored, pair[0] + "x")


@given(pairs, st.integers(0, 3))
def test_paragraphs_and_hunks_are_the_texts(pair: tuple[str, str], context: int) -> None:
    """Paragraphs side by side are both texts; hunks hold every change once, with no more context than asked for."""
    before, after = pair
    diff = diff_texts(before, after)
    rows = list(side_by_side(diff))
    assert "\n".join(row.old for row in rows if row.kind != "insert") == before
    assert "\n".join(row.new for row in rows if row.kind != "delete") == after
    for row in rows:
        if row.before is not None:
            assert before.split("\n")[row.before - 1 :][: row.old.count("\n") + 1] == row.old.split("\n")
    found = [list(hunk.paragraphs) for hunk in hunks(diff, context)]
    changed = [row for row in rows if row.kind != "equal"]
    assert [row for hunk in found for row in hunk if row.kind != "equal"] == changed
    for hunk in found:
        edges = [[row.kind for row in side] for side in (hunk, hunk[::-1])]
        assert all(kinds.index(next(k for k in kinds if k != "equal")) <= context for kinds in edges)
    lines = list(unified(diff, 1_000_000))
    if before != after:
        assert "\n".join(text for mark, text in lines if mark in " -") == before
        assert "\n".join(text for mark, text in lines if mark in " +") == after
    else:
        assert lines == []


@given(st.lists(st.integers(0, 3), max_size=14), st.lists(st.integers(0, 3), max_size=14))
def test_short_sequences_are_aligned_best(before: list[int], after: list[int]) -> None:
    """Of short sequences a longest common subsequence is found."""
    found = align(before, after, Effort(10**6))
    a = b = 0
    for match in found:
        assert match.before >= a
        assert match.after >= b
        a, b = match.before + match.length, match.after + match.length
        assert before[match.before : a] == after[match.after : b]
    longest = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i, left in enumerate(before):
        for j, right in enumerate(after):
            longest[i + 1][j + 1] = longest[i][j] + 1 if left == right else max(longest[i][j + 1], longest[i + 1][j])
    assert sum(match.length for match in found) == longest[-1][-1]


def test_effort_that_does_not_suffice_is_said() -> None:
    """What cannot be aligned within the effort counts as different, and the effort says so."""
    effort = Effort(100)
    before, after = [n % 7 for n in range(300)], [n % 5 for n in range(300)]
    assert sum(match.length for match in align(before, after, effort)) < 300
    assert effort.short


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("应于2024年3月5日前报送", "应于2024年3月15日前报送", "应于[-2024年3月5日-]{+2024年3月15日+}前报送"),
        ("电话0592-1234567转8", "电话0592-1234568转8", "电话[-0592-1234567-]{+0592-1234568+}转8"),
        ("依据〔2024〕12号文", "依据〔2024〕13号文", "依据[-〔2024〕12号-]{+〔2024〕13号+}文"),
        ("（厦司〔2024〕12号）", "（厦司〔2023〕12号）", "（[-厦司〔2024〕12号-]{+厦司〔2023〕12号+}）"),
        ("金额1,234.50元", "金额1,235.50元", "金额[-1,234.50-]{+1,235.50+}元"),
        ("二〇二四年三月五日印发", "二〇二四年三月六日印发", "[-二〇二四年三月五日-]{+二〇二四年三月六日+}印发"),
        ("共三十五人参加会议", "共三十六人参加会议", "共[-三十五-]{+三十六+}人参加会议"),
        ("要求报送材料。逾期不候。", "要求报送有关材料。逾期不候。", "要求报送{+有关+}材料。逾期不候。"),
        ("第一句。第三句。", "第一句。第二句。第三句。", "第一句。{+第二句。+}第三句。"),
        ("本办法自发布之日起施行，有效期五年。", "本办法自印发之日起施行，有效期五年。", "本办法自[-发布-]{+印发+}之日起施行，有效期五年。"),
        ("甲\n乙", "甲\n乙\n丙", "甲\n乙{+\n丙+}"),
        ("甲\n乙\n丙", "甲\n丙", "甲\n[-乙\n-]丙"),
        ("一、条件。申请人应当符合条件。", "一、条件。\n申请人应当符合条件。", "一、条件。{+\n+}申请人应当符合条件。"),
    ],
)  # fmt: skip
def test_changes_can_be_read(before: str, after: str, expected: str) -> None:
    """Numbers, dates and 文号 stay whole, chance crumbs go with the edit, and edits are cut where a reader would."""
    assert marked(before, after) == expected


def test_what_has_nothing_in_common_is_not_mixed() -> None:
    """A paragraph that was replaced is told whole, not in the characters that both happen to have."""
    before = "总则\n申请人应当向所在地的区司法局提出书面申请并提交有关材料。\n附则"
    after = "总则\n每周二上午九时至十一时在一楼大厅接待来访群众，节假日除外。\n附则"
    sides = [side for side, _ in diff_texts(before, after).pieces()]
    assert sides == ["equal", "delete", "insert", "equal"]


def test_a_moved_paragraph_is_one_deletion_and_one_insertion() -> None:
    """Moving a paragraph leaves all others as they are."""
    paragraphs = [f"第{n}条 关于第{n}项工作的规定，由第{n}处负责解释。" for n in range(30)]
    moved = [*paragraphs[5:], *paragraphs[:5]]
    diff = diff_texts("\n".join(paragraphs), "\n".join(moved))
    assert [side for side, _ in diff.pieces()].count("delete") == 1
    assert sum(len(text) for side, text in diff.pieces() if side == "equal") > 650


def test_tokens_join_to_the_text() -> None:
    """Nothing gets lost between tokens."""
    text = "厦司办〔2024〕12号\n\x00\u2028e\u0301 https://a.test/x?y=1 ３月５日"
    assert "".join(tokens(text)) == text


@pytest.mark.parametrize("case", [one for one in cases(30_000) if one.bar_seconds], ids=lambda case: case.name)
def test_long_texts_take_bounded_time(case: object) -> None:
    """Of 30,000 characters every kind of pair is compared exactly, in time that no input can stretch."""
    before, after = case.before, case.after  # type: ignore[attr-defined]
    started = time.process_time()
    diff = diff_texts(before, after)
    spent = time.process_time() - started
    assert "".join(text for side, text in diff.pieces() if side != "insert") == before
    assert "".join(text for side, text in diff.pieces() if side != "delete") == after
    assert spent < 5, "ten times the bar of benchmarks.diff: a machine may be slow, an algorithm not"


def test_what_is_too_large_is_coarser_and_says_so() -> None:
    """A million characters, all edited, are compared by sentences; the stored form says so too."""
    lines = [f"第{n}条办理事项由窗口{n % 97}受理。申请人{n}应当到场。" for n in range(20_000)]
    before, after = "\n".join(lines), "\n".join(line.replace("到场", "在场") for line in lines)
    diff = diff_texts(before, after)
    assert diff.grain == "coarse"
    assert json.loads(dump_diff(diff))["grain"] == "coarse"
    assert sum(len(text) for side, text in diff.pieces() if side == "equal") > len(before) / 3
    assert "".join(text for side, text in diff.pieces() if side != "delete") == after
