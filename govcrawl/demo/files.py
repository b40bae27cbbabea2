"""Small real files for the demonstration: PDF, DOCX, XLSX and PNG, made without any library.

The bytes are the same at every call with the same arguments, so that an unchanged file keeps its digest.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO
from xml.sax.saxutils import escape

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PNG = "image/png"

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_OFFICE = "http://schemas.openxmlformats.org"
_LINE_POINTS = 22


def pdf(lines: list[str]) -> bytes:
    """Return a one-page PDF 1.4 with the lines in the predefined GB1 font (not embedded)."""
    shown = "".join(f"<{line.encode('utf-16-be').hex()}> Tj 0 -{_LINE_POINTS} Td " for line in lines)
    stream = f"BT /F1 14 Tf 60 780 Td {shown}ET".encode("ascii")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 9 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo 7 0 R /FontDescriptor 8 0 R >>",
        b"<< /Registry (Adobe) /Ordering (GB1) /Supplement 2 >>",
        b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 4 /FontBBox [-25 -254 1000 880] /Ascent 880 >>",
        b"<< /Font << /F1 5 0 R >> >>",
    )
    out = BytesIO()
    out.write(b"%PDF-1.4\n%\xe4\xba\x91\xe5\xb2\xad\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table_at = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for offset in offsets:
        out.write(b"%010d 00000 n \n" % offset)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table_at))
    return out.getvalue()


def docx(paragraphs: list[str]) -> bytes:
    """Return a Word document with one run per paragraph."""
    body = "".join(f"<w:p><w:r><w:t>{escape(text)}</w:t></w:r></w:p>" for text in paragraphs)
    main = f"{_OFFICE}/wordprocessingml/2006/main"
    return _office(
        "word/document.xml",
        f"{DOCX}.main+xml",
        {"word/document.xml": f'<w:document xmlns:w="{main}"><w:body>{body}</w:body></w:document>'},
        {},
    )


def xlsx(rows: list[list[str | float]]) -> bytes:
    """Return a workbook with one sheet; strings are inline, numbers are numbers."""
    lines = []
    for y, row in enumerate(rows, 1):
        cells = []
        for x, value in enumerate(row):
            place = f"{chr(65 + x)}{y}"
            if isinstance(value, str):
                cells.append(f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>')
            else:
                cells.append(f'<c r="{place}"><v>{value}</v></c>')
        lines.append(f'<row r="{y}">{"".join(cells)}</row>')
    main, relations = f"{_OFFICE}/spreadsheetml/2006/main", f"{_OFFICE}/officeDocument/2006/relationships"
    return _office(
        "xl/workbook.xml",
        f"{XLSX}.main+xml",
        {
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
            '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_OFFICE}/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>'
            f"{''.join(lines)}</sheetData></worksheet>",
        },
        {"xl/worksheets/sheet1.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"},
    )


def png(width: int, height: int, bars: tuple[int, ...]) -> bytes:
    """Return a greyscale PNG of a bar chart; bars are percentages of the height."""
    raw = bytearray()
    for y in range(height):
        raw.append(0)  # filter type 'None' of this scanline
        for x in range(width):
            bar = bars[x * len(bars) // width]
            raw.append(70 if (height - y) * 100 <= bar * height else 235)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(raw)))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _office(main: str, main_type: str, parts: dict[str, str], types: dict[str, str]) -> bytes:
    """Build an Office Open XML package: content types, root relationship, parts."""
    overrides = "".join(f'<Override PartName="/{n}" ContentType="{t}"/>' for n, t in {main: main_type, **types}.items())
    everything = {
        "[Content_Types].xml": f'<Types xmlns="{_OFFICE}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_OFFICE}/package/2006/relationships"><Relationship Id="rId1"'
        f' Type="{_OFFICE}/officeDocument/2006/relationships/officeDocument" Target="{main}"/></Relationships>',
        **parts,
    }
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, text in everything.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(info, _XML + text)
    return out.getvalue()
