"""Nouns of the demonstration: what the fictional agency disclosed, and what a reader must make of it.

Bodies are written in a few marks, one block per line: ``# `` heading, ``= `` centred, ``> `` right-aligned, ``|``
table row (cells between bars; ``{r2}`` and ``{c3}`` at the end of a cell are its row and column span), ``!0`` the
document's file 0 as an image, ``@0 label`` a link to file 0 inside the text; anything else is a paragraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Skin = Literal["old", "mid", "new", "box", "file"]
"""Which generation of the site printed the page; ``file`` = the list line leads to a file, there is no page."""

BlockKind = Literal["paragraph", "heading", "centred", "right", "table", "image", "link"]

_MARKS: dict[str, BlockKind] = {"# ": "heading", "= ": "centred", "> ": "right"}
_SPAN = re.compile(r"\{(?:r(?P<rows>\d+))?(?:c(?P<columns>\d+))?\}$")


@dataclass(frozen=True, slots=True)
class Cell:
    """One table cell as marked up."""

    text: str
    rowspan: int = 1
    colspan: int = 1


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a body; ``rows`` only for tables, ``file`` (an index) only for images and links."""

    kind: BlockKind
    text: str = ""
    rows: tuple[tuple[Cell, ...], ...] = ()
    file: int = 0


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of a document: an attachment, or an image that stands in the content."""

    label: str
    name: str  # the CMS's file name, beside the page
    content: bytes
    media_type: str
    image: bool = False
    in_body: bool = False  # linked from the text instead of the attachment block


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A document of the fictional agency."""

    id: int
    channel: str
    title: str
    date: str
    body: str = ""
    time: str | None = None
    created: str | None = None  # day in the address, where it is not the day of publication
    skin: Skin = "new"
    source: str | None = None
    source_after: bool = False  # 来源 stands under the body
    number: str | None = None
    index_number: str | None = None
    written_date: str | None = None
    topic: str | None = None
    files: tuple[Attached, ...] = ()
    second_channel: str | None = None
    second_page: bool = False  # the second channel has a page of its own, not a link to the first
    pinned: bool = False
    moved: bool = False  # the list names an address that redirects (302) to the page
    empty_block: bool = False  # 附件下载 is printed with nothing under it

    @property
    def path(self) -> str:
        """Where the page (or the file that is the document) stands."""
        day = (self.created or self.date).replace("-", "")
        if self.skin == "file":
            return f"/zwgk/{self.channel}/{day[:6]}/{self.files[0].name}"
        return f"/zwgk/{self.channel}/{day[:6]}/t{day}_{self.id}.htm"

    @property
    def second_path(self) -> str | None:
        """The same document's page under its second channel, where it has one there."""
        return self.path.replace(f"/{self.channel}/", f"/{self.second_channel}/", 1) if self.second_page else None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The body, read from its marks."""
        return read_blocks(self.body)

    def listed_path(self, channel: str) -> str:
        """Return the address that the list of ``channel`` gives for this document."""
        if channel == self.second_channel and self.second_path:
            return self.second_path
        return self.path + "l" if self.moved else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthFile:
    """A file that must be found with a document."""

    url: str
    label: str
    sha256: str  # lower-case hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What must be known of one document after a complete crawl.

    ``text`` is the paragraphs joined by newlines, table cells left out; ``None`` where the document is itself a file.
    ``aliases`` are further addresses of the same document; which of them becomes the canonical one is the crawler's
    choice for a document that stands in two channels.
    """

    url: str
    aliases: tuple[str, ...]
    channels: tuple[str, ...]
    title: str
    publish_date: str
    publish_time: str | None
    source: str | None
    index_number: str | None
    document_number: str | None
    written_date: str | None
    text: str | None
    tables: tuple[tuple[tuple[str, ...], ...], ...]
    attachments: tuple[TruthFile, ...]
    images: tuple[TruthFile, ...]
    state: Literal["live", "suspected"]
    change: Literal["new", "body", "title", "attachment", "gone"] | None = None  # against the day before


def read_blocks(body: str) -> tuple[Block, ...]:
    """Read a body from its marks (see the module's docstring); consecutive ``|`` lines are one table."""
    blocks: list[Block] = []
    rows: list[tuple[Cell, ...]] = []
    for line in [*body.strip().splitlines(), ""]:
        if line.startswith("|"):
            rows.append(tuple(_read_cell(cell) for cell in line.strip("|").split("|")))
            continue
        if rows:
            blocks.append(Block("table", rows=tuple(rows)))
            rows = []
        mark = line[:2]
        if mark in _MARKS:
            blocks.append(Block(_MARKS[mark], line[2:]))
        elif line.startswith("!"):
            blocks.append(Block("image", file=int(line[1:])))
        elif line.startswith("@"):
            index, _, label = line[1:].partition(" ")
            blocks.append(Block("link", label, file=int(index)))
        elif line:
            blocks.append(Block("paragraph", line))
    return tuple(blocks)


def _read_cell(marked: str) -> Cell:
    text = marked.strip()
    span = _SPAN.search(text)
    if span is None:
        return Cell(text)
    return Cell(text[: span.start()].strip(), int(span["rows"] or 1), int(span["columns"] or 1))


def resolve_spans(rows: tuple[tuple[Cell, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Return the table as a full grid: a cell that spans several places stands in each of them."""
    grid: dict[tuple[int, int], str] = {}
    for y, row in enumerate(rows):
        x = 0
        for cell in row:
            while (y, x) in grid:
                x += 1
            for down in range(cell.rowspan):
                for right in range(cell.colspan):
                    grid[y + down, x + right] = cell.text
            x += cell.colspan
    width = 1 + max(x for _, x in grid)
    return tuple(tuple(grid.get((y, x), "") for x in range(width)) for y in range(len(rows)))
