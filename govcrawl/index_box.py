"""Index tables and boxes of 信息公开 pages, by catalog field name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from govcrawl.labels import INDEX_LABELS, normal_label, read_value, split_labels, visible_text
from govcrawl.pick import compiled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STRING = compiled("string(.)")
_BLANKS = re.compile(r"[\s\u200b\ufeff]+")
_HAS_COLON = re.compile(r"[:：﹕︰]")
_INNER = compiled("./li | ./p | ./div")
_ITEMS = frozenset({"li", "p"})
_CELLS = frozenset({"td", "th", "dt", "dd"})
_BRACKETED = re.compile(r"\s*[\[【〔]([^\[\]【】〔〕]{2,20})[\]】〕]\s*(\S.*)", re.DOTALL)
_LONGEST_ITEM = 600
_LONGEST_LABEL = 40  # with all the blanks that stand inside labels
_FEWEST_FIELDS = 3
LEADING_CHARACTERS = 3000
"""An index inside the body's container stands at its head."""

_LONGEST_INDEX = 4000  # characters; the widest index with 内容概述 is far below that
_LABEL_LENGTH = 4
_MOSTLY = 0.5
_KEY_LABEL = (  # in both scripts: turning whole pages into simplified characters takes longer than looking for both
    *("索引", "索取号", "文号", "发文机", "发文字", "发文单", "发布机", "文件编号"),
    *("索取號", "文號", "發文機", "發文字", "發文單", "發佈機", "發布機", "文件編號"),
)
_MAY_NAME = re.compile(r"[索文发發]\s*[引取号號件文布佈]")  # is in each of them, and seldom elsewhere
_SMALL_HOLDERS = compiled(
    f"(.//*[self::table or self::ul or self::dl or self::div][string-length(.) <= {_LONGEST_INDEX}])"
)


def read_index(blocks: Iterable[Any]) -> dict[str, str]:
    """Read index tables and boxes: td|td, th|td, dt|dd, ``li`` or ``p`` with "label：value", label in an element with the value behind it.

    Sites print the same index two or three times (wide, narrow, list); the first value of a field holds, 无 is none.
    """
    out: dict[str, str] = {}
    for block in blocks:
        for name, value in _index_pairs(block):
            kept = read_value(value)
            if kept:
                out.setdefault(name, kept)
    return out


def _index_pairs(block: Any) -> Iterator[tuple[str, str]]:
    for row in block.iter("tr", "dl"):
        yield from _row_pairs([_STRING(cell) for cell in row if cell.tag in _CELLS])
    for item in block.iter("li", "p", "div", "span"):
        said = item.tag == "span" and item.getparent().tag in _ITEMS  # with the item around it
        if not said and next(item.iterancestors("tr"), None) is None:
            yield from _item_pairs(item)


def _row_pairs(texts: list[str]) -> Iterator[tuple[str, str]]:
    """Read cells beside each other: a label and the value behind it, or both in one cell."""
    for place, text in enumerate(texts):
        name = INDEX_LABELS.get(normal_label(text)) if len(text) <= _LONGEST_LABEL else None
        if name and place + 1 < len(texts):
            if normal_label(texts[place + 1]) not in INDEX_LABELS:
                yield name, texts[place + 1]
        elif _HAS_COLON.search(text):
            yield from split_labels(text, INDEX_LABELS).items()


def _item_pairs(item: Any) -> Iterator[tuple[str, str]]:
    """Read what one item of a list or box says: 标签：值, [标签] 值, a label in an element of its own."""
    text = _STRING(item)
    if len(text) <= _LONGEST_ITEM and len(item):
        yield from _element_pairs(item)
    if _INNER(item):
        return
    if _HAS_COLON.search(text):
        yield from split_labels(visible_text(item), INDEX_LABELS).items()
    elif bracketed := _BRACKETED.match(text):
        name = INDEX_LABELS.get(normal_label(bracketed[1]))
        if name:
            yield name, bracketed[2]


def _element_pairs(item: Any) -> Iterator[tuple[str, str]]:
    """Read labels without colon that stand in an element of their own: ``<b>发文字号</b>云府〔2024〕1号``, ``<span>文号</span><div>…``."""
    for label in item:
        text = _STRING(label) if isinstance(label.tag, str) else ""
        if not 0 < len(text) <= _LONGEST_LABEL or _HAS_COLON.search(text):
            continue
        name = INDEX_LABELS.get(normal_label(text))
        following = label.getnext()
        value = (label.tail or "").strip() or (
            "" if following is None or not isinstance(following.tag, str) else _STRING(following)
        )
        if name and value.strip() and normal_label(value) not in INDEX_LABELS:
            yield name, value


def _names_a_field(text: str) -> bool:
    """Tell quickly whether a text holds one of the labels without which no index is known."""
    if not _MAY_NAME.search(text):
        return False
    whole = "".join(text.split())
    return any(word in whole for word in _KEY_LABEL)


def find_index(scope: Any, *, leading: int | None = LEADING_CHARACTERS, outside: Any | None = None) -> list[Any]:
    """Return the outermost elements under ``scope`` that are index tables or boxes, in document order.

    An element counts when it holds at least three different index fields and little else. A catalogue of documents, whose
    header row names the same fields, is none: there the cell behind a label is another label.

    Args:
        leading: only where the first so many characters name an index field; None looks at everything.
        outside: an element (the body) in which and around which nothing is looked for.
    """
    if not _names_a_field(_STRING(scope)[:leading]):
        return []
    found: list[Any] = []
    rows: dict[Any, list[tuple[Any, set[str]]]] = {}
    passed = set() if outside is None else {*outside.iter(), *outside.iterancestors()}
    for holder in _SMALL_HOLDERS(scope):
        if holder in passed or (found and any(parent in found for parent in holder.iterancestors())):
            continue
        names = _names_in(holder, lone=bool(rows))
        if len(names) >= _FEWEST_FIELDS:
            found.append(holder)
        elif names:
            rows.setdefault(holder.getparent(), []).append((holder, names))
    return found or _lone_rows(rows)


def _names_in(holder: Any, *, lone: bool) -> set[str]:
    """Return the fields that an element names, none where it holds much else; ``lone`` also looks at rows without a key field."""
    text = _STRING(holder)
    if not (_names_a_field(text) or (lone and len(text) <= _LONGEST_ITEM)):
        return set()
    pairs = list(_index_pairs(holder))
    covered = sum(len(_BLANKS.sub("", value)) + _LABEL_LENGTH for _, value in pairs)
    return {name for name, _ in pairs} if covered >= _MOSTLY * len(_BLANKS.sub("", text)) else set()


def _lone_rows(rows: dict[Any, list[tuple[Any, set[str]]]]) -> list[Any]:
    """Return rows that stand beside the text, in no box of their own, where they name enough together."""
    for lines in rows.values():
        if len(set().union(*(names for _, names in lines))) >= _FEWEST_FIELDS:
            return [holder for holder, _ in lines]
    return []
