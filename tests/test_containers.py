"""The body's element on pages without template."""

from __future__ import annotations

from typing import Any

import pytest

from govcrawl.containers import find_container, unlinked_length
from govcrawl.decode import Page

TEXT = "<p>" + "正文的一句话。" * 20 + "</p>"


def root_of(markup: str) -> Any:
    """Parse a page."""
    return Page(url="http://www.yunling.test/a.htm", body=markup.encode()).root


@pytest.mark.parametrize(
    ("markup", "name", "marked"),
    [
        (f"<div id=zoom><div class=TRS_Editor m=1>{TEXT}</div></div>", ".TRS_Editor", "1"),
        (f"<div class=TRS_Editor m=1>{TEXT}</div><div class=TRS_Editor>页脚</div>", ".TRS_Editor", "1"),
        (f"<div class=footer><div class=TRS_Editor>{TEXT}</div></div><div id=Zoom m=1>{TEXT}</div>", "#Zoom", "1"),
        (f"<div style='display:none'><div id=zoom>{TEXT}{TEXT}</div></div><div id=zoom m=1>{TEXT}</div>", "#zoom", "1"),
        (f"<ucapcontent m=1>{TEXT}</ucapcontent>", "ucapcontent", "1"),
        (f"<td class='x article-content' m=1>{TEXT}</td>", ".article-content", "1"),
    ],
)
def test_hints(markup: str, name: str, marked: str) -> None:
    """The most specific hint decides, then the most text; footers and hidden copies do not count."""
    found = find_container(root_of(f"<body>{markup}</body>"))
    assert found is not None
    assert (found[0].get("m"), found[1]) == (marked, name)


def test_generic_names_are_no_hints() -> None:
    """#content and .article are too common to say anything."""
    assert find_container(root_of(f"<div id=content class=article>{TEXT}</div>")) is None


def test_length_outside_links() -> None:
    """Text in links and blanks do not count."""
    assert unlinked_length(root_of("<p>正 文<a>链接</a></p>")) == 2
