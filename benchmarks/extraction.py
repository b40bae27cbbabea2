"""How many full records a core reads in a second, beside trafilatura with metadata and readability-lxml on the same pages.

``python -m benchmarks.extraction [--pages N] [--repeat K] [--memory-pages M] [--json FILE]``: whole pages of the generated site, bytes in,
record out, in one process, the readers in turn. Then one page of 350,000 characters of Word HTML, and the memory of one process over M
pages. Exit code 1 when a bar is missed or trafilatura has not read every document.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import subprocess
import sys
import time
from html import escape
from importlib.metadata import version
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

import readability
import trafilatura

from benchmarks.site import BASE_URL, make_site
from benchmarks.words import write_sentence
from govcrawl.decode import Page
from govcrawl.extract import extract, read_page
from spiders.templates.trt import FujianTrt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAGES, REPEAT = 200, 3
BAR = 2.5  # times the records/s of trafilatura with metadata
WORD_CHARACTERS, WORD_SECONDS = 350_000, 1.0
MEMORY_PAGES = 2_000
MOST_GROWTH_MIB = 64
TYPE = "text/html; charset=utf-8"
KIBIBYTE, MEBIBYTE = 1 << 10, 1 << 20


def read_govcrawl(url: str, body: bytes) -> Any:
    """Read a full record with the family's template."""
    return read_page(FujianTrt, Page(url=url, body=body, content_type=TYPE))


def read_generic(url: str, body: bytes) -> Any:
    """Read a full record without template."""
    return extract(Page(url=url, body=body, content_type=TYPE))


def read_trafilatura(url: str, body: bytes) -> Any:
    """Read what trafilatura makes of the page, with tables and its metadata."""
    return trafilatura.bare_extraction(body.decode(), url=url, with_metadata=True, include_tables=True)


def read_readability(url: str, body: bytes) -> Any:
    """Read what readability-lxml makes of the page: title and summary, which is HTML."""
    document = readability.Document(body.decode(), url=url)
    return document.short_title(), document.summary(html_partial=True)


READERS: Mapping[str, Callable[[str, bytes], Any]] = {
    "govcrawl, template": read_govcrawl,
    "govcrawl, no template": read_generic,
    "trafilatura with metadata": read_trafilatura,
    "readability-lxml": read_readability,
}
OURS, FREELY, THEIRS = "govcrawl, template", "govcrawl, no template", "trafilatura with metadata"


