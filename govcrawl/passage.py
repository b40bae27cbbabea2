"""Where the body stands on a page without known container: the run of lines between the title and the page's foot.

A page is read as lines, as a reader sees them. The body begins behind the title and what is printed beside it (date, source, index), and
ends where the page goes on with other things: 上一篇, 打印本页, a list of links, the footer.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from govcrawl.blocks import BLOCKS, BREAKS, HEAD, TAIL, is_hidden, normal_text
from govcrawl.citations import is_document_number
from govcrawl.dates import parse_date
from govcrawl.items import Passage
from govcrawl.labels import LINE_LABELS, begins_with_label, is_table_value, split_labels
from govcrawl.urls import FILE_EXTENSIONS, extension

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_ASIDE = re.compile(
    r"(?:^|[\s_-])(?:foot|footer|bottom|copyright|header|top|nav|navi|menu|side|sidebar|hot|rank|related?|recommend|friend|crumbs?"
    r"|xgwz|xglj|xgxx|xgwj|xgyd|xgjd|rmxx|rmwz|phb|share|dqwz)(?:$|[\s_-])",
    re.IGNORECASE,
)
_ASIDE_TAGS = frozenset({"footer", "nav", "aside"})
_MEDIA = frozenset({"img", "iframe", "embed", "object", "video"})
_SAYING = re.compile("[。；：]")
_SENTENCE = re.compile("[，。；：、！？,;]")
_END = re.compile(
    r"[\s【\[（(]*(?:上一[篇条页]|下一[篇条页]|打印(?:本|此|该)[页文]|关闭(?:本|此)?(?:窗口|页面)|分享(?:到|至)?[:：]?$|扫一扫|扫码|相关(?:链接|新闻|稿件|信息|文章|阅读|推荐|文件|解读|政策|内容|热词(?:搜索)?)[:：]?$"
    r"|热点(?:信息|新闻|推荐)$|最新(?:信息|动态|文章)$|版权所有|主办(?:单位)?\s*[:：]|网站标识码|[一-龥]?ICP备|Copyright|返回(?:列表|顶部|首页|上一页)|我要纠错|责任编辑\s*[:：]|-{6,}分隔线)"
    r"|.{0,60}(?:网站标识码|网安备|ICP备)",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"\s+")
_TABS = re.compile("正文|原文|全文|解读|(?:文字|图片|政策)解读|相关解读|附件下载")
_LONGEST_HEAD = 160
_HEAD_LINES = 12
_ITEMS = frozenset({"li", "dt", "dd", "td", "span", "i", "em"})
_BETWEEN = 2  # short lines that may stand between title and line: a subtitle, an organ
_HEAD_WEIGHT = 50.0  # of what may stand between two places where the title is printed
_LONG = 20  # characters; a line that long says something even without punctuation
_SHORT = 0.3  # weight of the others
_SHORTEST_TITLE = 4
_LONGEST_HEADING = 12
_LINKS = 3  # so many lines of links in a row are a list of other pages
_TITLE_NAME = re.compile(r"(?:^|[\s_-])(?:tit|title|bt|biaoti|headline)\d?(?:$|[\s_-])|title", re.IGNORECASE)
_HEADINGS = frozenset({"h1", "h2", "h3"})
_LEAST_SHARE = 0.3
_OWN_SHARE = 0.5
_RULES = "_|—–-"


class _Line(NamedTuple):
    text: str
    spaced: str  # with a blank between its elements
    linked: int  # characters in links that lead to no file
    holder: Any  # the block it stands in
    aside: Any | None  # the side column, footer or menu around it
    media: bool

    @property
    def is_link(self) -> bool:
        return bool(self.text) and self.linked * 10 >= 9 * len(self.text.replace(" ", ""))


@dataclass
class _Lines:
    """A page's lines, and for each element which of them stand in it."""

    lines: list[_Line]
    spans: dict[Any, tuple[int, int]]

    @cached_property
    def weights(self) -> list[float]:
        """How much each line says for being the body."""
        out = [_weight(line) for line in self.lines]
        asides: dict[Any, float] = {}
        for line, weight in zip(self.lines, out, strict=True):
            if line.aside is not None:
                asides[line.aside] = asides.get(line.aside, 0.0) + weight
        own = {one for one, weight in asides.items() if weight > _OWN_SHARE * sum(out)}  # named so, but it is the page
        return [
            0.0 if line.aside is not None and line.aside not in own else weight
            for line, weight in zip(self.lines, out, strict=True)
        ]

    def is_aside(self, place: int) -> bool:
        """Tell whether a line stands in a side column, menu or footer."""
        return self.lines[place].aside is not None and self.weights[place] == 0.0


