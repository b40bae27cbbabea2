"""What a crawl decides and no exchange shows: a note in the WARC and rows in the catalog that stand or fall together.

Each function returns a :class:`Decision`, which :meth:`archive.store.Store.put_batch` writes; what the note says is enough
to make the same rows again (:mod:`archive.replay`). What pages print is not said here but read again from the captures;
the lines of a list and the line a document was read with are, so that a rebuild does not depend on how lists are read now.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from archive.catalog_walks import Finding
from archive.model import File, Listing
from archive.records import dump_json, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from archive.catalog import Catalog
    from archive.catalog_walks import Ending
    from archive.model import Capture, Document, Known, Put, State

T = TypeVar("T")
U = TypeVar("U")
Said = dict[str, "str | None"]

PUT_LISTINGS = "put_listings"
PUT_DOCUMENT = "put_document"
PUT_UNCHANGED = "put_unchanged"
PUT_ALIAS = "put_alias"
PUT_ABSENCE = "put_absence"
FINISH_CHANNEL = "finish_channel"
SETTLE = "settle"
JUDGE_CRAWL = "judge_crawl"
BEGIN_CRAWL = "begin_crawl"
FINISH_CRAWL = "finish_crawl"

_LISTING_DEFAULTS: dict[str, Any] = {field.name: None for field in fields(Listing)} | {
    "pinned": False,
    "offsite": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Generic[T]):
    """One decision: ``fields`` says it, asked just before it is written; ``rows`` puts it and returns what came of it."""

    crawl_id: str
    name: str
    target: str  # URI that the note is about; never a page's own, so that no index takes the note for the page
    at: datetime
    fields: Callable[[Catalog], Said]
    rows: Callable[[Catalog], T]

    def then(self, more: Callable[[Catalog, T], U]) -> Decision[U]:
        """Return this decision with further rows in the same transaction, which no note tells (:mod:`archive.catalog_frontier`)."""
        return Decision(
            crawl_id=self.crawl_id,
            name=self.name,
            target=self.target,
            at=self.at,
            fields=self.fields,
            rows=lambda catalog: more(catalog, self.rows(catalog)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold(Generic[T]):
    """Rows that no note tells and no rebuild makes: what a crawl still has to do (:mod:`archive.catalog_frontier`)."""

    crawl_id: str
    rows: Callable[[Catalog], T]


def decide_listings(
    crawl_id: str, agency: str, channel: str, listings: Sequence[Listing], capture_id: int | None, at: datetime
) -> Decision[list[Known]]:
    """Put the lines of one list page and tell what was known of each."""

    def say(catalog: Catalog) -> Said:
        lines = [
            {name: value for name, value in asdict(line).items() if value != _LISTING_DEFAULTS[name]}
            for line in listings
        ]
        return {"channel": channel, "capture": _record_id(catalog, capture_id), "lines": dump_json(lines)}

    return Decision(
        crawl_id=crawl_id,
        name=PUT_LISTINGS,
        target=_crawl(crawl_id),
        at=at,
        fields=say,
        rows=lambda catalog: catalog.put_listings(crawl_id, agency, channel, listings, capture_id, at),
    )


def decide_document(  # noqa: PLR0913 -- as the catalog's
    crawl_id: str,
    agency: str,
    document: Document,
    *,
    url_key: str,
    capture_id: int,
    attachments: Sequence[File],
    images: Sequence[File],
    aliases: Sequence[tuple[str, str]] = (),
    at: datetime,
    moved: bool = False,
    entry: Mapping[str, Any] | None = None,
) -> Decision[Put]:
    """Put a document as read from a capture; ``entry`` is the list's line that it was read with."""

    def say(catalog: Catalog) -> Said:
        def files(group: Sequence[File]) -> str | None:
            return dump_json([_said_file(catalog, file) for file in group]) if group else None

        return {
            "url": document.url,
            "urlKey": url_key,
            "key": document.key,
            "idIfNew": catalog.new_document_id(agency, url_key),
            "capture": _record_id(catalog, capture_id),
            "extractor": document.extraction.extractor_version,
            "moved": "yes" if moved else None,
            "aliases": dump_json([list(alias) for alias in aliases]) if aliases else None,
            "attachments": files(attachments),
            "images": files(images),
            "entry": None if entry is None else dump_json(entry),
        }

    return Decision(
        crawl_id=crawl_id,
        name=PUT_DOCUMENT,
        target=_crawl(crawl_id),
        at=at,
        fields=say,
        rows=lambda catalog: catalog.put_document(
            crawl_id,
            agency,
            document,
            url_key=url_key,
            capture_id=capture_id,
            attachments=attachments,
            images=images,
            aliases=aliases,
            at=at,
            moved=moved,
            entry=entry,
        ),
    )


