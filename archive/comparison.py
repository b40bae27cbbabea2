"""Two versions of a document side by side: printed fields, text, tables by cells, attachments and images. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

from archive.alignment import Effort, align
from archive.textdiff import diff_texts
from archive.versions import PRINTED_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from archive.model import File
    from archive.textdiff import TextDiff

_TABLE_STEPS = 200_000

Cells = tuple[str, ...]
Table = tuple[Cells, ...]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A printed field that says something else; ``None`` = not printed."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row of a changed table: ``before`` and ``after`` hold its cells, ``None`` where it is not there.

    In a ``change`` both have as many cells as the wider row, so that cells stand beside each other; ``""`` fills up.
    """

    kind: Literal["equal", "delete", "insert", "change"]
    before: Cells | None
    after: Cells | None


@dataclass(frozen=True, slots=True)
class TableChange:
    """A table that was added, removed or changed; positions count from 0, ``None`` where it is not there."""

    kind: Literal["added", "removed", "changed"]
    before: int | None
    after: int | None
    rows: tuple[RowChange, ...]


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that differs: ``replaced`` = other bytes, ``renamed`` = another label or address with the same bytes.

    A file whose bytes are not known on one side (it could not be fetched) is not said to be replaced.
    """

    kind: Literal["added", "removed", "replaced", "renamed"]
    before: File | None
    after: File | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two versions; everything that is the same is left out."""

    fields: tuple[FieldChange, ...]
    text: TextDiff | None  # None = the same
    tables: tuple[TableChange, ...]
    attachments: tuple[FileChange, ...]
    images: tuple[FileChange, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.fields or self.text or self.tables or self.attachments or self.images)

    def as_json(self) -> dict[str, Any]:
        """Return it as values for JSON; the text as ``grain`` and ``ops`` of [side, text]."""
        return {
            "fields": [asdict(one) for one in self.fields],
            "text": None if self.text is None else {"grain": self.text.grain, "ops": [*map(list, self.text.pieces())]},
            "tables": [asdict(one) for one in self.tables],
            "attachments": [_said(one) for one in self.attachments],
            "images": [_said(one) for one in self.images],
        }


@dataclass(frozen=True, slots=True)
class VersionContent:
    """What two versions are compared by: printed fields, text, tables, files."""

    fields: Mapping[str, str | None]
    text: str | None
    tables: tuple[Table, ...]
    attachments: tuple[File, ...]
    images: tuple[File, ...]


def content_of_version(row: Mapping[str, Any], attachments: Sequence[File], images: Sequence[File]) -> VersionContent:
    """Return the content of a row of ``versions`` with its files."""
    tables = tuple(tuple(tuple(cells) for cells in table) for table in json.loads(row["tables"]))
    fields = {name: row[name] for name in PRINTED_FIELDS}
    return VersionContent(fields, row["text"], tables, tuple(attachments), tuple(images))


def compare(before: VersionContent, after: VersionContent, *, text: TextDiff | None = None) -> Comparison:
    """Return what differs; ``text`` is the diff of the texts where it is known already."""
    same_text = (before.text or "") == (after.text or "")
    return Comparison(
        fields=tuple(
            FieldChange(name, value, after.fields[name])
            for name, value in before.fields.items()
            if value != after.fields[name]
        ),
        text=None if same_text else text or diff_texts(before.text or "", after.text or ""),
        tables=tuple(compare_tables(before.tables, after.tables)),
        attachments=tuple(compare_files(before.attachments, after.attachments)),
        images=tuple(compare_files(before.images, after.images)),
    )


# Tables


def compare_tables(before: Sequence[Table], after: Sequence[Table]) -> Iterator[TableChange]:
    """Yield the tables that differ; between equal ones they are paired in order."""
    for gone, came in _gaps(before, after):
        for old, new in zip_longest(gone, came):
            if old is not None and new is not None:
                yield TableChange("changed", old, new, tuple(_compare_rows(before[old], after[new])))
            elif old is not None:
                yield TableChange("removed", old, None, tuple(RowChange("delete", row, None) for row in before[old]))
            else:
                yield TableChange("added", None, new, tuple(RowChange("insert", None, row) for row in after[new]))