def find_passage(root: Any, stated: str | None, index: Collection[Any] = ()) -> Passage | None:
    """Return the body of a page by its title and its lines; None where nothing speaks for any place.

    Args:
        stated: the title by meta tag or window.
        index: index tables and boxes outside the body.
    """
    body = root.find("body")
    page = _Reader(frozenset(index)).read(root if body is None else body)
    anchored = True
    title = _title(page, stated)
    run = _run_after(page, title)
    if run is None or title is None or _share(page, *run, title=title) < _LEAST_SHARE:
        anchored = False
        run = _run_around(page) or run
    return None if run is None else _cut(page, *run, anchored=anchored)


def _share(page: _Lines, start: int, end: int, *, title: int) -> float:
    """Return how much of all that speaks for a body, outside title and head, stands in a run; 1 where nothing does."""
    total = sum(page.weights) - sum(page.weights[title:start])
    return sum(page.weights[start:end]) / total if total else 1.0


# --- lines ---


class _Place(NamedTuple):
    """Where the reading stands: an element, its children, the block and the aside it stands in, whether in a link."""

    element: Any
    children: Iterator[Any]
    block: Any
    aside: Any | None
    linked: bool


class _Reader:
    """Reads lines, element by element."""

    def __init__(self, index: Collection[Any]) -> None:
        self.lines: list[_Line] = []
        self.spans: dict[Any, tuple[int, int]] = {}
        self._index = index
        self._pieces: list[str] = []
        self._linked = 0
        self._holder: Any = None
        self._begun: dict[Any, int] = {}

    def read(self, body: Any) -> _Lines:
        """Return the lines of a page."""
        stack = [self._begin(body, body, None, linked=False)]
        while stack:
            place = stack[-1]
            child = next(place.children, None)
            if child is None:
                stack.pop()
                self._end(place)
                if stack:
                    self._take(place.element.tail, stack[-1].block, linked=stack[-1].linked)
            elif is_hidden(child) or child in self._index or child.tag in _MEDIA:
                self._pass(child, place)
            else:
                if child.tag in BREAKS or child.tag in BLOCKS:
                    self._flush(place.aside)
                aside = place.aside if place.aside is not None or not _is_aside(child) else child
                linked = place.linked or (child.tag == "a" and bool(child.get("href")) and not _is_file(child))
                stack.append(self._begin(child, child if child.tag in BLOCKS else place.block, aside, linked=linked))
        self._flush(None)
        self.spans[body] = (0, len(self.lines))
        return _Lines(self.lines, self.spans)

    def _begin(self, element: Any, block: Any, aside: Any | None, *, linked: bool) -> _Place:
        self._begun[element] = len(self.lines)
        self._take(element.text, block, linked=linked)
        return _Place(element, iter(element), block, aside, linked)

    def _end(self, place: _Place) -> None:
        if place.element.tag in BLOCKS:
            self._flush(place.aside)
        self.spans[place.element] = (self._begun[place.element], len(self.lines))

    def _pass(self, child: Any, place: _Place) -> None:
        """Pass over what shows no text: a picture or frame is a line of its own, the index ends a line."""
        shown = child.tag in _MEDIA and child not in self._index
        if shown or child in self._index:
            self._flush(place.aside)
        first = len(self.lines)
        if shown:
            self.lines.append(_Line("", "", 0, place.block, place.aside, media=child.tag != "img" or _is_large(child)))
        self.spans[child] = (first, len(self.lines))
        self._take(child.tail, place.block, linked=place.linked)

    def _take(self, text: str | None, holder: Any, *, linked: bool) -> None:
        if text and text.strip():
            if not any(map(str.strip, self._pieces)):
                self._holder = holder
            if linked:
                self._linked += len(_BLANKS.sub("", text))
        if text:
            self._pieces.append(text)

    def _flush(self, aside: Any | None) -> None:
        text = normal_text("".join(self._pieces)) if self._pieces else ""
        if text:
            spaced = " ".join(" ".join(self._pieces).split())
            holder = self._holder
            self.lines.append(_Line(text, spaced, self._linked, holder, aside, media=False))
        self._pieces.clear()
        self._linked = 0


