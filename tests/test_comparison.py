"""Two versions side by side: fields, tables by cells, files by what is the same of them."""

from __future__ import annotations

import json
import re

import pytest
from catalogs import fetched
from hypothesis import given
from hypothesis import strategies as st

from archive.change_words import details
from archive.comparison import RowChange, VersionContent, compare, compare_files, compare_tables
from archive.versions import PRINTED_FIELDS

tables = st.lists(
    st.lists(st.lists(st.sampled_from("甲乙丙1"), min_size=1, max_size=4).map(tuple), max_size=5).map(tuple), max_size=4
)


def version(**values: object) -> VersionContent:
    """A version's content; fields that are not given are not printed."""
    fields = {name: values.pop(name, None) for name in PRINTED_FIELDS}
    empty = {"text": None, "tables": (), "attachments": (), "images": ()}
    return VersionContent(fields=fields, **(empty | values))  # type: ignore[arg-type]


@given(tables, tables)
def test_tables_are_told_completely(
    before: list[tuple[tuple[str, ...], ...]], after: list[tuple[tuple[str, ...], ...]]
) -> None:
    """Every table that differs is told once, with all its rows on both sides in order."""
    found = list(compare_tables(before, after))
    numbers = [one.before for one in found if one.before is not None]
    assert numbers == sorted(set(numbers))
    kept = [n for n in range(len(before)) if n not in {one.before for one in found}]
    assert [before[n] for n in kept] == [after[n] for n in range(len(after)) if n not in {one.after for one in found}]
    for one in found:
        for number, texts, side in ((one.before, before, "before"), (one.after, after, "after")):
            rows = [getattr(row, side) for row in one.rows if getattr(row, side) is not None]
            expected = () if number is None else texts[number]
            assert len(rows) == len(expected)
            for cells, printed in zip(rows, expected, strict=True):
                assert [cell for cell in cells if cell] == list(printed)


def test_a_cell_and_a_row_are_found() -> None:
    """A changed cell stands beside its old value, a new row is inserted, a new column is one cell more in each row."""
    before = ((("项目", "金额"), ("收入", "10"), ("支出", "20")),)
    after = ((("项目", "金额"), ("收入", "11"), ("结余", "3"), ("支出", "20")),)
    (table,) = compare_tables(before, after)
    assert table.rows == (
        RowChange("equal", ("项目", "金额"), ("项目", "金额")),
        RowChange("change", ("收入", "10"), ("收入", "11")),
        RowChange("insert", None, ("结余", "3")),
        RowChange("equal", ("支出", "20"), ("支出", "20")),
    )
    wider = tuple((*row[:1], "单位", *row[1:]) for row in before[0])
    (table,) = compare_tables(before, (wider,))
    assert [row.before for row in table.rows] == [("项目", "", "金额"), ("收入", "", "10"), ("支出", "", "20")]
    assert {row.kind for row in table.rows} == {"change"}


A, B = "http://a.test/1.pdf", "http://a.test/2.pdf"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([fetched(A, "a" * 64)], [fetched(A, "b" * 64)], ["replaced"]),
        ([fetched(A, "a" * 64)], [fetched(A, "a" * 64, label="附件一")], ["renamed"]),
        ([fetched(A, "a" * 64)], [fetched(B, "a" * 64)], ["renamed"]),
        ([fetched(A, "a" * 64)], [fetched(B, "b" * 64)], ["replaced"]),
        ([fetched(A, "a" * 64)], [fetched(B, "b" * 64, label="别的")], ["removed", "added"]),
        ([fetched(A, "a" * 64)], [fetched(A, None)], []),
        ([fetched(A, None)], [fetched(A, "a" * 64)], []),
        ([], [fetched(A, None)], ["added"]),
        ([fetched(A, "a" * 64), fetched(B, "a" * 64)], [fetched(B, "a" * 64), fetched(A, "a" * 64)], []),
    ],
)  # fmt: skip
def test_files_are_recognised(before: list, after: list, expected: list[str]) -> None:  # type: ignore[type-arg]
    """A file is the same by its address, else its bytes, else its label; one that could not be fetched is not replaced."""
    assert [change.kind for change in compare_files(before, after)] == expected


def test_a_comparison_is_said_in_both_languages() -> None:
    """Fields with both values, sizes of text, tables and files; and all of it as JSON."""
    before = version(title="通知", text="第一段\n第二段", attachments=(fetched(A, "a" * 64),), tables=((("甲",),),))
    after = version(
        title="通知（更正）", topic="司法", text="第一段\n第二段有改", attachments=(fetched(A, "b" * 64),), tables=()
    )
    found = compare(before, after)
    assert list(details(found, "zh")) == [
        "标题：通知 → 通知（更正）",
        "主题分类：（无） → 司法",
        "正文：删 0 字，增 2 字",
        "表 1：删去，1 行",
        "附件：附件1 内容已换 sha256 aaaaaaaaaaaa… → bbbbbbbbbbbb…",
    ]
    assert all(not re.search("[：（，]", line.replace("通知（更正）", "")) for line in details(found, "en"))
    said = json.loads(json.dumps(found.as_json()))
    assert said["text"]["ops"] == [["equal", "第一段\n第二段"], ["insert", "有改"]]
    assert compare(before, before).same
    assert not found.same
