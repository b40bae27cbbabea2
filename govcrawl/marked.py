"""The blocks of a body with what plain text leaves out: headings, lists, links, images. As Markdown or as clean HTML.

Read by the same walk as the plain text (:mod:`govcrawl.blocks`): with its marks taken away, every paragraph is the paragraph of the
plain text, character for character. While a paragraph is read, links and images stand in it as noncharacters of Unicode
(U+FDD0 …), which no page can send; nothing of a page's own markup is ever copied into the result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from govcrawl.blocks import find_furniture, normal_text, read_marked
from govcrawl.urls import image_links, web_url

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

OPEN, CLOSE, IMAGE = "\ufdd0", "\ufdd1", "\ufdd2"
_DIGITS = "\ufde0\ufde1\ufde2\ufde3\ufde4\ufde5\ufde6\ufde7\ufde8\ufde9"
_MARK = re.compile(f"({OPEN}[{_DIGITS}]+|{CLOSE}|{IMAGE}[{_DIGITS}]+)")
_ANY = re.compile("[\ufdd0-\ufdef]")
_BLANK = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]")
_TO_DIGITS = str.maketrans("0123456789", _DIGITS)
_FROM_DIGITS = str.maketrans(_DIGITS, "0123456789")
_LISTS = frozenset({"ul", "ol", "dir", "menu", "list"})
_ITEMS = frozenset({"li", "item"})
_LEVELS = {f"h{level}": level for level in range(1, 7)}
_DEFAULT_LEVEL = 2  # of trafilatura's heads that name none


class Image(NamedTuple):
    """A content image."""

    url: str
    alt: str


class Run(NamedTuple):
    """A piece of a paragraph: text, or an image; within a link where ``href`` is not None."""

    text: str
    href: str | None = None
    image: Image | None = None


class ListItem(NamedTuple):
    """Which item of a list a block belongs to: its list's depth from 1, its number where the list is numbered."""

    identity: int
    depth: int
    number: int | None


class Block(NamedTuple):
    """A paragraph or heading (``runs``), or a table (``rows``: cells of lines of runs, spans resolved)."""

    level: int  # of a heading, 1 to 6; 0 = none
    item: ListItem | None
    runs: tuple[Run, ...] = ()
    rows: tuple[tuple[tuple[tuple[Run, ...], ...], ...], ...] = ()

    @property
    def text(self) -> str:
        """The paragraph as plain text has it."""
        return "".join(run.text for run in self.runs)


@dataclass(slots=True)
class _Marks:
    """Implements :class:`govcrawl.blocks.Marks`."""

    base: str
    encoding: str
    images: dict[str, str]  # address → alternative text
    links: list[str] = field(default_factory=list)
    pictures: list[Image] = field(default_factory=list)
    open: list[str] = field(default_factory=list)  # links that began before this paragraph
    stack: list[tuple[Any, int]] = field(default_factory=list)  # elements entered, with a serial number
    counts: dict[int, int] = field(default_factory=dict)  # items of a list so far, by the list's serial number
    serial: int = 0

    def enter(self, element: Any, pieces: list[str]) -> None:
        self.serial += 1
        self.stack.append((element, self.serial))
        if element.tag in {"a", "ref"}:
            url = web_url(element.get("href") or element.get("target"), self.base, query_encoding=self.encoding)
            self.links.append(url or "")
            pieces.append(OPEN + str(len(self.links) - 1).translate(_TO_DIGITS))
        elif element.tag in {"img", "graphic"}:
            self._put_image(element, pieces)
        elif element.tag in _ITEMS:
            holder = next((serial for one, serial in reversed(self.stack[:-1]) if one.tag in _LISTS), 0)
            self.counts[holder] = self.counts.get(holder, 0) + 1
            self.counts[-self.serial] = self.counts[holder]

    def _put_image(self, element: Any, pieces: list[str]) -> None:
        for name in ("data-original", "data-src", "src"):
            if element.get(name):
                url = web_url(element.get(name), self.base, query_encoding=self.encoding)
                if url in self.images:
                    self.pictures.append(Image(url, self.images[url]))
                    pieces.append(IMAGE + str(len(self.pictures) - 1).translate(_TO_DIGITS))
                return

    def leave(self, element: Any, pieces: list[str]) -> None:
        self.stack.pop()
        if element.tag in {"a", "ref"}:
            pieces.append(CLOSE)

    def take(self, pieces: list[str]) -> str:
        """Return the plain normal text with the marks put back between the same characters."""
        parts = _MARK.split("".join((*self.open, *pieces)))
        text = normal_text("".join(parts[::2]))
        places = [place for place, character in enumerate(text) if not _BLANK.match(character)]
        out: list[str] = []
        written = before = 0  # characters of the text; characters of it that are no blanks
        shows = bool(text)
        for part, mark in zip(parts[::2], [*parts[1::2], ""], strict=True):
            before += len(_BLANK.sub("", part))
            if not mark:
                break
            if mark == CLOSE:
                until = places[before - 1] + 1 if before else 0
            else:
                until = places[before] if before < len(places) else len(text)
            out += [text[written:until], mark]
            written = max(written, until)
            shows |= mark[0] == IMAGE
            if mark == CLOSE:
                del self.open[-1:]
            elif mark[0] == OPEN:
                self.open.append(mark)
        return "".join((*out, text[written:])) if shows else ""

    def kind(self) -> tuple[int, ListItem | None]:
        """Return a heading's level, 0 where it is none, and the item of a list."""
        level = 0
        item: tuple[Any, int] | None = None
        depth, ordered = 0, False
        for element, serial in reversed(self.stack):
            tag = element.tag
            if not level and item is None and (tag in _LEVELS or tag == "head"):
                level = _LEVELS.get(tag) or _LEVELS.get(element.get("rend") or "", _DEFAULT_LEVEL)
            if item is None and tag in _ITEMS:
                item = element, serial
            elif item is not None and tag in _LISTS:
                ordered = ordered or (not depth and (tag == "ol" or element.get("rend") == "ol"))
                depth += 1
        if item is None:
            return level, None
        return level, ListItem(item[1], max(depth, 1), self.counts[-item[1]] if ordered else None)


