"""Selectors that state how many matches they expect."""

from __future__ import annotations

import pytest

from govcrawl.decode import Page
from govcrawl.errors import TemplateMismatch
from govcrawl.pick import pick_one, pick_some

PAGE = Page(
    url="http://www.yunling.test/a.htm", body="<ul><li class=x>一</li><li class='x y'>二</li></ul><h1>题</h1>".encode()
)


def test_pick_one_by_css_and_xpath() -> None:
    """CSS and XPath find the same element."""
    assert pick_one(PAGE, "h1", "title").text == "题"
    assert pick_one(PAGE, "//h1", "title") is pick_one(PAGE, "h1", "title")


def test_pick_some_counts() -> None:
    """As many as expected pass, in document order; attribute values come as strings."""
    assert [e.text for e in pick_some(PAGE, "li.x", "rows", least=2, most=2)] == ["一", "二"]
    assert pick_some(PAGE, "//li/@class", "classes") == ["x", "x y"]
    assert pick_some(PAGE, ".absent", "maybe", least=0) == []


@pytest.mark.parametrize(
    ("selector", "least", "most", "said"),
    [
        ("h2", 1, None, "found 0, expected at least 1"),
        ("li", 1, 1, "found 2, expected 1"),
        ("li", 3, 4, "found 2, expected 3 to 4"),
    ],
)
def test_mismatch_says_where_what_and_how_many(selector: str, least: int, most: int | None, said: str) -> None:
    """The error names page, what was looked for, selector, got and expected, from an element as well."""
    for node in (PAGE, PAGE.root):
        with pytest.raises(TemplateMismatch) as caught:
            pick_some(node, selector, "the rows", least=least, most=most)
        for part in (PAGE.url, "the rows", repr(selector), said):
            assert part in str(caught.value)


def test_pick_one_of_two() -> None:
    """Two where one must be is an error, not the first of them."""
    with pytest.raises(TemplateMismatch, match="found 2"):
        pick_one(PAGE, "li", "row")
