"""WARC files told again by an engine, one a unit, for ``govcrawl rebuild``.

On one machine a file is told as it stands, and whoever asked has its pages read. A worker elsewhere reads them on the way:
those whose captures stand in the same file, which are nearly all; the others are left to whoever asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from archive import decisions
from archive.errors import CaptureMissing, DigestMismatch, UnreadableContent
from archive.events import CaptureTold, Damage, FileBegins, NoteTold, read_events
from archive.model import Capture, Document
from archive.reader import open_capture
from govcrawl.engines import Done, SpreadingWork
from govcrawl.engines.kept import kept_readers
from govcrawl.errors import BadAgency, CrawlError
from govcrawl.reading import read_document, read_entry, read_stored

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from archive.events import Event
    from archive.rows import CaptureFields
    from govcrawl.engines import Place, Unit
    from govcrawl.engines.templates import Templates
    from govcrawl.workers import Readers

_OF_A_CAPTURE = frozenset(Capture.__slots__) - {"id"}


class Told(NamedTuple):
    """An event and, of a document's note, what its page reads as: a document, why it is none, or nothing known."""

    event: Event
    reading: Document | CrawlError | None = None


@dataclass(frozen=True, slots=True)
class TellFile(SpreadingWork):
    """Tells WARC files; a unit's argument is ``(path, agency)``, its pieces are :class:`Told`."""

    templates: Templates
    max_bytes: int  # of one page
    seconds: float  # for one page
    memory_bytes: int  # of one reader's process

    def do_all(self, units: Iterable[Unit], place: Place, processes: int) -> Iterator[Done]:
        """Tell the files one after the other."""
        del processes
        for unit in units:
            path, agency = unit.argument
            yield Done(unit, (Told(event) for event in read_events(place.of(path), agency)))

    def do(self, argument: Any, place: Place) -> Iterator[Told]:
        """Tell one file and read the pages of its documents."""
        path, agency = argument
        runner, readers = kept_readers(self.seconds, self.memory_bytes)
        yield from _Telling(self, place, agency, runner, readers).tell(path)


class _Telling:
    def __init__(self, work: TellFile, place: Place, agency: str, runner: asyncio.Runner, readers: Readers) -> None:
        self._work = work
        self._place = place
        self._agency = agency
        self._runner = runner
        self._readers = readers
        self._find = work.templates.finder()
        self._template: str | None = None
        self._captures: dict[str, Capture] = {}

    def tell(self, path: Path) -> Iterator[Told]:
        for event in read_events(self._place.of(path), self._agency):
            if isinstance(event, FileBegins):
                self._template = event.agency.template if event.agency else None
            elif isinstance(event, CaptureTold):
                self._note(event.fields)
            elif isinstance(event, Damage):
                yield Told(replace(event, path=path, message=self._place.say(event.message)))
                continue
            elif isinstance(event, NoteTold) and event.fields.get("decision") == decisions.PUT_DOCUMENT:
                yield Told(event, self._read(event))
                continue
            yield Told(event)

    def _note(self, fields: CaptureFields) -> None:
        if fields["kind"] == "document":
            values: dict[str, Any] = {name: value for name, value in fields.items() if name in _OF_A_CAPTURE}
            self._captures[fields["record_id"]] = Capture(id=0, **values)

    def _read(self, event: NoteTold) -> Document | CrawlError | None:
        """Read a document's page; ``None`` where that is for whoever asked to do, or to say why it cannot be done."""
        if self._template is None:
            return None
        try:
            note = decisions.read_document_note(event.fields)
            template = self._find(self._agency, self._template)
            capture = self._captures.get(note.capture)
            if capture is None:
                return None
            folder = self._place.of(self._place.data_dir)
            with open_capture(folder, capture, original_of=self._captures.get) as stored:
                page = read_stored(stored, capture.url, max_bytes=self._work.max_bytes)
            entry = read_entry(note.entry)
        except (BadAgency, CaptureMissing, DigestMismatch, UnreadableContent, ValueError):
            return None
        try:
            return self._runner.run(read_document(self._readers, template, page, entry))
        except CrawlError as error:
            return error
