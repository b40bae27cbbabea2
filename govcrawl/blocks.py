"""The complete content of an element: paragraphs and tables in order, nothing lost, nothing repeated, nothing merged.

This serializer is the judge of completeness. It reads HTML and trafilatura's XML alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from govcrawl.tables import is_layout, read_grid, read_parts

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Sequence

BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dir", "div"),
        *("dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("header", "hr", "li", "main", "menu", "nav", "ol", "p", "pre", "section", "summary", "ul", "ucapcontent"),
        *("table", "thead", "tbody", "tfoot", "tr", "td", "th"),
        *("head", "list", "item", "quote", "row", "cell", "lb", "doc", "comments"),
    }
)
BREAKS = frozenset({"br", "lb"})
_SILENT = frozenset(
    {
        *("script", "style", "noscript", "template", "title", "link", "meta", "iframe", "object", "embed"),
        *("applet", "svg", "select", "option", "button", "input", "textarea", "audio", "video", "canvas", "map"),
        *("xml", "w:worddocument"),
    }
)
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all)", re.IGNORECASE)
_WIDGETS = frozenset(
    {
        *("share", "share_box", "share-box", "sharebox", "bdsharebuttonbox", "bshare-custom", "bshare"),
        *("jiathis_style", "social-share", "print", "printer", "dyin", "qrcode", "ewm", "erweima"),
        *("article_qrcode", "article_qrcode_area", "article_btn_group", "crumb", "crumbs", "breadcrumb"),
        *("breadcrumbs", "position", "dqwz", "currentpage", "font_size", "fontsize", "font-size", "zihao"),
        *("function_icon", "detail_video", "article_attachment", "article_relalinks", "article_views", "sxp"),
        *("prevnext", "prev-next", "pagenext", "pagination", "outlink", "outlink_modal", "outlink-modal"),
        *("linkout", "layui-layer", "toolbar", "zrbj"),
    }
)
_BLANKS = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_ODD_BLANK = re.compile(r"[^\S ]|[\u200b-\u200f\u2060\ufeff]|  |^ | $")
_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_CJK_END, _CJK_START = re.compile(f"[{_CJK}]$"), re.compile(f"^[{_CJK}]")

# Page furniture, cut at the end and at the beginning only: inside a text the same words are content.
TAIL = re.compile(
    r"附件下载[:：]?|分享(?:到|至)?[:：]?|扫一扫.{0,24}|(?:(?:打印|关闭|收藏|返回|分享|我要纠错)(?:本页|此页|此文|该页|窗口|页面|顶部)?+|顶部|[\s|/\[\]【】()（）])+"
    r"|[(（【\[]?\s*(?:责任编辑|责编|编辑)\s*[:：].{0,40}|上一[篇条][:：]?.{0,120}|下一[篇条][:：]?.{0,120}|返回(?:列表|顶部|首页|上一页)|相关(?:链接|稿件|新闻|信息|文章)[:：]?|点击阅读原文|原标题[:：].{0,100}"
    r"|您?(?:访问|訪問)的?(?:链接|鏈接).{0,80}(?:离开|離開).{0,80}|.{0,40}(?:网站标识码|网安备|ICP备).{0,160}|反侵权公告.{0,80}|继续访问|放弃"
)
HEAD = re.compile(
    r"(?:您?当前(?:的)?位置|您所在的位置|您现在的位置)\s*[:：].{0,160}|(?:字体(?:大小|显示)?|字号)\s*[:：].{0,30}|【?\s*字[体號号]\s*[:：]?\s*大\s*中\s*小\s*】?"
    r"|[【\[]?\s*(?:大\s*中\s*小|打印|关闭|收藏)\s*[】\]]?|(?:浏览(?:次数|量)|点击(?:数|量)|阅读(?:次数|量)?|访问量)\s*[:：]\s*\d*\s*(?:次)?|分享(?:到|至)?[:：]?"
)
_LONGEST_FURNITURE = 240


@dataclass(frozen=True, slots=True)
class Content:
    """What stands in an element.

    Args:
        paragraphs: the text outside data tables, layout tables flattened, furniture trimmed.
        tables: rows of cells, spans resolved.
        complete: every character in reading order, each cell once, for comparison with another reading.
        furniture: what was cut off at both ends (责任编辑：…, 附件下载), in order.
    """

    paragraphs: tuple[str, ...]
    tables: tuple[tuple[tuple[str, ...], ...], ...]
    complete: str
    furniture: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The paragraphs joined by newlines."""
        return "\n".join(self.paragraphs)


