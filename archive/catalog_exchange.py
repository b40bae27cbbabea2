"""What of the archive is handed on: captures chosen by agency, days or document, with the originals of their revisits.

The choice stands in a temporary table of the reader's own connection, so that it takes no memory however large it is.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from archive import catalog_reads as reads
from archive.curtain import hide_lists
from archive.errors import CaptureMissing, CatalogError
from archive.rows import capture_of, of_agency

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from archive.catalog import Catalog
    from archive.model import Capture
    from archive.rows import Row

_IN_DAYS = "(?1 IS NULL OR c.captured_at >= ?1) AND (?2 IS NULL OR c.captured_at < ?2)"  # text order is time order
_CHOOSE = f"INSERT INTO temp.chosen SELECT c.id FROM captures AS c WHERE {_IN_DAYS}"  # noqa: S608 -- constants
_CHOOSE_OF_DOCUMENT = f"""
INSERT INTO temp.chosen
WITH meant AS (SELECT id, agency, url FROM documents WHERE id = ?3),
  of_versions AS (SELECT v.id, v.capture_id FROM versions AS v JOIN meant ON v.document_id = meant.id),
  of_files AS (SELECT f.url, f.capture_id FROM files AS f JOIN of_versions AS v ON v.id = f.version_id),
  addresses AS (
    SELECT url FROM meant
    UNION SELECT a.url FROM aliases AS a JOIN meant ON a.document_id = meant.id
    UNION SELECT url FROM of_files
    UNION SELECT c.url FROM captures AS c WHERE c.id IN
      (SELECT capture_id FROM of_versions UNION SELECT capture_id FROM of_files))
SELECT c.id FROM addresses AS a JOIN captures AS c ON c.agency = (SELECT agency FROM meant) AND c.url = a.url
WHERE {_IN_DAYS}"""  # noqa: S608 -- constants


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which captures are meant; all of the data directory where nothing is given.

    A document's are those of its page under all its addresses, and those of the files of all its versions.
    """

    agency: str | None = None
    since: date | None = None  # UTC days of capture, both inclusive
    until: date | None = None
    document_id: str | None = None


@contextmanager
def chosen(catalog: Catalog, choice: Choice) -> Generator[None]:
    """Put the chosen captures and the originals of their revisits in the table ``temp.chosen``, in one view of the catalog.

    Raises:
        CatalogError: there is no such agency or document, or no such capture.
        CaptureMissing: a revisit's original has no row.
    """
    with catalog.snapshot():
        if choice.agency is not None:
            reads.check_agency(catalog, choice.agency)
        hide_lists(catalog)
        catalog.file.execute("CREATE TEMP TABLE chosen (capture_id INTEGER PRIMARY KEY)")
        _choose(catalog, choice)
        yield
        catalog.file.execute("DROP TABLE temp.chosen")  # when the block raises, the transaction takes the table with it


def _choose(catalog: Catalog, choice: Choice) -> None:
    until = choice.until + timedelta(days=1) if choice.until and choice.until < date.max else None
    since, before = (day.isoformat() if day else None for day in (choice.since, until))
    if choice.document_id is None:
        condition, given = of_agency("c.agency", choice.agency)
        catalog.file.execute(f"{_CHOOSE} AND {condition}", (since, before, *given))
    else:
        if next(catalog.rows("SELECT 1 FROM documents WHERE id = ?", (choice.document_id,)), None) is None:
            raise CatalogError(
                f"catalog {catalog.file.path} has no document {choice.document_id}; see govcrawl show",
                zh=f"目录库 {catalog.file.path} 没有公开文件 {choice.document_id}；见 govcrawl show",
            )
        catalog.file.execute(_CHOOSE_OF_DOCUMENT, (since, before, choice.document_id))
    lost = next(
        catalog.rows(
            "SELECT c.url, c.captured_at, c.refers_to FROM temp.chosen AS n JOIN captures AS c ON c.id = n.capture_id"
            " LEFT JOIN captures AS o ON o.agency = c.agency AND o.record_id = c.refers_to WHERE c.refers_to IS NOT NULL AND o.id IS NULL LIMIT 1"
        ),
        None,
    )
    if lost is not None:
        message = (
            f"the capture of {lost['url']} at {lost['captured_at']} is a revisit of {lost['refers_to']}, which has no row: "
            "what is handed on would lack its content; rebuild the catalog from the WARC files"
        )
        raise CaptureMissing(
            message,
            zh=f"{lost['url']} 在 {lost['captured_at']} 的捕获是 {lost['refers_to']} 的重访记录，而后者不在目录库中，导出的内容会不完整；请用 govcrawl rebuild 从 WARC 文件重建目录库",
        )
    catalog.file.execute(
        "INSERT OR IGNORE INTO temp.chosen SELECT o.id FROM temp.chosen AS n JOIN captures AS c ON c.id = n.capture_id"
        " JOIN captures AS o ON o.agency = c.agency AND o.record_id = c.refers_to"
    )
    if next(catalog.rows("SELECT 1 FROM temp.chosen LIMIT 1"), None) is None:
        said = ", ".join(f"{name} {value}" for name in Choice.__slots__ if (value := getattr(choice, name)) is not None)
        raise CatalogError(
            f"catalog {catalog.file.path} has no capture{f' of {said}' if said else ''}: nothing to hand on; "
            "see govcrawl status for what there is, and choose another agency, other days or another document",
            zh=f"目录库 {catalog.file.path} 没有这样的捕获（{said or '一次也没有'}），无可导出；见 govcrawl status，另选机构、日期或公开文件",
        )


