"""An archive with an agency that is crawled here or in shards, the same exchanges with the same record ids, to be compared."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from datadirs import EXTRACTION
from warcs import AGENCY, context_of, exchange_of, response_of

from archive.catalog_texts import put_file_text
from archive.catalog_walks import Finding
from archive.decisions import (
    decide_absence,
    decide_alias,
    decide_channel,
    decide_document,
    decide_listings,
    decide_settle,
    decide_verdict,
)
from archive.model import Document, File, FileText, Listing
from archive.shard_merge import merge
from archive.shards import close_shard, lend
from archive.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archive.model import Agency, Capture
    from archive.shard_merge import Merged
    from archive.shards import Shard

NAME = AGENCY.name
OTHER = replace(AGENCY, name="haidao_czj", title="海岛市财政局", base_url="https://czj.haidao.test/")
CHANNEL = "通知公告"
GROUP = "203.0.113.7"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PDF = b"%PDF-1.4 shared by both agencies"


def later(seconds: float) -> datetime:
    """An instant after the first one."""
    return NOW + timedelta(seconds=seconds)


def crawl(data: Path, number: int, agency: Agency = AGENCY, *, dies: bool = False) -> None:
    """Crawl an invented agency by the archive's own functions: the crawl of a number brings the same everywhere.

    A page that stays, one that changes, a new one, a file, an alias, absences, a failure. One that dies leaves its WARC file
    open and its row running; called again it goes on from the next number.
    """
    at = NOW - timedelta(days=100 - number)
    numbers = itertools.count(number * 1000 + (500_000 if agency is OTHER else 0))
    store = Store.open(data, now=lambda: at, new_id=lambda: f"<urn:uuid:{uuid.UUID(int=next(numbers), version=4)}>")
    crawl_id = f"{agency.name}-{number}"
    store.begin_crawl(
        agency,
        crawl_id=crawl_id,
        mode="full",
        options={},
        software="crawler/1",
        user_agent="crawler/1",
        contact=None,
        started_at=at,
    )
    run = _Run(store, agency, crawl_id, number, at)
    run.put_list()
    run.put_pages()
    if dies:
        left = store._crawls.pop(crawl_id)
        left.writer.abandon()
        left.lock.release()
    else:
        run.put_end()
    store.close()


class _Run:
    def __init__(self, store: Store, agency: Agency, crawl_id: str, number: int, at: datetime) -> None:
        self.store = store
        self.agency = agency
        self.crawl_id = crawl_id
        self.number = number
        self.at = at

    def fetch(self, path: str, body: bytes, **context: Any) -> Capture:
        """Fetch something of the agency's site."""
        exchange = exchange_of(response_of(body), url=f"{self.agency.base_url}{path}", started_at=self.at)
        why = context_of(agency=self.agency.name, crawl_id=self.crawl_id, **context)
        (capture,) = self.store.put_captures([(exchange, why)])
        return capture

    def url_key(self, path: str) -> str:
        """The identity of a page's address."""
        return f"{self.agency.base_url}{path}".removeprefix("https://")

    def put_list(self) -> None:
        """The list: with a line that is gone after the first crawl."""
        paths = ["a", "b", *(["gone"] if self.number == 1 else []), *(f"c{n}" for n in range(1, self.number + 1))]
        page = self.fetch("tzgg/", f"list {self.number}".encode(), kind="list", channel=CHANNEL)
        lines = [
            Listing(
                url=f"{self.agency.base_url}{path}",
                url_key=self.url_key(path),
                key=None,
                title=f"关于{path}的通知",
                publish_date="2025-03-05",
                date_text="2025-03-05",
                position=position,
            )
            for position, path in enumerate(paths)
        ]
        self.store.put(decide_listings(self.crawl_id, self.agency.name, CHANNEL, lines, page.id, self.at))

    def put_page(self, path: str, text: str, attachments: Sequence[File] = ()) -> str:
        """Fetch and put a document."""
        capture = self.fetch(path, text.encode())
        document = Document(url=capture.url, title=f"关于{path}的通知", text=text, extraction=EXTRACTION)
        put = decide_document(
            self.crawl_id,
            self.agency.name,
            document,
            url_key=self.url_key(path),
            capture_id=capture.id,
            attachments=attachments,
            images=[],
            at=self.at,
        )
        return self.store.put(put).document_id

    def put_pages(self) -> None:
        """The documents, with what becomes of them."""
        number, name = self.number, self.agency.name
        same = self.put_page("a", "一直不变的正文")
        pdf = self.fetch("1.pdf", PDF, kind="attachment")
        file = File(
            url=pdf.url,
            label="附件",
            filename="1.pdf",
            media_type="application/pdf",
            bytes=len(PDF),
            sha256=hashlib.sha256(PDF).hexdigest(),
            capture_id=pdf.id,
        )
        missing = replace(
            file, url=f"{self.agency.base_url}2.pdf", bytes=None, sha256=None, capture_id=None, error="503"
        )
        late = replace(file, url=missing.url)
        self.put_page("b", f"第{number}次的正文", [file])
        self.put_page("d", "附件后来才有的正文", [missing if number == 1 else late])
        self.put_page(f"c{number}", f"新文件{number}")
        if number == 1:
            self.put_page("gone", "将要撤下的正文")
        else:
            gone = next(one.document_id for one in self.store.known_documents(name) if one.url.endswith("/gone"))
            look = self.fetch("gone", b"<p>404</p>")
            absence = decide_absence(self.crawl_id, gone, look.id, "404", self.at, min_failures=3, min_days=0)
            self.store.put(absence)
        self.store.put(
            decide_alias(
                self.crawl_id, name, same, f"{self.agency.base_url}a{number}", self.url_key(f"a{number}"), self.at
            )
        )
        context = context_of(agency=name, crawl_id=self.crawl_id)
        self.store.put_failure(context, f"{self.agency.base_url}lost", "GET", "dns", "no such host", self.at)
        self.store.put_rows(
            lambda catalog: catalog.frontier.put_list(self.crawl_id, name, CHANNEL, f"{self.agency.base_url}tzgg/", {})
        )

    def put_end(self) -> None:
        """What is said at the end, and the text of the file that both agencies have."""
        name, crawl_id = self.agency.name, self.crawl_id
        done = decide_channel(crawl_id, name, CHANNEL, complete=True, pages=1, total=None, at=self.at, ending="end")
        self.store.put(done)
        self.store.put(decide_settle(crawl_id, name, self.at))
        finding = Finding(kind="fewer", severity="warning", facts={"n": self.number})
        self.store.put(decide_verdict(crawl_id, name, "warning", [finding], self.at))
        text = FileText(
            sha256=hashlib.sha256(PDF).hexdigest(),
            media_type="application/pdf",
            status="text",
            reason=None,
            pages=1,
            text="附件里的收费目录",
            tables=(),
            members=(),
            flags=(),
            reader_version="1",
        )
        put_file_text(self.store.catalog, text, self.at)
        self.store.finish_crawl(crawl_id, "finished", None, {"documents": self.number}, self.at + timedelta(hours=1))


def lend_out(
    data: Path,
    agencies: Sequence[Agency] = (AGENCY,),
    *,
    at: datetime = NOW,
    seconds: float = 600.0,
    group: str = GROUP,
) -> Shard:
    """Lend agencies, and check their shard out."""
    with Store.open(data) as store:
        names = [agency.name for agency in agencies]
        return lend(store, group, names, holder="node-1", seconds=seconds, now=lambda: at)


def crawl_shard(data: Path, number: int, agency: Agency = AGENCY, *, at: datetime = NOW) -> Shard:
    """Lend an agency and crawl it in its shard, to the end."""
    shard = lend_out(data, [agency], at=at, group=f"{GROUP} {agency.name}")
    crawl(shard.folder, number, agency)
    close_shard(shard.folder, {})
    return shard


def merge_at(data: Path, folder: Path, at: datetime = NOW) -> Merged:
    """Merge a shard at an instant."""
    with Store.open(data) as store:
        return merge(store, folder, now=lambda: at)
