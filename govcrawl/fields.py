"""What a page says of its document: every field, with where it was read.

Trust, field by field: what the page prints (labels, then index), its official meta tags, the list's line. What two of them
say differently is flagged, what nobody says is None.

Of a document's own text only three things are taken, and only where they stand there as words of their own: who edited it
(责任编辑, in the closing line), since when it is in force and until when (:mod:`govcrawl.force`). The fields that a list's search
service gives beside title and date are not taken: static lines do not have them, and a document would change as it moves down
its list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from archive.text import nfkc
from govcrawl.blocks import normal_text
from govcrawl.dates import parse_date
from govcrawl.force import read_force
from govcrawl.labels import read_value, split_labels
from govcrawl.metas import read_site_code

if TYPE_CHECKING:
    from govcrawl.blocks import Content
    from govcrawl.dates import Printed
    from govcrawl.decode import Page
    from govcrawl.items import DocumentPage, ListEntry

Origin = Literal["label", "index", "meta", "list", "text", "heading"]
"""Where a value was read: beside the title, in the index, in a meta tag, on the list, in the body, from a heading or window title."""

_AS_PRINTED = ("subtitle", "publisher", "index_number", "document_number", "topic", "genre", "validity", "keywords")
_DATES: tuple[Literal["written_date", "effective_date", "expiry_date"], ...] = (
    "written_date",
    "effective_date",
    "expiry_date",
)
_MARKS = re.compile(r"[\s\u200b-\u200f\u2060\ufeff|\-]+")
_TITLE_END = re.compile(r"\s*[_|\-–—]\s*[^_|\-–—]{2,30}$")
_WINDOW_PARTS = re.compile(r"[_|\-–—]")
_LONGEST_LINE = 160
_WORD_ENDS = re.compile(r"[\s,，;；、|]+")

_ACCOUNTS = re.compile(
    r"(?:超级|系统|网站|平台|栏目|信息)?管理员\d*|(?:system|sys|super|web|site)?[_ -]?(?:admin|administrator|user|root|test|editor)\d*|超级用户|系统|未知|匿名",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"[A-Za-z0-9_.@-]{1,40}")


class _Value(NamedTuple):
    text: str | None
    origin: Origin | None


def read_fields(
    page: Page, hints: DocumentPage, entry: ListEntry | None, content: Content, flags: set[str]
) -> dict[str, Any]:
    """Return a document's fields by name, with ``origins``: the origin of each that is there.

    Args:
        content: the body, for what only its text says.
        flags: takes what was noticed: ``…_differs``, ``…_unreadable``.
    """
    values = {name: _first(hints, name) for name in _AS_PRINTED}
    values["keywords"] = _keywords(values["keywords"], hints, page)
    values["title"] = _read_title(page, hints, entry, flags)
    values["source"] = _read_source(hints, flags)
    values |= _read_people(hints, content)
    values |= _read_dates(hints, content, flags)
    values["site_id_code"] = _read_site_code(page, hints)
    published = _read_publish_date(hints, entry, flags)
    origins = {name: value.origin for name, value in values.items() if value.text is not None}
    if published["publish_date"] is not None:
        origins["publish_date"] = published["publish_date_source"]
    return {
        **{name: value.text for name, value in values.items()},
        **published,
        "origins": dict(sorted(origins.items())),
    }


def _first(hints: DocumentPage, name: str) -> _Value:
    """Return what the page prints, else its index, else its meta tags."""
    if hints.fields.get(name):
        return _Value(hints.fields[name], "label")
    if hints.index_fields.get(name):
        return _Value(hints.index_fields[name], "index")
    return _Value(hints.metas[name], "meta") if hints.metas.get(name) else _Value(None, None)


def _keywords(found: _Value, hints: DocumentPage, page: Page) -> _Value:
    """Drop meta keywords that name the site or the column: they are the column's, and say nothing of the document."""
    if found.origin != "meta" or found.text is None:
        return found
    names = {squeeze(hints.metas[name]) for name in ("site_name", "column_name", "source") if hints.metas.get(name)}
    window = next(page.root.iter("title"), None)
    if window is not None:  # 标题-网站名
        names |= {squeeze(part) for part in _WINDOW_PARTS.split("".join(window.itertext()))[1:]}
    if any(squeeze(word) in names for word in _WORD_ENDS.split(found.text)):
        return _Value(None, None)
    return found


# --- the title ---


def _read_title(page: Page, hints: DocumentPage, entry: ListEntry | None, flags: set[str]) -> _Value:
    named: list[tuple[Origin, str | None]] = [
        ("label", hints.fields.get("title")),
        ("index", hints.index_fields.get("title")),
        ("meta", hints.metas.get("title")),
        ("list", entry.title if entry else None),
    ]
    titles = [_Value(normal_text(title), origin) for origin, title in named if title and title.strip()]
    said = [title.text or "" for title in titles]
    if len({squeeze(text) for text in said[:3]}) > 1 and not _is_shortened(said):
        flags.add("title_differs")
    if titles:
        return titles[0]
    text = _fallback_title(page, hints)
    return _Value(text, "heading" if text else None)


