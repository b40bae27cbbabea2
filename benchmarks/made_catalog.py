"""A catalog as years of crawls leave it, made through the catalog's own write functions; no WARC file is written.

Agencies differ in size as real ones do (a few hold much of everything). Every round crawls every agency once, as a crawl does: the
crawl's row, a WARC file, robots.txt, list pages and their lines, documents with files and aliases, looks at known documents
(304s, equal pages, changed ones, absences), texts of attachments, the walk's end, states, the verdict. So rows of all agencies
lie between each other, and the mix of what is written is the same from the first round to the last.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from archive.catalog_summaries import put_summary
from archive.catalog_texts import put_file_text
from archive.catalog_walks import Finding
from archive.model import Agency, Channel, Document, Extraction, File, FileText, Listing
from benchmarks.search import PHRASES, SINGLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archive.catalog import Catalog
    from archive.model import Capture, Put

FIRST_DAY = datetime(2025, 1, 1, 18, tzinfo=UTC)
LINES_A_PAGE = 20
_WARNED = 0.03  # of all crawls
FIRST = "c00_"
"""How the names of the agencies begin that are crawled; copies of them bear other numbers (:mod:`benchmarks.copied_catalog`)."""
CHANNELS = ("政府信息公开指南", "规范性文件", "公示公告", "行政处罚", "财政预决算", "政府信息公开年报")
_EXTRACTION = Extraction(
    method="container+trafilatura", extractor_version="1", trafilatura_version="2.3.1", encoding="utf-8",
    container="div.TRS_Editor", agreement=0.99,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a catalog is to be."""

    documents: int
    captures: int
    agencies: int
    rounds: int = 10
    characters: int = 300  # mean length of a text
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Tally:
    """How much was put until when; CPU seconds too, for a machine that does other things beside."""

    captures: int
    documents: int
    seconds: float
    cpu_seconds: float

    def since(self, before: Tally) -> Tally:
        """Return what came since."""
        spent, cpu = self.seconds - before.seconds, self.cpu_seconds - before.cpu_seconds
        return Tally(self.captures - before.captures, self.documents - before.documents, spent, cpu)


@dataclass(slots=True)
class _Known:
    """A document that was put: what the next look needs; the rest of it is made again from its number."""

    document_id: str
    number: int
    capture_record: str
    listing: Listing | None
    files: tuple[File, ...]
    revisions: int = 0


@dataclass(slots=True)
class _Site:
    """One agency and what it has shown so far."""

    agency: Agency
    documents: int  # it has in the end
    captures: int
    known: list[_Known] = field(default_factory=list)
    listed: int = 0  # documents before this one are on no page that is read


