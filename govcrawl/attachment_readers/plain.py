"""Text, delimited text, HTML (also under the name of a Word or Excel file) and MHTML."""

from __future__ import annotations

import csv
from email import policy
from email.parser import BytesParser

from govcrawl.attachment_readers.found import MAX_CHARACTERS, MAX_PART_BYTES, Found, Refused
from govcrawl.attachment_readers.sniff import delimiter_of
from govcrawl.blocks import read_content
from govcrawl.decode import Page, decode
from govcrawl.errors import UnreadablePage

_FIELD_LIMIT = MAX_CHARACTERS


def read_text(data: bytes, found: Found) -> None:
    """Read plain text, decoded as pages are."""
    found.add(decode(data).text)


def read_csv(data: bytes, found: Found) -> None:
    """Read delimited text: the text as it stands, and its rows as a table."""
    text = decode(data).text
    csv.field_size_limit(_FIELD_LIMIT)
    rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter_of(text[: 1 << 16]) or ",")
    try:
        found.add_table(rows, with_text=False)
    except csv.Error:
        found.flags.add("tables_unread")
    found.add(text)


def read_html(data: bytes, found: Found) -> None:
    """Read HTML: everything it shows, and its data tables."""
    try:
        root = Page(url="file:", body=data).root
    except UnreadablePage as error:
        raise Refused("broken", str(error)) from None
    content = read_content(root)
    found.add(content.complete)
    for table in content.tables:
        found.add_table(table, with_text=False)


def read_mhtml(data: bytes, found: Found) -> None:
    """Read a page saved as one MIME file (RFC 2557): its first HTML part, or its first text."""
    message = BytesParser(policy=policy.compat32).parsebytes(data[:MAX_PART_BYTES])
    parts = [part for part in message.walk() if not part.is_multipart()]
    for wanted, reader in (("text/html", read_html), ("text/plain", read_text)):
        for part in parts:
            body = part.get_payload(decode=True)
            if part.get_content_type() == wanted and isinstance(body, bytes) and body.strip():
                charset = part.get_content_charset()
                if charset and wanted == "text/html":
                    body = f'<meta charset="{charset}">'.encode("ascii", "replace") + body
                reader(body, found)
                return
    raise Refused("broken", "a MIME file without a page in it")
