"""What a host shows for an address that does not exist, learned by asking for one (soft 404, EDGI's rule).

Where a server answers 200 with the site's own furniture and a kind sentence, no pattern fits. A path that nobody ever used, shaped
like the document's, is asked for once; what comes is the host's error page, and a document that looks the same is none.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from govcrawl.errors import UnreadablePage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.model import Document
    from govcrawl.decode import Page

SHORT_CHARACTERS = 200
"""A text this short, without tables and files, may be an error page's."""

_ALIKE = 0.9  # share of common shingles; the error page repeats the address or a clock, a document another text
_MOST_NEW = 24  # shingles that the error page lacks; title and text of the shortest document seen are more
_SHINGLE = 5  # characters
_MOST_CHARACTERS = 20_000
_DIGITS = re.compile(r"\d+")
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What of an answer tells whether another is the same page."""

    status: int
    target: str | None  # where a redirect led, None where none did
    title: str
    shingles: frozenset[str]


def find_unused_path(url: str) -> str:
    """Return an address shaped like a document's at which nothing can stand: its number replaced by a long random one.

    The shape is kept, since servers hand addresses to their CMS by it.
    """
    parts = urlsplit(url)
    folder, _, name = parts.path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    numbers = list(_DIGITS.finditer(stem))
    if numbers:
        last = numbers[-1]
        stem = f"{stem[: last.start()]}9{secrets.randbelow(10**11):011d}{stem[last.end() :]}"
    else:
        stem = f"{stem[:8]}{secrets.token_hex(6)}"
    return urlunsplit((parts.scheme, parts.netloc, f"{folder}/{stem}{dot}{extension}", "", ""))


def shape_of(url: str) -> str:
    """Return what addresses served alike have in common: host, and the last segment without its digits."""
    parts = urlsplit(url)
    return f"{parts.netloc}/{_DIGITS.sub('#', parts.path.rpartition('/')[2])}"


def read_fingerprint(page: Page, asked: str) -> Fingerprint:
    """Read an answer's fingerprint; digits and the address asked for are left out of the text."""
    try:
        title = "".join(page.root.xpath("string((//title)[1])"))
        texts = page.root.xpath("//body//text()[not(parent::script or parent::style or parent::noscript)]")
    except UnreadablePage:
        title, texts = "", []
    text = " ".join(str(piece) for piece in texts)[:_MOST_CHARACTERS]
    name = urlsplit(asked).path.rpartition("/")[2]
    plain = _plain(text.replace(asked, "").replace(name, "") if name else text)
    pieces = frozenset(plain[at : at + _SHINGLE] for at in range(max(1, len(plain) - _SHINGLE + 1)))
    return Fingerprint(page.status, page.url if page.url != asked else None, _plain(title), pieces)


def is_same_page(one: Fingerprint, error_page: Fingerprint) -> bool:
    """Tell whether an answer is the host's error page, but for what changes at every fetch."""
    if one.status != error_page.status:
        return False
    if one.target and one.target == error_page.target:
        return True
    if one.title != error_page.title:
        return False
    both, new = len(one.shingles | error_page.shingles), len(one.shingles - error_page.shingles)
    return both > 0 and new <= _MOST_NEW and len(one.shingles & error_page.shingles) / both >= _ALIKE


def is_expected(document: Document, titles: Iterable[str | None]) -> bool:
    """Tell whether what was read is plausibly the document that was asked for: it bears a title that is known of it.

    Without any known title, a document of some length or with tables or files is taken for one.
    """
    known = [plain for title in titles if title and (plain := _plain(title))]
    read = [plain for title in (document.title, document.subtitle) if title and (plain := _plain(title))]
    if known and read:
        return any(_is_like(one, other) for one in known for other in read)
    whole = bool(document.tables or document.attachments or document.images)
    return whole or len(document.text or "") >= SHORT_CHARACTERS


def _is_like(one: str, other: str) -> bool:
    """Tell whether two titles may be the same: one begins or contains the other (lists cut them), or most pairs agree."""
    if one in other or other in one:
        return True
    pairs = [{text[at : at + 2] for at in range(len(text) - 1)} for text in (one, other)]
    common = len(pairs[0] & pairs[1])
    return common * 2 >= min(len(pairs[0]), len(pairs[1])) > 0


def _plain(text: str) -> str:
    return _DIGITS.sub("", _NOT_WORD.sub("", text))
