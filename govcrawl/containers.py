"""Where the body of a document stands, on pages that no template speaks for."""

from __future__ import annotations

import re
from typing import Any

from govcrawl.blocks import is_hidden
from govcrawl.pick import compiled

# Strong hints, most specific first (containers met on real agency pages). Generic names such as #content or .article read
# worse than no hint at all and are left out.
_HINTS: tuple[tuple[str, ...], ...] = (
    (".TRS_Editor", ".TRS_UEDITOR", ".trs_editor_view", ".TRS_PreAppend"),
    ("#UCAP-CONTENT", "ucapcontent"),
    ("#vsb_content", ".v_news_content", "#vsb_content_2", "#vsb_content_1001", "#vsb_newscontent"),
    ("#zoom",),
    (
        *(
            "#dochtmlcon",
            "#div_article_content",
            "#wenzhang-content",
            "#article_content",
            "#articleContent",
            "#art_content",
        ),
        *(
            "#mainText",
            "#newscontent",
            "#xxgk_content",
            "#content_text",
            "#zoomcon",
            "#ivs_content",
            "#trsContent",
            "#fontzoom",
            "#js_content",
        ),
    ),
    (
        *(
            ".pages_content",
            ".article-content",
            ".article_content",
            ".article-con",
            ".wz_content",
            ".xl_con",
            ".zw-con",
        ),
        *(".detail-content", ".art_con", ".info-content", ".news_content", ".bt_content", ".bt-content", ".con_text"),
        *(
            ".contents_div",
            ".Custom_UnionStyle",
            ".main-txt",
            ".conTxt",
            ".xxgk_content",
            ".xwnr_txt",
            ".news_cont_d_wrap",
            ".artile_zw",
        ),
    ),
)
_RANKS = {hint.lower(): rank for rank, group in enumerate(_HINTS) for hint in group}
_NAMED = compiled("(//*[@class or @id])")
_TAGS = tuple(hint for hint in _RANKS if hint[0] not in ".#")
_FURNITURE = re.compile(r"(?:^|[\s_-])(?:foot|footer|bottom|copyright|header|sidebar|nav)(?:$|[\s_-])", re.IGNORECASE)


def find_container(root: Any) -> tuple[Any, str] | None:
    """Return the body's element by strong hint, and the hint as a selector; None where no hint is met.

    The most specific hint that is met decides; of several matches (footers, mobile copies) the one with most text outside links.
    Hidden copies count only where nothing else is there.
    """
    met: list[tuple[int, str, Any]] = []
    for element in _NAMED(root):
        attributes = element.attrib
        names = ["#" + attributes.get("id", "").strip(), *("." + c for c in attributes.get("class", "").split())]
        met += [(_RANKS[name.lower()], name, element) for name in names if name.lower() in _RANKS]
    if not met:
        met = [(_RANKS[element.tag], element.tag, element) for element in root.iter(*_TAGS)]
    kept = [m for m in met if not _in_furniture(m[2])]
    kept = [m for m in kept if not _hidden(m[2])] or kept
    if not kept:
        return None
    first = min(rank for rank, _, _ in kept)
    best = [(name, element) for rank, name, element in kept if rank == first]
    name, element = max(best, key=lambda one: unlinked_length(one[1])) if best[1:] else best[0]
    return element, name


def unlinked_length(element: Any) -> int:
    """Return how many characters of text stand outside links, blanks not counted."""
    text = compiled("string(.)")
    return _length(text(element)) - sum(_length(text(link)) for link in element.iter("a"))


def _length(text: str) -> int:
    return sum(map(len, text.split()))


def _in_furniture(element: Any) -> bool:
    return any(
        _FURNITURE.search(f"{node.get('class', '')} {node.get('id', '')}") or node.tag == "footer"
        for node in element.iterancestors()
    )


def _hidden(element: Any) -> bool:
    return is_hidden(element) or any(map(is_hidden, element.iterancestors()))
