"""A data directory in which everything is hostile: captures, titles, fields, texts, tables, labels, names, reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from datadirs import EXTRACTION
from exhibits import file_of
from hostile_captures import CAPTURES, PARTS
from hostile_pages import OUTSIDE, RUN
from warcs import AGENCY, STARTED_AT, context_of, exchange_of, response_of

from archive.model import Channel, Document, Listing
from archive.saved_searches import save_search
from archive.store import Store
from archive.withheld import withhold

if TYPE_CHECKING:
    from pathlib import Path

    from archive.model import Capture, File

BASE = "https://sfj.haidao.test/"
TEXT = (
    f"甲<script>{RUN}</script>\"'><img src=x onerror={RUN}><svg onload={RUN}><iframe src=http://{OUTSIDE}/f></iframe>"
    f"</title></style></textarea><meta http-equiv=refresh content='0;url=http://{OUTSIDE}/t'>{{{{ 7*7 }}}}{{% raw %}}&#60;"
    f"<link rel=stylesheet href=http://{OUTSIDE}/t.css>]]><!--<a href='javascript:{RUN}'>x</a>"
)
"""What stands wherever text can stand."""


def url_of(name: str) -> str:
    """The address of the page that tries something."""
    return f"{BASE}p{list(CAPTURES).index(name)}.htm"


UI_URL, HIDDEN_URL = f"{BASE}ui.htm", f"{BASE}hidden.htm"


def make_hostile_archive(folder: Path) -> Path:
    """Make it: one crawl with all captures, a second one in which the page with hostile fields has changed."""
    agency = replace(AGENCY, title=TEXT, channels=(Channel(name=TEXT, seed_url=f"{BASE}tzgg/"),))
    for number in (1, 2):
        at = STARTED_AT + timedelta(days=number)
        with Store.open(folder) as store:
            crawl_id = f"crawl-{number}"
            store.begin_crawl(
                agency,
                crawl_id=crawl_id,
                mode="full",
                options={},
                software="x",
                user_agent="x",
                contact=None,
                started_at=at,
            )
            answers = {url_of(name): response for name, response in CAPTURES.items()} if number == 1 else {}
            answers |= {
                f"{BASE}{name}": response_of(content, b"Content-Type: " + media_type)
                for name, (content, media_type) in PARTS.items()
            }
            page = f"<!DOCTYPE html><p>正文在此 {number}</p><img src=evil.svg>".encode()
            answers |= {url: response_of(page, b"Content-Type: text/html") for url in (UI_URL, HIDDEN_URL)}
            context = context_of(crawl_id=crawl_id)
            made = store.put_captures(
                [
                    (exchange_of(response, url=url, started_at=at + timedelta(seconds=n)), context)
                    for n, (url, response) in enumerate(answers.items())
                ]
            )
            captures = {capture.url: capture for capture in made}
            images = [_file(captures, name) for name in ("evil.svg", "evil.gif")]
            files = [_file(captures, name) for name in PARTS]
            for url, capture in captures.items():
                if url.rpartition("/")[2] in PARTS:
                    continue
                own = url in {UI_URL, HIDDEN_URL}
                store.catalog.put_document(
                    crawl_id,
                    agency.name,
                    _fields(url, number) if own else Document(url=url, title=url, text="正文", extraction=EXTRACTION),
                    url_key=url.removeprefix("https://"),
                    capture_id=capture.id,
                    attachments=files if own or url == url_of("captured parts") else [],
                    images=images if number == 1 else [],
                    at=at,
                )
            _put_list(store, crawl_id, captures[UI_URL])
            store.put_failure(context, f"{BASE}{TEXT}", "GET", TEXT[:40], TEXT, at)
            store.finish_crawl(crawl_id, "finished", TEXT, {"documents": 1, TEXT: 1}, at + timedelta(hours=1))
            if number == 2:
                hidden = store.find_document(agency.name, HIDDEN_URL.removeprefix("https://"), None)
                assert hidden is not None
                withhold(store.catalog, folder, hidden.document_id, [HIDDEN_URL], reason=TEXT, by=TEXT, at=at)
    save_search(folder, TEXT[:90], f"甲<script>{RUN}</script>", STARTED_AT)
    return folder


def _file(captures: dict[str, Capture], name: str) -> File:
    file = file_of(f"{BASE}{name}", PARTS[name][0], captures[f"{BASE}{name}"], f"{name} {TEXT}")
    return replace(file, filename=f"{TEXT[:80]}/{name}")


def _fields(url: str, number: int) -> Document:
    return Document(
        url=url, title=f"{TEXT}{number}", subtitle=TEXT, text=f"{TEXT}\n第{number}版 {TEXT}", source=TEXT, publisher=TEXT,
        author=TEXT, document_number=f"海司〔2023〕{number}号{TEXT}", topic=TEXT, keywords=TEXT, validity=TEXT,
        tables=(((TEXT, str(number)), (TEXT, "x")),), origins=dict.fromkeys(("source", "topic"), TEXT),
        extraction=replace(EXTRACTION, container=TEXT),
    )  # fmt: skip


def _put_list(store: Store, crawl_id: str, capture: Capture) -> None:
    line = Listing(
        url=UI_URL,
        url_key=UI_URL.removeprefix("https://"),
        key=None,
        title=TEXT,
        publish_date=None,
        date_text=TEXT,
        position=0,
    )
    store.catalog.put_listings(crawl_id, AGENCY.name, TEXT, [line], capture.id, capture.captured_at)
