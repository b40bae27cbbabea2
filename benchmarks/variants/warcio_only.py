"""Scrapy and warcio: plain Scrapy with the obvious way's middleware, which writes every request and response as WARC; nothing is read."""

from __future__ import annotations

import argparse
from pathlib import Path

from scrapy.crawler import AsyncCrawlerProcess

from benchmarks.variants.obvious import warc_settings
from benchmarks.variants.plain import SETTINGS, PlainSpider


def main() -> None:
    """Crawl."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base_url")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    process = AsyncCrawlerProcess({**SETTINGS, **warc_settings(arguments.folder)})
    process.crawl(PlainSpider, base_url=arguments.base_url)
    process.start()


if __name__ == "__main__":
    main()
