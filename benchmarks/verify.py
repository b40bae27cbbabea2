"""How fast ``govcrawl verify`` reads, against ``warcio check`` on the same files, on one core and on two.

``python -m benchmarks.verify [--files N] [--mebibytes M] [--records R] [--repeat K] [--json FILE]``
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median

from archive.digest import measure
from archive.model import Context, Exchange
from archive.records import Group
from archive.writer import WarcWriter
from benchmarks.measure import run_measured
from benchmarks.words import OBJECTS, OFFICES, VERBS

RECORDS_PER_CAPTURE = 3
MEBIBYTE = 1 << 20
FIRST_AT = datetime(2024, 3, 5, 6, 7, 8, 90123, tzinfo=UTC)


def write_file(folder: Path, prefix: str, size_bytes: int, records: int) -> Path:
    """Write a WARC file with so many records whose blocks have about so many bytes together."""
    writer = WarcWriter(folder, prefix, warcinfo={"software": "benchmark"})
    captures = records // RECORDS_PER_CAPTURE
    text = make_text(size_bytes // captures)
    for number in range(captures):
        body = b"<p>%d</p>" % number + text[number % 97 :]
        response = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        exchange = Exchange(
            url=f"https://sfj.haidao.test/{prefix}/{number}.html",
            method="GET",
            request=b"GET /%d.html HTTP/1.1\r\nHost: sfj.haidao.test\r\n\r\n" % number,
            response=io.BytesIO(response),
            response_bytes=len(response),
            started_at=FIRST_AT + timedelta(seconds=number),
            elapsed_seconds=0.1,
            ip="127.0.0.1",
        )
        context = Context(agency=prefix, crawl_id="benchmark", kind="document")
        writer.write_groups([Group(exchange=exchange, context=context, framing=measure(exchange.response, "GET"))])
    closed = writer.close()
    if closed is None:
        raise SystemExit(f"{folder}: no file was written; give more --mebibytes or --records")
    return folder / closed.warc_file


def make_text(size_bytes: int) -> bytes:
    """Make prose of so many bytes, which compresses about as a page does."""
    words = (*OFFICES, *VERBS, *OBJECTS)
    random = Random(size_bytes)  # noqa: S311 -- the same bytes every time, nothing secret
    return "".join(random.choice(words) for _ in range(size_bytes // 6)).encode()[:size_bytes]


def time_command(command: list[str], folder: Path, repeat: int) -> tuple[float, float]:
    """Return median wall and CPU seconds of a command that must end well."""
    costs = [run_measured(command, os.environ, folder / "log.txt", folder) for _ in range(repeat)]
    return median(cost.ended_at - cost.began_at for cost in costs), median(cost.cpu_seconds for cost in costs)


def main() -> None:
    """Write the files, time the three commands, print what they took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--mebibytes", type=float, default=64, help="of blocks per file")
    parser.add_argument("--records", type=int, default=4000, help="per file")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    scripts = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="govcrawl-benchmark-") as name:
        folder = Path(name)
        size_bytes = int(options.mebibytes * MEBIBYTE)
        paths = [
            str(write_file(folder, f"bench{number}", size_bytes, options.records)) for number in range(options.files)
        ]
        govcrawl = [str(scripts / "govcrawl"), "verify"]
        figures = {
            "one file": {
                "warcio check": time_command([str(scripts / "warcio"), "check", paths[0]], folder, options.repeat),
                "govcrawl verify --jobs 1": time_command([*govcrawl, "--jobs", "1", paths[0]], folder, options.repeat),
            },
            "all files": {
                "warcio check": time_command([str(scripts / "warcio"), "check", *paths], folder, options.repeat),
                "govcrawl verify --jobs 1": time_command([*govcrawl, "--jobs", "1", *paths], folder, options.repeat),
                "govcrawl verify --jobs 2": time_command([*govcrawl, "--jobs", "2", *paths], folder, options.repeat),
            },
        }
        compressed = sum(Path(path).stat().st_size for path in paths) / MEBIBYTE
    print(
        f"{options.files} files, {options.mebibytes:g} MiB of blocks and {options.records} records each, {compressed:.1f} MiB "
        f"compressed together; Python {platform.python_version()}, {os.cpu_count()} processors, median of {options.repeat}"
    )
    for what, rows in figures.items():
        for tool, (wall, cpu) in rows.items():
            faster, cheaper = (theirs / ours for theirs, ours in zip(rows["warcio check"], (wall, cpu), strict=True))
            print(
                f"{what:10} {tool:26} {wall:7.3f} s wall {cpu:7.3f} s CPU   {faster:5.2f} x warcio check by wall, "
                f"{cheaper:.2f} x by CPU"
            )
    rows = figures["all files"]
    speed_up = rows["govcrawl verify --jobs 1"][0] / rows["govcrawl verify --jobs 2"][0]
    print(f"two processes against one: {speed_up:.2f} x")
    if options.json:
        options.json.write_text(json.dumps({"figures": figures, "two_against_one": speed_up}, indent=2), "utf-8")


if __name__ == "__main__":
    main()
