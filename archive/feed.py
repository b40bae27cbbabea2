"""Changes as an Atom feed (RFC 4287): a pure generator over events, whatever chose them.

An entry's id is a tag URI (RFC 4151) made of the document's id, the kind of change and its instant, which a rebuild of the
catalog does not change. Content is HTML, escaped; nothing of an archived page gets into a feed but its text.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape as html_escape
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape, quoteattr

from archive.change_words import change_word, headline
from archive.hunks import hunks
from archive.text import without_controls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archive.change_words import Language
    from archive.rows import Row
    from archive.textdiff import TextDiff

ATOM = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml"
MOST_CHARACTERS = 4000
"""Of the text diff shown in an entry; what is longer is cut, and the entry says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHead:
    """What a feed says of itself."""

    id: str  # tag URI or IRI; see :func:`feed_id`
    title: str
    updated_at: str  # where there is no entry: instant of the catalog
    author: str
    alternate_url: str | None = None  # what people would look at instead
    self_url: str | None = None  # where the feed stands
    software: str = "govcrawl"
    language: Language = "zh"
    withheld: int = 0  # documents whose events are left out


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """An event (a row of :func:`archive.catalog_change_reads.find_changes`) with what is said of it."""

    change: Row
    details: Sequence[str] = ()  # lines of :func:`archive.change_words.details`
    diff: TextDiff | None = None
    link: str | None = None  # instead of the document's own URL


def feed_id(site_url: str, name: str) -> str:
    """Return the id of a feed: a tag URI under the host of a site, as of Atom's own year."""
    return f"tag:{urlsplit(site_url).hostname or 'localhost'},2005:govcrawl/{quote(name)}"


def entry_id(change: Row) -> str:
    """Return the id of an entry, the same for ever."""
    host = urlsplit(change["url"]).hostname or "localhost"
    moment = change["at"].replace("-", "").replace(":", "")
    return f"tag:{host},{change['at'][:10]}:govcrawl/{change['document_id']}/{change['change']}/{moment}"


def write_feed(entries: Iterable[FeedEntry], head: FeedHead) -> Iterator[str]:
    """Yield the feed in pieces; entries come latest first, the first one says when the feed was updated."""
    began = False
    for entry in entries:
        if not began:
            yield _head(head, entry.change["at"])
            began = True
        yield _entry(entry, head.language)
    if not began:
        yield _head(head, head.updated_at)
    yield "</feed>\n"


def _head(head: FeedHead, updated_at: str) -> str:
    language = "zh-CN" if head.language == "zh" else "en"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<feed xmlns="{ATOM}" xml:lang="{language}">',
        f"<id>{_text(head.id)}</id>",
        f"<title>{_text(head.title)}</title>",
        f"<updated>{_text(updated_at)}</updated>",
        f"<author><name>{_text(head.author)}</name></author>",
        f"<generator>{_text(head.software)}</generator>",
    ]
    if head.withheld:
        words = (
            f"有 {head.withheld} 份公开文件不予显示"
            if language == "zh-CN"
            else f"{head.withheld} documents are withheld"
        )
        lines.insert(4, f"<subtitle>{_text(words)}</subtitle>")
    if head.alternate_url:
        lines.append(f'<link rel="alternate" href={_attribute(head.alternate_url)}/>')
    if head.self_url:
        lines.append(f'<link rel="self" type="{MEDIA_TYPE}" href={_attribute(head.self_url)}/>')
    return "\n".join(lines) + "\n"


def _entry(entry: FeedEntry, language: Language) -> str:
    change = entry.change
    word = change_word(change["change"], language)
    title = change["title"] or change["url"]
    lines = [
        "<entry>",
        f"<id>{_text(entry_id(change))}</id>",
        f"<title>{_text(f'[{word}] {title}')}</title>",
        f'<link rel="alternate" href={_attribute(entry.link or change["url"])}/>',
        f"<published>{_text(change['at'])}</published>",
        f"<updated>{_text(change['at'])}</updated>",
        f"<author><name>{_text(change['agency_title'])}</name></author>",
        f"<category term={_attribute(change['change'])} label={_attribute(word)}/>",
        f'<content type="html">{_text(_content(entry, language))}</content>',
        "</entry>",
    ]
    return "\n".join(lines) + "\n"


def _content(entry: FeedEntry, language: Language) -> str:
    """The HTML of an entry."""
    change = entry.change
    parts = [f"<p>{html_escape(headline(change, language))}</p>"]
    url = html_escape(change["url"])
    parts.append(f'<p><a href="{url}">{url}</a></p>')
    if entry.details:
        parts.append("<ul>" + "".join(f"<li>{html_escape(line)}</li>" for line in entry.details) + "</ul>")
    if entry.diff is not None:
        parts += _diff(entry.diff, language)
    return "".join(parts)


def _diff(diff: TextDiff, language: Language) -> Iterator[str]:
    """Yield the changed paragraphs with ``ins`` and ``del``, as many as there is room for."""
    room = MOST_CHARACTERS
    tags = {"insert": "ins", "delete": "del"}
    for number, hunk in enumerate(hunks(diff)):
        if number:
            yield "<hr>"
        for paragraph in hunk.paragraphs:
            room -= sum(len(text) for _, text in paragraph.pieces)
            if room < 0:
                yield f"<p>{'（差异过长，以下从略）' if language == 'zh' else '(the rest of the difference is left out)'}</p>"
                return
            pieces = (
                f"<{tags[side]}>{html_escape(text)}</{tags[side]}>" if side in tags else html_escape(text)
                for side, text in paragraph.pieces
            )
            yield f"<p>{''.join(pieces)}</p>"


def _text(value: str) -> str:
    return escape(without_controls(value))


def _attribute(value: str) -> str:
    return quoteattr(without_controls(value))