def _is_shortened(titles: list[str]) -> bool:
    """Tell whether all titles begin alike, as lists cut them with dots."""
    stems = sorted((squeeze(t).rstrip(".…") for t in titles), key=len)
    return all(stem.startswith(stems[0]) for stem in stems) and any(t.endswith(("…", "...")) for t in titles)


def _fallback_title(page: Page, hints: DocumentPage) -> str | None:
    column = hints.metas.get("column_name")
    site = {hints.metas.get("site_name"), column}
    for heading in page.root.iter("h1", "h2"):
        text = read_value("".join(heading.itertext()))
        if text and text not in site:
            return normal_text(text)
    title = next(page.root.iter("title"), None)
    text = read_value("".join(title.itertext())) if title is not None else None
    if text is None:
        return None
    short = _TITLE_END.sub("", text)
    return None if short in site and short != column else short  # the only document of its column may be called like it


# --- organs and persons ---


def _read_source(hints: DocumentPage, flags: set[str]) -> _Value:
    printed, meta = hints.fields.get("source"), hints.metas.get("source")
    if printed and meta and squeeze(printed) != squeeze(meta):
        flags.add("source_differs")
    if printed:
        return _Value(printed, "label")
    return _Value(meta, "meta") if meta else _Value(None, None)


def _read_people(hints: DocumentPage, content: Content) -> dict[str, _Value]:
    """Return author and editor; accounts of the CMS (超级管理员, admin, log-in names of an editor) are nobody."""
    author = hints.fields.get("author")
    people = {
        "author": _Value(author, "label") if author else _first(hints, "author"),
        "editor": _first(hints, "editor"),
    }
    closing: dict[str, str] = {}
    for line in content.furniture:
        if len(line) <= _LONGEST_LINE:
            closing |= split_labels(line.strip("（()）【】[] "))
    if people["editor"].text is None and closing.get("editor"):
        people["editor"] = _Value(closing["editor"], "text")
    return {name: _person(name, value) for name, value in people.items()}


def _person(name: str, value: _Value) -> _Value:
    text = value.text
    login = text and (name == "editor" or value.origin == "meta") and _LOGIN.fullmatch(text)
    if text is None or login or _ACCOUNTS.fullmatch(text):
        return _Value(None, None)
    return value


def _read_site_code(page: Page, hints: DocumentPage) -> _Value:
    stated = hints.metas.get("site_id_code")
    if stated:
        return _Value(stated, "meta")
    printed = read_site_code(page.text)
    return _Value(printed, "label" if printed else None)


# --- dates ---


def _read_dates(hints: DocumentPage, content: Content, flags: set[str]) -> dict[str, _Value]:
    out: dict[str, _Value] = {}
    for name in _DATES:
        value = _first(hints, name)
        found = parse_date(value.text)
        out[name] = _Value(found.day.isoformat(), value.origin) if found else _Value(None, None)
        if value.text and not found:
            flags.add(f"{name}_unreadable")
    until = _first(hints, "validity")
    expiry = parse_date(until.text.lstrip("至到")) if until.text else None
    if expiry and out["expiry_date"].text is None:  # 有效期：至2029年4月30日
        out["expiry_date"] = _Value(expiry.day.isoformat(), until.origin)
    force = read_force(content.complete)
    for name, day in (("effective_date", force.since), ("expiry_date", force.until)):
        if day and out[name].text is None and f"{name}_unreadable" not in flags:
            out[name] = _Value(day.isoformat(), "text")
    return out


def _read_publish_date(hints: DocumentPage, entry: ListEntry | None, flags: set[str]) -> dict[str, Any]:
    """Take the first readable date in order of trust; the meta tag adds the time where it names the same day."""
    texts = {
        "label": hints.fields.get("publish_date"),
        "index": hints.index_fields.get("publish_date"),
        "meta": hints.metas.get("publish_date"),
        "list": (entry.date_text or entry.publish_date) if entry else None,
    }
    found = {name: parse_date(text) for name, text in texts.items()}
    if entry and entry.publish_date and not found["list"]:
        found["list"] = parse_date(entry.publish_date)
    if any(texts[name] and not found[name] for name in ("label", "index", "meta")):
        flags.add("publish_date_unreadable")
    source = next((name for name, value in found.items() if value), None)
    if source is None:
        return {
            "publish_date": None,
            "publish_time": None,
            "publish_date_source": None,
            "publish_date_text": next(filter(None, texts.values()), None),
        }
    day, clock = _known(found[source])
    if any(value and value.day != day for name, value in found.items() if name != "list"):
        flags.add("publish_date_differs")
    listed, meta = found["list"], found["meta"]
    if listed and listed.day != day:
        flags.add("list_date_differs")
    if clock is None and meta and meta.day == day:
        clock = meta.clock
    return {
        "publish_date": day.isoformat(),
        "publish_time": clock.strftime("%H:%M") if clock and source != "list" else None,
        "publish_date_source": source,
        "publish_date_text": texts["label"] or texts[source],
    }


def _known(found: Printed | None) -> Printed:
    assert found is not None  # noqa: S101 - the source is one that was found
    return found


def squeeze(text: str) -> str:
    """Return a text as two readings of it are compared: NFKC, without blanks and rules."""
    return _MARKS.sub("", nfkc(text))
