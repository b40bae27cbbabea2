"""The application of ``govcrawl serve``: routes, and what holds for every answer.

Read-only: GET and HEAD are all there is. It answers only under the names it was started with, so that no web page elsewhere
can reach it under a name made to lead here (DNS rebinding), and away from loopback only to who has the token.
"""

from __future__ import annotations

import hmac
from functools import wraps
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from archive.errors import ArchiveError
from govcrawl.errors import CrawlError
from govcrawl.web import agency_page, changes_page, compare_page, document_page, replay_page, search_page, status_view
from govcrawl.web.pages import Pages, Withheld, language_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = frozenset({"GET", "HEAD"})
TOKEN_COOKIE = "govcrawl_token"  # noqa: S105 - the cookie's name, not its value

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-DNS-Prefetch-Control": "off",  # no name of a site is looked up because a page links to it
}
"""Of every answer that does not bring its own: nothing runs, nothing comes from elsewhere, nobody frames it."""


def make_app(data_dir: Path, *, hosts: Sequence[str], token: str | None = None) -> ASGIApp:
    """Return the application over a data directory.

    Args:
        data_dir: whose catalog and WARC files are shown; both are only read.
        hosts: names and ports it answers under, as the Host header has them (``127.0.0.1:8000``).
        token: what a visitor must bring; None where only this machine can reach it.
    """
    app = Starlette(
        routes=[
            Route("/", search_page.show, name="search"),
            Route("/api/search", search_page.answer, name="api_search"),
            Route("/export/search.{form}", search_page.download, name="download"),
            Route("/agencies", agency_page.show_all, name="agencies"),
            Route("/agency/{agency}", agency_page.show, name="agency"),
            Route("/document/{document_id}", _of_document(document_page.show), name="document"),
            Route("/document/{document_id}/cite.{form}", _of_document(document_page.cite), name="cite"),
            Route("/document/{document_id}/data.json", _of_document(document_page.data), name="data"),
            Route("/compare/{document_id}", _of_document(compare_page.show), name="compare"),
            Route("/changes", changes_page.show, name="changes"),
            Route("/feed/agency/{agency}.atom", changes_page.feed_of_agency, name="feed_agency"),
            Route("/feed/search.atom", changes_page.feed_of_search, name="feed_search"),
            Route("/replay/{document_id}", _of_document(replay_page.show), name="replay"),
            Route(
                "/replay/{document_id}/{number:int}/{part:path}",
                _of_document(replay_page.serve_part),
                name="replay_part",
            ),
            Route("/file/{document_id}/{number:int}/{place:int}", _of_document(replay_page.serve_file), name="file"),
            Route("/web/{stamp}/{url:path}", replay_page.find_memento, name="memento"),
            Route("/timemap/{url:path}", replay_page.list_mementos, name="timemap"),
            Route("/status", status_view.show, name="status"),
            Route("/badge/{agency}.svg", status_view.show_badge, name="badge"),
            Route("/static/{name}", _static, name="static"),
            Route("/language/{language}", _choose_language, name="language"),
        ],
        exception_handlers={
            HTTPException: _say_http_error,
            ArchiveError: _say_archive_error,
            CrawlError: _say_archive_error,
            Withheld: _say_withheld,
        },
    )
    app.state.pages = Pages(data_dir)
    app.state.downloads = token is None  # away from loopback nobody has the whole catalog written out again and again
    app.state.exhibits = replay_page.Exhibits()
    return _Doorkeeper(app, frozenset(hosts), token)


def _static(request: Request) -> Response:
    """Return the style sheet."""
    name = request.path_params["name"]
    if name != "style.css":
        raise HTTPException(HTTPStatus.NOT_FOUND)
    content = (files("govcrawl.web") / "static" / name).read_bytes()
    return Response(content, media_type="text/css; charset=utf-8", headers={"Cache-Control": "max-age=3600"})


def _choose_language(request: Request) -> Response:
    """Remember the language and go back to where the link stood; ``back`` is a path of this site."""
    language = request.path_params["language"]
    if language not in {"zh", "en"}:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    back = request.query_params.get("back", "/")
    if not back.startswith("/") or back.startswith(("//", "/\\")):
        back = "/"
    response = RedirectResponse(back, HTTPStatus.SEE_OTHER)
    response.set_cookie("language", language, max_age=31_536_000, httponly=True, samesite="lax")
    return response


def _say_http_error(request: Request, error: Exception) -> Response:
    """Say what is not there, on a page like the others."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    pages: Pages = request.app.state.pages
    return pages.render_error(request, status, detail)


def _of_document(show: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Guard what shows a document: of a withheld one it is not asked at all."""

    @wraps(show)
    def guarded(request: Request) -> Response:
        pages: Pages = request.app.state.pages
        pages.refuse_withheld(request.path_params["document_id"])
        return show(request)

    return guarded


def _say_withheld(request: Request, error: Exception) -> Response:
    """Say that a document is kept and not shown, since when and why (410, RFC 9110 15.5.11)."""
    pages: Pages = request.app.state.pages
    change = error.change if isinstance(error, Withheld) else None
    return pages.render(request, "withheld.html", status=HTTPStatus.GONE, change=change)


def _say_archive_error(request: Request, error: Exception) -> Response:
    """Say why the archive cannot show it; the sentence is the store's own."""
    pages: Pages = request.app.state.pages
    said = getattr(error, "zh", None) if language_of(request) == "zh" else None
    return pages.render_error(request, HTTPStatus.INTERNAL_SERVER_ERROR, said or str(error))


class _Doorkeeper:
    """Looks at every request before anything else does, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str], token: str | None) -> None:
        self._app = app
        self._hosts = hosts
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._refusal(scope) or self._app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that goes no further."""
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            known = ", ".join(sorted(self._hosts))
            return PlainTextResponse(f"this server answers under {known} only\n", HTTPStatus.MISDIRECTED_REQUEST)
        if scope["method"] not in METHODS:
            allow = {"Allow": "GET, HEAD"}
            return PlainTextResponse("the archive is read-only\n", HTTPStatus.METHOD_NOT_ALLOWED, headers=allow)
        return self._check_token(Request(scope)) if self._token is not None else None

    def _check_token(self, request: Request) -> Response | None:
        token = self._token or ""
        given = request.query_params.get("token")
        if given is not None and hmac.compare_digest(given.encode(), token.encode()):
            rest = urlencode(
                [pair for pair in parse_qsl(request.url.query, keep_blank_values=True) if pair[0] != "token"]
            )
            response = RedirectResponse(request.url.path + (f"?{rest}" if rest else ""), HTTPStatus.SEE_OTHER)
            response.set_cookie(TOKEN_COOKIE, token, httponly=True, samesite="strict")
            return response
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if any(
            hmac.compare_digest(one.encode(), token.encode()) for one in (request.cookies.get(TOKEN_COOKIE, ""), bearer)
        ):
            return None
        return PlainTextResponse(
            "需要令牌：打开启动时显示的带 ?token= 的网址 / a token is needed: open the address with ?token= that was printed at the start\n",
            HTTPStatus.UNAUTHORIZED,
            headers={"WWW-Authenticate": "Bearer"},
        )
