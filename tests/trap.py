"""The outside that hostile pages want to reach: a server that counts who comes; and a browser for which every name leads there."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright
from scrapy.settings import Settings

from govcrawl.browser_find import find_browser

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Playwright


class Trap(ThreadingHTTPServer):
    """A server that every name but this machine's leads to; ``asked`` are requests, ``connections`` counts TLS attempts, too."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counting)
        self.asked: list[str] = []
        self.connections = 0

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> None:
        """Count a connection."""
        self.connections += 1
        super().process_request(request, client_address)

    def forget(self) -> None:
        """Count anew."""
        self.asked.clear()
        self.connections = 0


class _Counting(BaseHTTPRequestHandler):
    """Answers everything with a page that says so."""

    server: Trap

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.headers['Host']} {self.path}")
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>outside</title>outside")

    do_POST = do_GET  # noqa: N815 - the base looks for this name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
        """Keep quiet; ``asked`` is the log."""


@contextmanager
def trapping() -> Iterator[Trap]:
    """Run the outside."""
    with Trap() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def launch(playwright: Playwright, trap: Trap, *flags: str) -> Browser:
    """Start a browser for which every other name leads into the trap."""
    found = find_browser(Settings({"GOVCRAWL_BROWSER": os.environ.get("GOVCRAWL_BROWSER", "")}))
    if found is None:
        pytest.fail("these tests need a browser: sudo apt-get install chromium, or -m 'not browser' to leave them out")
    rules = f"MAP *.test 127.0.0.1:{trap.server_port}"
    usual = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--host-resolver-rules={rules}"]
    return playwright.chromium.launch(executable_path=found, args=[*usual, *flags])


@contextmanager
def browsing(trap: Trap) -> Iterator[Browser]:
    """Run such a browser."""
    with sync_playwright() as playwright:
        browser = launch(playwright, trap)
        yield browser
        browser.close()
