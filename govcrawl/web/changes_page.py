"""What became of documents, by time; and feeds of it: of an agency, of all, of a search."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response

from archive import catalog_change_reads as changes
from archive import catalog_reads as reads
from archive.catalog_walks import midnight
from archive.change_words import CHANGE_WORDS, headline
from archive.feed import MEDIA_TYPE, write_feed
from archive.rows import instant
from archive.search_changes import found_changes
from govcrawl.feeds import feed_entries, feed_head
from govcrawl.speech import say_in
from govcrawl.web.pages import day, language_of
from govcrawl.web.search_page import number, read_query, typed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

    from archive.catalog import Catalog
    from archive.catalog_change_reads import Choice
    from archive.rows import Row
    from govcrawl.web.pages import Pages

PAGE_SIZE = 50
FEED_SIZE = 50


def show(request: Request) -> Response:
    """Show the latest changes, by local day."""
    pages: Pages = request.app.state.pages
    given = request.query_params
    page = max(1, number(request, "page", 1, 100_000))
    choice = _choice(request)
    with pages.catalog() as catalog:
        names = {row["name"]: row["title"] for row in reads.agencies(catalog)}
        if choice.agency and choice.agency not in names:
            raise HTTPException(HTTPStatus.NOT_FOUND, choice.agency)
        wanted = page * PAGE_SIZE + 1
        rows = list(changes.find_changes(catalog, choice, limit=wanted, latest_first=True))
    shown = rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    language = language_of(request)
    return pages.render(
        request,
        "changes.html",
        days=_by_day(shown),
        headlines={row["id"]: headline(row, language) for row in shown},
        words=CHANGE_WORDS,
        agencies=names,
        parameters={name: given.getlist(name) for name in ("agency", "change", "since", "until") if given.get(name)},
        given=given,
        page=page,
        more=len(rows) > page * PAGE_SIZE,
    )


def _choice(request: Request) -> Choice:
    """Return which changes a request asks for.

    Raises:
        HTTPException: 400, a day or a kind of change is none.
    """
    given = request.query_params
    kinds = tuple(filter(None, given.getlist("change")))
    if unknown := [kind for kind in kinds if kind not in CHANGE_WORDS]:
        t = say_in(language_of(request))
        kinds_there = ", ".join(CHANGE_WORDS)
        said = t(
            f"没有变动 change={unknown[0]!r}，只有 {kinds_there}",
            f"change={unknown[0]!r}: expected one of {kinds_there}",
        )
        raise HTTPException(HTTPStatus.BAD_REQUEST, said)
    return changes.Choice(
        since=_start_of(request, "since", 0),
        until=_start_of(request, "until", 1),
        agency=given.get("agency") or None,
        channel=given.get("channel") or None,
        kinds=kinds,
        document_id=None,
    )


def _start_of(request: Request, name: str, days_later: int) -> str | None:
    """Return the instant at which a local day of the parameters begins, or the one so many days later."""
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        return instant(midnight(datetime.strptime(text, "%Y-%m-%d"), days_later))  # noqa: DTZ007 - only its day counts
    except ValueError:
        t = say_in(language_of(request))
        said = t(f"{text!r} 不是日期，应写作 YYYY-MM-DD", f"{text!r} is no day; expected YYYY-MM-DD")
        raise HTTPException(HTTPStatus.BAD_REQUEST, said) from None


def _by_day(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    days: dict[str, list[Row]] = {}
    for row in rows:
        days.setdefault(day(row["at"]), []).append(row)
    return list(days.items())


# --- feeds ---


def feed_of_agency(request: Request) -> Response:
    """Return the feed of an agency's changes; ``all`` is every agency."""
    pages: Pages = request.app.state.pages
    name = request.path_params["agency"]
    agency = None if name == "all" else name
    with pages.catalog() as catalog:
        if agency is not None and agency not in {row["name"] for row in reads.agencies(catalog)}:
            raise HTTPException(HTTPStatus.NOT_FOUND, name)
        choice = changes.Choice(agency=agency)
        rows = changes.find_changes(catalog, choice, limit=FEED_SIZE, latest_first=True)
        return _feed(request, catalog, rows, agency, name)


def feed_of_search(request: Request) -> Response:
    """Return the feed of changes of the documents that a search finds: the newest documents, latest changes first."""
    pages: Pages = request.app.state.pages
    query = read_query(request)
    with pages.catalog() as catalog:
        rows = found_changes(catalog, query, limit=FEED_SIZE)
        return _feed(request, catalog, rows, None, f"search/{typed(request)}", search=typed(request))


def _feed(
    request: Request, catalog: Catalog, rows: Iterable[Row], agency: str | None, name: str, *, search: str | None = None
) -> Response:
    language = language_of(request)
    head = feed_head(catalog, agency, name=name, self_url=str(request.url), language=language, search=search)
    content = "".join(write_feed(feed_entries(catalog, rows, language), head))
    return Response(content.encode(), media_type=f"{MEDIA_TYPE}; charset=utf-8")
