"""Captures that were committed and whose bytes the disk lost all the same: found, told, never built upon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.errors import CaptureMissing

if TYPE_CHECKING:
    from pathlib import Path

    from archive.catalog import Catalog


def put_lost_end(catalog: Catalog, path: str, kept_bytes: int) -> None:
    """Note that a WARC file which was committed further was found to end here."""
    with catalog.atomic():
        catalog.file.update("warc_files", {"path": path}, {"committed_bytes": kept_bytes})


def refuse_losses(catalog: Catalog, agency: str, data_dir: Path) -> None:
    """Raise where rows of an agency point at bytes that are gone: a new capture could become a revisit of one of them.

    Run after the repair, when every WARC file that is still there has its final name.

    Raises:
        CaptureMissing: captures are lost; the catalog has to be made again from what is left.
    """
    sql = (
        "SELECT record_id, path, closed_at IS NULL OR offset >= committed_bytes AS suspected"
        " FROM captures JOIN warc_files ON path = warc_file WHERE warc_files.agency = ? AND suspected ORDER BY captures.id"
    )
    rows = catalog.file.rows(sql, (agency,))
    unclosed = set(catalog.unclosed_warc_files(agency))
    lost = [row["record_id"] for row in rows if row["path"] not in unclosed or not (data_dir / row["path"]).is_file()]
    if lost:
        message = (
            f"{len(lost)} captures of {agency} that were committed are not in their WARC files any more (the first is "
            f"{lost[0]}): the disk lost what it had confirmed; what is left is intact. Check the disk, make the catalog "
            "again from the WARC files (govcrawl rebuild), then crawl again"
        )
        raise CaptureMissing(message)
