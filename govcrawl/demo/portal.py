"""A loopback HTTP server that answers as the fictional agency's site would.

It behaves like the real ones: static list groups and a search endpoint for the rest, gzip and chunked answers,
validators on files, a redirect, a 503 that asks for a second's patience, a page that is empty until the home page's
cookie is there, soft 404s, and traps in the chrome of every page. ::

    with Portal() as portal:
        ...  # requests to 127.0.0.1:portal.port with "Host: sfj.yunling.example"
        portal.day = 2
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

from govcrawl.demo import agency, pages
from govcrawl.demo.protocol import HTML, Answer, Asked, Kind, is_fresh, read_request, write_answer

if TYPE_CHECKING:
    from types import TracebackType

    from govcrawl.demo.model import Attached, Draft, Truth

COOKIE = "YLSFJ_ID"
_ROBOTS = "# 示例数据\nUser-agent: *\nDisallow: /nbzl/\nCrawl-delay: 0\n"
_NO_PAGE = "<html><head><title>404</title></head><body><h1>404 Not Found</h1></body></html>\n"
_ASSETS = {
    "/images/trt_base.css": ("text/css", ".hide{display:none}"),
    "/images/list2.trsapi.js": ("text/javascript", ""),
}
_FIRST_FILE_DAY = datetime(2025, 7, 1, 1, 0, tzinfo=UTC)  # Last-Modified of files on the portal's first day


@dataclass(frozen=True, slots=True)
class Logged:
    """One request as the portal answered it."""

    method: str
    target: str  # path and query as requested
    status: int
    kind: Kind
    day: int


class Portal:
    """The replica portal.

    Start it in a thread of its own (``start``/``stop`` or ``with``), or in the running event loop (``async with``).

    Args:
        port: loopback port to listen on; 0 takes a free one, ``port`` says which after the start.
    """

    host = agency.HOST

    def __init__(self, *, port: int = 0) -> None:
        self.port = port
        self._day: agency.Day = 1
        self._log: list[Logged] = []
        self._refused: set[int] = set()  # documents that were busy once
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._failed: OSError | None = None

    # --- what tests and the demonstration use ---

    @property
    def day(self) -> agency.Day:
        """Which day's content is answered; may be set while the portal runs."""
        return self._day

    @day.setter
    def day(self, day: agency.Day) -> None:
        if day not in agency.DAYS:
            raise ValueError(f"the demo portal has the days {agency.DAYS}, not {day!r}")
        self._day = day

    @property
    def requests(self) -> tuple[Logged, ...]:
        """Everything that was asked so far, in the order of the answers."""
        return tuple(self._log)

    @property
    def connect_to(self) -> str:
        """The value of GOVCRAWL_CONNECT_TO that leads the agency's reserved host name here."""
        return f"{self.host}:80:127.0.0.1:{self.port}"

    def expected(self, day: agency.Day) -> tuple[Truth, ...]:
        """Return what a crawl must know after ``day``, ordered by address."""
        return agency.expected(day)

    def start(self) -> Self:
        """Listen in a thread.

        Raises:
            OSError: the port cannot be had.
        """
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live(ready)), name="demo-portal", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failed:
            self._thread.join()
            raise self._failed
        return self

    def stop(self) -> None:
        """Close the port and every connection; returns when the thread has ended."""
        if self._thread and self._loop and self._stopping:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    # --- the server ---

    async def _live(self, ready: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._open()
        except OSError as error:
            self._failed = error
            return
        finally:
            ready.set()
        await self._stopping.wait()
        self._close()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _close(self) -> None:
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until the client has had enough."""
        self._writers.add(writer)
        try:
            with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
                while (asked := await read_request(reader)) is not None:
                    answer = self._answer(asked)
                    self._log.append(Logged(asked.method, asked.target, answer.status, answer.kind, self._day))
                    writer.write(write_answer(asked, answer))
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()

    # --- what is answered ---

    def _answer(self, asked: Asked) -> Answer:
        if asked.headers.get("host", "").partition(":")[0] != self.host:
            return Answer("refused", f"this is {self.host}\n".encode(), 421, "text/plain")
        if asked.path == "/fjdzapp/search":
            return self._search(asked)
        if asked.method not in {"GET", "HEAD"}:
            return Answer("refused", b"", 405, headers={"Allow": "GET, HEAD"})
        return self._chrome(asked) or self._content(asked) or Answer("missing", _NO_PAGE.encode(), 404)

    def _moving(self) -> pages.Moving:
        now = datetime.now(UTC) + timedelta(hours=8)
        return pages.Moving(len(self._log), f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03d}")

    def _chrome(self, asked: Asked) -> Answer | None:
        """Everything that is neither document nor file; None for those."""
        path, moving = asked.path, self._moving()
        if path == "/robots.txt":
            return Answer("robots", _ROBOTS.encode(), media_type="text/plain; charset=utf-8")
        if path in _ASSETS:
            media_type, text = _ASSETS[path]
            return Answer("asset", text.encode(), media_type=media_type)
        if path in {"/", "/index.htm"}:
            cookie = {"Set-Cookie": f"{COOKIE}=5f0c2e; Path=/; HttpOnly"}
            return Answer("home", pages.home_page(moving).encode(), headers=cookie)
        if path == "/zwgk/":
            return Answer("list", pages.plain_page("政务公开", "<p>请选择栏目</p>", moving).encode())
        for section in agency.SECTIONS:
            if path in {f"/zwgk/{section.code}/", f"/zwgk/{section.code}/index.htm"}:
                text = pages.list_page(section.code, agency.rows(section.code, self._day), moving)
                return Answer("list", text.encode(), compress=True, chunked=section.number % 2 == 0)
        return self._trap(asked, moving)

    def _trap(self, asked: Asked, moving: pages.Moving) -> Answer | None:
        """Pages without end, and the directory that robots.txt closes; no crawl should come here."""
        path = asked.path
        if path == "/rl/index.htm":
            shown = parse_qs(urlsplit(asked.target).query).get("date", ["2025-07"])[0]
            links = "".join(
                f'<a href="/rl/index.htm?date={shown[:4]}-{month:02d}">{month}月</a>' for month in range(1, 13)
            )
            next_year = int(shown[:4]) + 1 if shown[:4].isdigit() else 2026
            middle = f'{links}<a href="/rl/index.htm?date={next_year}-01">下一年</a>'
        elif path.startswith("/hd/"):
            middle = f'<a href="/hd/index.htm;jsessionid={moving.token}">刷新</a>'
        elif path in {"/dh/a.htm", "/dh/b.htm"}:
            middle = '<a href="/dh/b.htm">下一页</a><a href="/dh/a.htm">上一页</a>'
        elif path.startswith("/nbzl/"):
            return Answer("disallowed", pages.plain_page("内部资料", "<p>内部资料</p>", moving).encode())
        else:
            return None
        return Answer("trap", pages.plain_page("云岭市司法局", middle, moving).encode())

    def _content(self, asked: Asked) -> Answer | None:
        path = asked.path
        for draft in agency.gone(self._day):
            if path == draft.path:
                return Answer("document", pages.gone_page().encode())
        for draft in agency.documents(self._day):
            folder = draft.path.rsplit("/", 1)[0]
            for file in draft.files:
                if path == f"{folder}/{file.name}":
                    return self._file(asked, draft, file)
            if draft.skin == "file":
                continue
            if draft.moved and path == draft.listed_path(draft.channel):
                return Answer("document", b"", 302, headers={"Location": draft.path})
            if path == draft.path:
                return self._document(asked, draft, draft.channel)
            if path == draft.second_path and draft.second_channel:
                return self._document(asked, draft, draft.second_channel)
        return None

    def _document(self, asked: Asked, draft: Draft, code: str) -> Answer:
        if draft.id == agency.BUSY_ONCE and draft.id not in self._refused:
            self._refused.add(draft.id)
            return Answer("document", "系统繁忙，请稍后再试\n".encode(), 503, headers={"Retry-After": "1"})
        if draft.id == agency.NEEDS_COOKIE and f"{COOKIE}=" not in asked.headers.get("cookie", ""):
            return Answer("document", b"\r\n")
        text = pages.document_page(draft, code, self._moving())
        media_type = "text/html" if draft.skin == "old" else HTML  # the old server left the charset to the page
        return Answer(
            "document", text.encode(), media_type=media_type, compress=draft.id % 2 == 0, chunked=draft.id % 3 == 0
        )

    def _file(self, asked: Asked, draft: Draft, file: Attached) -> Answer:
        etag = f'"{hashlib.sha256(file.content).hexdigest()[:16]}"'
        changed = draft.id == agency.FILE_CHANGES and self._day > 1
        modified = _FIRST_FILE_DAY + timedelta(days=1 if changed else 0)
        headers = {"ETag": etag, "Last-Modified": format_datetime(modified, usegmt=True)}
        kind: Kind = "image" if file.image else "attachment"
        answer = Answer(kind, file.content, media_type=file.media_type, headers=headers)
        return replace(answer, body=b"", status=304) if is_fresh(asked, etag, modified) else answer

    def _search(self, asked: Asked) -> Answer:
        """Answer the JSON list behind the static one."""
        if asked.method != "POST":
            return Answer("refused", b"", 405, headers={"Allow": "POST"})
        form = {name: values[0] for name, values in parse_qs(asked.body.decode("utf-8", "replace")).items()}
        number = "".join(filter(str.isdigit, form.get("classsql", "").rpartition("=")[2]))
        page, size = (int(form[name]) if form.get(name, "").isdecimal() else default for name, default in _PAGING)
        code = next((one.code for one in agency.SECTIONS if str(one.number) == number), None)
        listed = agency.rows(code, self._day) if code else ()
        size = max(1, min(size, 100))
        data = {
            "count": len(listed),
            "pageCount": -(-len(listed) // size),
            "page": page,
            "data": [_json_row(row, number) for row in listed[max(0, page - 1) * size : max(1, page) * size]],
        }
        body = json.dumps(data, ensure_ascii=False).encode()
        return Answer("list", body, media_type="application/json;charset=UTF-8", compress=True, chunked=True)


_PAGING = (("page", 1), ("prepage", agency.LISTED_PER_PAGE))


def _json_row(row: agency.Row, number: str) -> dict[str, str | int]:
    instant = f"{row.date} {row.time or '00:00'}:00"
    return {
        "doctitle": row.title,
        "docid": row.id,
        "docpuburl": row.published_url,
        "chnldocurl": row.url,
        "docreltime": instant,
        "pubdate": instant,
        "fileno": row.number or "",
        "docsourcename": row.source or "",
        "puborg": agency.TITLE,
        "idxid": row.index_number or "",
        "chnlid": number,
        "doctype": 20,
    }
