"""Two versions of a document compared: text to the character, fields, tables by cells, files and links; changes only or whole."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from archive import catalog_change_reads as changes
from archive import catalog_reads as reads
from archive.hunks import hunks, side_by_side
from govcrawl.web.document_page import find
from govcrawl.web.search_page import number

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from archive.comparison import Comparison
    from govcrawl.web.pages import Pages

_MOST_VERSIONS = 1_000_000


def show(request: Request) -> Response:
    """Show what differs between two versions; ``view`` is changes (default) or whole, ``format=json`` gives it as data."""
    pages: Pages = request.app.state.pages
    with pages.catalog() as catalog:
        facts = find(catalog, request)
        document_id, count = facts["document_id"], reads.version_count(catalog, facts["document_id"])
        after = number(request, "to", count, _MOST_VERSIONS)
        before = number(request, "from", max(1, after - 1), _MOST_VERSIONS)
        if not (1 <= before <= count and 1 <= after <= count):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"{document_id}: 1–{count}")
        found = changes.compare_versions(
            catalog, changes.version_id(catalog, document_id, before), changes.version_id(catalog, document_id, after)
        )
    if request.query_params.get("format") == "json":
        return JSONResponse({"document_id": document_id, "from": before, "to": after, **found.as_json()})
    whole = request.query_params.get("view") == "whole"
    paragraphs = (
        []
        if found.text is None
        else [tuple(side_by_side(found.text))]
        if whole
        else [hunk.paragraphs for hunk in hunks(found.text)]
    )
    versions = {version["number"]: version for version in facts["versions"]}
    return pages.render(
        request,
        "compare.html",
        facts=facts,
        found=found,
        hunks=paragraphs,
        whole=whole,
        before=versions[before],
        after=versions[after],
        count=count,
        sizes=_sizes(found),
        parameters={"from": before, "to": after, "view": request.query_params.get("view", "")},
    )


def _sizes(found: Comparison) -> tuple[int, int]:
    """Return how many characters of the text went and came."""
    if found.text is None:
        return 0, 0
    pieces = list(found.text.pieces())
    gone = sum(len(text) for side, text in pieces if side == "delete")
    return gone, sum(len(text) for side, text in pieces if side == "insert")
