"""Word documents that are XML: DOCX (ISO/IEC 29500-1 §17), Word 2003 XML, flat OPC; and OpenDocument text.

Read from the XML itself, because text in content controls, text boxes and tracked insertions belongs to the document and Word's
automatic numbers (第一条, 一、) are nowhere else. Deleted and moved-away text, field codes and comments do not belong to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from govcrawl.attachment_readers.found import Found, Refused
from govcrawl.attachment_readers.numbers import Numbering
from govcrawl.attachment_readers.packages import Package, attribute, local, parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEFT_OUT = frozenset(
    {
        "del",
        "moveFrom",
        "Fallback",
        "instrText",
        "delText",
        "pPr",
        "rPr",
        "tblPr",
        "tblGrid",
        "sectPr",
        "comment",
        "hint",
    }
)
_NOTES = (("footnotes", "footnote"), ("endnotes", "endnote"))
_BREAKS = {"br": "\n", "cr": "\n", "tab": "\t", "noBreakHyphen": "-", "ptab": "\t"}
_ODF_BREAKS = {"line-break": "\n", "tab": "\t"}
_MAX_SPAN = 256
_MAX_BLANKS = 200


def read_docx(data: bytes, found: Found) -> None:
    """Read the body of a DOCX in order, then its foot- and endnotes."""
    package = Package(data)
    main = next(iter(package.targets("", "/officeDocument")), "word/document.xml")
    root = package.xml(main)
    numbering = [package.xml(part) for part in package.targets(main, "/numbering")]
    styles = [package.xml(part) for part in package.targets(main, "/styles")]
    _Body(found, Numbering(numbering, styles)).read(root)
    for kind, element in _NOTES:
        for part in package.targets(main, f"/{kind}"):
            for note in package.xml(part):
                if local(note) == element and attribute(note, "type") is None:
                    _Body(found, Numbering([], [])).read(note)


def read_word_xml(data: bytes, found: Found) -> None:
    """Read a Word document that is one XML file."""
    root = parse_xml(data, "Word XML")
    parts = [part for part in root.iter() if local(part) == "document" or local(part) == "wordDocument"]
    if not parts:
        raise Refused("broken", "there is no w:document in it")
    body = next((element for element in parts[0] if local(element) == "body"), parts[0])
    _Body(found, Numbering([root], [root])).read(body)


class _Body:
    """Puts the paragraphs and tables of an element, in order."""

    def __init__(self, found: Found, numbering: Numbering) -> None:
        self._found = found
        self._numbering = numbering

    def read(self, parent: Any) -> None:
        for child in parent:
            name = local(child)
            if name == "p":
                for text in self._paragraphs(child):
                    self._found.add(text)
            elif name == "tbl":
                self._table(child)
            elif name not in _LEFT_OUT:
                self.read(child)

    def _paragraphs(self, paragraph: Any) -> Iterator[str]:
        """Yield a paragraph's text, then those of the text boxes anchored in it."""
        boxes: list[Any] = []
        pieces: list[str] = []
        _runs(paragraph, pieces, boxes)
        text = "".join(pieces)
        yield self._numbering.label(paragraph) + text if text.strip() else text
        for box in boxes:
            for inner in box.iter():
                if local(inner) == "p" and _nearest_box(inner) is box:
                    yield from self._paragraphs(inner)

    def _cell(self, cell: Any) -> str:
        return "\n".join(filter(None, (text.strip() for text in self._cell_texts(cell))))

    def _cell_texts(self, parent: Any) -> Iterator[str]:
        for child in parent:
            name = local(child)
            if name == "p":
                yield from self._paragraphs(child)
            elif name == "tbl":
                for row in self._rows(child):
                    yield "\t".join(text for text, _, continues in row if not continues)
            elif name not in _LEFT_OUT:
                yield from self._cell_texts(child)

    def _rows(self, table: Any) -> Iterator[list[tuple[str, int, bool]]]:
        """Yield rows of (text, columns spanned, continues the cell above)."""
        for element in table:
            name = local(element)
            if name == "tr":
                cells: list[tuple[str, int, bool]] = []
                for cell in _inside(element, "tc"):
                    span, continues = _spans(cell)
                    cells.append(("" if continues else self._cell(cell), span, continues))
                before = _value(element, "trPr", "gridBefore")
                yield [("", _span_of(before), False), *cells] if before else cells
            elif name not in _LEFT_OUT:
                yield from self._rows(element)

    def _table(self, table: Any) -> None:
        grid: list[list[str]] = []
        for row in self._rows(table):
            line: list[str] = []
            shown: list[str] = []
            for text, span, continues in row:
                above = grid[-1][len(line)] if continues and grid and len(line) < len(grid[-1]) else ""
                line += [above if continues else text] * span
                shown.append(text)
            grid.append(line)
            if any(shown):
                self._found.add("\t".join(" ".join(text.split("\n")) for text in shown).rstrip("\t"))
        self._found.add_table(grid, with_text=False)