def _is_aside(element: Any) -> bool:
    return element.tag in _ASIDE_TAGS or (
        element.tag in BLOCKS and _ASIDE.search(f"{element.get('class') or ''} {element.get('id') or ''}") is not None
    )


def _is_file(link: Any) -> bool:
    return extension(link.get("href") or "") in FILE_EXTENSIONS or link.get("appendix") is not None


def _is_large(image: Any) -> bool:
    sizes = [
        int(value) for name in ("width", "height") if (value := (image.get(name) or "").removesuffix("px")).isdecimal()
    ]
    return min(sizes, default=_LONG_SIDE) >= _LONG_SIDE


_LONG_SIDE = 200


def _weight(line: _Line) -> float:
    unlinked = len(line.text) - line.linked
    if (
        not line.text
        or unlinked * 2 < len(line.text)
        or _END.match(line.text)
        or HEAD.fullmatch(line.text[:_LONGEST_HEAD])
    ):
        return 0.0
    return unlinked * (1.0 if unlinked >= _LONG or _SENTENCE.search(line.text) else _SHORT)


# --- the title, and what stands beside it ---


def _squeeze(text: str) -> str:
    return _BLANKS.sub("", text)


def _title(page: _Lines, stated: str | None) -> int | None:
    """Return the place of the title's last line: as it is stated, of several the last before any text; else of a heading."""
    wanted = {_squeeze(stated)} if stated else set()
    if stated:
        parts = re.split(f"[{_RULES}]", stated)
        wanted |= {_squeeze(part) for part in parts if len(part) > _LONGEST_HEADING}
    texts = [_squeeze(line.text) for line in page.lines]
    found: list[int] = []
    for place, text in enumerate(texts):
        if len(text) < _SHORTEST_TITLE or page.is_aside(place) or page.lines[place].is_link:
            continue
        joined = text + (texts[place + 1] if place + 1 < len(texts) else "")
        if text in wanted:
            found.append(place)
        elif joined in wanted:
            found.append(place + 1)
    if not found:
        return _heading(page)
    place = found[0]
    for following in found[1:]:
        if sum(page.weights[place + 1 : following]) > _HEAD_WEIGHT:
            break
        place = following
    return place


def _heading(page: _Lines) -> int | None:
    """Return the place of the first heading that date or source follow at once."""
    for place, line in enumerate(page.lines):
        named = line.holder.tag in _HEADINGS or _TITLE_NAME.search(
            f"{line.holder.get('class') or ''} {line.holder.get('id') or ''}"
        )
        if named and not line.is_link and len(line.text) >= _SHORTEST_TITLE and not page.is_aside(place):
            following = page.lines[place + 1 : place + 1 + _LINKS]
            if any(_labels(one) for one in following):
                return place
    return next((place for place, line in enumerate(page.lines) if _labels(line) and not page.is_aside(place)), None)


def _labels(line: _Line) -> bool:
    """Tell whether a line prints date or source beside a title."""
    if len(line.text) > _LONGEST_HEAD or not line.text:
        return False
    return bool({"publish_date", "source"} & split_labels(line.spaced, LINE_LABELS).keys()) or _begins_with_date(line)


def _begins_with_date(line: _Line) -> bool:
    words = line.spaced.split()
    dated = any(parse_date(" ".join(words[:count])) for count in (1, 2)) and len(line.text) <= _LONGEST_HEAD // 2
    return dated and not is_table_value(line.holder)