def read_blocks(container: Any, drop: Collection[Any], base: str, encoding: str) -> tuple[Block, ...]:
    """Return a body's blocks in order.

    Args:
        drop: elements that are no part of the body (an index in it).
        base: address of the page; links and images are given as absolute addresses.
        encoding: the page's own, which addresses are encoded in.
    """
    for element in container.iter():  # what is no character at all cannot stand for itself
        for name in ("text", "tail"):
            said = getattr(element, name)
            if said and isinstance(element.tag, str) and _ANY.search(said):
                setattr(element, name, _ANY.sub("", said))
    images = {link.url: link.label or "" for link in image_links([container], base, query_encoding=encoding)}
    marks = _Marks(base, encoding, images)
    found = read_marked(container, drop, marks)
    texts = [_MARK.sub("", block) if isinstance(block, str) else None for block, _ in found]
    cut = find_furniture(texts)
    out = []
    for place, (block, (level, item)) in enumerate(found):
        if place in cut:
            continue
        if isinstance(block, str):
            out.append(Block(level, item, runs=tuple(_runs(block, marks))))
        else:
            rows = (
                tuple(tuple(tuple(_runs(line, marks)) for line in cell.split("\n")) for cell in row) for row in block[0]
            )
            out.append(Block(0, item, rows=tuple(rows)))
    return tuple(out)


def _runs(text: str, marks: _Marks) -> Iterator[Run]:
    href: str | None = None
    for part in _MARK.split(text):
        number = int(part[1:].translate(_FROM_DIGITS)) if part[:1] in {OPEN, IMAGE} and part else 0
        if part == CLOSE:
            href = None
        elif part[:1] == OPEN:
            href = marks.links[number] or None
        elif part[:1] == IMAGE:
            yield Run("", href, marks.pictures[number])
        elif part:
            yield Run(part, href)


# --- Markdown ---

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&])")
_LEADING = re.compile(r"^(?:(#{1,6})(?=\s|$)|([+=-])|(\d{1,9})([.)]))")


def to_markdown(blocks: Collection[Block]) -> str:
    """Return Markdown (CommonMark with the tables of GFM); the first row of a table is its head, since Markdown needs one."""
    out: list[str] = []
    last: ListItem | None = None
    for block in blocks:
        indent = ""
        lead = ""
        if block.item:
            indent = "    " * (block.item.depth - 1)
            new = last is None or last.identity != block.item.identity
            lead = f"{block.item.number}. " if block.item.number else "- "
            lead = lead if new else "    "
        last = block.item
        body = (
            _markdown_table(block, indent + "    " if block.item else "") if block.rows else _markdown_runs(block.runs)
        )
        if block.rows:
            out.append(body)
        elif block.level:
            out.append(f"{indent}{lead}{'#' * block.level} {body}")
        else:
            out.append(f"{indent}{lead}{_LEADING.sub(_led, body)}")
    return "\n\n".join(out) + ("\n" if out else "")


def _led(match: re.Match[str]) -> str:
    """Escape what would begin a heading, a list or a rule."""
    if match[3]:
        return f"{match[3]}\\{match[4]}"
    return f"\\{match.group()}"


def _markdown_runs(runs: Collection[Run]) -> str:
    return "".join(_markdown_run(run) for run in runs)


def _markdown_run(run: Run) -> str:
    text = _SPECIAL.sub(r"\\\1", run.text)
    if run.image:
        text = f"![{_SPECIAL.sub(_escaped, ' '.join(run.image.alt.split()))}](<{_address(run.image.url)}>)"
    return f"[{text}](<{_address(run.href)}>)" if run.href and text.strip() else text


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match.group()}"


def _address(url: str) -> str:
    return url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E").replace("\\", "%5C")


def _markdown_table(block: Block, indent: str) -> str:
    lines = [[" ".join("<br>".join(map(_markdown_runs, cell)).split()) for cell in row] for row in block.rows]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"{indent}| {' | '.join(line)} |" for line in lines)