Block = str | tuple[tuple[tuple[str, ...], ...], str]
"""A paragraph; or a table's grid with its cells' texts, each cell once."""


class Marks(Protocol):
    """Told of every element that is read: who sets marks for links and images, and notes what a paragraph is."""

    def enter(self, element: Any, pieces: list[str]) -> None:
        """An element begins."""

    def leave(self, element: Any, pieces: list[str]) -> None:
        """It ends; its last paragraph has been taken."""

    def take(self, pieces: list[str]) -> str:
        """Return a paragraph's normal text with its marks, empty where it shows nothing."""

    def kind(self) -> Any:
        """Return what the paragraph just taken is."""


@dataclass(slots=True)
class _Reading:
    """Blocks read so far; ``pieces`` are the runs of the paragraph that is being read; ``kinds`` go with the blocks where there are marks."""

    blocks: list[Block] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    marks: Marks | None = None
    kinds: list[Any] = field(default_factory=list)

    def flush(self) -> None:
        if self.pieces:
            text = normal_text("".join(self.pieces)) if self.marks is None else self.marks.take(self.pieces)
            self.pieces.clear()
            if text:
                self.put(text)

    def begin(self, element: Any) -> Iterator[Any]:
        """Read what stands before the children of an element; returns these."""
        if self.marks is not None:
            self.marks.enter(element, self.pieces)
        if element.text:
            self.pieces.append(element.text)
        return iter(element)

    def end(self, element: Any, *, is_block: bool) -> None:
        if is_block:
            self.flush()
        if self.marks is not None:
            self.marks.leave(element, self.pieces)

    def put(self, block: Block) -> None:
        self.blocks.append(block)
        if self.marks is not None:
            self.kinds.append(self.marks.kind())


def read_content(container: Any, drop: Collection[Any] = ()) -> Content:
    """Read everything that an element shows.

    Left out: scripts and the like, what is hidden by ``display:none``, share, print, QR-code, breadcrumb and font-size widgets by
    exact class or id, and the elements in ``drop`` (an index box inside the body).
    """
    reading = _Reading()
    _walk(container, frozenset(drop), reading)
    reading.flush()
    blocks = reading.blocks
    cut = find_furniture([block if isinstance(block, str) else None for block in blocks])
    furniture = tuple(block for n, block in enumerate(blocks) if n in cut and isinstance(block, str))
    blocks = [block for n, block in enumerate(blocks) if n not in cut] if cut else blocks
    paragraphs = tuple(block for block in blocks if isinstance(block, str))
    tables = tuple(block[0] for block in blocks if not isinstance(block, str))
    complete = "\n".join(block if isinstance(block, str) else block[1] for block in blocks)
    return Content(paragraphs, tables, complete, furniture)


def read_marked(container: Any, drop: Collection[Any], marks: Marks) -> list[tuple[Block, Any]]:
    """Read the same blocks with marks for what plain text does not say, each with its kind; furniture is not cut off."""
    reading = _Reading(marks=marks)
    _walk(container, frozenset(drop), reading)
    reading.flush()
    return list(zip(reading.blocks, reading.kinds, strict=True))


def find_furniture(texts: Sequence[str | None]) -> set[int]:
    """Return the places of page furniture at both ends; None is a table, an empty text (only an image) is passed over."""
    cut: set[int] = set()
    for pattern, places in ((TAIL, range(len(texts) - 1, -1, -1)), (HEAD, range(len(texts)))):
        for place in places:
            if texts[place] == "":
                continue
            if not _is_furniture(texts[place], pattern):
                break
            cut.add(place)
    return cut


