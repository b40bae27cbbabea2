"""Searches kept under a name: ``searches.json`` in the data directory, plain and readable, no part of what a rebuild makes.

A search is kept as it is typed, filters included, so that whoever opens the file can read it, and type it elsewhere.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from archive.errors import ArchiveWriteError, CatalogError
from archive.rows import instant
from archive.search_query import parse_query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

SEARCHES_NAME = "searches.json"
MOST_CHARACTERS = 100
"""Of a name."""


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A search under its name; ``query`` as :func:`archive.search_query.parse_query` reads it, ``saved_at`` in UTC."""

    name: str
    query: str
    saved_at: str


def read_searches(data_dir: Path) -> dict[str, SavedSearch]:
    """Return the saved searches by name, in the order of names; none where there is no file.

    Raises:
        CatalogError: the file cannot be read, or is not what :func:`save_search` writes.
    """
    path = data_dir / SEARCHES_NAME
    try:
        said: Any = json.loads(path.read_text(encoding="utf-8"))
        found = [SavedSearch(str(one["name"]), str(one["query"]), str(one["saved_at"])) for one in said]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CatalogError(
            f"{path} cannot be read ({error!r}); a list of objects with name, query, saved_at was expected: mend or delete it",
            zh=f"{path} 读不出来（{error!r}）；应是一列含 name、query、saved_at 的对象：请改好或删去",
        ) from error
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}


def find_search(data_dir: Path, name: str) -> SavedSearch:
    """Return the search of a name.

    Raises:
        CatalogError: there is none; the message names those that there are.
    """
    known = read_searches(data_dir)
    if name not in known:
        raise CatalogError(
            f"no search is saved as {name!r}; there are: {', '.join(known) or 'none'}",
            zh=f"没有名为 {name!r} 的检索；已存的有：{'、'.join(known) or '（还没有）'}",
        )
    return known[name]


def save_search(data_dir: Path, name: str, query: str, at: datetime) -> SavedSearch:
    """Keep a search under a name; one of the same name is replaced.

    Raises:
        BadQuery: the search cannot be understood.
        CatalogError: the name is empty, too long or more than a line; or the file cannot be read.
        ArchiveWriteError: the file cannot be written.
    """
    parse_query(query)
    if not name.strip() or len(name) > MOST_CHARACTERS or not name.isprintable():
        raise CatalogError(
            f"name {name!r}: 1 to {MOST_CHARACTERS} characters on one line were expected",
            zh=f"名称 {name!r}：应为一行之内的 1–{MOST_CHARACTERS} 个字符",
        )
    saved = SavedSearch(name, query, instant(at))
    with _locked(data_dir):
        _write(data_dir, {**read_searches(data_dir), name: saved})
    return saved


def delete_search(data_dir: Path, name: str) -> SavedSearch:
    """Forget the search of a name. Errors as for :func:`find_search` and :func:`save_search`."""
    with _locked(data_dir):
        known = read_searches(data_dir)
        gone = find_search(data_dir, name)
        _write(data_dir, {other: one for other, one in known.items() if other != name})
    return gone


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Keep other writers out; the lock ends with the process."""
    try:
        fd = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ArchiveWriteError(
            f"{data_dir}: {error.strerror}; a data directory was expected",
            zh=f"{data_dir}：应为数据目录（{error.strerror}）",
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _write(data_dir: Path, searches: dict[str, SavedSearch]) -> None:
    """Replace the file as a whole, so that a reader finds the old one or the new one."""
    path = data_dir / SEARCHES_NAME
    beside = data_dir / f"{SEARCHES_NAME}.{os.getpid()}.new"
    listed = [asdict(one) for _, one in sorted(searches.items())]
    try:
        beside.write_text(json.dumps(listed, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ArchiveWriteError(
            f"{path}: {error.strerror}; nothing was saved", zh=f"不能写入 {path}（{error.strerror}）；什么都没存"
        ) from error
