"""The search page and its JSON answer: both show what :func:`archive.search.search` returns, as the command does."""

from __future__ import annotations

import shlex
from contextlib import closing
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, cast, get_args

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, StreamingResponse

from archive.catalog_find import facets
from archive.catalog_reads import agencies
from archive.errors import BadQuery
from archive.export import export_documents
from archive.export_rows import write_rows
from archive.mentions import normal_number
from archive.model import State
from archive.resources import DOCUMENTS
from archive.saved_searches import read_searches
from archive.search import search
from archive.search_query import Query, parse_query, type_query
from govcrawl.speech import say_in
from govcrawl.web.pages import language_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from archive.export_rows import Format
    from govcrawl.web.pages import Pages

_FORMS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_SPOOLED_BYTES = 4 << 20  # of a download that are held in memory; the rest lies in a temporary file
_PIECE_BYTES = 1 << 16
PAGE_SIZE = 20
MOST = 200
_FACET_ROWS = 12
MOST_SNIPPETS = 4
_STATES: tuple[str, ...] = get_args(State)


def read_query(request: Request) -> Query:
    """Return the query that a request's parameters say together: q, agency, channel, kind, state, from, to, cites, has.

    Raises:
        HTTPException: 400, with the sentence that says what cannot be understood.
    """
    given = request.query_params
    states = tuple(filter(None, given.getlist("state")))
    if unknown := [state for state in states if state not in _STATES]:
        t = say_in(language_of(request))
        message = t(
            f"没有状态 {unknown[0]!r}，只有 {'、'.join(_STATES)}",
            f"state {unknown[0]!r}: expected one of {', '.join(_STATES)}",
        )
        raise HTTPException(HTTPStatus.BAD_REQUEST, message)
    try:
        base = _filters(request)
        return parse_query(given.get("q", ""), base)
    except BadQuery as error:
        said = error.zh if language_of(request) == "zh" else None
        raise HTTPException(HTTPStatus.BAD_REQUEST, said or str(error)) from None


def _filters(request: Request) -> Query:
    """Return what a request's parameters choose besides the words."""
    given = request.query_params
    states = tuple(filter(None, given.getlist("state")))
    has = {"attachment": True, "no-attachment": False}.get(given.get("has", ""))
    days = " ".join(f"{name}:{given[name]}" for name in ("from", "to") if given.get(name))
    base = Query(
        agencies=tuple(filter(None, given.getlist("agency"))),
        channels=tuple(filter(None, given.getlist("channel"))),
        kinds=tuple(filter(None, given.getlist("kind"))),
        states=cast("tuple[State, ...]", states),
        cites=tuple(map(normal_number, filter(None, given.getlist("cites")))),
        has_attachment=has,
    )
    return parse_query(days, base)


def typed(request: Request) -> str:
    """Return the whole search of a request as it would be typed, filters included."""
    return type_query(request.query_params.get("q", ""), _filters(request))


def parameters(request: Request) -> dict[str, Any]:
    """Return the parameters that say a query, for links that change one of them."""
    names = ("q", "agency", "channel", "kind", "state", "from", "to", "cites", "has", "sort")
    found = {name: request.query_params.getlist(name) for name in names}
    return {name: values for name, values in found.items() if any(values)}


def number(request: Request, name: str, default: int, most: int) -> int:
    """Return a whole number from the parameters.

    Raises:
        HTTPException: 400 where it is none, or out of range.
    """
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) > most:
        t = say_in(language_of(request))
        said = t(
            f"{name}={text!r}：应为 0 到 {most} 的整数",
            f"{name}={text!r}: a whole number from 0 to {most} was expected",
        )
        raise HTTPException(HTTPStatus.BAD_REQUEST, said)
    return int(text)


def show(request: Request) -> Response:
    """Show the search form, and what is found."""
    pages: Pages = request.app.state.pages
    query = read_query(request)
    page_number = max(1, number(request, "page", 1, 1_000_000))
    with pages.catalog() as catalog:
        newest = request.query_params.get("sort") == "newest"
        found = search(catalog, query, limit=PAGE_SIZE, offset=(page_number - 1) * PAGE_SIZE, newest_first=newest)
        counted = {name: list(rows.items())[:_FACET_ROWS] for name, rows in facets(catalog, query).items()}
        names = {row["name"]: row["title"] for row in agencies(catalog)}
    return pages.render(
        request,
        "search.html",
        found=found,
        facets=counted,
        most_snippets=MOST_SNIPPETS,
        command=_commands(request),
        downloads=request.app.state.downloads,
        searches=read_searches(pages.data_dir).values(),
        agencies=names,
        parameters=parameters(request),
        page=page_number,
        pages=max(1, -(-found.total // PAGE_SIZE)),
        given=request.query_params,
    )


def _commands(request: Request) -> str:
    """Return the command that exports exactly what is shown."""
    return f"govcrawl export documents --query {shlex.quote(typed(request))} --format csv --output documents.csv"


def download(request: Request) -> Response:
    """Return exactly what a search shows, all pages of it, as CSV or JSON lines: the rows of ``govcrawl export documents``."""
    pages: Pages = request.app.state.pages
    form = request.path_params["form"]
    if form not in _FORMS or not request.app.state.downloads:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    query = read_query(request)
    target = SpooledTemporaryFile(max_size=_SPOOLED_BYTES)  # noqa: SIM115 - closed when it is sent
    with pages.catalog() as catalog, closing(export_documents(catalog, query=query)) as rows:
        write_rows(rows, cast("IO[bytes]", target), DOCUMENTS, cast("Format", form))
        withheld = len(catalog.file.withheld)
    size = target.tell()
    target.seek(0)
    headers = {"Content-Disposition": f'attachment; filename="search.{form}"', "Content-Length": str(size)}
    if withheld:
        headers["Withheld-Documents"] = str(withheld)
    pieces = iter(lambda: target.read(_PIECE_BYTES), b"")
    return StreamingResponse(pieces, headers=headers, media_type=_FORMS[form], background=BackgroundTask(target.close))


def answer(request: Request) -> Response:
    """Return the same as JSON; ``limit`` (at most 200) and ``offset`` page through it."""
    pages: Pages = request.app.state.pages
    try:
        query = read_query(request)
        limit, offset = number(request, "limit", PAGE_SIZE, MOST), number(request, "offset", 0, 10_000_000)
    except HTTPException as error:
        return JSONResponse({"error": error.detail}, error.status_code)
    with pages.catalog() as catalog:
        newest = request.query_params.get("sort") == "newest"
        found = search(catalog, query, limit=limit, offset=offset, newest_first=newest)
    return JSONResponse(found.as_json())
