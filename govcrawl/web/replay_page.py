"""Archived pages in a sandbox, captured files as downloads, and the way from an address and a time to them (Memento, RFC 7089)."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from archive import catalog_reads as reads
from archive.records import target_uri
from archive.rows import parse_instant
from govcrawl.exhibit import Exhibit, Held, iter_held, media_type_of, read_exhibit
from govcrawl.replay import PAGE_HEADERS, SVG, SVG_HEADERS
from govcrawl.replay_server import disposition
from govcrawl.speech import say_in
from govcrawl.urls import url_key
from govcrawl.web.document_page import find
from govcrawl.web.pages import language_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from archive.rows import Row
    from govcrawl.web.pages import Pages

HTML = "text/html; charset=utf-8"
_TIMESTAMP = re.compile(r"\d{4,14}")
_KEPT = 16


@dataclass(slots=True)
class Exhibits:
    """Versions laid out lately: a page's images and style sheets are asked for right after it."""

    _kept: OrderedDict[tuple[str, int], Exhibit] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def read(self, pages: Pages, document_id: str, number: int) -> Exhibit:
        """Return a version laid out.

        Raises:
            HTTPException: 404, there is no such version.
            ArchiveError, UnreadablePage: it cannot be shown; the message says why.
        """
        key = (document_id, number)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        prefix = f"/replay/{quote(document_id, safe='')}/{number}"
        with pages.catalog() as catalog:
            if reads.document_row(catalog, document_id, number) is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, f"{document_id} {number}")
            exhibit = read_exhibit(catalog, pages.data_dir, document_id, number, prefix=prefix)
        with self._lock:
            self._kept[key] = exhibit
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return exhibit


def show(request: Request) -> Response:
    """Show the page around an archived page: what this is, of when, from which record."""
    pages: Pages = request.app.state.pages
    with pages.catalog() as catalog:
        facts = find(catalog, request)
    exhibits: Exhibits = request.app.state.exhibits
    exhibit = exhibits.read(pages, facts["document_id"], facts["version"])
    return pages.render(request, "replay.html", facts=facts, exhibit=exhibit)


def serve_part(request: Request) -> Response:
    """Return the archived page, rewritten, or one of its parts, under headers that make browsers sandbox it."""
    pages: Pages = request.app.state.pages
    exhibits: Exhibits = request.app.state.exhibits
    document_id, number = request.path_params["document_id"], request.path_params["number"]
    exhibit = exhibits.read(pages, document_id, number)
    path = f"/replay/{quote(document_id, safe='')}/{number}/{request.path_params['part']}"
    if request.path_params["part"] == "page" and exhibit.page is not None:
        return Response(exhibit.page, headers={"Content-Type": HTML, **PAGE_HEADERS, **_memento(exhibit)})
    if path in exhibit.sheets:
        return Response(exhibit.sheets[path], headers={"Content-Type": "text/css; charset=utf-8", **PAGE_HEADERS})
    if path in exhibit.held:
        return _send(pages, exhibit.held[path])
    raise HTTPException(HTTPStatus.NOT_FOUND)


def serve_file(request: Request) -> Response:
    """Return an attachment of a version, by its place in the document from 1, as a download."""
    pages: Pages = request.app.state.pages
    document_id, number, place = (request.path_params[name] for name in ("document_id", "number", "place"))
    with pages.catalog() as catalog:
        row = reads.document_row(catalog, document_id, number)
        files = reads.files(catalog, row["id"], "attachment") if row else []
        if not 0 < place <= len(files) or files[place - 1]["capture_id"] is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        file = files[place - 1]
        capture = catalog.capture(file["capture_id"])
        original = catalog.capture_by_record_id(capture.refers_to) if capture.refers_to else None
    name = file["filename"] or file["label"] or f"attachment-{place}"
    return _send(pages, Held(capture=capture, original=original, filename=name))