def time_readers(pages: Mapping[str, bytes], repeat: int) -> dict[str, list[float]]:
    """Return CPU seconds of each reader over all pages, one figure a round; the readers take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    first = next(iter(pages.items()))
    for read in READERS.values():
        read(*first)  # what is compiled and loaded once
    for _ in range(repeat):
        for name, read in READERS.items():
            gc.collect()
            began = time.process_time()
            for url, body in pages.items():
                read(url, body)
            seconds[name].append(time.process_time() - began)
    return seconds


def count_read(pages: Mapping[str, bytes]) -> int:
    """Return how many of the records trafilatura has read."""
    return sum(read_govcrawl(url, body).extraction.trafilatura_version is not None for url, body in pages.items())


def make_word_page(characters: int = WORD_CHARACTERS) -> bytes:
    """Make a page of the family whose body is so many characters of HTML as Word writes it: text, tables and all the markup around."""
    random = Random(characters)  # noqa: S311 -- the same page every time, nothing secret
    style = "mso-bidi-font-size:16.0pt;line-height:150%;font-family:仿宋_GB2312;mso-hansi-font-family:仿宋"
    parts: list[str] = []
    length = 0
    while length < characters:
        text = escape(write_sentence(random))
        part = f'<p class="MsoNormal" style="text-indent:32.0pt;{style}"><span style="{style}">{text}<span lang="EN-US"><o:p></o:p></span></span></p>\n'
        if len(parts) % 8 == 0:
            cells = "".join(
                f'<td width="57" style="border:solid windowtext 1.0pt;{style}"><p class="MsoNormal"><span lang="EN-US">{random.randrange(10**6)}</span></p></td>'
                for _ in range(8)
            )
            part += (
                f'<table class="MsoNormalTable" border="1"><tbody><tr>{cells}</tr><tr>{cells}</tr></tbody></table>\n'
            )
        parts.append(part)
        length += len(part)
    return (
        "<!DOCTYPE html><html><head><title>年度报告</title></head><body><div class='article_title'>政府信息公开工作年度报告</div>"
        f"<div class='article_time'>发布时间：2024-01-30</div><div class='article_content'><div class='TRS_Editor'>{''.join(parts)}</div></div></body></html>"
    ).encode()


def measure_memory(pages: Mapping[str, bytes], count: int) -> tuple[float, float]:
    """Read so many pages in this process; return MiB in use after the first tenth and at the end."""
    items = list(pages.items())
    early = 0.0
    for number in range(count):
        read_govcrawl(*items[number % len(items)])
        if number + 1 == max(count // 10, 1):
            early = used_mib()
    return early, used_mib()


def used_mib() -> float:
    """Return the memory that this process holds; where the system does not tell, the most that it held."""
    gc.collect()
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE / MEBIBYTE


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=PAGES, help=f"pages of the site (default {PAGES})")
    parser.add_argument("--repeat", type=int, default=REPEAT, help=f"rounds; medians are shown (default {REPEAT})")
    parser.add_argument("--memory-pages", type=int, default=MEMORY_PAGES, help=f"default {MEMORY_PAGES}; 0: none")
    parser.add_argument("--only-memory", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pages = {BASE_URL + path: body for path, body in make_site(options.pages).document_pages().items()}
    if options.only_memory:
        print(json.dumps(measure_memory(pages, options.memory_pages)))
        return 0
    size = sum(map(len, pages.values())) / len(pages) / KIBIBYTE
    print(
        f"{len(pages)} whole pages, {size:.0f} KiB in the mean; Python {platform.python_version()}, trafilatura "
        f"{version('trafilatura')}, readability-lxml {version('readability-lxml')}, lxml {version('lxml')}; CPU seconds of one "
        f"process, medians of {options.repeat}"
    )
    medians = {name: median(seconds) for name, seconds in time_readers(pages, options.repeat).items()}
    for name, seconds in medians.items():
        print(
            f"{name:26} {len(pages) / seconds:7.1f} records/s per core {seconds / len(pages) * 1000:7.2f} ms "
            f"  {medians[THEIRS] / seconds:5.2f} x trafilatura with metadata"
        )
    ratio = medians[THEIRS] / medians[OURS]
    read = count_read(pages)
    print(f"read by trafilatura: {read} of {len(pages)}")
    word = make_word_page()
    began = time.process_time()
    document = read_govcrawl(BASE_URL + "/word.htm", word)
    word_seconds = time.process_time() - began
    print(
        f"{len(word.decode())} characters of Word HTML, {len(document.tables)} tables: {word_seconds:.2f} s (bar {WORD_SECONDS:g} s)"
    )
    missed = [
        *([f"{ratio:.2f} x trafilatura with metadata, bar {BAR}"] if ratio < BAR else []),
        *([f"{len(pages) - read} documents not read by trafilatura"] if read < len(pages) else []),
        *([f"Word page in {word_seconds:.2f} s, bar {WORD_SECONDS}"] if word_seconds >= WORD_SECONDS else []),
    ]
    memory: tuple[float, float] | None = None
    if options.memory_pages:
        command = [sys.executable, "-m", "benchmarks.extraction", "--only-memory", "--pages", str(options.pages)]
        done = subprocess.run(  # noqa: S603 - our own command
            [*command, "--memory-pages", str(options.memory_pages)], capture_output=True, check=True, text=True
        )
        memory = tuple(json.loads(done.stdout))
        growth = memory[1] - memory[0]
        print(
            f"memory over {options.memory_pages} pages: {memory[0]:.0f} MiB after a tenth, {memory[1]:.0f} MiB at the end"
        )
        if growth > MOST_GROWTH_MIB:
            missed.append(f"memory grew by {growth:.0f} MiB, bar {MOST_GROWTH_MIB}")
    if options.json:
        figures = {
            "ms": {name: seconds / len(pages) * 1000 for name, seconds in medians.items()},
            "ratio": ratio,
            "ratio_without_template": medians[THEIRS] / medians[FREELY],
            "read": read,
        }
        options.json.write_text(
            json.dumps({**figures, "word_seconds": word_seconds, "memory_mib": memory}, indent=2), "utf-8"
        )
    for one in missed:
        print(f"missed: {one}", file=sys.stderr)
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
