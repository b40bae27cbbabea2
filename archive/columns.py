"""What a catalog's table is declared with: columns, tables, views; :mod:`archive.schema` declares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["TEXT", "INTEGER", "REAL", "BLOB"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: SQL type, whether it may be NULL, what it refers to (``table.column``), what it means."""

    name: str
    type: Type
    zh: str
    en: str
    null: bool = True
    refers_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table with its keys and indexes."""

    name: str
    zh: str
    en: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A full-text index with the statement that makes it."""

    name: str
    zh: str
    en: str
    ddl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view with its query."""

    name: str
    zh: str
    en: str
    sql: str


def text(name: str, zh: str, en: str, refers_to: str | None = None) -> Column:
    """Make a TEXT column that always has a value."""
    return Column(name, "TEXT", zh, en, null=False, refers_to=refers_to)


def text_or_null(name: str, zh: str, en: str, refers_to: str | None = None) -> Column:
    """Make a TEXT column that may be NULL."""
    return Column(name, "TEXT", zh, en, refers_to=refers_to)


def integer(name: str, zh: str, en: str, refers_to: str | None = None) -> Column:
    """Make an INTEGER column that always has a value."""
    return Column(name, "INTEGER", zh, en, null=False, refers_to=refers_to)


def integer_or_null(name: str, zh: str, en: str, refers_to: str | None = None) -> Column:
    """Make an INTEGER column that may be NULL."""
    return Column(name, "INTEGER", zh, en, refers_to=refers_to)


def real_or_null(name: str, zh: str, en: str) -> Column:
    """Make a REAL column that may be NULL."""
    return Column(name, "REAL", zh, en)


def blob(name: str, zh: str, en: str) -> Column:
    """Make a BLOB column that always has a value."""
    return Column(name, "BLOB", zh, en, null=False)


AGENCY = text("agency", "机构代号", "Agency whose disclosures these are.", "agencies.name")
DOCUMENT = text("document_id", "公开文件编号", "Document it belongs to.", "documents.id")
