"""A file's bytes to what is found in it: the content says what it is, whatever the file was called."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from govcrawl.attachment_readers import sniff
from govcrawl.attachment_readers.found import DAMAGE, Found, Full, Refused
from govcrawl.attachment_readers.zips import read_zip

if TYPE_CHECKING:
    from collections.abc import Callable

_READERS = {
    sniff.PDF: "pdf:read_pdf",
    sniff.DOCX: "word:read_docx",
    sniff.WORD_XML: "word:read_word_xml",
    sniff.DOC: "doc:read_doc",
    sniff.OLE: "doc:refuse_ole",
    sniff.ODT: "word:read_odf",
    sniff.ODP: "word:read_odf",
    sniff.XLSX: "sheets:read_workbook",
    sniff.XLSB: "sheets:read_workbook",
    sniff.XLS: "sheets:read_workbook",
    sniff.ODS: "sheets:read_workbook",
    sniff.EXCEL_XML: "sheets:read_excel_xml",
    sniff.PPTX: "slides:read_pptx",
    sniff.PPT: "slides:read_ppt",
    sniff.OFD: "ofd:read_ofd",
    sniff.RTF: "rtf:read_rtf",
    sniff.TEXT: "plain:read_text",
    sniff.CSV: "plain:read_csv",
    sniff.HTML: "plain:read_html",
    sniff.MHTML: "plain:read_mhtml",
}
"""Module and function of each format's reader."""

_NOT_READ = {
    "application/vnd.rar": "a RAR archive is not opened",
    "application/x-7z-compressed": "a 7z archive is not opened",
    "application/gzip": "a gzip archive is not opened",
    "application/x-bzip2": "a bzip2 archive is not opened",
    "application/x-xz": "an xz archive is not opened",
    "application/x-ceb": "the CEB format of Founder's reader is not public",
}


def read_bytes(data: bytes, *, with_tables: bool = True) -> Found:
    """Read a file; never raises but for lack of memory.

    Args:
        data: the file.
        with_tables: whether the tables of a PDF are looked for, which takes most of the time.
    """
    found = Found(media_type=sniff.sniff(data) if data else sniff.UNKNOWN)
    if not data:
        found.status, found.reason = "empty", "the file has no bytes"
        return found
    try:
        if found.media_type == sniff.ZIP:
            read_zip(data, found, lambda content, kind, inner: _read(content, kind, inner, with_tables=with_tables))
            found.close()
        else:
            _read(data, found.media_type, found, with_tables=with_tables)
    except Full:
        found.flags.add("cut")
        found.close()
    except Refused as error:
        found.close()
        found.status, found.reason = error.status, error.reason
    return found


def _read(data: bytes, media_type: str, found: Found, *, with_tables: bool) -> None:
    """Read one file that is no archive, and close what was found."""
    if media_type.startswith("image/"):
        found.status = "image"
        return
    read = _reader(media_type, with_tables=with_tables)
    if read is None:
        found.status = "unsupported"
        found.reason = _NOT_READ.get(media_type, f"there is no reader for {media_type}")
        return
    try:
        read(data, found)
        found.close()
    except Full:
        found.flags.add("cut")
        found.close()
    except Refused as error:
        found.close()
        found.status, found.reason = error.status, error.reason
    except DAMAGE as error:
        found.close()
        found.status, found.reason = "broken", f"damaged {media_type}: {type(error).__name__}: {error}"[:500]


def _reader(media_type: str, *, with_tables: bool) -> Callable[[bytes, Found], None] | None:
    """Return the reader of a format; its libraries are loaded when the first file of it comes."""
    if media_type == sniff.ENCRYPTED_OFFICE:
        return _refuse_encrypted
    module, _, name = _READERS.get(media_type, "").partition(":")
    if not name:
        return None
    read: Callable[..., None] = getattr(import_module(f"govcrawl.attachment_readers.{module}"), name)
    return partial(read, with_tables=with_tables) if media_type == sniff.PDF else read


def _refuse_encrypted(data: bytes, found: Found) -> None:
    del data, found
    raise Refused("encrypted", "it opens with a password only")
