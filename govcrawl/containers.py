"""Where the body of a document stands, on pages that no template speaks for."""

from __future__ import annotations

import re
from typing import Any

from govcrawl.blocks import is_hidden, read_content
from govcrawl.labels import read_spaced, split_labels
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
        *("#mainText", "#newscontent", "#xxgk_content", "#content_text", "#zoomcon", "#ivs_content", "#trsContent"),
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
_FURNITURE = re.compile(r"(?:^|[\s_-])(?:foot|footer|bottom|copyright|header|sidebar|nav)(?:$|[\s_-])", re.IGNORECASE)
_HIGHEST = 6  # ancestors looked at for the line with date and source


def find_container(root: Any) -> tuple[Any, str] | None:
    """Return the body's element by strong hint, and the hint as a selector; None where no hint is met.

    The most specific hint that is met decides; of several matches (footers, mobile copies) the one with most text outside links.
    Hidden copies count only where nothing else is there.
    """
    met: list[tuple[int, str, Any]] = []
    for element in root.iter():
        attributes = element.attrib
        names = (
            ["#" + attributes.get("id", "").strip(), *("." + c for c in attributes.get("class", "").split())]
            if attributes
            else []
        )
        names.append(element.tag)
        met += [(_RANKS[name.lower()], name, element) for name in names if name.lower() in _RANKS]
    kept = [m for m in met if not _in_furniture(m[2])]
    kept = [m for m in kept if not _hidden(m[2])] or kept
    if not kept:
        return None
    first = min(rank for rank, _, _ in kept)
    _, name, element = max((m for m in kept if m[0] == first), key=lambda m: unlinked_length(m[2]))
    return element, name


def unlinked_length(element: Any) -> int:
    """Return how many characters of text stand outside links, blanks not counted."""
    text = compiled("string(.)")
    return _length(text(element)) - sum(_length(text(link)) for link in element.iter("a"))


def _length(text: str) -> int:
    return sum(map(len, text.split()))


def find_scope(container: Any) -> Any:
    """Return the smallest element around the body in which a date or source label is printed; its parent where none is."""
    scope = container
    for place, ancestor in enumerate(container.iterancestors()):
        if ancestor.tag in {"body", "html"} or place >= _HIGHEST:
            break
        scope = ancestor
        labels = read_lines(ancestor, container)
        if "publish_date" in labels or "source" in labels:
            return ancestor
    parent = container.getparent()
    return scope if parent is None else parent


def read_lines(scope: Any, container: Any | None) -> dict[str, str]:
    """Read the labels printed in an element outside the body."""
    drop = () if container is None else (container,)
    out = read_spaced(scope, drop)
    for paragraph in read_content(scope, drop).paragraphs:
        if len(paragraph) <= _LONGEST_LINE:
            for name, value in split_labels(paragraph).items():
                out.setdefault(name, value)
    return out


_LONGEST_LINE = 160


def _in_furniture(element: Any) -> bool:
    return any(
        _FURNITURE.search(f"{node.get('class', '')} {node.get('id', '')}") or node.tag == "footer"
        for node in element.iterancestors()
    )


def _hidden(element: Any) -> bool:
    return is_hidden(element) or any(map(is_hidden, element.iterancestors()))
