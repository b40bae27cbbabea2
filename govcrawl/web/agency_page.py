"""What an agency disclosed: by month, kind and channel; how fresh the copy is, what is missing, how the last crawls went."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from starlette.exceptions import HTTPException

from archive import catalog_overview as overview
from archive import catalog_reads as reads
from archive.catalog_status import agency_status, cards
from archive.catalog_summaries import read_summary
from govcrawl.charts import Bar, bars
from govcrawl.speech import say_in
from govcrawl.web.pages import language_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from archive.rows import Row
    from govcrawl.speech import Say
    from govcrawl.web.pages import Pages

LAST_CRAWLS = 20
LAST_MONTHS = 60
_COUNTS = ("new", "changed", "unchanged", "failed", "requests")


def show_all(request: Request) -> Response:
    """Show every agency as a card."""
    pages: Pages = request.app.state.pages
    with pages.catalog() as catalog:
        found = cards(catalog)
    return pages.render(request, "agencies.html", cards=found)


def show(request: Request) -> Response:
    """Show one agency."""
    pages: Pages = request.app.state.pages
    name = request.path_params["agency"]
    with pages.catalog() as catalog:
        row = next((row for row in reads.agencies(catalog) if row["name"] == name), None)
        if row is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, name)
        summary = read_summary(catalog, name)
        status = agency_status(catalog, row, summary)
        crawls = [_crawl(one) for one in overview.crawls(catalog, name, LAST_CRAWLS)]
    t = say_in(language_of(request))
    return pages.render(
        request,
        "agency.html",
        agency=row,
        stands=status,
        chart=Markup(_chart(summary["months"], t)),  # noqa: S704 - made of escaped pieces
        months=summary["months"],
        kinds=summary["kinds"],
        channels=summary["channels"],
        crawls=crawls,
    )


def _chart(months: Sequence[Row], t: Say) -> str:
    shown = _without_gaps(months)[-LAST_MONTHS:]
    values = [
        Bar(
            month,
            (documents - gone, gone),
            t(f"{month}：{documents} 份，其中 {gone} 份已撤下", f"{month}: {documents} documents, {gone} of them gone"),
        )
        for month, documents, gone in shown
    ]
    total = sum(documents for _, documents, _ in shown)
    return bars(
        values,
        title=t("各月发布的公开文件", "Documents by month of publication"),
        description=t(f"{len(shown)} 个月共 {total} 份", f"{total} documents in {len(shown)} months"),
        names=(t("在线", "live"), t("已撤下或疑似撤下", "gone")),
    )


def _without_gaps(months: Sequence[Row]) -> list[tuple[str, int, int]]:
    """Return every month from the first to the last, those without a document too."""
    if not months:
        return []
    known = {row["month"]: (row["documents"], row["gone"]) for row in months}
    year, month = map(int, months[0]["month"].split("-"))
    found = []
    while (name := f"{year:04d}-{month:02d}") <= months[-1]["month"]:
        found.append((name, *known.get(name, (0, 0))))
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004 - months of a year
    return found


def _crawl(row: Row) -> dict[str, Any]:
    counts = json.loads(row["counts"] or "{}")
    return {**row, **{name: counts.get(name) for name in _COUNTS}}
