"""What a crawl of the demo portal has left behind, against what it must have found.

Pure comparisons: rows in the form of the documents export on one side, :class:`govcrawl.demo.model.Truth` on the other.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from govcrawl.demo.model import Truth, TruthFile

Row = dict[str, Any]

_SHOWN_CHARACTERS = 60
_BLANKS = re.compile(r"[\s\u200b\ufeff|]+")
PRINTED = ("title", "publish_date", "publish_time", "source", "index_number", "document_number", "written_date")
CHANGED_FIELD = {"body": "text", "title": "title", "attachment": "attachments"}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that was not met."""

    where: str  # address of a document, or what else was looked at
    what: str  # field
    expected: object
    found: object

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.where}: {self.what}: expected {_shown(self.expected)}, found {_shown(self.found)}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def compare_documents(truths: Sequence[Truth], rows: Iterable[Row]) -> list[Mismatch]:
    """Compare every document of an export with the truth, both ways: nothing missing, nothing else, nothing twice."""
    by_url = {url: truth for truth in truths for url in (truth.url, *truth.aliases)}
    found: dict[str, Row] = {}
    wrong: list[Mismatch] = []
    for row in rows:
        truth = by_url.get(row["url"])
        if truth is None:
            wrong.append(Mismatch(row["url"], "document", "not in the catalog", row["title"]))
        elif truth.url in found:
            wrong.append(Mismatch(row["url"], "document", "one row", f"also {found[truth.url]['url']}"))
        else:
            found[truth.url] = row
    for truth in truths:
        if truth.url in found:
            wrong += compare_document(truth, found[truth.url])
        else:
            wrong.append(Mismatch(truth.url, "document", truth.title, None))
    return wrong


def compare_document(truth: Truth, row: Row) -> list[Mismatch]:
    """Compare one document's row with its truth."""
    pairs: list[tuple[str, object, object]] = [(name, getattr(truth, name), row[name]) for name in PRINTED]
    pairs += [
        ("addresses", sorted({truth.url, *truth.aliases}), sorted({row["url"], *row["aliases"]})),
        ("channels", sorted(truth.channels), sorted(row["channels"])),
        ("state", truth.state, "suspected" if row["state"] == "withdrawn" else row["state"]),
        ("tables", [_squeezed(grid) for grid in truth.tables], [_squeezed(grid) for grid in row["tables"]]),
        ("attachments", _files(truth.attachments), _row_files(row["attachments"])),
        ("images", _files(truth.images), _row_files(row["images"])),
    ]
    if truth.change in CHANGED_FIELD or truth.change in {None, "new"}:
        pairs.append(("version_count", 2 if truth.change in CHANGED_FIELD else 1, row["version_count"]))
    wrong = [Mismatch(truth.url, what, expected, found) for what, expected, found in pairs if expected != found]
    if (truth.text is None) != (row["text"] is None) or (truth.text is not None and not same_text(truth, row["text"])):
        wrong.append(Mismatch(truth.url, "text", truth.text, row["text"]))
    return wrong


def same_text(truth: Truth, text: str) -> bool:
    """Tell whether ``text`` is the document's paragraphs in order, with nothing between them but its table cells."""
    rest = _squeeze(text)
    paragraphs = [_squeeze(paragraph) for paragraph in (truth.text or "").split("\n")]
    between = []
    for paragraph in paragraphs:
        before, found, rest = rest.partition(paragraph)
        if not found:
            return False
        between.append(before)
    between.append(rest)
    cells = sorted({_squeeze(cell) for grid in truth.tables for line in grid for cell in line} - {""}, key=len)
    left = "\n".join(between)
    for cell in reversed(cells):
        left = left.replace(cell, "\n")
    return not left.strip("\n")


def compare_counts(truths: Sequence[Truth], day: int, outcomes: Mapping[str, int]) -> list[Mismatch]:
    """Compare what a crawl made of the documents with how many of each outcome its day holds."""
    kinds: Counter[str] = Counter("new" if day == 1 else truth.change or "unchanged" for truth in truths)
    expected = {
        "new": kinds["new"],
        "changed": sum(kinds[kind] for kind in CHANGED_FIELD),
        "unchanged": kinds["unchanged"],
        "suspected": kinds["gone"],
    }
    return [
        Mismatch(f"day {day}", f"documents {what}", expected.get(what, 0), outcomes.get(what, 0))
        for what in sorted({*expected, *outcomes})
        if expected.get(what, 0) != outcomes.get(what, 0)
    ]


def compare_changes(truths: Sequence[Truth], changed_fields: Mapping[str, Sequence[str]]) -> list[Mismatch]:
    """Compare which field each new version differs in."""
    expected = {truth.url: (CHANGED_FIELD[truth.change],) for truth in truths if truth.change in CHANGED_FIELD}
    return [
        Mismatch(url, "changed fields", expected.get(url, ()), tuple(changed_fields.get(url, ())))
        for url in sorted({*expected, *changed_fields})
        if expected.get(url, ()) != tuple(changed_fields.get(url, ()))
    ]


def _files(files: Iterable[TruthFile]) -> list[tuple[str, str]]:
    return sorted((file.url, file.sha256) for file in files)


def _row_files(files: Iterable[Row]) -> list[tuple[str, str]]:
    return sorted((file["url"], (file["sha256"] or str(file.get("error"))).removeprefix("sha256:")) for file in files)


def _squeeze(text: str) -> str:
    """Text without blanks and without the bars that may part table cells."""
    return _BLANKS.sub("", text)


def _squeezed(grid: Iterable[Iterable[str]]) -> list[list[str]]:
    return [[_squeeze(cell) for cell in line] for line in grid]
