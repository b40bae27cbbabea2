"""The search page and its JSON answer: both show what :func:`archive.search.search` returns, as the command does."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast, get_args

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from archive.catalog_reads import agencies
from archive.catalog_search import facets
from archive.errors import BadQuery
from archive.mentions import normal_number
from archive.model import State
from archive.search import search
from archive.search_query import Query, parse_query

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from govcrawl.web.pages import Pages

PAGE_SIZE = 20
MOST = 200
_FACET_ROWS = 12
_STATES: tuple[str, ...] = get_args(State)


def read_query(request: Request) -> Query:
    """Return the query that a request's parameters say together: q, agency, channel, kind, state, from, to, cites, has.

    Raises:
        HTTPException: 400, with the sentence that says what cannot be understood.
    """
    given = request.query_params
    states = tuple(filter(None, given.getlist("state")))
    if unknown := [state for state in states if state not in _STATES]:
        message = f"state {unknown[0]!r}: expected one of {', '.join(_STATES)}"
        raise HTTPException(HTTPStatus.BAD_REQUEST, message)
    try:
        base = Query(
            agencies=tuple(filter(None, given.getlist("agency"))),
            channels=tuple(filter(None, given.getlist("channel"))),
            kinds=tuple(filter(None, given.getlist("kind"))),
            states=cast("tuple[State, ...]", states),
            cites=tuple(map(normal_number, filter(None, given.getlist("cites")))),
            has_attachment=True if given.get("has") == "attachment" else None,
        )
        days = " ".join(f"{name}:{given[name]}" for name in ("from", "to") if given.get(name))
        base = parse_query(days, base)
        return parse_query(given.get("q", ""), base)
    except BadQuery as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None


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
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name}={text!r}: a whole number from 0 to {most} was expected")
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
        agencies=names,
        parameters=parameters(request),
        page=page_number,
        pages=max(1, -(-found.total // PAGE_SIZE)),
        given=request.query_params,
    )


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
