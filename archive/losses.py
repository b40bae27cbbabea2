"""What was committed and is gone all the same, because a disk lost what it had confirmed: told, never built upon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.errors import CaptureMissing

if TYPE_CHECKING:
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.recovery import Recovered


def put_loss(catalog: Catalog, path: str, recovered: Recovered) -> None:
    """Note that a WARC file lacks what was committed: in its row it is committed further than it is long."""
    if recovered.closed is not None and recovered.missing_bytes:
        marked = recovered.closed.bytes + recovered.missing_bytes
        with catalog.atomic():
            catalog.file.update("warc_files", {"path": path}, {"committed_bytes": marked})


def refuse_losses(catalog: Catalog, agency: str, data_dir: Path) -> None:
    """Raise where an agency's WARC files lack what the catalog has rows of: a new capture could refer to what is gone.

    Run after the repair, when every WARC file that is still there has its final name.

    Raises:
        CaptureMissing: bytes are lost; the catalog has to be made again from what is left.
    """
    sql = (
        "SELECT path, bytes, committed_bytes FROM warc_files WHERE agency = ? AND committed_bytes > COALESCE(bytes, 0)"
        " ORDER BY opened_at"
    )
    for row in catalog.file.rows(sql, (agency,)):
        if row["bytes"] is not None or not (data_dir / row["path"]).is_file():
            message = (
                f"{data_dir / row['path']} lacks {row['committed_bytes'] - (row['bytes'] or 0)} bytes or more that were "
                "committed: the disk lost what it had confirmed, what is left is intact. Check the disk, make the catalog "
                "again from the WARC files (govcrawl rebuild), then crawl again"
            )
            raise CaptureMissing(
                message,
                zh=f"{data_dir / row['path']} 至少缺 {row['committed_bytes'] - (row['bytes'] or 0)} 字节已提交的内容：磁盘丢失了它确认写入的数据，其余完好。请检查磁盘，用 govcrawl rebuild 重建目录库，然后再抓取",
            )
