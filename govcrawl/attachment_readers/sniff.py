"""What a file really is, told from its content alone: many ``.doc`` are HTML or DOCX, many ``.xls`` are tab-separated text."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import olefile

from govcrawl.attachment_readers.found import DAMAGE
from govcrawl.decode import decode

PDF = "application/pdf"
DOC = "application/msword"
XLS = "application/vnd.ms-excel"
PPT = "application/vnd.ms-powerpoint"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
OFD = "application/ofd"
RTF = "application/rtf"
HTML = "text/html"
MHTML = "multipart/related"
TEXT = "text/plain"
CSV = "text/csv"
WORD_XML = "application/vnd.ms-word.xml"  # Word 2003 XML and flat OPC: one XML file
EXCEL_XML = "application/vnd.ms-excel.xml"  # SpreadsheetML 2003
ZIP = "application/zip"
ENCRYPTED_OFFICE = "application/vnd.ms-office.encrypted"
OLE = "application/x-ole-storage"
UNKNOWN = "application/octet-stream"

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAGICS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"Founder CEB", "application/x-ceb"),
    (b"\x00\x00\x00\x18ftyp", "video/mp4"),
    (b"\x00\x00\x00\x20ftyp", "video/mp4"),
    (b"ID3", "audio/mpeg"),
    (b"MZ", "application/x-msdownload"),
)
_OLE_STREAMS = (
    ("EncryptedPackage", ENCRYPTED_OFFICE),
    ("WordDocument", DOC),
    ("Workbook", XLS),
    ("Book", XLS),
    ("PowerPoint Document", PPT),
)
_PARTS = (
    ("word/document.xml", DOCX),
    ("xl/workbook.xml", XLSX),
    ("xl/workbook.bin", XLSB),
    ("ppt/presentation.xml", PPTX),
    ("ofd.xml", OFD),
)
_FOLDERS = (("word/document", DOCX), ("xl/workbook", XLSX), ("ppt/presentation", PPTX))
_ODF = {ODT, ODS, ODP}
_HEAD_BYTES = 8192
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body|table|div|meta|p|span|style|font|center)\b", re.IGNORECASE)
_MIME = re.compile(rb"\s*(?:[\w-]+:[^\n]*\n(?:[ \t][^\n]*\n)*){0,20}?Content-Type:\s*multipart/related", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")
_MOST_CONTROLS = 0.01
_SAMPLE_LINES = 40
_MIN_LINES = 2
_REGULAR_SHARE = 0.9


def sniff(data: bytes) -> str:  # noqa: PLR0911 -- one for each kind of beginning
    """Return the media type of a file's content; ``application/octet-stream`` where it is none that is known here."""
    head = data[:_HEAD_BYTES]
    if b"%PDF-" in head[:1024]:
        return PDF
    if head.startswith(_OLE_MAGIC):
        return _sniff_ole(data)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK00PK\x03\x04")):
        return _sniff_zip(data)
    if head.lstrip()[:5] == b"{\\rtf":
        return RTF
    for magic, media_type in _MAGICS:
        if head.startswith(magic):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return _sniff_text(data)


def _sniff_ole(data: bytes) -> str:
    try:
        with olefile.OleFileIO(BytesIO(data)) as ole:
            names = {"/".join(name).lower() for name in ole.listdir()}
    except DAMAGE:
        return OLE
    return next((media_type for name, media_type in _OLE_STREAMS if name.lower() in names), OLE)


def _sniff_zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as package:
            names = [name.replace("\\", "/").lstrip("/").lower() for name in package.namelist()]
            if (
                "mimetype" in names
                and (found := package.read("mimetype")[:80].decode("ascii", "replace").strip()) in _ODF
            ):
                return found
    except DAMAGE:
        return _sniff_damaged_zip(data)
    for part, media_type in _PARTS:
        if part in names:
            return media_type
    if "[content_types].xml" in names:
        for folder, media_type in _FOLDERS:
            if any(name.startswith(folder) for name in names):
                return media_type
    return ZIP


def _sniff_damaged_zip(data: bytes) -> str:
    """Tell by the names of its first members what a package that cannot be opened was meant to be."""
    head = data[: 64 * 1024].lower()
    marks = ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX), (b"ofd.xml", OFD))
    return next((media_type for mark, media_type in marks if mark in head), ZIP)


def _sniff_text(data: bytes) -> str:
    head = data[:_HEAD_BYTES]
    if _MIME.match(head):
        return MHTML
    text = decode(head).text
    if not text.strip() or len(_CONTROLS.findall(text)) > 1 + _MOST_CONTROLS * len(text):
        return UNKNOWN
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        if (
            "schemas.microsoft.com/office/word/2003/wordml" in text
            or "schemas.microsoft.com/office/2006/xmlPackage" in text
        ):
            return WORD_XML
        if "urn:schemas-microsoft-com:office:spreadsheet" in text and "<html" not in text.lower():
            return EXCEL_XML
        if _HTML.search(text):
            return HTML
    return CSV if delimiter_of(text) else TEXT


def delimiter_of(text: str) -> str | None:
    """Return the character that parts the columns of delimited text: tab or comma, the same number in nearly every line."""
    lines = [line for line in text.splitlines()[: _SAMPLE_LINES + 1] if line.strip()][:_SAMPLE_LINES]
    if len(lines) < _MIN_LINES:
        return None
    for delimiter in ("\t", ","):
        counts = [_outside_quotes(line, delimiter) for line in lines]
        usual = max(set(counts), key=counts.count)
        if usual and counts.count(usual) >= _REGULAR_SHARE * len(counts):
            return delimiter
    return None


def _outside_quotes(line: str, delimiter: str) -> int:
    return sum(part.count(delimiter) for part in line.split('"')[::2])
