"""Charts: well-formed drawings whose bars are as high as their figures, with every figure as text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from govcrawl.charts import Bar, bars

SVG = "{http://www.w3.org/2000/svg}"
COUNTS = st.integers(0, 10**6)


@given(st.lists(st.tuples(st.text(max_size=9), COUNTS, COUNTS), max_size=80), st.text(max_size=20))
def test_drawing_is_true(rows: list[tuple[str, int, int]], title: str) -> None:
    """Bars stand inside the drawing, in the proportions of their figures, and say them."""
    drawn = bars([Bar(label, (a, b), f"{a}+{b}") for label, a, b in rows], title=title, description="d")
    clean = "".join(char for char in drawn if char.isprintable())
    root = ET.fromstring(clean.partition("<ul")[0].replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))  # noqa: S314 - own output
    groups = root.findall(f"{SVG}g")
    assert len(groups) == len(rows)
    heights = []
    for (_, a, b), group in zip(rows, groups, strict=True):
        assert group.findtext(f"{SVG}title") == f"{a}+{b}"
        tall = sum(float(rect.get("height", "nan")) for rect in group.findall(f"{SVG}rect"))
        heights.append((a + b, tall))
        assert 0 <= tall <= 115
    for (one, tall), (other, taller) in pairwise(heights):
        assert (one <= other) == (tall <= taller + 0.2) or abs(tall - taller) < 0.3
