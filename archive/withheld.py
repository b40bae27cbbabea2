"""Documents that are kept and not shown: the log of who withheld and released what, and why.

``withheld.jsonl`` in the data directory is the truth. It stands outside the catalog, so that a catalog made again cannot show
what was withheld; it is only appended to, one line a change, each made durable under a lock. A line that cannot be read is told
and lifts nothing. The catalog's table ``withheld`` mirrors it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from archive.errors import ArchiveWriteError, CatalogError
from archive.rows import instant
from archive.writer import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from archive.catalog import Catalog

WITHHELD_WORD = "(withheld)"
"""What stands in a sentence instead of an address that is withheld."""

LOG_NAME = "withheld.jsonl"
"""Name of the log in the data directory."""

Action = Literal["withhold", "release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the log; ``at`` is an instant as in the catalog."""

    at: str
    action: Action
    document_id: str
    urls: tuple[str, ...]
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Log:
    """What the log says; ``problems`` are sentences about lines that cannot be read."""

    changes: tuple[Change, ...]
    problems: tuple[str, ...]

    def standing(self) -> dict[str, Change]:
        """The changes that withhold a document now, by its id."""
        found: dict[str, Change] = {}
        for change in self.changes:
            if change.action == "release":
                found.pop(change.document_id, None)
            else:
                found.setdefault(change.document_id, change)
        return found


def read_log(data_dir: Path) -> Log:
    """Read the log; without one nothing was ever withheld.

    Raises:
        CatalogError: it is there and cannot be read: then nothing may be shown.
    """
    path = data_dir / LOG_NAME
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return Log((), ())
    except OSError as error:
        raise CatalogError(
            f"{path}: cannot be read ({error.strerror}), so that what is withheld is not known; give read permission",
            zh=f"{path} 读不出来（{error.strerror}），因而不知道哪些不予显示；请给予读权限",
        ) from error
    changes, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            changes.append(_change(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            problems.append(f"{path}, line {number} is no whole change ({error}): it is passed over and lifts nothing")
    return Log(tuple(changes), tuple(problems))


def _change(said: dict[str, Any]) -> Change:
    """Return a line as a change.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    if said["action"] not in {"withhold", "release"}:
        raise ValueError(f"action {said['action']!r}")
    names = ("at", "document_id", "reason", "by")
    texts = {name: said[name] for name in names}
    if not all(isinstance(value, str) for value in (*texts.values(), *said["urls"])):
        raise TypeError("texts were expected")
    return Change(action=said["action"], urls=tuple(said["urls"]), **texts)


def redactor(urls: Iterable[str]) -> Callable[[str], str]:
    """Return what takes addresses out of sentences that were written before they were withheld."""
    longest_first = sorted({url for url in urls if url}, key=len, reverse=True)
    if not longest_first:
        return lambda text: text
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return lambda text: pattern.sub(WITHHELD_WORD, text)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open the log for appending, alone."""
    try:
        made = not path.exists()
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if made:
                sync_folder(path.parent)
            yield fd
        finally:
            os.close(fd)
    except OSError as error:
        raise ArchiveWriteError(
            f"{path}: cannot be written ({error.strerror or error}): nothing was changed; give write permission or make room",
            zh=f"不能写入 {path}（{error.strerror or error}）：什么都没改；请给予写权限或腾出空间",
        ) from error


def _append(fd: int, change: Change) -> None:
    """Append a line and make it durable; what an earlier, cut-off one left gets a line end first."""
    size = os.fstat(fd).st_size
    broken = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
    line = json.dumps({**asdict(change), "urls": list(change.urls)}, ensure_ascii=False).encode() + b"\n"
    data = (b"\n" if broken else b"") + line
    if os.write(fd, data) != len(data):
        raise OSError("only a part was written")
    os.fsync(fd)


def withhold(
    catalog: Catalog, data_dir: Path, document_id: str, urls: Sequence[str], *, reason: str, by: str, at: datetime
) -> Change:
    """Withhold a document: log it, then mirror the log into the catalog (open for writing).

    Raises:
        CatalogError: it is withheld already.
        ArchiveWriteError: the log or the catalog cannot be written.
    """
    return _put(catalog, data_dir, "withhold", document_id, urls, (reason, by), at)


def release(
    catalog: Catalog, data_dir: Path, document_id: str, urls: Sequence[str], *, reason: str, by: str, at: datetime
) -> Change:
    """Show a document again. Errors as for :func:`withhold`; here it is one that is not withheld."""
    return _put(catalog, data_dir, "release", document_id, urls, (reason, by), at)


def _put(
    catalog: Catalog,
    data_dir: Path,
    action: Action,
    document_id: str,
    urls: Sequence[str],
    why: tuple[str, str],
    at: datetime,
) -> Change:
    with _locked(data_dir / LOG_NAME) as fd:
        standing = read_log(data_dir).standing().get(document_id)
        if action == "withhold" and standing is not None:
            raise CatalogError(
                f"{document_id} is withheld already, since {standing.at}: {standing.reason}",
                zh=f"{document_id} 自 {standing.at} 起已不予显示：{standing.reason}",
            )
        if action == "release" and standing is None:
            raise CatalogError(
                f"{document_id} is not withheld; see govcrawl withhold --list",
                zh=f"{document_id} 没有被撤下显示；见 govcrawl withhold --list",
            )
        change = Change(
            at=instant(at), action=action, document_id=document_id, urls=tuple(urls), reason=why[0], by=why[1]
        )
        _append(fd, change)
        mirror(catalog, data_dir)
    return change


def mirror(catalog: Catalog, data_dir: Path) -> tuple[str, ...]:
    """Make the table ``withheld`` of a catalog open for writing say what the log says, in one step; returns its problems.

    Without a log the table stays as it is: a lost file lifts nothing.
    """
    if not (data_dir / LOG_NAME).exists():
        return ()
    log = read_log(data_dir)
    wanted = {
        name: {
            "document_id": name,
            "urls": json.dumps(change.urls, ensure_ascii=False),
            "reason": change.reason,
            "by": change.by,
            "since_at": change.at,
        }
        for name, change in log.standing().items()
    }
    if {row["document_id"]: row for row in catalog.file.rows("SELECT * FROM main.withheld")} != wanted:
        with catalog.atomic():
            catalog.file.execute("DELETE FROM withheld")
            for row in wanted.values():
                catalog.file.insert("withheld", row)
    return log.problems
