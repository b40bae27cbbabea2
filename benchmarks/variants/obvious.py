"""The obvious way: Scrapy, a downloader middleware that writes WARC with warcio, trafilatura in the callback, one SQLite row a page.

Written as a competent person would in an afternoon, and in every choice the cheaper of what is usual: the middleware keeps
the body as it was compressed by the server, the database is in WAL mode and written with plain SQL, comments are not looked for.
"""

from __future__ import annotations

import argparse
import io
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import scrapy
import trafilatura
from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess
from trafilatura.settings import Document
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from benchmarks.variants.lists import ask_lists, follow_list
from benchmarks.variants.plain import SETTINGS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response, TextResponse

TABLE = """
CREATE TABLE IF NOT EXISTS documents (
    url TEXT PRIMARY KEY, title TEXT, author TEXT, date TEXT, sitename TEXT, text TEXT, metadata TEXT
)
"""


class WarcMiddleware:
    """Writes every response with its request, as it came out of the downloader: still compressed."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("ab")  # noqa: SIM115 - closed with the spider
        self._writer = WARCWriter(self._file, gzip=True)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Open the file."""
        middleware = cls(crawler.settings["WARC_FILE"])
        crawler.signals.connect(middleware.spider_closed, signal=signals.spider_closed)
        return middleware

    def process_response(self, request: Request, response: Response) -> Response:
        """Write the pair of records."""
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in response.headers.items()
            for value in values
        ]
        http = StatusAndHeaders(f"{response.status} OK", headers, protocol="HTTP/1.1")
        record = self._writer.create_warc_record(
            response.url, "response", payload=io.BytesIO(response.body), http_headers=http
        )
        sent = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in request.headers.items()
            for value in values
        ]
        asked = StatusAndHeaders(f"{request.method} {request.url} HTTP/1.1", sent, is_http_request=True)
        concurrent = {"WARC-Concurrent-To": record.rec_headers.get_header("WARC-Record-ID")}
        question = self._writer.create_warc_record(
            request.url, "request", payload=io.BytesIO(request.body), http_headers=asked, warc_headers_dict=concurrent
        )
        self._writer.write_record(record)
        self._writer.write_record(question)
        return response

    def spider_closed(self) -> None:
        """Close the file."""
        self._file.close()


def warc_settings(folder: Path) -> dict[str, Any]:
    """Return what makes Scrapy write WARC into a folder."""
    return {
        "WARC_FILE": str(folder / "pages.warc.gz"),
        # above HttpCompressionMiddleware (590) a response is seen before it is decompressed
        "DOWNLOADER_MIDDLEWARES": {"benchmarks.variants.obvious.WarcMiddleware": 595},
    }


class ObviousSpider(scrapy.Spider):
    """Fetches every document, reads it, keeps a row."""

    name = "obvious"

    def __init__(self, base_url: str, database: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.base_url = base_url
        self._database = sqlite3.connect(database)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(TABLE)

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Ask for the lists."""
        for request in ask_lists(self.base_url, self.parse_list):
            yield request

    def parse_list(self, response: TextResponse, base_url: str) -> Iterator[scrapy.Request]:
        """Follow a list page."""
        return follow_list(response, base_url, self.parse_list, self.parse_document)

    def parse_document(self, response: TextResponse) -> None:
        """Read a document and keep it."""
        read = trafilatura.bare_extraction(
            response.text, url=response.url, include_tables=True, include_comments=False, with_metadata=True
        )
        values = read.as_dict() if isinstance(read, Document) else {}
        rest = json.dumps(
            {name: values.get(name) for name in ("hostname", "description", "categories", "tags")}, ensure_ascii=False
        )
        row = (response.url, *(values.get(name) for name in ("title", "author", "date", "sitename", "text")), rest)
        with self._database:
            self._database.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def closed(self, reason: str) -> None:
        """Close the database."""
        self.logger.info("closed reason=%s", reason)
        self._database.close()


def main() -> None:
    """Crawl."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base_url")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    process = AsyncCrawlerProcess({**SETTINGS, **warc_settings(arguments.folder)})
    process.crawl(ObviousSpider, base_url=arguments.base_url, database=str(arguments.folder / "documents.db"))
    process.start()


if __name__ == "__main__":
    main()
