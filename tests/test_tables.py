"""Grids with spans resolved, and what is only layout."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcrawl.decode import Page
from govcrawl.tables import is_layout, read_grid, read_parts


def table_of(markup: str) -> Any:
    """Return the first table of some markup."""
    return Page(url="http://www.yunling.test/a.htm", body=markup.encode()).root.find(".//table")


def grid_of(markup: str) -> tuple[tuple[str, ...], ...]:
    """Return the grid of the first table of some markup."""
    return read_grid(read_parts(table_of(markup)).rows, lambda cell: "".join(cell.itertext()).strip())


def test_spans() -> None:
    """A cell stands in each place that it covers."""
    markup = """<table><tr><th rowspan=2>地区</th><th colspan=2>受理</th></tr><tr><td>件数</td><td>同比</td></tr>
    <tr><td>云东</td><td>3</td><td>1%</td></tr></table>"""
    assert grid_of(markup) == (("地区", "受理", "受理"), ("地区", "件数", "同比"), ("云东", "3", "1%"))


def test_report_table_with_nested_groups() -> None:
    """Row groups inside row groups, as in the national table of requests, keep every number in its column."""
    markup = """<table><tr><td colspan=3 rowspan=2></td><td colspan=2>申请人</td></tr><tr><td>自然人</td><td>总计</td></tr>
    <tr><td rowspan=3>三、结果</td><td colspan=2>（一）予以公开</td><td>4</td><td>4</td></tr>
    <tr><td rowspan=2>（三）不予公开</td><td>1.国家秘密</td><td>0</td><td>0</td></tr><tr><td>2.其他</td><td>1</td><td>1</td></tr></table>"""
    assert grid_of(markup)[2:] == (
        ("三、结果", "（一）予以公开", "（一）予以公开", "4", "4"),
        ("三、结果", "（三）不予公开", "1.国家秘密", "0", "0"),
        ("三、结果", "（三）不予公开", "2.其他", "1", "1"),
    )


def test_widths_only_and_empty_rows() -> None:
    """Columns that no cell begins and rows without text, as Word and Excel leave them, are left out."""
    markup = "<table><tr><td colspan=3>甲</td><td colspan=2>乙</td></tr><tr><td colspan=3>1</td><td colspan=2>2</td></tr><tr><td colspan=5>&nbsp;</td></tr></table>"
    assert grid_of(markup) == (("甲", "乙"), ("1", "2"))


def test_rowspan_beyond_the_table_and_zero() -> None:
    """A rowspan ends with the table; 0 means to its end (HTML, 'rowspan')."""
    assert grid_of("<table><tr><td rowspan=99>甲</td><td>1</td></tr><tr><td>2</td></tr></table>") == (
        ("甲", "1"),
        ("甲", "2"),
    )
    assert grid_of("<table><tr><td rowspan=0>甲</td><td>1</td></tr><tr><td>2</td></tr></table>") == (
        ("甲", "1"),
        ("甲", "2"),
    )


def test_claimed_millions_of_cells() -> None:
    """Spans that claim a huge grid are not expanded, the cells are kept."""
    rows = "".join(f"<tr>{f'<td colspan=1000 rowspan=60000>{n}</td>' * 8}</tr>" for n in range(1, 60))
    grid = grid_of(f"<table>{rows}</table>")
    assert len(grid) == 59
    assert set(grid[-1]) == {"59"}


@pytest.mark.parametrize(
    ("markup", "layout"),
    [
        ("<table><tr><td>一段正文</td></tr></table>", True),
        ("<table><tr><td>一</td></tr><tr><td>二</td></tr></table>", True),
        ("<table></table>", True),
        ("<table role=presentation><tr><td>一</td><td>二</td></tr></table>", True),
        ("<table><tr><td>甲</td><td>乙</td></tr><tr><td>1</td><td>2</td></tr></table>", False),
        ("<table><tr><td>联系人</td><td>某某</td></tr></table>", False),
        ("<table><tr><td>图</td><td>" + "正文" * 300 + "</td></tr></table>", True),
        ("<table><tr><td></td><td><table><tr><td>甲</td><td>乙</td></tr></table></td></tr></table>", True),
        (
            "<table><tr><td>甲</td><td>乙</td></tr><tr><td>1</td><td><table><tr><td>内</td></tr></table></td></tr></table>",
            False,
        ),
    ],
)
def test_layout(markup: str, layout: bool) -> None:  # noqa: FBT001 - the expected value
    """One column, one row of running text, or a frame around other tables only arranges."""
    assert is_layout(table_of(markup)) is layout


SPAN = st.sampled_from(["", "1", "2", "3", "0", "-1", "x", "9999999999"])


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(SPAN, SPAN), max_size=5), min_size=1, max_size=6))
def test_no_cell_is_lost(rows: list[list[tuple[str, str]]]) -> None:
    """Whatever the spans, the grid is rectangular and holds every cell."""
    texts = [[f"c{r}.{c}" for c in range(len(row))] for r, row in enumerate(rows)]
    markup = "".join(
        "<tr>"
        + "".join(f"<td colspan='{a}' rowspan='{b}'>{texts[r][c]}</td>" for c, (a, b) in enumerate(row))
        + "</tr>"
        for r, row in enumerate(rows)
    )
    grid = grid_of(f"<table>{markup}</table>")
    assert len({len(row) for row in grid}) <= 1
    assert {text for row in texts for text in row} <= {cell for row in grid for cell in row}
