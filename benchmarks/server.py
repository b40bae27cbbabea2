"""The site on loopback, in a process of its own, cheap to ask: every answer is made and compressed before the first request.

``python -m benchmarks.server DOCUMENTS [--wide]`` prints its port and serves until it is ended. ``GET /-/tally`` tells what was asked
since the last such question, and what CPU time that took; ``GET /-/count`` how many requests there were in all. With ``--wide``
pages are made when they are asked for (:mod:`benchmarks.wide`), and sent as they are.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime
from hashlib import sha256
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs

from benchmarks.site import make_site
from benchmarks.wide import WideSite

if TYPE_CHECKING:
    from benchmarks.site import Site

TALLY = "/-/tally"
COUNT = "/-/count"
ROBOTS = b"User-agent: *\nAllow: /\n"
HEAD_END = b"\r\n\r\n"
GZIP_LEVEL = 6  # what sites' front servers are set to, more or less


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer in the two forms it can be asked for, head and body in one piece."""

    plain: bytes
    compressed: bytes

    @classmethod
    def of(
        cls,
        body: bytes,
        media_type: str = "text/html; charset=UTF-8",
        status: str = "200 OK",
        modified: str | None = None,
        level: int = GZIP_LEVEL,
    ) -> Answer:
        """Make both forms."""
        head = f"HTTP/1.1 {status}\r\nServer: bench\r\nContent-Type: {media_type}\r\nConnection: keep-alive\r\nVary: Accept-Encoding\r\n"
        if modified:
            head += f'Last-Modified: {modified}\r\nETag: "{sha256(body).hexdigest()[:16]}"\r\n'
        packed = gzip.compress(body, level, mtime=0)
        return cls(
            f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body,
            f"{head}Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode() + packed,
        )


@dataclass(slots=True)
class Tally:
    """What was asked since the last look. Times are of the monotonic clock, which all processes of a machine share."""

    requests: int = 0
    sent_bytes: int = 0
    first_at: float | None = None
    last_at: float | None = None
    documents: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)  # a search counts with its form
    missing: set[str] = field(default_factory=set)


class Pages:
    """Every answer of the site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        days = {notice.path: notice.day for notice in site.notices}
        modified = {path: format_datetime(_noon(day), usegmt=True) for path, day in days.items()}
        self.documents = {
            path: Answer.of(body, modified=modified[path]) for path, body in site.document_pages().items()
        }
        self.lists = {path: Answer.of(body) for path, body in site.list_pages().items()}
        self.robots = Answer.of(ROBOTS, "text/plain")
        self.home = Answer.of(next(iter(site.list_pages().values())))
        self.missing = Answer.of("<html><body>您访问的页面不存在</body></html>".encode(), status="404 Not Found")
        self._found: dict[str, Answer] = {}

    def find(self, method: str, target: str, body: bytes, tally: Tally) -> Answer:
        """Return the answer and count the question."""
        path = target.partition("?")[0]
        if method == "GET" and (answer := self.documents.get(path)):
            tally.documents.add(path)
        elif method == "GET" and (answer := self.lists.get(path)):
            tally.lists.add(path)
        elif method == "POST" and path == "/fjdzapp/search":
            form = body.decode("ascii", "replace")
            answer = self._found.get(form) or self._search(form)
            tally.lists.add(form)
        elif path == "/robots.txt":
            answer = self.robots
        elif path == "/":
            answer = self.home
        else:
            answer = self.missing
            tally.missing.add(target)
        return answer

    def _search(self, form: str) -> Answer:
        fields = {name: values[0] for name, values in parse_qs(form).items()}
        channel = int(fields.get("classsql", "").rpartition("=")[2] or 0)
        body = self.site.search(channel, int(fields.get("page", 1)), int(fields.get("prepage", 10)))
        answer = self._found[form] = Answer.of(body, "application/json;charset=UTF-8")
        return answer


class WidePages(Pages):
    """Makes the answer of a document when it is asked for."""

    def __init__(self, site: WideSite) -> None:
        self.wide = site
        super().__init__(site)

    def find(self, method: str, target: str, body: bytes, tally: Tally) -> Answer:
        """Return the answer and count the question."""
        page = self.wide.document_page(target) if method == "GET" else None
        if page is None:
            self._found.clear()
            return super().find(method, target, body, tally)
        tally.documents.add(target)
        return Answer.of(page, level=0)


class Connection(asyncio.Protocol):
    """One connection, kept alive; requests may follow each other without waiting."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request that has come."""
        self._buffer += data
        while HEAD_END in self._buffer:
            head, _, rest = self._buffer.partition(HEAD_END)
            line, _, fields = head.decode("latin-1").partition("\r\n")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (one.partition(":") for one in fields.split("\r\n"))
            }
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            method, target, _ = line.split(" ", 2)
            answer = self._server.answer(method, target, rest[:length], "gzip" in headers.get("accept-encoding", ""))
            if self._transport:
                self._transport.write(answer)


class Server:
    """Answers and counts."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._requests = 0
        self._tally = Tally()
        self._cpu = time.process_time()

    def answer(self, method: str, target: str, body: bytes, compressed: bool) -> bytes:  # noqa: FBT001 - one caller
        """Return the bytes to send."""
        if target == TALLY:
            return Answer.of(self._tell(), "application/json").plain
        if target == COUNT:
            return Answer.of(str(self._requests).encode(), "text/plain").plain
        self._requests += 1
        tally = self._tally
        now = time.monotonic()
        tally.first_at = tally.first_at or now
        tally.last_at = now
        tally.requests += 1
        found = self._pages.find(method, target, body, tally)
        sent = found.compressed if compressed else found.plain
        tally.sent_bytes += len(sent)
        return sent

    def _tell(self) -> bytes:
        tally, self._tally = self._tally, Tally()
        cpu, self._cpu = time.process_time() - self._cpu, time.process_time()
        told = {
            "requests": tally.requests,
            "sent_bytes": tally.sent_bytes,
            "first_at": tally.first_at,
            "last_at": tally.last_at,
            "documents": len(tally.documents),
            "lists": len(tally.lists),
            "missing": sorted(tally.missing),
            "cpu_seconds": cpu,
        }
        return json.dumps(told).encode()


async def serve(documents: int, *, wide: bool = False) -> None:
    """Serve until the process is ended."""
    server = Server(WidePages(WideSite.of(documents)) if wide else Pages(make_site(documents)))
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", 0)
    sys.stdout.write(f"{listening.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await listening.serve_forever()


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def main() -> None:
    """Serve the site."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=int)
    parser.add_argument("--wide", action="store_true")
    given = parser.parse_args()
    asyncio.run(serve(given.documents, wide=given.wide))


if __name__ == "__main__":
    main()