def decide_unchanged(crawl_id: str, document_id: str, capture_id: int, at: datetime) -> Decision[Put]:
    """Note that a document's page answered with what is known already."""
    return Decision(
        crawl_id=crawl_id,
        name=PUT_UNCHANGED,
        target=_document(document_id),
        at=at,
        fields=lambda catalog: {"document": document_id, "capture": _record_id(catalog, capture_id)},
        rows=lambda catalog: catalog.put_unchanged(crawl_id, document_id, capture_id, at),
    )


def decide_alias(crawl_id: str, agency: str, document_id: str, url: str, url_key: str, at: datetime) -> Decision[bool]:
    """Put another address of a document; ``False`` when the address already leads to a document."""
    return Decision(
        crawl_id=crawl_id,
        name=PUT_ALIAS,
        target=_document(document_id),
        at=at,
        fields=lambda _: {"document": document_id, "url": url, "urlKey": url_key},
        rows=lambda catalog: catalog.put_alias(agency, document_id, url, url_key, at),
    )


def decide_absence(
    crawl_id: str,
    document_id: str,
    capture_id: int | None,
    reason: str,
    at: datetime,
    *,
    min_failures: int = 3,
    min_days: int = 14,
) -> Decision[State]:
    """Note that a document's page is gone at this look; returns the state it has now."""
    said = one_line(reason)
    return Decision(
        crawl_id=crawl_id,
        name=PUT_ABSENCE,
        target=_document(document_id),
        at=at,
        fields=lambda catalog: {
            "document": document_id,
            "capture": None if capture_id is None else _record_id(catalog, capture_id),
            "reason": said,
            "minFailures": str(min_failures),
            "minDays": str(min_days),
        },
        rows=lambda catalog: catalog.put_absence(
            crawl_id, document_id, capture_id, said, at, min_failures=min_failures, min_days=min_days
        ),
    )


def decide_channel(  # noqa: PLR0913 - how one walk ended
    crawl_id: str,
    agency: str,
    channel: str,
    *,
    complete: bool,
    pages: int | None,
    total: int | None,
    at: datetime,
    ending: Ending | None = None,
    skipped: int = 0,
) -> Decision[None]:
    """Note how far a channel's list was walked and how that ended; ``complete`` = to its end, in this crawl."""
    return Decision(
        crawl_id=crawl_id,
        name=FINISH_CHANNEL,
        target=_crawl(crawl_id),
        at=at,
        fields=lambda _: {
            "channel": channel,
            "complete": "yes" if complete else "no",
            "pages": None if pages is None else str(pages),
            "total": None if total is None else str(total),
            "ending": ending,
            "skipped": str(skipped) if skipped else None,
        },
        rows=lambda catalog: catalog.finish_channel(
            crawl_id,
            agency,
            channel,
            complete=complete,
            pages=pages,
            total=total,
            at=at,
            ending=ending,
            skipped=skipped,
        ),
    )


def decide_verdict(
    crawl_id: str, agency: str, verdict: str, findings: Sequence[Finding], at: datetime
) -> Decision[None]:
    """Put the verdict on a crawl and what it rests on."""

    def say(catalog: Catalog) -> Said:
        said = [
            {
                **{name: value for name, value in asdict(one).items() if value is not None and name != "capture_id"},
                **({} if one.capture_id is None else {"capture": _record_id(catalog, one.capture_id)}),
            }
            for one in findings
        ]
        return {"verdict": verdict, "findings": dump_json(said) if said else None}

    return Decision(
        crawl_id=crawl_id,
        name=JUDGE_CRAWL,
        target=_crawl(crawl_id),
        at=at,
        fields=say,
        rows=lambda catalog: catalog.put_verdict(crawl_id, agency, verdict, findings, at),
    )


def decide_settle(crawl_id: str, agency: str, at: datetime) -> Decision[dict[str, int]]:
    """Turn what this crawl's lists did and did not show into states; returns how many of each change."""
    return Decision(
        crawl_id=crawl_id,
        name=SETTLE,
        target=_crawl(crawl_id),
        at=at,
        fields=lambda _: {},
        rows=lambda catalog: catalog.settle(crawl_id, agency, at),
    )


