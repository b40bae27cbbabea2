"""What became of a document in words, Chinese or English: for terminals, feeds and pages alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from archive.schema import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.comparison import Comparison, FileChange, TableChange
    from archive.rows import Row

Language = Literal["zh", "en"]

CHANGE_WORDS = {
    "new": ("新增", "new"),
    "changed": ("变更", "changed"),
    "moved": ("移址", "moved"),
    "unlisted": ("不再列出", "unlisted"),
    "listed": ("重新列出", "listed again"),
    "suspected": ("疑似撤下", "suspected gone"),
    "withdrawn": ("撤下", "withdrawn"),
    "restored": ("恢复", "restored"),
}

_FIELD_WORDS = {column.name: column.zh for column in VERSIONS.columns} | {
    "attachments": "附件",
    "images": "图片",
    "title": "标题",
}
_FILE_WORDS = {
    "added": ("新增", "added"),
    "removed": ("删去", "removed"),
    "replaced": ("内容已换", "bytes replaced"),
    "renamed": ("改名或移址", "renamed or moved"),
}
_TABLE_WORDS = {"added": ("新增", "added"), "removed": ("删去", "removed"), "changed": ("有变", "changed")}
_DIGEST_SHOWN = 12


def change_word(change: str, language: Language) -> str:
    """A kind of change as people say it."""
    return _pick(CHANGE_WORDS[change], language)


def field_word(name: str, language: Language) -> str:
    """A field as people say it."""
    return _FIELD_WORDS.get(name, name) if language == "zh" else name.replace("_", " ")


def headline(change: Row, language: Language) -> str:
    """What happened, in a few words: ``变更：标题、正文``."""
    word = change_word(change["change"], language)
    if change["change"] == "moved":
        return word + _colon(language) + f"{change['from_url']} → {change['to_url']}"
    if change["fields"]:
        names = (field_word(name, language) for name in change["fields"])
        return word + _colon(language) + ("、" if language == "zh" else ", ").join(names)
    return word + (_colon(language) + change["reason"] if change["reason"] else "")


def details(comparison: Comparison, language: Language) -> Iterator[str]:
    """What differs between two versions, a line each: fields with both values, sizes of what is too long to say."""
    for field in comparison.fields:
        values = (
            value if value is not None else _pick(("（无）", "(none)"), language)
            for value in (field.before, field.after)
        )
        yield field_word(field.name, language) + _colon(language) + " → ".join(values)
    if comparison.text is not None:
        gone = sum(len(text) for side, text in comparison.text.pieces() if side == "delete")
        came = sum(len(text) for side, text in comparison.text.pieces() if side == "insert")
        said = _pick((f"删 {gone} 字，增 {came} 字", f"{gone} characters out, {came} in"), language)
        if comparison.text.grain == "coarse":
            said += _pick(
                ("（改动太多，按整句整段比较）", " (too much for more: whole sentences and paragraphs)"), language
            )
        yield field_word("text", language) + _colon(language) + said
    for table in comparison.tables:
        yield _table(table, language)
    for name, changes in (("attachments", comparison.attachments), ("images", comparison.images)):
        for change in changes:
            yield field_word(name, language) + _colon(language) + _file(change, language)


def _table(table: TableChange, language: Language) -> str:
    number = (table.after if table.after is not None else table.before) or 0
    rows = sum(row.kind != "equal" for row in table.rows)
    said = (
        f"{_pick(('表', 'table'), language)} {number + 1}{_colon(language)}{_pick(_TABLE_WORDS[table.kind], language)}"
    )
    return said + _pick((f"，{rows} 行", f", {rows} rows"), language)


def _file(change: FileChange, language: Language) -> str:
    now = change.after or change.before
    assert now is not None  # noqa: S101 - a change is of a file
    said = f"{now.label or now.filename or now.url} {_pick(_FILE_WORDS[change.kind], language)}"
    if change.before and change.after:
        before, after = change.before, change.after
        if change.kind == "replaced":
            said += f" sha256 {(before.sha256 or '')[:_DIGEST_SHOWN]}… → {(after.sha256 or '')[:_DIGEST_SHOWN]}…"
        elif before.url != after.url:
            said += f" {before.url} → {after.url}"
        else:
            said += f" {before.label or '–'} → {after.label or '–'}"
    return said


def _pick(words: tuple[str, str], language: Language) -> str:
    return words[0] if language == "zh" else words[1]


def _colon(language: Language) -> str:
    return "：" if language == "zh" else ": "