def normal_text(text: str) -> str:
    """Return one paragraph with its indents gone and its blanks collapsed.

    A full-width blank inside stays one (it sets off 第一条　…); a line break between two Chinese characters is no blank.
    """
    if not _ODD_BLANK.search(text):
        return text
    return _BLANKS.sub(_blank, text).strip(" \u3000")


def _blank(match: re.Match[str]) -> str:
    run = match.group()
    if "\u3000" in run:
        return "\u3000"
    if not run.strip("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"):
        return ""
    if "\n" in run and "\u00a0" not in run:
        text, start, end = match.string, match.start(), match.end()
        if _CJK_END.search(text[max(0, start - 1) : start]) and _CJK_START.search(text[end : end + 1]):
            return ""
    return " "


def _is_furniture(block: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(block, str) and len(block) <= _LONGEST_FURNITURE and pattern.fullmatch(block) is not None


def is_hidden(element: Any) -> bool:
    """Tell whether an element is never shown: a script, hidden by style or attribute, or a widget by exact class or id."""
    if is_unshown(element):
        return True
    attributes = element.attrib
    if not attributes:
        return False
    named = (attributes.get("class", ""), attributes.get("id", ""))
    return any(token.lower() in _WIDGETS for name in named if name for token in name.split())


def is_unshown(element: Any) -> bool:
    """Tell whether an element is a script or the like, or hidden by style or attribute."""
    if element.tag in _SILENT or not isinstance(element.tag, str):
        return True
    attributes = element.attrib
    if not attributes:
        return False
    style = attributes.get("style")
    return (style is not None and _HIDDEN.search(style) is not None) or "hidden" in attributes


def _walk(container: Any, drop: Container[Any], reading: _Reading) -> None:
    """Read an element depth first, without recursion but for table cells."""
    pieces = reading.pieces
    stack: list[tuple[Any, Iterator[Any], bool]] = [(container, reading.begin(container), False)]
    while stack:
        parent, children, is_block = stack[-1]
        element = next(children, None)
        if element is None:
            stack.pop()
            reading.end(parent, is_block=is_block)
            left = parent if stack else None
        elif is_hidden(element) or element in drop:
            left = element
        elif element.tag == "table" and not is_layout(element):
            reading.flush()
            _put_table(element, drop, reading)
            left = element
        else:
            left = None
            is_block = element.tag in BLOCKS
            if is_block or element.tag in BREAKS:
                reading.flush()
            stack.append((element, reading.begin(element), is_block))
        if left is not None and left.tail:
            pieces.append(left.tail)


def _put_table(table: Any, drop: Container[Any], reading: _Reading) -> None:
    """Read a data table; text that stands outside its cells (caption, stray text of broken markup) becomes paragraphs."""
    parts = read_parts(table)
    rows = [row for row in parts.rows if row and not is_hidden(row[0].getparent())]
    for stray in parts.strays:
        if isinstance(stray, str):
            reading.pieces.append(stray)
        elif not is_hidden(stray) and stray not in drop:
            _walk(stray, drop, reading)
        reading.flush()
    seen: list[str] = []

    def text_of(cell: Any) -> str:
        text = _cell_text(cell, drop, reading.marks)
        seen.append(text)
        return text

    grid = read_grid(rows, text_of)
    if grid:
        reading.put((grid, "\n".join(seen)))


def _cell_text(cell: Any, drop: Container[Any], marks: Marks | None) -> str:
    """Return a cell's paragraphs, joined by newlines."""
    if len(cell) == 0:
        return normal_text(cell.text or "")
    child = cell[0]
    if len(cell) == 1 and len(child) == 0 and child.tag == "p" and not is_hidden(child):  # nearly all cells
        return "\n".join(filter(None, (normal_text(text or "") for text in (cell.text, child.text, child.tail))))
    inner = _Reading(marks=marks)
    _walk(cell, drop, inner)
    inner.flush()
    return "\n".join(block if isinstance(block, str) else block[1] for block in inner.blocks)