def _is_head(line: _Line) -> bool:
    text = line.text
    return bool(
        len(text) <= _LONGEST_HEAD
        and (
            split_labels(line.spaced, LINE_LABELS)
            or begins_with_label(line.spaced)
            or _begins_with_date(line)
            or HEAD.fullmatch(text)
            or (line.holder.tag == "li" and _TABS.fullmatch(text))
            or is_document_number(text)
        )
    )


def _run_after(page: _Lines, title: int | None) -> tuple[int, int] | None:
    if title is None:
        return None
    start, passed = title + 1, 0
    heads: set[Any] = set()
    for place in range(title + 1, min(title + 1 + _HEAD_LINES, len(page.lines))):
        line = page.lines[place]
        if _is_head(line) or line.is_link or _is_beside(line.holder, heads):
            start = place + 1
            heads.add(line.holder)
        elif line.media or _SAYING.search(line.text) or passed == _BETWEEN:  # the text has begun
            break
        else:
            passed += bool(line.text)
    return _run_from(page, start)


def _is_beside(holder: Any, heads: Collection[Any]) -> bool:
    """Tell whether an item stands in one list or row with an item that says something of the document: <li>2024-03-08</li><li>人才科</li>."""
    if holder in heads or holder.tag not in _ITEMS:
        return False
    return any(head.tag in _ITEMS and head.getparent() is holder.getparent() for head in heads)


def _run_from(page: _Lines, start: int) -> tuple[int, int] | None:
    """Return the lines from a place to where other things begin, None where there are none."""
    end, place, seen = start, start, False
    while place < len(page.lines):
        line = page.lines[place]
        if page.is_aside(place):
            break
        if line.media or page.weights[place] > 0:
            end, seen = place + 1, True
        elif line.text and seen and (_END.match(line.text) or TAIL.fullmatch(line.text)):
            break
        elif line.is_link and seen:
            if sum(one.is_link for one in page.lines[place : place + _LINKS]) == _LINKS:
                break
        elif line.text and not line.is_link:
            end = place + 1
        place += 1
    if place < len(page.lines) and page.lines[place].is_link and end - start > 1:
        last = page.lines[end - 1]
        if 0 < len(last.text) <= _LONGEST_HEADING and not _SENTENCE.search(last.text):
            end -= 1  # the heading of the list of links
    return (start, end) if seen else None


def _run_around(page: _Lines) -> tuple[int, int] | None:
    """Return the run with the heaviest line, on pages that show no title."""
    if not any(page.weights):
        return None
    place = max(range(len(page.lines)), key=lambda n: page.weights[n])
    start = place
    while start > 0:
        before = page.lines[start - 1]
        if page.is_aside(start - 1) or before.is_link or _is_head(before) or _END.match(before.text):
            break
        start -= 1
    return _run_from(page, start)


# --- the run as an element ---


def _cut(page: _Lines, start: int, end: int, *, anchored: bool) -> Passage | None:
    """Return a copy of the smallest element around some lines, without what stands in it before and behind them."""
    while end > start and not page.lines[end - 1].media and not page.lines[end - 1].text:
        end -= 1
    holders = [page.lines[place].holder for place in range(start, end)]
    if not holders:
        return None
    holder = holders[0]
    while not page.spans[holder][1] >= end or page.spans[holder][0] > start:
        holder = holder.getparent()
    outside: set[Any] = set()
    elements: list[Any] = []
    stack = [holder]
    while stack:
        element = stack.pop()
        first, last = page.spans.get(element, (start, start))
        if element is not holder and ((last <= start and first < start) or first >= end):
            outside.add(element)
        elif element is not holder and first >= start and last <= end:
            elements.append(element)
        else:
            stack += [child for child in element if isinstance(child.tag, str)]
    places = {place for place, element in enumerate(holder.iter()) if element in outside}
    whole = copy.deepcopy(holder)
    whole.tail = None
    for element in [element for place, element in enumerate(whole.iter()) if place in places]:
        if element.getparent() is not None:
            element.drop_tree()
    direct = any(one is holder for one in holders)
    return Passage(
        element=whole,
        holder=holder,
        parts=(holder,) if direct or not elements else tuple(reversed(elements)),
        anchored=anchored,
    )