def _send(pages: Pages, held: Held) -> Response:
    """Send a captured file: a part of a page under a type that it has, anything else as a download."""
    pieces = iter_held(pages.data_dir, held)
    start = next(pieces, b"")
    if held.filename is not None:
        headers = {**PAGE_HEADERS, "Content-Disposition": disposition(held.filename)}
        return StreamingResponse(chain((start,), pieces), headers=headers, media_type="application/octet-stream")
    media_type = media_type_of(start, held.capture.media_type)
    if media_type is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    headers = dict(SVG_HEADERS if media_type == SVG else PAGE_HEADERS)
    return StreamingResponse(chain((start,), pieces), headers=headers, media_type=media_type)


# --- an address and a time ---


def find_memento(request: Request) -> Response:
    """Lead from ``/web/YYYYMMDDhhmmss/URL`` (UTC) to the version that was captured last before, else the first one."""
    stamp = request.path_params["stamp"]
    if not _TIMESTAMP.fullmatch(stamp):
        said = say_in(language_of(request))(
            f"{stamp!r}：应写作 YYYYMMDDhhmmss", f"{stamp!r}: YYYYMMDDhhmmss was expected"
        )
        raise HTTPException(HTTPStatus.NOT_FOUND, said)
    document_id, versions = _versions(request)
    bound = stamp.ljust(14, "9")
    chosen = versions[0]
    for version in versions:
        if parse_instant(version["captured_at"]).strftime("%Y%m%d%H%M%S") <= bound:
            chosen = version
    headers = {"Vary": "Accept-Datetime", "Link": _link_header(request, versions)}
    target = f"/replay/{quote(document_id, safe='')}?version={chosen['number']}"
    return RedirectResponse(target, HTTPStatus.FOUND, headers=headers)


def list_mementos(request: Request) -> Response:
    """Return every version of an address in the link format (RFC 7089 5, 'TimeMap')."""
    document_id, versions = _versions(request)
    lines = [f'<{target_uri(_asked(request))}>; rel="original"']
    for version in versions:
        path = f"/replay/{quote(document_id, safe='')}?version={version['number']}"
        at = _http_date(parse_instant(version["captured_at"]))
        lines.append(f'<{path}>; rel="memento"; datetime="{at}"')
    return PlainTextResponse(",\n".join(lines) + "\n", media_type="application/link-format")


def _versions(request: Request) -> tuple[str, list[Row]]:
    pages: Pages = request.app.state.pages
    url = _asked(request)
    try:
        key = url_key(url)
    except ValueError:
        said = say_in(language_of(request))(f"{url}：应为网址", f"{url}: an address was expected")
        raise HTTPException(HTTPStatus.NOT_FOUND, said) from None
    pages.refuse_withheld(url, key)
    with pages.catalog() as catalog:
        found = reads.find_ids(catalog, url, key)
        if not found:
            raise HTTPException(HTTPStatus.NOT_FOUND, url)
        return found[0], reads.versions(catalog, found[0])


def _asked(request: Request) -> str:
    """Return the address in a path, with its query."""
    url: str = request.path_params["url"]
    url = re.sub(r"^(https?):/+", r"\1://", url)  # some clients join the slashes
    return f"{url}?{request.url.query}" if request.url.query else url


def _link_header(request: Request, versions: list[Row]) -> str:
    first = _http_date(parse_instant(versions[0]["captured_at"]))
    uri = target_uri(_asked(request))
    return f'<{uri}>; rel="original", </timemap/{uri}>; rel="timemap"; type="application/link-format"; from="{first}"'


def _memento(exhibit: Exhibit) -> Mapping[str, str]:
    """Say which page this is a copy of, and of when (RFC 7089)."""
    return {
        "Memento-Datetime": _http_date(exhibit.capture.captured_at),
        "Link": f'<{target_uri(exhibit.capture.url)}>; rel="original"',
    }


def _http_date(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
