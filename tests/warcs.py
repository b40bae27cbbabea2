"""What the store's tests share: exchanges of invented sites, frozen ids and dates, WARC files read as bytes."""

from __future__ import annotations

import gzip
import io
import itertools
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from archive.digest import measure
from archive.model import Agency, Channel, Context, Exchange
from archive.records import Group, Revisit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STARTED_AT = datetime(2024, 3, 5, 6, 7, 8, 90123, tzinfo=UTC)
AGENCY = Agency(
    name="haidao_sfj",
    title="海岛市司法局",
    base_url="https://sfj.haidao.test/",
    template="trt",
    channels=(Channel(name="通知公告", seed_url="https://sfj.haidao.test/tzgg/"),),
)
REQUEST = b"GET /tzgg/1.html HTTP/1.1\r\nHost: sfj.haidao.test\r\n\r\n"
PAGE = gzip.compress("<h1>关于公布收费目录的通知</h1>".encode() * 40, mtime=0)


def frozen_ids() -> Callable[[], str]:
    """Record ids that count from 1."""
    numbers = itertools.count(1)
    return lambda: f"<urn:uuid:{uuid.UUID(int=next(numbers))}>"


def frozen_now(step: timedelta = timedelta()) -> Callable[[], datetime]:
    """A clock that stands still, or moves by a step at each look."""
    looks = itertools.count()
    return lambda: datetime(2024, 3, 5, 6, 0, 0, tzinfo=UTC) + step * next(looks)


def response_of(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole response with Content-Length."""
    head = [b"HTTP/1.1 " + status, *fields, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def exchange_of(response: bytes = response_of(PAGE, b"Content-Encoding: gzip"), **fields: Any) -> Exchange:
    """An exchange with this response, as the tap hands it over."""
    usual: dict[str, Any] = {
        "url": "https://sfj.haidao.test/tzgg/1.html",
        "method": "GET",
        "request": REQUEST,
        "started_at": STARTED_AT,
        "elapsed_seconds": 0.25,
        "ip": "127.0.0.1",
    }
    return Exchange(response=io.BytesIO(response), response_bytes=len(response), **(usual | fields))


def context_of(**fields: Any) -> Context:
    """A context of the invented agency."""
    return Context(**({"agency": AGENCY.name, "crawl_id": "crawl-1", "kind": "document"} | fields))


def group_of(
    response: bytes | None = None, *, revisit: Revisit | None = None, context: Context | None = None, **fields: Any
) -> Group:
    """A capture group ready to be written."""
    exchange = exchange_of(**fields) if response is None else exchange_of(response, **fields)
    framing = measure(exchange.response, exchange.method)
    return Group(exchange=exchange, context=context or context_of(), framing=framing, revisit=revisit)


def members_of(path: Path) -> list[tuple[int, bytes]]:
    """Offset and inflated bytes of each gzip member of a file, read without the code under test."""
    data = path.read_bytes()
    members = []
    offset = 0
    while offset < len(data):
        inflater = zlib.decompressobj(31)
        record = inflater.decompress(data[offset:])
        assert inflater.eof, f"member at {offset} is cut"
        members.append((offset, record))
        offset = len(data) - len(inflater.unused_data)
    return members


def fields_of(record: bytes) -> dict[str, str]:
    """Header fields of a WARC record; of repeated ones the last."""
    head = record.partition(b"\r\n\r\n")[0].decode()
    return dict(line.split(": ", 1) for line in head.split("\r\n")[1:])


def block_of(record: bytes) -> bytes:
    """The block of a WARC record."""
    assert record.endswith(b"\r\n\r\n")
    return record.partition(b"\r\n\r\n")[2][:-4]