class Maker:
    """Makes a catalog; :attr:`tallies` grow with each round of crawls."""

    def __init__(self, catalog: Catalog, plan: Plan) -> None:
        """Take an empty catalog."""
        self.catalog, self.plan = catalog, plan
        self.dice = random.Random(plan.seed)  # noqa: S311 - made-up rows, the same in each run
        self.sites = list(self._sites())
        self.order = list(self.sites)
        self.rounds = 0
        self.tallies: list[Tally] = [Tally(0, 0, 0.0, 0.0)]
        self.stock = "".join(self._prose() for _ in range(200))

    def _sites(self) -> Iterator[_Site]:
        """Yield the agencies; sizes fall off as 1 / (rank + 5)."""
        plan = self.plan
        weights = [1 / (rank + 5) for rank in range(plan.agencies)]
        whole = sum(weights)
        for number, weight in enumerate(weights):
            name = f"{FIRST}{number:04d}"
            share = weight / whole
            channels = tuple(
                Channel(name=channel, seed_url=f"http://{name}.test/{place}/", position=place)
                for place, channel in enumerate(CHANNELS)
            )
            agency = Agency(
                name=name, title=f"样例{number}局", base_url=f"http://{name}.test/", template="trt", channels=channels
            )
            yield _Site(agency, max(plan.rounds, round(share * plan.documents)), round(share * plan.captures))

    def _prose(self) -> str:
        pieces = []
        for _ in range(60):
            kind = self.dice.random()
            pieces.append(self.dice.choice(PHRASES) if kind < 0.55 else "".join(self.dice.choices(SINGLES, k=3)))  # noqa: PLR2004
            pieces.append("，" if kind < 0.9 else "。\n")  # noqa: PLR2004
        return "".join(pieces)

    def make(self, progress: Callable[[Tally], None] = lambda _: None) -> None:
        """Make all rounds of the plan."""
        for site in self.sites:
            self.catalog.put_agency(site.agency)
        for _ in range(self.plan.rounds):
            self.crawl(progress)

    def crawl(self, progress: Callable[[Tally], None] = lambda _: None) -> Tally:
        """Crawl every agency once more, one transaction a crawl; returns what that took."""
        before = self.tallies[-1]
        self.dice.shuffle(self.order)
        for site in self.order:
            began, cpu = time.perf_counter(), time.process_time()
            with self.catalog.atomic():
                captures, documents = _Crawl(self, site, self.rounds).run()
            last = self.tallies[-1]
            self.tallies.append(
                Tally(
                    last.captures + captures,
                    last.documents + documents,
                    last.seconds + time.perf_counter() - began,
                    last.cpu_seconds + time.process_time() - cpu,
                )
            )
            progress(self.tallies[-1])
        self.rounds += 1
        return self.tallies[-1].since(before)

    def text(self, dice: random.Random) -> str:
        """Return an invented text; lengths vary, the mean is what the plan says."""
        length = max(20, int(dice.lognormvariate(0, 0.8) * self.plan.characters * 0.73))
        start = dice.randrange(max(1, len(self.stock) - length))
        return self.stock[start : start + length]

    def record_id(self) -> str:
        """Return the next record's id; like the real ones, they come in no order."""
        return f"<urn:uuid:{random_uuid(self.dice)}>"


