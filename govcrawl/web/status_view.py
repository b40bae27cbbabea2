"""How the archive fares: the page that ``govcrawl status --html`` writes, with a way back; badges of agencies."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from archive import catalog_reads as reads
from archive.catalog_health import read_report
from archive.rows import instant
from govcrawl.due import runs_of
from govcrawl.status_page import badge, write_page
from govcrawl.urls import is_reserved
from govcrawl.web.pages import CHOSEN_BY_LANGUAGE, language_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from govcrawl.web.pages import Pages

_OWN_STYLE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"


def show(request: Request) -> Response:
    """Show every agency's verdict, findings, crawls and channels."""
    pages: Pages = request.app.state.pages
    with pages.catalog() as catalog:
        hidden = len(catalog.file.withheld)
        rows = reads.agencies(catalog)
        invented = [row["title"] for row in rows if is_reserved(row["base_url"])]
        runs = runs_of(catalog, [row["name"] for row in rows])
        found = [read_report(catalog, row, runs.get(row["name"])) for row in rows]
    language = language_of(request)
    html = write_page(
        found,
        instant(datetime.now(UTC)),
        language=language,
        switch=f"/language/{'en' if language == 'zh' else 'zh'}?back={quote(request.url.path)}",
        withheld=hidden,
        invented=invented,
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _OWN_STYLE, **CHOSEN_BY_LANGUAGE})


def show_badge(request: Request) -> Response:
    """Return an agency's badge."""
    pages: Pages = request.app.state.pages
    name = request.path_params["agency"]
    with pages.catalog() as catalog:
        row = next((row for row in reads.agencies(catalog) if row["name"] == name), None)
        if row is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, name)
        drawn = badge(read_report(catalog, row, None))
    return Response(drawn, media_type="image/svg+xml")
