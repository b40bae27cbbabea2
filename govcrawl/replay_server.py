"""A version of a document on loopback: the page around it says what it is, the archived page stands in a sandbox.

Read-only and for the one person at this machine: it answers requests for its own address only, so that no web page
elsewhere can reach it under a name that was made to lead here (DNS rebinding).
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from archive.errors import ArchiveError
from archive.records import target_uri
from govcrawl.exhibit import iter_held, media_type_of
from govcrawl.frame import frame_page
from govcrawl.replay import FRAME_HEADERS, PAGE_HEADERS, SVG, SVG_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from govcrawl.exhibit import Exhibit, Held

HTML = "text/html; charset=utf-8"
SOCKET_SECONDS = 30.0

log = logging.getLogger(__name__)


class ReplayServer(ThreadingHTTPServer):
    """Serves one exhibit on 127.0.0.1; ``port`` 0 takes a free one. Close it, or use it in a ``with``."""

    daemon_threads = True

    def __init__(self, exhibit: Exhibit, data_dir: Path, *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.exhibit = exhibit
        self.data_dir = data_dir
        self.frame = frame_page(exhibit)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    @property
    def url(self) -> str:
        """Where the page around the archived one is."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; everything else is not allowed."""

    server: ReplayServer
    server_version = "govcrawl"
    sys_version = ""
    timeout = SOCKET_SECONDS

    def do_GET(self) -> None:
        exhibit = self.server.exhibit
        if self.headers.get_all("Host") not in [[host] for host in self.server.hosts]:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
        elif self.path == "/":
            self._answer(HTML, (self.server.frame,), FRAME_HEADERS)
        elif self.path == "/page" and exhibit.page is not None:
            self._answer(HTML, (exhibit.page,), {**PAGE_HEADERS, **_memento(exhibit)})
        elif self.path in exhibit.sheets:
            self._answer("text/css; charset=utf-8", (exhibit.sheets[self.path],), PAGE_HEADERS)
        elif self.path in exhibit.held:
            self._answer_held(exhibit.held[self.path])
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 -- the base looks for this name

    def _refuse_method(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refuse_method  # noqa: N815 -- the base looks for these names

    def _answer_held(self, held: Held) -> None:
        """Send a captured file: a part of the page under a type that it has, anything else as a download."""
        pieces = iter_held(self.server.data_dir, held)
        try:
            start = next(pieces, b"")
        except ArchiveError as error:
            log.warning("replay: not shown capture=%d error=%s", held.capture.id, error)
            self._refuse(HTTPStatus.BAD_GATEWAY)
            return
        if held.filename is not None:
            headers = {**PAGE_HEADERS, "Content-Disposition": disposition(held.filename)}
            self._answer("application/octet-stream", chain((start,), pieces), headers)
            return
        media_type = media_type_of(start, held.capture.media_type)
        if media_type is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            fixed = SVG_HEADERS if media_type == SVG else PAGE_HEADERS
            self._answer(media_type, chain((start,), pieces), fixed)

    def _answer(self, media_type: str, pieces: Iterable[bytes], headers: Mapping[str, str]) -> None:
        """Answer 200; the connection's end is the body's, since files are decoded as they are sent."""
        self.send_response(HTTPStatus.OK)
        for name, value in {"Content-Type": media_type, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            for piece in pieces:
                self.wfile.write(piece)
        except ConnectionError:
            log.debug("replay: the browser went away path=%s", self.path)

    def _refuse(self, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        body = f"{status.value} {status.phrase}\n".encode()
        fields = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body)), **PAGE_HEADERS}
        for name, value in {**fields, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's signature
        """Log requests for who looks for them."""
        log.debug("replay: %s", format % args)


def disposition(filename: str) -> str:
    """Return the Content-Disposition of a download (RFC 6266), with a plain name for clients that know no other."""
    plain = filename.encode("ascii", "replace").decode("ascii")
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in plain)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _memento(exhibit: Exhibit) -> dict[str, str]:
    """Say which page this is a copy of, and of when (RFC 7089)."""
    at = exhibit.capture.captured_at
    return {
        "Memento-Datetime": at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "Link": f'<{target_uri(exhibit.capture.url)}>; rel="original"',
    }