def chosen_captures(catalog: Catalog) -> Iterator[Row]:
    """Stream the rows of the chosen captures in the order they lie in the WARC files."""
    return catalog.rows(
        "SELECT c.* FROM temp.chosen AS n JOIN captures AS c ON c.id = n.capture_id ORDER BY c.warc_file, c.offset"
    )


def count_chosen(catalog: Catalog) -> int:
    """How many captures are chosen."""
    (row,) = catalog.rows("SELECT COUNT(*) AS n FROM temp.chosen")
    return int(row["n"])


def chosen_files(catalog: Catalog) -> Iterator[Row]:
    """Stream the WARC files with chosen captures: rows of ``warc_files`` with ``chosen`` and ``captures`` counted.

    While something is withheld no file is wholly chosen: notes between its captures may speak of that.
    """
    return catalog.rows(
        "SELECT w.*, COUNT(n.capture_id) AS chosen, COUNT(*) + ? AS captures"
        " FROM warc_files AS w JOIN main.captures AS c ON c.warc_file = w.path"
        " LEFT JOIN temp.chosen AS n ON n.capture_id = c.id GROUP BY w.path HAVING COUNT(n.capture_id) ORDER BY w.path",
        (bool(catalog.file.withheld),),
    )


def capture_spans(catalog: Catalog, warc_file: str) -> Iterator[Row]:
    """Stream where the captures of a WARC file lie in it, chosen or not, in order."""
    return catalog.rows(
        "SELECT offset, request_offset, group_length FROM main.captures WHERE warc_file = ? ORDER BY offset",
        (warc_file,),
    )


def committed_end(catalog: Catalog, warc_file: str) -> int:
    """Bytes of a WARC file that are committed; 0 where that is not known."""
    rows = catalog.rows("SELECT COALESCE(bytes, committed_bytes, 0) AS n FROM warc_files WHERE path = ?", (warc_file,))
    return next((int(row["n"]) for row in rows), 0)


def chosen_record_ids(catalog: Catalog) -> Iterator[str]:
    """Stream the record ids of the chosen captures, sorted."""
    rows = catalog.rows(
        "SELECT c.record_id FROM temp.chosen AS n JOIN captures AS c ON c.id = n.capture_id ORDER BY c.record_id"
    )
    return (row["record_id"] for row in rows)


def last_chosen(catalog: Catalog) -> Capture:
    """The latest of the chosen captures."""
    (row,) = catalog.rows(
        "SELECT c.* FROM temp.chosen AS n JOIN captures AS c ON c.id = n.capture_id"
        " ORDER BY c.captured_at DESC, c.record_id DESC LIMIT 1"
    )
    return capture_of(row)


def chosen_pages(catalog: Catalog) -> Iterator[Row]:
    """Stream the versions of documents that the chosen captures show, by document and number.

    ``page_url`` and ``page_captured_at`` are of the capture a version was read from where that is among them, else of
    the first that shows the page while the version was the current one. A 304 shows no page.
    """
    return catalog.rows(
        "WITH spans AS (SELECT v.*, LEAD(v.captured_at) OVER (PARTITION BY v.document_id ORDER BY v.number) AS ends_at"
        "  FROM versions AS v),"
        " shown AS (SELECT s.id AS version_id, c.url, c.captured_at, ROW_NUMBER() OVER"
        "  (PARTITION BY s.id ORDER BY c.id <> s.capture_id, c.captured_at) AS place"
        "  FROM spans AS s JOIN captures AS own ON own.id = s.capture_id"
        "  JOIN captures AS c ON c.agency = own.agency AND c.url = own.url AND c.status = 200"
        "   AND c.captured_at >= s.captured_at AND (s.ends_at IS NULL OR c.captured_at < s.ends_at)"
        "  JOIN temp.chosen AS n ON n.capture_id = c.id)"
        " SELECT v.*, d.agency, d.state, shown.url AS page_url, shown.captured_at AS page_captured_at FROM shown"
        " JOIN versions AS v ON v.id = shown.version_id JOIN documents AS d ON d.id = v.document_id"
        " WHERE shown.place = 1 ORDER BY d.agency, v.document_id, v.number"
    )


def captures_for_index(catalog: Catalog, agency: str | None) -> Iterator[Row]:
    """Stream the rows of all captures, or of an agency's, in the order they lie in the WARC files."""
    hide_lists(catalog)
    if agency is None:
        return catalog.rows("SELECT * FROM captures ORDER BY warc_file, offset")
    return catalog.rows("SELECT * FROM captures WHERE agency = ? ORDER BY warc_file, offset", (agency,))


def count_for_index(catalog: Catalog, agency: str | None) -> int:
    """How many rows :func:`captures_for_index` streams, withheld ones included."""
    condition, given = of_agency("agency", agency)
    (row,) = catalog.rows(f"SELECT COUNT(*) AS n FROM main.captures WHERE {condition}", given)  # noqa: S608 -- constants
    return int(row["n"])


def capture_near(catalog: Catalog, agency: str, url: str, at: str) -> Capture | None:
    """The whole 200 answer to a GET of an address that was captured nearest to an instant, or ``None``."""
    row = next(
        catalog.rows(
            "SELECT * FROM captures WHERE agency = ? AND url = ? AND method = 'GET' AND status = 200 AND truncated IS NULL"
            " ORDER BY abs(julianday(captured_at) - julianday(?)), id LIMIT 1",
            (agency, url, at),
        ),
        None,
    )
    return None if row is None else capture_of(row)


def warc_files(catalog: Catalog, agency: str) -> list[Row]:
    """Rows of an agency's WARC files, by path."""
    return list(catalog.rows("SELECT * FROM warc_files WHERE agency = ? ORDER BY path", (agency,)))
