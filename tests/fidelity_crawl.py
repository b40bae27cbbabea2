"""A real crawl with the project's own settings, session and store: run as ``python fidelity_crawl.py PLAN.json DATA``.

The plan is that of ``tap_crawl.py``; what the crawl leaves behind is the data directory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.exceptions import StopDownload
from scrapy.settings import Settings
from tap_crawl import LoopbackResolver, TapSpider, case_of

from archive.model import Agency

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler


class FidelitySpider(TapSpider):
    """Sends the plan's requests as an agency's spider would be seen by the session."""

    name = "oracle"
    agency = "字节神谕局"
    base_url = "http://tap.test"
    mode = "full"
    partial = True
    recrawl: ClassVar[dict[str, float]] = {}
    server_group = ""
    allowed_domains: ClassVar[list[str]] = ["tap.test"]

    @classmethod
    def seeds(cls) -> dict[str, str]:
        """No channel: the plan says what is asked for."""
        return {}

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> FidelitySpider:
        """Listen to the signals that two cases stop their download at."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.stop_at_head, signal=signals.headers_received)
        crawler.signals.connect(spider.stop_at_body, signal=signals.bytes_received)
        return spider

    @classmethod
    def agency_row(cls) -> Agency:
        """Return whose crawl this is."""
        return Agency(name=cls.name, title=cls.agency, base_url=cls.base_url, template="none")

    def arguments(self) -> dict[str, str]:
        """Return the arguments of the crawl."""
        return {"mode": self.mode}

    def stop_at_head(self, request: Request) -> None:
        """Stop one case's download when its head is there."""
        if case_of(request.url) == "stop-at-head":
            raise StopDownload(fail=False)

    def stop_at_body(self, request: Request) -> None:
        """Stop one case's download when its first bytes are there."""
        if case_of(request.url) == "stop-at-body":
            raise StopDownload(fail=False)


def main() -> None:
    """Crawl into the data directory."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    settings = Settings()
    settings.setmodule("govcrawl.settings")
    settings.setdict(
        {
            "EXTENSIONS": {"govcrawl.session.Session": 0},
            "TWISTED_DNS_RESOLVER": LoopbackResolver,
            "GOVCRAWL_CONNECT_TO": plan["connect_to"],
            "GOVCRAWL_DATA": sys.argv[2],
            "GOVCRAWL_READERS": 1,
            "GOVCRAWL_BACKOFF_SECONDS": 0.05,
            "USER_AGENT": "oracle/1",
            "CONCURRENT_REQUESTS": 1,
            "COOKIES_ENABLED": False,
            "DOWNLOAD_DELAY": 0,
            "HTTPERROR_ALLOW_ALL": True,
            "RETRY_HTTP_CODES": [503],
            "RETRY_TIMES": 1,
        }
    )
    process = AsyncCrawlerProcess(settings)
    crawler = process.create_crawler(FidelitySpider)
    process.crawl(crawler, plan)
    process.start()


if __name__ == "__main__":
    main()
