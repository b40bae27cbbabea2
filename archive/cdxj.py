"""CDXJ: the index by which replay tools find a page in the WARC files.

A line is ``SURT timestamp {json}``; the file is sorted by bytes. What a replay must not show is left out: answers 304,
which would stand in front of the page they confirm (pywb shows them empty, ReplayWeb.page not at all), and what was no
HTTP answer. The catalog says where every capture lies, so that no WARC file is read but for posted forms.
"""

from __future__ import annotations

import heapq
import json
import tempfile
from base64 import b64encode
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Self
from urllib.parse import unquote_plus

from archive import catalog_reads as reads
from archive.catalog_exchange import captures_for_index, count_for_index
from archive.digest import read_request
from archive.progress import silent, told
from archive.reader import open_warc, read_record
from archive.records import target_uri
from archive.rows import parse_instant
from archive.surt import surt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from archive.catalog import Catalog
    from archive.progress import Progress
    from archive.rows import Row

NOT_MODIFIED = 304
RUN_BYTES = 32 << 20  # of lines sorted in memory at a time

_FORM = "application/x-www-form-urlencoded"
_NO_TYPE = "unk"  # what cdxj-indexer writes where no media type is declared


def cdxj_line(data_dir: Path, row: Row, *, filename: str, offset: int) -> bytes | None:
    """Return the line of a capture that lies in ``filename`` at ``offset``; ``None`` where a replay must not show it.

    A posted form is keyed as replay tools look it up: its fields stand behind the address, after ``__wb_method=POST``.
    Of other methods and bodies there is no line.

    Raises:
        CaptureMissing: the request of a posted form is not where its row says.
    """
    if row["status"] in {None, NOT_MODIFIED}:
        return None
    url = target_uri(row["url"])
    key, more = url, {}
    if row["method"] != "GET":
        form = _posted_form(data_dir, row)
        if form is None:
            return None
        more = {"requestBody": form, "method": row["method"]}
        key = f"{url}{'&' if '?' in url else '?'}__wb_method={row['method']}{'&' if form else ''}{form}"
    fields = {
        "url": url,
        "mime": "warc/revisit" if row["revisit_profile"] else row["media_type"] or _NO_TYPE,
        "status": str(row["status"]),
        "digest": row["payload_digest"],
        "length": str(row["length"]),
        "offset": str(offset),
        "filename": filename,
        **more,
    }
    said = json.dumps({name: value for name, value in fields.items() if value is not None})
    return f"{surt(key)} {timestamp(row['captured_at'])} {said}\n".encode()


def timestamp(captured_at: str) -> str:
    """The 14 digits that replay tools date a capture with, from an instant of the catalog."""
    return parse_instant(captured_at).strftime("%Y%m%d%H%M%S")


def _posted_form(data_dir: Path, row: Row) -> str | None:
    """The fields of a posted form, unquoted as replay tools compare them; ``None`` for anything else that was sent."""
    if row["method"] != "POST" or row["request_offset"] is None:
        return None
    path, file = open_warc(data_dir, row["warc_file"])
    with file:
        headers, body = read_request(read_record(file, row["request_offset"], path).read_block())
    declared = next((value for name, value in headers if name.lower() == b"content-type"), b"")
    if declared.decode("latin-1").partition(";")[0].strip().lower() != _FORM:
        return None
    try:
        return unquote_plus(body.decode("utf-8"))
    except UnicodeDecodeError:
        return f"__wb_post_data={b64encode(body).decode('ascii')}"


class SortedLines:
    """Lines put in any order and given back sorted by bytes; more than fit in memory lie in temporary files."""

    def __init__(self, run_bytes: int = RUN_BYTES) -> None:
        self._run_bytes = run_bytes
        self._lines: list[bytes] = []
        self._bytes = 0
        self._files = ExitStack()
        self._runs: list[IO[bytes]] = []
        self.count = 0

    def put(self, line: bytes) -> None:
        """Take a line, with its line end."""
        self._lines.append(line)
        self._bytes += len(line)
        self.count += 1
        if self._bytes > self._run_bytes:
            run = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 -- closed on leaving
            self._lines.sort()
            run.writelines(self._lines)
            self._runs.append(run)
            self._lines, self._bytes = [], 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield every line once, sorted; equal ones all."""
        self._lines.sort()
        for run in self._runs:
            run.seek(0)
        return heapq.merge(*self._runs, self._lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()


def export_cdxj(
    catalog: Catalog, data_dir: Path, target: IO[bytes], *, agency: str | None = None, progress: Progress = silent
) -> int:
    """Write the index of all captures, or of an agency's; ``filename`` is relative to the data directory.

    ``progress`` is told of ``captures``.

    Returns how many lines.

    Raises:
        CatalogError: the agency is not in the catalog.
        CaptureMissing: the request of a posted form is not where its row says.
    """
    with catalog.snapshot(), SortedLines() as lines:
        if agency is not None:
            reads.check_agency(catalog, agency)
        for row in told(captures_for_index(catalog, agency), progress, "captures", count_for_index(catalog, agency)):
            line = cdxj_line(data_dir, row, filename=row["warc_file"], offset=row["offset"])
            if line is not None:
                lines.put(line)
        target.writelines(lines)
        return lines.count
