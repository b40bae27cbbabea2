"""What durability costs: captures stored per second with a sync per capture, per batch of 8, and with none.

``python -m benchmarks.fsync [--captures N] [--repeat K] [--folder DIRECTORY]``: everything between an exchange and its
committed row is done (digests, compression, WARC group, catalog); only how often the disk is waited for differs.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from archive.model import Agency, Context, Exchange
from archive.store import Store
from benchmarks.measure import file_system

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_CHARACTERS = 12_000  # of Chinese text: about 36 KB, the median page of the pipeline's site
BATCH = 8
AGENCY = Agency(name="bench_sfj", title="基准市司法局", base_url="http://sfj.bench.test", template="trt")
WAYS = {"one sync per capture": (1, True), f"one per {BATCH} captures": (BATCH, True), "none": (1, False)}


def main() -> int:
    """Measure and print one line per way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=int, default=800, help="captures of each run (default 800)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each kind; medians are shown (default 3)")
    parser.add_argument("--folder", type=Path, help="where to write: the disk that is measured")
    options = parser.parse_args()
    pages = make_pages(options.captures)
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(f"file system: {file_system(Path(folder))}; {options.captures} pages of {len(pages[0]) // 1000} KB")
        for number in range(options.repeat):
            for name, (batch, syncs) in WAYS.items():
                rates[name].append(store(Path(folder) / f"{number}-{batch}-{syncs}", pages, batch, syncs=syncs))
    none = median(rates["none"])
    for name, found in rates.items():
        rate = median(found)
        print(f"{name:24s} {rate:7.0f} captures/s  {1e6 * (1 / rate - 1 / none):+6.0f} µs per capture")
    return 0


def make_pages(count: int) -> list[bytes]:
    """Return responses, each with a text of its own; the same ones every time."""
    chance = random.Random(1)  # noqa: S311 - to be repeated
    pages = []
    for _ in range(count):
        body = "".join(chr(chance.randrange(0x4E00, 0x5A00)) for _ in range(PAGE_CHARACTERS)).encode()
        pages.append(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    return pages


def store(folder: Path, pages: list[bytes], batch: int, *, syncs: bool) -> float:
    """Store the pages in batches; return how many a second."""
    began_at = datetime.now(UTC)
    context = Context(agency=AGENCY.name, crawl_id="bench", kind="document")
    with Store.open(folder) as opened:
        opened.begin_crawl(
            AGENCY,
            crawl_id="bench",
            mode="full",
            options={},
            software="benchmark/1",
            user_agent="benchmark/1",
            contact=None,
            started_at=began_at,
        )
        with _syncs(opened, wanted=syncs):
            began = time.perf_counter()
            for start in range(0, len(pages), batch):
                opened.put_captures(
                    [
                        (exchange(start + n, page, began_at), context)
                        for n, page in enumerate(pages[start : start + batch])
                    ]
                )
            seconds = time.perf_counter() - began
        opened.finish_crawl("bench", "finished", None, {}, datetime.now(UTC))
    return len(pages) / seconds


def exchange(number: int, page: bytes, at: datetime) -> Exchange:
    """Return a page as the tap hands it over."""
    return Exchange(
        url=f"http://sfj.bench.test/{number}.htm",
        method="GET",
        request=b"GET /%d.htm HTTP/1.1\r\nHost: sfj.bench.test\r\n\r\n" % number,
        response=io.BytesIO(page),
        response_bytes=len(page),
        started_at=at,
        elapsed_seconds=0.1,
        ip="127.0.0.1",
    )


@contextmanager
def _syncs(opened: Store, *, wanted: bool) -> Iterator[None]:
    """Let the disk be waited for, or nobody wait for it."""
    if wanted:
        yield
        return
    real = os.fsync
    os.fsync = lambda fd: None  # noqa: ARG005 - that is the point
    opened.catalog.file.execute("PRAGMA synchronous = OFF")
    try:
        yield
    finally:
        os.fsync = real


if __name__ == "__main__":
    raise SystemExit(main())
