"""README.md and README.zh-CN.md say the same: headings in the same order, the same commands, pages and settings under each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"

HEADINGS = {
    "govcrawl": "govcrawl",
    "First run 初次运行": "初次运行",
    "Crawling": "抓取",
    "Again and again": "反复抓取",
    "Many agencies, many machines": "机构很多，机器很多",
    "What is kept, and where": "保存什么，存在哪里",
    "The archive": "存档",
    "Searching and reading": "检索和阅读",
    "Exporting": "导出",
    "Adding an agency": "添加机构",
    "Limits": "局限",
    "For developers": "开发",
}
"""What each heading is called in the other language. A new section gets a line here and a text in both files."""

Section = tuple[str, list[str]]


def sections(name: str) -> list[Section]:
    """The headings of a file, in order, each with the lines below it."""
    found: list[Section] = []
    fenced = False
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        fenced ^= line.startswith("```")
        if not fenced and re.match(r"#+ ", line):
            found.append((line.lstrip("#").strip(), []))
        elif found:
            found[-1][1].append(line)
    return found


def commands(lines: list[str]) -> list[str]:
    """The lines of code blocks, in order, without comments; of a listing of files the names."""
    found, fenced = [], False
    for line in lines:
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            found.append(re.split(r"\s{2,}|\s+#", line.strip())[0])
    return found


def facts(lines: list[str]) -> set[str]:
    """What stands in the running text between backquotes, and where its links lead."""
    text = re.sub(r"^```.*?^```", "", "\n".join(lines), flags=re.DOTALL | re.MULTILINE)
    return {*re.findall(r"`([^`]+)`", text), *re.findall(r"\]\(([^)]+)\)", text)} - {ENGLISH, CHINESE}


def test_headings_are_the_same() -> None:
    """Every section of one stands in the other, in the same order; what is missing where is said."""
    english, chinese = ([heading for heading, _ in sections(name)] for name in (ENGLISH, CHINESE))
    unknown = [heading for heading in english if heading not in HEADINGS]
    assert not unknown, f"{ENGLISH} has new headings {unknown}: name them in HEADINGS and write them in {CHINESE}"
    gone = [heading for heading in HEADINGS if heading not in english]
    assert not gone, f"{ENGLISH} has no {gone} any more: take them out of HEADINGS and of {CHINESE}"
    wanted = [HEADINGS[heading] for heading in english]
    assert not [one for one in wanted if one not in chinese], f"missing in {CHINESE}"
    assert not [one for one in chinese if one not in wanted], f"in {CHINESE} only"
    assert chinese == wanted, f"{CHINESE} has them in another order"


@pytest.mark.parametrize("heading", HEADINGS)
def test_sections_say_the_same(heading: str) -> None:
    """Under each heading the commands are the same in the same order, and so are the names, settings and linked pages."""
    english, chinese = dict(sections(ENGLISH)).get(heading), dict(sections(CHINESE)).get(HEADINGS[heading])
    assert english is not None, f"{ENGLISH} has no {heading!r}"
    assert chinese is not None, f"{CHINESE} has no {HEADINGS[heading]!r}"
    theirs, ours = commands(english), commands(chinese)
    assert not [one for one in theirs if one not in ours], f"commands missing in {CHINESE} under {HEADINGS[heading]}"
    assert not [one for one in ours if one not in theirs], f"commands in {CHINESE} only, under {HEADINGS[heading]}"
    assert ours == theirs, f"another order of commands in {CHINESE} under {HEADINGS[heading]}"
    assert not facts(english) - facts(chinese), f"missing in {CHINESE} under {HEADINGS[heading]}"
    assert not facts(chinese) - facts(english), f"in {CHINESE} only, under {HEADINGS[heading]}"
