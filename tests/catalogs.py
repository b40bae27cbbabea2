"""A small catalog for tests: one agency, crawls by day, captures with places that look like real ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from archive.catalog import CATALOG_NAME, Catalog
from archive.model import Agency, Channel, Document, Extraction, File, Listing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archive.model import Capture, Known, Put

AGENCY = Agency(
    name="sample_sfj",
    title="样例市司法局",
    base_url="http://sfj.sample.test/",
    template="trt",
    channels=(
        Channel(name="公示公告", seed_url="http://sfj.sample.test/gsgg/", position=0),
        Channel(name="政策文件", seed_url="http://sfj.sample.test/zcwj/", position=1),
    ),
)
FIRST_DAY = datetime(2024, 5, 1, 1, 2, 3, 456789, tzinfo=UTC)
EXTRACTION = Extraction(
    method="container",
    extractor_version="1",
    trafilatura_version="2.3.1",
    encoding="utf-8",
    container="div.TRS_Editor",
    agreement=0.99,
)


def url_of(name: str) -> str:
    """The address of a document by its short name."""
    return f"http://sfj.sample.test/gsgg/{name}.htm"


def key_of(url: str) -> str:
    """The identity of an address."""
    return url.removeprefix("http://").removeprefix("https://")


def read_document(name: str = "t1", **fields: Any) -> Document:
    """A document as extraction gives it."""
    return replace(
        Document(url=url_of(name), title=f"关于{name}的公示", text="第一段\n第二段", extraction=EXTRACTION), **fields
    )


def fetched(url: str, sha256: str | None, *, label: str | None = "附件1", error: str | None = None) -> File:
    """A file as it came (or did not)."""
    return File(
        url=url,
        label=label,
        filename=url.rpartition("/")[2],
        media_type="application/pdf" if sha256 else None,
        bytes=3 if sha256 else None,
        sha256=sha256,
        capture_id=None,
        error=error or (None if sha256 else "503"),
    )


@dataclass
class Sample:
    """An open catalog with its clock: every crawl is a day later, every capture a minute."""

    path: Path
    catalog: Catalog
    now: datetime = FIRST_DAY
    crawl_id: str = ""
    crawls: int = 0
    captures: int = 0
    end: int = 0
    warc: str = ""

    @classmethod
    def make(cls, folder: Path) -> Sample:
        """A new catalog in a folder, with the first crawl begun."""
        path = folder / CATALOG_NAME
        sample = cls(path, Catalog.open(path))
        sample.catalog.put_agency(AGENCY)
        sample.begin()
        return sample

    def begin(self, days: int = 1) -> str:
        """Begin the next crawl, ``days`` after the last."""
        self.crawls += 1
        self.crawl_id = f"crawl-{self.crawls}"
        if self.crawls > 1:
            self.now += timedelta(days=days)
        self.catalog.put_crawl(self.crawl_id, AGENCY.name, "full", self.now, {"limit": None}, "govcrawl 0.1.0")
        self.warc = f"warc/{AGENCY.name}/{AGENCY.name}-{self.crawls:05d}.warc.gz"
        self.end = 400
        self.catalog.put_warc_file(self.warc, AGENCY.name, self.crawl_id, self.now)
        return self.crawl_id

    def capture(self, url: str = url_of("t1"), **fields: Any) -> Capture:
        """Put one capture at the end of the current WARC file."""
        self.captures += 1
        self.now += timedelta(minutes=1)
        values: dict[str, Any] = {
            "agency": AGENCY.name,
            "crawl_id": self.crawl_id,
            "kind": "document",
            "url": url,
            "method": "GET",
            "status": 200,
            "media_type": "text/html",
            "captured_at": self.now,
            "warc_file": self.warc,
            "offset": self.end,
            "length": 1000,
            "record_id": f"<urn:uuid:{self.captures:032x}>",
            "block_digest": "sha256:b",
            "payload_digest": f"sha256:p{self.captures}",
            "payload_bytes": 900,
            "request_record_id": f"<urn:uuid:{self.captures + 1000:032x}>",
            "request_offset": self.end + 1000,
            "group_length": 1500,
        }
        capture = self.catalog.put_capture(**{**values, **fields})
        self.end += 1500
        return capture

    def put(
        self,
        document: Document,
        *,
        attachments: Sequence[File] = (),
        images: Sequence[File] = (),
        aliases: Sequence[tuple[str, str]] = (),
        moved: bool = False,
    ) -> Put:
        """Capture a document's page and put the document."""
        capture = self.capture(document.url)
        return self.catalog.put_document(
            self.crawl_id,
            AGENCY.name,
            document,
            url_key=key_of(document.url),
            capture_id=capture.id,
            attachments=attachments,
            images=images,
            aliases=aliases,
            at=self.now,
            moved=moved,
        )

    def list_(self, channel: str, *names: str, complete: bool = True, **fields: Any) -> list[Known]:
        """Put the lines of a channel's only list page and close the channel."""
        page = self.capture(f"http://sfj.sample.test/{channel}/", kind="list", channel=channel)
        lines = [
            replace(
                Listing(
                    url=url_of(name),
                    url_key=key_of(url_of(name)),
                    key=None,
                    title=f"关于{name}的公示",
                    publish_date="2024-04-30",
                    date_text="2024-04-30",
                    position=position,
                ),
                **fields,
            )
            for position, name in enumerate(names)
        ]
        known = self.catalog.put_listings(self.crawl_id, AGENCY.name, channel, lines, page.id, self.now)
        self.catalog.finish_channel(
            self.crawl_id, AGENCY.name, channel, complete=complete, pages=1, total=len(names), at=self.now
        )
        return known

    def finish(self, outcome: str = "finished", reason: str | None = None) -> None:
        """Close the current crawl."""
        self.catalog.close_warc_file(self.warc, self.end, "0" * 64, self.now)
        self.catalog.finish_crawl(self.crawl_id, self.now, outcome, reason, {"pages": self.captures})

    def state_of(self, document_id: str) -> str:
        """A document's state as the catalog has it."""
        (known,) = (one for one in self.catalog.known_documents(AGENCY.name) if one.document_id == document_id)
        return known.state
