"""What a crawl left behind, held against what the site has: nothing lost, nothing half read."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from warcio.archiveiterator import ArchiveIterator

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.site import Notice, Site

BLANKS = re.compile(r"\s+")


def count_responses(folder: Path) -> int:
    """Return how many responses (or revisits of them) the WARC files below a folder hold."""
    found = 0
    for path in sorted(folder.rglob("*.warc.gz")):
        with path.open("rb") as stream:
            found += sum(record.rec_type in {"response", "revisit"} for record in ArchiveIterator(stream))
    return found


def read_obvious(folder: Path) -> dict[str, str]:
    """Return path → text, and the text of tables, of what the obvious way kept."""
    with closing(sqlite3.connect(folder / "documents.db")) as database:
        return {urlsplit(url).path: text or "" for url, text in database.execute("SELECT url, text FROM documents")}


def read_catalog(folder: Path) -> dict[str, str]:
    """Return path → text and the cells of tables, of the current versions in a catalog."""
    query = "SELECT documents.url, versions.text, versions.tables FROM documents JOIN versions ON versions.id = current_version_id"
    with closing(sqlite3.connect(folder / "catalog.db")) as database:
        rows = database.execute(query).fetchall()
    return {
        urlsplit(url).path: "\n".join(
            [text or "", *(cell for table in json.loads(tables) for row in table for cell in row)]
        )
        for url, text, tables in rows
    }


def count_trafilatura(folder: Path) -> int:
    """Return how many current versions in a catalog were read with trafilatura."""
    query = "SELECT count(*) FROM documents JOIN versions ON versions.id = current_version_id WHERE trafilatura_version IS NOT NULL"
    with closing(sqlite3.connect(folder / "catalog.db")) as database:
        return int(database.execute(query).fetchone()[0])


def count_whole(site: Site, texts: dict[str, str]) -> int:
    """Return how many documents were kept with every paragraph and every cell of theirs."""
    return sum(_is_whole(notice, BLANKS.sub("", texts.get(notice.path, ""))) for notice in site.notices)


def _is_whole(notice: Notice, text: str) -> bool:
    cells = (cell for table in notice.tables for row in table for cell in row)
    return all(BLANKS.sub("", part) in text for part in (*notice.paragraphs, *cells))
