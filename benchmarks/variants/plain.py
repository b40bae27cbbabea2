"""Plain Scrapy: the lists are followed, the documents are fetched, nothing is kept. The least that Scrapy can do."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import scrapy
from scrapy.crawler import AsyncCrawlerProcess

from benchmarks.variants.lists import ask_lists, follow_list

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http import Response, TextResponse

CONCURRENCY = 16
SETTINGS = {
    "CONCURRENT_REQUESTS": CONCURRENCY,
    "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
    "DOWNLOAD_DELAY": 0,
    "CONCURRENT_ITEMS": 1,
    "ROBOTSTXT_OBEY": True,
    "LOG_LEVEL": "INFO",
    "TELNETCONSOLE_ENABLED": False,
    "REMOTE_CONTROL_ENABLED": False,
}


class PlainSpider(scrapy.Spider):
    """Fetches every document."""

    name = "plain"

    def __init__(self, base_url: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.base_url = base_url

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Ask for the lists."""
        for request in ask_lists(self.base_url, self.parse_list):
            yield request

    def parse_list(self, response: TextResponse, base_url: str) -> Iterator[scrapy.Request]:
        """Follow a list page."""
        return follow_list(response, base_url, self.parse_list, self.parse_document)

    def parse_document(self, response: Response) -> None:
        """Drop a document."""


def main() -> None:
    """Crawl."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base_url")
    parser.add_argument("folder", nargs="?", help="not used: nothing is kept")
    arguments = parser.parse_args()
    process = AsyncCrawlerProcess(SETTINGS)
    process.crawl(PlainSpider, base_url=arguments.base_url)
    process.start()


if __name__ == "__main__":
    main()