def decide_beginning(crawl_id: str, at: datetime) -> Decision[None]:
    """Note that a crawl begins, or goes on after it was interrupted; who and how stands in the file's first record."""
    return Decision(
        crawl_id=crawl_id,
        name=BEGIN_CRAWL,
        target=_crawl(crawl_id),
        at=at,
        fields=lambda _: {},
        rows=lambda catalog: catalog.continue_crawl(crawl_id),
    )


def decide_end(
    crawl_id: str, outcome: str, reason: str | None, counts: Mapping[str, Any], at: datetime
) -> Decision[None]:
    """End a crawl."""
    said = None if reason is None else one_line(reason)
    return Decision(
        crawl_id=crawl_id,
        name=FINISH_CRAWL,
        target=_crawl(crawl_id),
        at=at,
        fields=lambda _: {"outcome": outcome, "reason": said, "counts": dump_json(dict(counts))},
        rows=lambda catalog: catalog.finish_crawl(crawl_id, at, outcome, said, counts),
    )


def _said_file(catalog: Catalog, file: File) -> dict[str, Any]:
    said = {name: value for name, value in asdict(file).items() if value is not None and name != "capture_id"}
    if file.capture_id is not None:
        said["capture"] = _record_id(catalog, file.capture_id)
    return said


def _record_id(catalog: Catalog, capture_id: int | None) -> str | None:
    return None if capture_id is None else catalog.capture(capture_id).record_id


def _crawl(crawl_id: str) -> str:
    return f"urn:govcrawl:crawl:{crawl_id}"


def _document(document_id: str) -> str:
    return f"urn:govcrawl:document:{document_id}"


# Read again


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentNote:
    """What a note says of a document that was put; ``capture`` and those of files are record ids."""

    url: str
    url_key: str
    key: str | None
    id_if_new: str | None
    capture: str
    extractor: str | None
    moved: bool
    aliases: tuple[tuple[str, str], ...]
    attachments: tuple[Mapping[str, Any], ...]
    images: tuple[Mapping[str, Any], ...]
    entry: Mapping[str, Any] | None


def read_document_note(fields: Mapping[str, str]) -> DocumentNote:
    """Read the note of :func:`decide_document`.

    Raises:
        ValueError: it lacks what such a note has.
    """
    try:
        return DocumentNote(
            url=fields["url"],
            url_key=fields["urlKey"],
            key=fields.get("key"),
            id_if_new=fields.get("idIfNew"),
            capture=fields["capture"],
            extractor=fields.get("extractor"),
            moved=fields.get("moved") == "yes",
            aliases=tuple((url, key) for url, key in _list(fields.get("aliases"))),
            attachments=tuple(_list(fields.get("attachments"))),
            images=tuple(_list(fields.get("images"))),
            entry=json.loads(fields["entry"]) if "entry" in fields else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a note of a document lacks or has wrongly: {error}") from error


def read_listings(fields: Mapping[str, str]) -> list[Listing]:
    """Read the lines in the note of :func:`decide_listings`.

    Raises:
        ValueError: it lacks what such a note has.
    """
    try:
        return [Listing(**(_LISTING_DEFAULTS | line)) for line in _list(fields.get("lines"))]
    except TypeError as error:
        raise ValueError(f"a note of a list lacks or has wrongly: {error}") from error


def read_findings(fields: Mapping[str, str], capture_of: Callable[[str], Capture | None]) -> list[Finding]:
    """Read the findings in the note of :func:`decide_verdict`; a capture that is lost is left out.

    Raises:
        ValueError: it lacks what such a note has.
    """
    found = []
    for said in _list(fields.get("findings")):
        try:
            record_id = said.pop("capture", None)
            capture = capture_of(record_id) if record_id else None
            found.append(Finding(**said, capture_id=capture.id if capture else None))
        except (AttributeError, TypeError) as error:
            raise ValueError(f"a note of a verdict lacks or has wrongly: {error}") from error
    return found


def _list(text: str | None) -> list[Any]:
    found = json.loads(text or "[]")
    if not isinstance(found, list):
        raise ValueError(f"a list was expected, found {text!r}")  # noqa: TRY004 -- a value that was read, not an argument
    return found