def _compare_rows(before: Table, after: Table) -> Iterator[RowChange]:
    """Yield every row of two tables; changed ones are paired in order with the row they share most with."""
    last = 0
    for gone, came in _gaps(before, after):
        start = gone.start
        yield from (RowChange("equal", row, row) for row in before[last:start])
        last = gone.stop
        waiting = list(came)
        for old in gone:
            new = max(waiting, key=lambda place: _shared(before[old], after[place]), default=None)
            if new is None or not _shared(before[old], after[new]):
                yield RowChange("delete", before[old], None)
                continue
            while waiting[0] < new:
                yield RowChange("insert", None, after[waiting.pop(0)])
            waiting.pop(0)
            yield RowChange("change", *_beside(before[old], after[new]))
        yield from (RowChange("insert", None, after[place]) for place in waiting)
    yield from (RowChange("equal", row, row) for row in before[last:])


def _shared(before: Cells, after: Cells) -> int:
    """Return how many cells of two rows are the same at the same place, the first one counting double."""
    same = sum(old == new for old, new in zip(before, after, strict=False))
    return same + (before[:1] == after[:1]) or int(len(before) == len(after) == 1)


def _beside(before: Cells, after: Cells) -> tuple[Cells, Cells]:
    """Return the cells of two rows laid beside each other."""
    if len(before) == len(after):
        return before, after
    old: list[str] = []
    new: list[str] = []
    for gone, came in _gaps(before, after, rest=True):
        for left, right in zip_longest(gone, came):
            old.append("" if left is None else before[left])
            new.append("" if right is None else after[right])
    return tuple(old), tuple(new)


def _gaps(before: Sequence[Any], after: Sequence[Any], *, rest: bool = False) -> Iterator[tuple[range, range]]:
    """Yield the places that differ on each side, in order; with ``rest`` also those that are the same."""
    a = b = 0
    for match in [*align(before, after, Effort(_TABLE_STEPS)), (len(before), len(after), 0)]:
        if a < match[0] or b < match[1]:
            yield range(a, match[0]), range(b, match[1])
        a, b = match[0] + match[2], match[1] + match[2]
        if rest and match[2]:
            yield range(match[0], a), range(match[1], b)


# Files


def compare_files(before: Iterable[File], after: Iterable[File]) -> Iterator[FileChange]:
    """Yield the files that differ: the same address is the same file, else the same bytes, else the same label."""
    gone, came = list(before), list(after)
    for same in (_same_address, _same_bytes, _same_label):
        for old in list(gone):
            new = next((file for file in came if same(old, file)), None)
            if new is not None:
                gone.remove(old)
                came.remove(new)
                if old.sha256 and new.sha256 and old.sha256 != new.sha256:
                    yield FileChange("replaced", old, new)
                elif (old.url, old.label) != (new.url, new.label):
                    yield FileChange("renamed", old, new)
    yield from (FileChange("removed", old, None) for old in gone)
    yield from (FileChange("added", None, new) for new in came)


def _same_address(old: File, new: File) -> bool:
    return old.url == new.url


def _same_bytes(old: File, new: File) -> bool:
    return old.sha256 is not None and old.sha256 == new.sha256


def _same_label(old: File, new: File) -> bool:
    return bool(old.label) and old.label == new.label


def _said(change: FileChange) -> dict[str, Any]:
    names = ("url", "label", "filename", "media_type", "bytes", "sha256", "error")
    said: dict[str, Any] = {"kind": change.kind}
    for side, file in (("before", change.before), ("after", change.after)):
        said[side] = None if file is None else {name: getattr(file, name) for name in names}
    return said
