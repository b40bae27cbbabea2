"""Presentations: PPTX from its XML (ISO/IEC 29500-1 §19, §21.1), PPT from its text records (MS-PPT 2.9)."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

import olefile

from govcrawl.attachment_readers.found import MAX_PAGES, Found, Refused
from govcrawl.attachment_readers.packages import Package, local

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRESENTATION = "ppt/presentation.xml"
_TEXT_CHARS, _TEXT_BYTES = 0x0FA0, 0x0FA8
_SLIDE_LIST, _MAIN_MASTER = 0x0FF0, 0x03F8
_CONTAINER = 0xF
_MAX_DEPTH = 32


def read_pptx(data: bytes, found: Found) -> None:
    """Read the slides in their order: shapes from top to bottom as they are stored, tables, then the speaker's notes."""
    package = Package(data)
    main = next(iter(package.targets("", "/officeDocument")), _PRESENTATION)
    slides = _in_order(package, main, package.targets(main, "/slide"))
    if len(slides) > MAX_PAGES:
        found.flags.add("cut")
    for slide in slides[:MAX_PAGES]:
        _read_shapes(package.xml(slide), found)
        for notes in package.targets(slide, "/notesSlide"):
            _read_shapes(package.xml(notes), found)
        found.add("")


def _in_order(package: Package, main: str, slides: list[str]) -> list[str]:
    """Return the slides as the presentation shows them (``sldIdLst``), those it does not list left out."""
    folder = main.rpartition("/")[0]
    relations = package.xml(f"{folder}/_rels/{main.rpartition('/')[2]}.rels")
    targets = {relation.get("Id"): (relation.get("Target") or "").rpartition("/")[2] for relation in relations}
    by_name = {slide.rpartition("/")[2]: slide for slide in slides}
    listed = []
    for element in package.xml(main).iter():
        if local(element) == "sldId":
            ids = [value for key, value in element.attrib.items() if key.startswith("{") and key.endswith("}id")]
            listed += [by_name[targets[one]] for one in ids if targets.get(one) in by_name]
    return listed or slides


def _read_shapes(parent: Any, found: Found) -> None:
    for child in parent:
        name = local(child)
        if name == "tbl":
            found.add_table(_rows(child))
        elif name == "p":
            if text := _paragraph(child).strip():
                found.add(text)
        elif name != "Fallback":
            _read_shapes(child, found)


def _paragraph(element: Any) -> str:
    pieces: list[str] = []
    for child in element:
        name = local(child)
        if name == "br":
            pieces.append("\n")
        elif name in {"r", "fld"}:
            if name == "fld" and (child.get("type") or "").startswith(("slidenum", "datetime")):
                continue
            pieces += [one.text or "" for one in child if local(one) == "t"]
    return "".join(pieces)


def _rows(table: Any) -> Iterator[list[str]]:
    above: list[str] = []
    for row in table:
        if local(row) != "tr":
            continue
        line: list[str] = []
        for cell in row:
            if local(cell) != "tc":
                continue
            if cell.get("hMerge") in {"1", "true"} and line:
                line.append(line[-1])
            elif cell.get("vMerge") in {"1", "true"} and len(line) < len(above):
                line.append(above[len(line)])
            else:
                line.append("\n".join(_paragraph(one) for one in cell.iter() if local(one) == "p"))
        above = line
        yield line


# PPT


def read_ppt(data: bytes, found: Found) -> None:
    """Read the text records of an old presentation; masters and their place holders are left out."""
    try:
        with olefile.OleFileIO(BytesIO(data)) as ole:
            stream = ole.openstream("PowerPoint Document").read()
            user = ole.openstream("Current User").read() if ole.exists("Current User") else b""
    except OSError as error:
        raise Refused("broken", f"damaged presentation: {error}") from None
    if user[12:16] == b"\xdf\xc4\xd1\xf3":  # MS-PPT 2.3.2 CurrentUserAtom, headerToken of an encrypted file
        raise Refused("encrypted", "it opens with a password only")
    seen: set[str] = set()
    for text in _texts(stream, 0, len(stream), 0):
        for line in text.replace("\x0b", "\n").split("\r"):
            if line.strip() and line not in seen:  # outlines repeat the text of the shapes
                seen.add(line)
                found.add(line.strip())


def _texts(stream: bytes, start: int, end: int, depth: int) -> Iterator[str]:
    """Yield the texts of the records between two offsets (2.3.1 RecordHeader)."""
    while start + 8 <= end:
        version, kind, length = struct.unpack_from("<HHI", stream, start)
        start += 8
        stop = min(start + length, end)
        if version & 0xF == _CONTAINER:
            of_masters = kind == _MAIN_MASTER or (kind == _SLIDE_LIST and version >> 4 == 1)
            if not of_masters and depth < _MAX_DEPTH:
                yield from _texts(stream, start, stop, depth + 1)
        elif kind == _TEXT_CHARS:
            yield stream[start:stop].decode("utf-16-le", "replace")
        elif kind == _TEXT_BYTES:
            yield stream[start:stop].decode("cp1252", "replace")
        start = stop
