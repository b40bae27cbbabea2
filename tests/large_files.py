"""Large attachments: archived whole, in little memory: ``python3 run.py python tests/large_files.py [--megabytes 200]``.

Crawls a small site whose documents have one large attachment each, all asked for at once, and compares the peak of the
crawl's memory with that of a crawl of the same site with tiny ones.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import mmap
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from small_site import SmallSite, command, declare, document, listing, paragraphs

from archive.catalog import Catalog
from archive.reader import open_capture

LIST = "/zwgk/gsgg/"
MEGABYTE = 1_000_000
LIMIT_BYTES = 700 * MEGABYTE
ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a crawl left and took."""

    exit_code: int
    said: str
    peak_rss_bytes: int  # of the crawl's process; its readers see no file
    files: dict[str, tuple[str | None, int | None, str | None]]  # address → SHA-256, size, error
    stored: dict[str, str]  # address → SHA-256 of the content as read from the archive again


def make_site(files: dict[str, tuple[dict[str, str], Any]]) -> SmallSite:
    """Return a site with one document per file; ``files``: name → (headers, body)."""
    rows = [(f"./202403/t20240305_{n}.htm", f"关于第{n}号附件的公告", "2024-03-05") for n in range(1, len(files) + 1)]
    site = SmallSite({"/robots.txt": (200, {}, b""), LIST: listing(rows)})
    for number, (name, (headers, body)) in enumerate(files.items(), 1):
        block = f'<div class="article_attachment"><ul><li><a href="./{name}">附件.zip</a></li></ul></div>'
        site.routes[f"{LIST}202403/t20240305_{number}.htm"] = document(
            rows[number - 1][1], paragraphs(f"第{number}号", 5), files=block, ident=number
        )
        site.routes[f"{LIST}202403/{name}"] = (200, {"Content-Type": "application/zip", **headers}, body)
    return site


def random_body(stack: ExitStack, folder: Path, name: str, size: int) -> bytes:
    """Return bytes that do not compress, mapped from a file: the server's memory is no part of the measurement."""
    path = folder / name
    with path.open("wb") as file:
        file.write(ZIP)
        while (left := size - file.tell()) > 0:
            file.write(os.urandom(min(left, 1 << 20)))
    opened = stack.enter_context(path.open("rb"))
    return cast("bytes", stack.enter_context(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)))


def crawl(folder: Path, site: SmallSite, *arguments: str) -> Outcome:
    """Crawl the site and read back what was archived."""
    folder.mkdir()
    declare(folder)
    with site:
        line, environment = command(folder, site, *arguments)
        with (folder / "log").open("w+b") as log:
            process = subprocess.Popen(line, env=environment, cwd=folder, stdout=log, stderr=log)
            peak_rss_bytes = watch_peak(process)
    files, stored = {}, {}
    with Catalog.open_read_only(folder / "data" / "catalog.db") as catalog:
        for row in catalog.file.rows("SELECT url, sha256, bytes, error, capture_id FROM files"):
            name = row["url"].rpartition("/")[2]
            files[name] = (row["sha256"], row["bytes"], row["error"])
            if row["sha256"]:
                capture = catalog.capture(row["capture_id"])
                with open_capture(folder / "data", capture, original_of=catalog.capture_by_record_id) as response:
                    digest = hashlib.sha256()
                    for piece in response.iter_content():
                        digest.update(piece)
                    stored[name] = digest.hexdigest()
    return Outcome(
        exit_code=process.returncode,
        said=(folder / "log").read_text("utf-8", "replace"),
        peak_rss_bytes=peak_rss_bytes,
        files=files,
        stored=stored,
    )


def watch_peak(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process and return the most memory it held at once.

    Read from /proc again and again: the maximum that wait4(2) tells includes what the parent held when it forked.
    """
    peak = 0
    while process.poll() is None:
        with suppress(OSError, IndexError):
            status = Path(f"/proc/{process.pid}/status").read_text("ascii")
            peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    return peak


def measure(folder: Path, size: int, count: int) -> tuple[int, int]:
    """Crawl tiny files, then large ones; return both peaks of memory. A file that is not whole fails."""
    peaks = []
    for number, bytes_each in enumerate((1000, size)):
        with ExitStack() as stack:
            bodies = {f"P{n}.zip": random_body(stack, folder, f"{number}-{n}", bytes_each) for n in range(count)}
            digests = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
            outcome = crawl(folder / f"crawl-{number}", make_site({name: ({}, body) for name, body in bodies.items()}))
        expected = {name: (digest, bytes_each, None) for name, digest in digests.items()}
        if (outcome.exit_code, outcome.files, outcome.stored) != (0, expected, digests):
            sys.exit(f"not every file was archived whole: {outcome}")
        peaks.append(outcome.peak_rss_bytes)
    return peaks[0], peaks[1]


def bomb(size: int) -> bytes:
    """Return a gzip stream that decodes to this many zeros."""
    return gzip.compress(bytes(size), 9, mtime=0)


def main() -> int:
    """Measure and report; the exit code is 1 where the peak is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200, help="size of each attachment (default 200)")
    parser.add_argument("--files", type=int, default=4, help="attachments asked for at once (default 4)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tiny, large = measure(Path(folder), options.megabytes * MEGABYTE, options.files)
    sys.stdout.write(
        f"{options.files} attachments of {options.megabytes} MB at once, archived whole: peak RSS of the crawl "
        f"{large / MEGABYTE:.0f} MB (tiny files: {tiny / MEGABYTE:.0f} MB; limit {LIMIT_BYTES / MEGABYTE:.0f} MB)\n"
    )
    return 0 if large < LIMIT_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
