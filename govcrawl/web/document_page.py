"""A document: its text, fields, files, citations, versions, states, where it lies in the archive, how to cite it."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from archive import catalog_reads as reads
from archive.document_facts import read_facts
from archive.export_citations import citations_into, citations_of
from govcrawl.citations import read_mentions
from govcrawl.web import citing
from govcrawl.web.pages import day
from govcrawl.web.words import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from archive.catalog import Catalog
    from govcrawl.web.pages import Pages

MOST_CITING = 100
_SHOWN_APART = frozenset({"title", "subtitle", "text", "tables", "attachments", "images", "kind"})
_FORMS = {
    "txt": (citing.to_text, "text/plain"),
    "bib": (citing.to_bibtex, "application/x-bibtex"),
    "json": (citing.to_csl, "application/vnd.citationstyles.csl+json"),
    "ris": (citing.to_ris, "application/x-research-info-systems"),
}


def find(catalog: Catalog, request: Request) -> dict[str, Any]:
    """Return the facts of the document and version that a request names.

    Raises:
        HTTPException: 404, there is no such document or version.
    """
    wanted = request.path_params["document_id"]
    version = request.query_params.get("version")
    number = int(version) if version and version.isascii() and version.isdigit() else None
    facts = read_facts(catalog, wanted, number)
    if facts is None or (version and number is None):
        raise HTTPException(HTTPStatus.NOT_FOUND, f"{wanted} {version or ''}".strip())
    return facts


def show(request: Request) -> Response:
    """Show a document."""
    pages: Pages = request.app.state.pages
    with pages.catalog() as catalog:
        facts = find(catalog, request)
        agency = next(row for row in reads.agencies(catalog) if row["name"] == facts["agency"])
        cited = [_named(catalog, edge, "cited_document_id") for edge in _citations(catalog, facts)]
        into = citations_into(catalog, facts["document_id"], read_mentions, most=MOST_CITING)
        by = [_named(catalog, edge, "citing_document_id") for edge in into]
    return pages.render(
        request,
        "document.html",
        facts=facts,
        agency_title=agency["title"],
        fields=list(_fields(facts)),
        absent=[name for name in FIELDS if name not in _SHOWN_APART and facts[name] is None],
        cited=cited,
        citing=by,
        citation=citing.to_text(_reference(facts, agency["title"])),
    )


def data(request: Request) -> Response:
    """Return everything that is shown as JSON: what ``govcrawl show --json`` prints."""
    pages: Pages = request.app.state.pages
    with pages.catalog() as catalog:
        facts = find(catalog, request)
    return Response(json.dumps(facts, ensure_ascii=False, sort_keys=True, indent=2), media_type="application/json")


def cite(request: Request) -> Response:
    """Return the reference in one of the forms."""
    pages: Pages = request.app.state.pages
    form = request.path_params["form"]
    if form not in _FORMS:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    with pages.catalog() as catalog:
        facts = find(catalog, request)
        title = next(row["title"] for row in reads.agencies(catalog) if row["name"] == facts["agency"])
    write, media_type = _FORMS[form]
    name = f"{facts['document_id']}-v{facts['version']}.{form}"
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return PlainTextResponse(write(_reference(facts, title)), media_type=media_type, headers=headers)


def _citations(catalog: Catalog, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the current version cites; of an earlier version nothing is looked up."""
    if facts["version"] != facts["version_count"]:
        return []
    return citations_of(catalog, facts["document_id"], read_mentions)


def _named(catalog: Catalog, edge: dict[str, Any], end: str) -> dict[str, Any]:
    """Return one end of an edge with the title and date of its document."""
    row = reads.document_row(catalog, edge[end]) if edge[end] else None
    known = {"document_id": None, "publish_date": None} if row is None else row
    title = edge["title"] if row is None else row["title"]
    return {**edge, "document_id": known["document_id"], "publish_date": known["publish_date"], "title": title}


def _fields(facts: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Yield what the page printed: field, value, where it was read."""
    for name in FIELDS:
        if name in {"title", "subtitle"} or (name not in _SHOWN_APART and facts[name] is not None):
            origin = facts["origins"].get(name) or (facts["publish_date_source"] if name == "publish_date" else None)
            if facts[name] is not None:
                yield name, facts[name], origin
    if facts["kind"] is not None:
        yield "kind", facts["kind"], facts["kind_rule"]


def _reference(facts: dict[str, Any], agency_title: str) -> citing.Reference:
    place = facts["capture"]
    return citing.Reference(
        document_id=facts["document_id"],
        version=facts["version"],
        author=facts["publisher"] or agency_title,
        title=facts["title"],
        number=facts["document_number"],
        published=facts["publish_date"],
        captured=day(facts["captured_at"]),
        url=facts["url"],
        record_id=place["record_id"],
        place=f"{place['warc_file']} @{place['offset']}+{place['length']}",
        digest=place["payload_digest"],
    )