def _runs(element: Any, pieces: list[str], boxes: list[Any]) -> None:
    for child in element:
        name = local(child)
        if name == "t":
            pieces.append(child.text or "")
        elif name in _BREAKS:
            pieces.append(_BREAKS[name])
        elif name == "sym":
            pieces.append(_symbol(child))
        elif name == "txbxContent":
            boxes.append(child)
        elif name not in _LEFT_OUT:
            _runs(child, pieces, boxes)


def _symbol(element: Any) -> str:
    """Return a symbol character; those of the private area belong to a font of pictures and are told as such."""
    try:
        code = int(attribute(element, "char") or "", 16)
    except ValueError:
        return ""
    return chr(code) if code < 0xE000 else ""  # noqa: PLR2004 -- U+E000 begins the private use area


def _nearest_box(paragraph: Any) -> Any:
    return next((above for above in paragraph.iterancestors() if local(above) == "txbxContent"), None)


def _inside(element: Any, name: str) -> Iterator[Any]:
    """Yield children of a name, through content controls and the like."""
    for child in element:
        if local(child) == name:
            yield child
        elif local(child) in {"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"}:
            yield from _inside(child, name)


def _value(element: Any, properties: str, name: str) -> str | None:
    """Return ``w:val`` of a property of an element."""
    for group in element:
        if local(group) == properties:
            for one in group:
                if local(one) == name:
                    return attribute(one, "val") or ""
    return None


def _span_of(value: str | None) -> int:
    return max(1, min(int(value), _MAX_SPAN)) if value and value.isdecimal() and len(value) < 6 else 1  # noqa: PLR2004


def _spans(cell: Any) -> tuple[int, bool]:
    """Return how many columns a cell spans and whether it continues the one above (17.4.84 vMerge: no value = continue)."""
    merge = _value(cell, "tcPr", "vMerge")
    if merge is None:
        merge = _value(cell, "tcPr", "vmerge")  # Word 2003 XML
    return _span_of(_value(cell, "tcPr", "gridSpan")), merge is not None and merge != "restart"


# OpenDocument (ISO/IEC 26300)


def read_odf(data: bytes, found: Found) -> None:
    """Read an OpenDocument text or presentation: paragraphs, headings and tables in order."""
    root = Package(data).xml("content.xml")
    body = next((element for element in root if local(element) == "body"), root)
    _read_odf(body, found)


def _read_odf(parent: Any, found: Found) -> None:
    for child in parent:
        name = local(child)
        if name in {"p", "h"}:
            found.add(_odf_text(child))
        elif name == "table":
            found.add_table(_odf_rows(child))
        elif name not in {"tracked-changes", "annotation", "sequence-decls", "forms"}:
            _read_odf(child, found)


def _odf_text(element: Any) -> str:
    pieces = [element.text or ""]
    for child in element:
        name = local(child)
        if name == "s":
            count = attribute(child, "c") or "1"
            pieces.append(" " * min(int(count) if count.isdecimal() else 1, _MAX_BLANKS))
        elif name in _ODF_BREAKS:
            pieces.append(_ODF_BREAKS[name])
        elif name == "p":
            pieces.append("\n" + _odf_text(child))
        elif name != "annotation":
            pieces.append(_odf_text(child))
        pieces.append(child.tail or "")
    return "".join(pieces)


def _odf_rows(table: Any, above: dict[int, tuple[int, str]] | None = None) -> Iterator[list[str]]:
    above = {} if above is None else above  # column: how many rows below its cell still covers, and its text
    for child in table:
        if local(child) == "table-row":
            row: list[str] = []
            for cell in child:
                name = local(cell)
                if name == "covered-table-cell":
                    rows_left, text = above.get(len(row), (0, ""))
                    above[len(row)] = (rows_left - 1, text) if rows_left > 1 else (0, "")
                    row.append(text if rows_left else row[-1] if row else "")
                elif name == "table-cell":
                    text = "\n".join(_odf_text(one) for one in cell if local(one) in {"p", "h", "list"})
                    count = attribute(cell, "number-columns-repeated")
                    down = _span_of(attribute(cell, "number-rows-spanned"))
                    for column in range(len(row), len(row) + _span_of(attribute(cell, "number-columns-spanned"))):
                        above[column] = (down - 1, text)
                    row += [text] * (_span_of(count) if text else 1)
            yield row
        else:
            yield from _odf_rows(child, above)