def random_uuid(dice: random.Random) -> str:
    """Return a UUID of the fourth version that ends with 00; copies end otherwise."""
    digits = f"{dice.getrandbits(120):030x}00"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class _Crawl:
    """One crawl of one agency."""

    def __init__(self, maker: Maker, site: _Site, number: int) -> None:
        self.maker, self.site, self.dice, self.catalog = maker, site, maker.dice, maker.catalog
        self.agency = site.agency.name
        self.began = FIRST_DAY + timedelta(days=30 * number, seconds=self.dice.randrange(20_000))
        self.now = self.began
        self.crawl_id = f"{self.began:%Y%m%dT%H%M%S}-{self.agency}"
        self.warc = f"warc/{self.agency}/{self.agency}-{self.began:%Y%m%d%H%M%S}-00001.warc.gz"
        self.number, self.end, self.captures, self.fresh, self.changed = number, 400, 0, 0, 0

    def run(self) -> tuple[int, int]:
        """Crawl; returns captures and documents put."""
        site, plan = self.site, self.maker.plan
        self.catalog.put_crawl(self.crawl_id, self.agency, "incremental", self.began, {"limit": None}, "govcrawl 0.1.0")
        self.catalog.put_warc_file(self.warc, self.agency, self.crawl_id, self.began)
        self._capture("robots", f"http://{self.agency}.test/robots.txt", "text/plain")
        looks = len(site.known)
        for listing in self._lines(max(1, round(site.documents / plan.rounds))):
            self._document(listing)
        wanted = round(site.captures / (plan.rounds - 1)) - self.captures  # none in the first round
        for _ in range(max(0, wanted) if looks else 0):
            self._look(site.known[self.dice.randrange(looks)])
        for channel in site.agency.channels:
            self.catalog.finish_channel(
                self.crawl_id, self.agency, channel.name, complete=self.number == 0, pages=1, total=None, at=self.now
            )
        self.catalog.settle(self.crawl_id, self.agency, self.now)
        if self.dice.random() < 0.05:  # noqa: PLR2004 - one crawl in twenty fails to read something
            self.catalog.put_failure(
                self.crawl_id, self.agency, f"http://{self.agency}.test/0/broken.htm", "document", CHANNELS[0], "http_500",
                "answered 500", None, None, self.now,
            )  # fmt: skip
        self.catalog.close_warc_file(self.warc, self.end, sha256(self.warc.encode()).hexdigest(), self.now)
        counts = {"captures": self.captures, "new": self.fresh, "changed": self.changed, "requests": self.captures}
        self.catalog.finish_crawl(self.crawl_id, self.now, "finished", None, counts)
        found = (
            [Finding(kind="list_shrank", severity="warning", channel=CHANNELS[1])]
            if self.dice.random() < _WARNED
            else []
        )
        self.catalog.put_verdict(self.crawl_id, self.agency, "warning" if found else "ok", found, self.now)
        put_summary(self.catalog, self.agency)
        return self.captures, self.fresh

    def _capture(self, kind: Any, url: str, media_type: str = "text/html", **fields: Any) -> Capture:
        """Put one capture at the end of the WARC file."""
        self.captures += 1
        self.now += timedelta(seconds=self.dice.uniform(0.8, 3))
        length = self.dice.randrange(3_000, 20_000)
        digest = f"sha256:{self.dice.getrandbits(248):062x}00"
        values: dict[str, Any] = {
            "agency": self.agency, "crawl_id": self.crawl_id, "kind": kind, "url": url, "method": "GET", "status": 200,
            "media_type": media_type, "captured_at": self.now, "warc_file": self.warc, "offset": self.end, "length": length,
            "record_id": self.maker.record_id(), "block_digest": f"sha256:{self.dice.getrandbits(248):062x}00",
            "payload_digest": digest, "payload_bytes": length * 4, "request_record_id": self.maker.record_id(),
            "metadata_record_id": self.maker.record_id(), "request_offset": self.end + length, "group_length": length + 900,
            "via": f"http://{self.agency}.test/", "ip": "127.0.0.1", "elapsed_seconds": 0.2,
            "last_modified": "Wed, 01 May 2024 01:02:03 GMT",
        }  # fmt: skip
        self.end += length + 900
        return self.catalog.put_capture(**(values | fields))

    def _listing(self, number: int) -> Listing:
        """Return the line of a document that is new in this crawl."""
        place = int(self.dice.random() ** 2 * len(CHANNELS))
        day = (self.began - timedelta(days=self.dice.randrange(30 if self.number else 3000))).date().isoformat()
        path = f"{self.agency}.test/{place}/{day[:7].replace('-', '')}/t{day.replace('-', '')}_{number}.htm"
        title = f"关于{self.dice.choice(PHRASES)}的{self.dice.choice(('通知', '公告', '报告', '意见'))}{number}"
        return Listing(
            url=f"http://{path}", url_key=path, key=str(number), title=title, publish_date=day, date_text=day, position=place
        )  # fmt: skip

    def _lines(self, count: int) -> list[Listing]:
        """Read each channel's first pages: what is new, then what was there; returns the new lines."""
        known = self.site.known
        new = [self._listing(len(known) + number) for number in range(count)]
        shown = new + [one.listing for one in known[-LINES_A_PAGE:] if one.listing is not None]
        for one in known[self.site.listed : -LINES_A_PAGE]:
            one.listing = None  # further down than this crawl, or any later one, reads
        self.site.listed = max(0, len(known) - LINES_A_PAGE)
        for channel in self.site.agency.channels:
            lines = [line for line in shown if line.position == channel.position]
            for start in range(0, max(1, len(lines)), LINES_A_PAGE):
                url = f"{channel.seed_url}index_{start // LINES_A_PAGE}.htm"
                page = self._capture("list", url, channel=channel.name)
                some = lines[start : start + LINES_A_PAGE]
                self.catalog.put_listings(self.crawl_id, self.agency, channel.name, some, page.id, self.now)
        return new

    def _document(self, listing: Listing) -> None:
        """Put a document that is new, with its files."""
        number = self.dice.getrandbits(48)
        page = self._capture("document", listing.url, channel=CHANNELS[listing.position])
        files = (self._file(listing.url),) if self.dice.random() < 0.3 else ()  # noqa: PLR2004 - shares of a real archive
        put = self._put(self._read(number, listing), listing.url_key, page.id, files)
        self.fresh += 1
        for file in files:
            if file.sha256:
                said = FileText(
                    sha256=file.sha256, media_type="application/pdf", status="text", reason=None, pages=2,
                    text=self.maker.text(self.dice), reader_version="1",
                )  # fmt: skip
                put_file_text(self.catalog, said, self.now)
        self.site.known.append(_Known(put.document_id, number, page.record_id, listing, files))

    def _read(self, number: int, listing: Listing, revisions: int = 0) -> Document:
        """Return a document as its page is read: the same for the same number."""
        dice = random.Random(number)  # noqa: S311 - as above
        text = self.maker.text(dice)
        numbered, cites, table = dice.random() < 0.2, dice.random() < 0.1, dice.random() < 0.1  # noqa: PLR2004
        return Document(
            url=listing.url, title=listing.title, publish_date=listing.publish_date, publish_date_source="label",
            publish_date_text=listing.date_text, source=self.site.agency.title, key=listing.key,
            document_number=f"样府办〔2024〕{dice.randrange(1, 400)}号" if numbered else None,
            text=text + "".join(f"\n（第{one + 1}次修订）" for one in range(revisions)),
            tables=((("项目", "金额"), ("办公", "12")),) if table else (), cites=("国办发〔2019〕14号",) if cites else (),
            origins={"title": "heading", "publish_date": "label"}, extraction=_EXTRACTION,
        )  # fmt: skip

    def _put(self, document: Document, url_key: str, capture_id: int, files: tuple[File, ...]) -> Put:
        return self.catalog.put_document(
            self.crawl_id, self.agency, document, url_key=url_key, capture_id=capture_id, attachments=files,
            images=(), at=self.now, entry={"title": document.title, "publish_date": document.publish_date},
        )  # fmt: skip

    def _file(self, url: str) -> File:
        name = f"P0{self.dice.randrange(10**9):09d}.pdf"
        address = f"{url.rpartition('/')[0]}/{name}"
        capture = self._capture("attachment", address, "application/pdf")
        failed = self.dice.random() < 0.02  # noqa: PLR2004
        return File(
            url=address, label="附件1", filename=name, media_type=None if failed else "application/pdf",
            bytes=None if failed else 12_345, sha256=None if failed else f"{self.dice.getrandbits(248):062x}00",
            capture_id=capture.id, error="404" if failed else None,
        )  # fmt: skip

    def _look(self, known: _Known) -> None:
        """Look at a known document again: mostly nothing has changed."""
        fate = self.dice.random()
        row = self.catalog.known_document(known.document_id)
        entry = row.entry or {}
        if fate < 0.96:  # noqa: PLR2004
            modified = fate < 0.7  # noqa: PLR2004
            profile = "server-not-modified" if modified else "identical-payload-digest"
            no_digest: dict[str, Any] = {"payload_digest": None} if modified else {}
            page = self._capture(
                "document", row.url, channel=row.channel, status=304 if modified else 200, revisit_profile=profile,
                refers_to=known.capture_record, **no_digest,
            )  # fmt: skip
            self.catalog.put_unchanged(self.crawl_id, known.document_id, page.id, self.now)
        elif fate < 0.99:  # noqa: PLR2004
            page = self._capture("document", row.url, channel=row.channel)
            known.revisions += 1
            day = entry.get("publish_date")
            path = row.url.removeprefix("http://")
            line = Listing(
                url=row.url,
                url_key=path,
                key=row.key,
                title=entry["title"],
                publish_date=day,
                date_text=day,
                position=0,
            )
            self._put(self._read(known.number, line, known.revisions), path, page.id, known.files)
            self.changed += 1
        else:
            page = self._capture("document", row.url, channel=row.channel, status=404)
            self.catalog.put_absence(self.crawl_id, known.document_id, page.id, "404", self.now)
