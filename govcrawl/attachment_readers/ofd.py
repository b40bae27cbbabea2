"""OFD, the national page format (GB/T 33190-2016): a ZIP of XML; text objects sorted into lines by their boundaries."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from govcrawl.attachment_readers.found import MAX_PAGES, MIN_CHARACTERS_PER_PAGE, Found, Refused
from govcrawl.attachment_readers.packages import Package, local

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOX = 4  # numbers of a boundary: x, y, width, height, in millimetres
_DRAWN = frozenset({"ImageObject", "PathObject", "CompositeObject"})
_SAME_LINE = 0.6  # share of the height by which two objects of one line may differ
_GAP = 1.5  # blanks wider than so many heights part columns


def read_ofd(data: bytes, found: Found) -> None:
    """Read every document of an OFD page by page; what its templates print on each page is left out."""
    package = Package(data)
    if package.has("Encryptions.xml"):
        raise Refused("encrypted", "it is encrypted (Encryptions.xml)")
    found.pages = 0
    for body in package.xml("OFD.xml").iter():
        if local(body) != "DocRoot" or not body.text:
            continue
        root = body.text.strip().lstrip("/")
        for page in _pages(package.xml(root)):
            found.pages += 1
            if found.pages > MAX_PAGES:
                found.flags.add("cut")
                continue
            part = page.lstrip("/") if page.startswith("/") else posixpath.join(posixpath.dirname(root), page)
            before = found.characters
            content = package.xml(part)
            for line in _lines(content):
                found.add(line)
            bare = found.characters - before < MIN_CHARACTERS_PER_PAGE
            found.scans += bare and any(local(element) in _DRAWN for element in content.iter())
            found.add("")


def _pages(document: Any) -> Iterator[str]:
    for pages in document:
        if local(pages) == "Pages":
            for page in pages:
                if local(page) == "Page" and (place := page.get("BaseLoc")):
                    yield place


def _lines(page: Any) -> Iterator[str]:
    """Yield the lines of a page: objects of about the same height, from left to right."""
    objects = sorted(_objects(page), key=lambda one: (one[1], one[0]))
    line: list[tuple[float, float, float, float, str]] = []
    for one in objects:
        if line and one[1] - line[0][1] > _SAME_LINE * max(line[0][3], 0.1):
            yield _join(line)
            line = []
        line.append(one)
    if line:
        yield _join(line)


def _objects(page: Any) -> Iterator[tuple[float, float, float, float, str]]:
    """Yield (x, y, width, height, text) of each text object."""
    for element in page.iter():
        if local(element) != "TextObject":
            continue
        codes = [code for code in element if local(code) == "TextCode"]
        text = "".join(code.text or "" for code in codes)
        try:
            box = [float(number) for number in (element.get("Boundary") or "").split()]
        except ValueError:
            box = []
        if text.strip() and len(box) == _BOX and all(abs(number) < 1e6 for number in box):  # noqa: PLR2004 -- a kilometre
            yield box[0], box[1], box[2], box[3], text
        elif text.strip():
            yield 0.0, 0.0, 0.0, 0.0, text


def _join(line: list[tuple[float, float, float, float, str]]) -> str:
    pieces: list[str] = []
    right: float | None = None
    for x, _, width, height, text in sorted(line):
        if right is not None and x - right > _GAP * height > 0:
            pieces.append(" ")
        pieces.append(text)
        right = x + width
    return "".join(pieces)
