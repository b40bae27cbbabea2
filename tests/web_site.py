"""The archive's pages on a real server on loopback, for tests."""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lxml.html
import uvicorn

from govcrawl.cli.serve import _listen
from govcrawl.web.app import make_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

START_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def shown(self) -> str:
        """What a reader sees, blanks joined."""
        root = lxml.html.fromstring(self.body)
        return " ".join(root.text_content().split())


@dataclass(frozen=True, slots=True)
class Site:
    """A running server."""

    port: int

    def get(self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """Ask once; redirects are not followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={"Accept-Language": "en", **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


@contextmanager
def served(data: Path, *, token: str | None = None, names: tuple[str, ...] = ()) -> Iterator[Site]:
    """Serve a data directory."""
    listener = _listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    app = make_app(data, hosts=[f"127.0.0.1:{port}", *names], token=token)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not start")
        time.sleep(0.01)
    try:
        yield Site(port)
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        listener.close()
