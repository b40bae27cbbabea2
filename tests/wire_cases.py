"""Nasty HTTP exchanges, as scripts for the byte oracle, with what the tap must make of each."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oracle import Script, Step

if TYPE_CHECKING:
    from archive.model import Truncation

PAGE = "<html><head><title>市教育局办公室关于开展校园消防演练的通知</title></head><body>正文</body></html>"
LARGE = b"".join(b"%08d\n" % number for number in range(300_000))  # 2.7 MB


def page_of(name: str, encoding: str = "utf-8") -> bytes:
    """Return a case's own page: no two cases share a body, or the archive would keep the second as a revisit."""
    return PAGE.replace("正文", f"正文：{name}").encode(encoding)


def gzipped(body: bytes) -> bytes:
    """Return the same bytes for the same body."""
    return gzip.compress(body, mtime=0)


def ok(body: bytes, *headers: str, status: str = "HTTP/1.1 200 OK", length: int | None = None) -> bytes:
    """Return an answer with a Content-Length."""
    head = [status, *headers, f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def chunked(body: bytes, *headers: str, size: int = 20, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return an answer in chunks."""
    head = "\r\n".join(["HTTP/1.1 200 OK", *headers, "Transfer-Encoding: chunked"]).encode("latin-1") + b"\r\n\r\n"
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


def split(data: bytes, size: int = 1) -> Script:
    """Return the pieces of an answer, each to be sent on its own."""
    return tuple(data[start : start + size] for start in range(0, len(data), size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: what the server answers to the first, second … request for ``/<name>``, and what must come of it."""

    name: str
    answers: tuple[Script, ...]
    requests: tuple[dict[str, Any], ...] = ({},)  # Request arguments; "to": path below the case's own
    truncated: tuple[Truncation | None, ...] = (None,)  # one per capture
    outcomes: tuple[str, ...] = ("200",)  # one per request: final status with flags, or the error's name
    body: bytes | None = None  # what the spider reads, where it is worth telling
    meta: dict[str, Any] = field(default_factory=dict)


def case(name: str, *answers: bytes | Script, **more: Any) -> Case:
    """Return a case; an answer given as bytes is sent in one piece and keeps the connection open."""
    return Case(name=name, answers=tuple((a,) if isinstance(a, bytes) else a for a in answers), **more)


_HTML = "Content-Type: text/html; charset=utf-8"
_GBK_NAME = "Content-Disposition: attachment; filename=" + "附件1.doc".encode("gbk").decode("latin-1")
_LENGTH_10_000 = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"
_CLOSE_DELIMITED = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n"
_CANCELLED = ("DownloadCancelledError",)
_DATA_LOSS = ("ResponseDataLossError",)
_GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

CASES = (
    case("robots.txt", ok(b"User-agent: *\nDisallow: /never/\n", "Content-Type: text/plain"), requests=(), truncated=(None, None), outcomes=()),
    case("plain", ok(page_of("plain"), _HTML), body=page_of("plain")),
    case("gzip", ok(gzipped(page_of("gzip")), _HTML, "Content-Encoding: gzip"), body=page_of("gzip")),
    case("chunked", chunked(page_of("chunked"), _HTML), body=page_of("chunked")),
    case("chunked-gzip", chunked(gzipped(page_of("chunked-gzip")), _HTML, "Content-Encoding: gzip"), body=page_of("chunked-gzip")),
    case(
        "chunk-extensions-trailers",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n\r\n"
        b'5;name="a b";x\r\nabcde\r\n0A;y=1\r\nfghijklmno\r\n000;last\r\nX-Sum: 15\r\nX-Two:  b\r\n\r\n',
        body=b"abcdefghijklmno",
    ),
    case("two-set-cookie", ok(b"two-set-cookie", "Set-Cookie: a=1; Path=/two-set-cookie", "set-cookie: b=2; Path=/two-set-cookie")),
    case("gbk-disposition", ok(b"\xd0\xcf\x11\xe0", _GBK_NAME, "Content-Type: application/msword")),
    case("no-reason", ok(b"no-reason", status="HTTP/1.1 200")),
    case("odd-reason", ok(b"odd-reason", status="HTTP/1.1 200 \u00b3\u00c9\u00b9\u00a6 ")),
    case("odd-headers", ok(b"odd-headers", "cOnTeNt-tYpE:text/html", "X-Tab:\ta\t b ", "X-Empty:", "SERVER :  nginx", "bad name: 1", "\u00b1\u00ea: 2", "X-Nul: a\0b")),
    case("obs-fold", ok(b"obs-fold", "X-Folded: one\r\n  two\r\n\tthree", "X-After: 1")),
    case("no-colon", ok(b"no-colon", "this line has no colon", "X-After: 1")),
    case("bare-lf", b"HTTP/1.1 200 OK\nContent-Length: 2\nX-A: b\n\nab", body=b"ab"),
    case("gbk-body", ok(page_of("gbk-body", "gbk"), "Content-Type: text/html"), body=page_of("gbk-body", "gbk")),
    case("binary-body", ok(bytes(range(256)) * 4 + b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "Content-Type: image/png")),
    case("404", ok(b"gone", status="HTTP/1.1 404 Not Found"), outcomes=("404",)),
    case("500", ok(b"oops", status="HTTP/1.1 500 Internal Server Error"), outcomes=("500",)),
    case("close-delimited", (_CLOSE_DELIMITED + page_of("close-delimited", "gbk"), Step.CLOSE), outcomes=("200 partial",), body=page_of("close-delimited", "gbk")),
    case(
        "close-delimited-1.1",
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"to the ", b"end", Step.CLOSE),
        outcomes=("200 partial",),
        body=b"to the end",
    ),
    case("connection-close", (ok(page_of("connection-close"), "Connection: close"), Step.CLOSE), body=page_of("connection-close")),
    case("short-body", (ok(b"only this", length=100), Step.CLOSE), truncated=("disconnect",), outcomes=_DATA_LOSS),
    case("short-chunk", (chunked(page_of("short-chunk"), end=b"40\r\nabc"), Step.CLOSE), truncated=("disconnect",), outcomes=_DATA_LOSS),
    case("no-last-chunk", (chunked(page_of("no-last-chunk"), end=b""), Step.CLOSE), truncated=("disconnect",), outcomes=_DATA_LOSS),
    case(
        "short-body-allowed",
        (ok(b"only this", length=100), Step.CLOSE),
        truncated=("disconnect",),
        outcomes=("200 dataloss",),
        meta={"download_fail_on_dataloss": False},
        body=b"only this",
    ),
    case(
        "broken-chunk",
        (chunked(page_of("broken-chunk"), end=b"zz\r\nabc\r\n0\r\n\r\n"), Step.HANG),
        truncated=("disconnect",),
        outcomes=_DATA_LOSS,
    ),
    case("cut-head", (b"HTTP/1.1 200 OK\r\nContent-Le", Step.CLOSE), truncated=("disconnect",), outcomes=("DownloadFailedError",)),
    case("no-http", (b"SSH-2.0-OpenSSH_9.6\r\n", Step.HANG), truncated=("disconnect",), outcomes=("DownloadFailedError",)),
    case(
        "etag-304",
        ok(page_of("etag-304"), 'ETag: "a1"', "Last-Modified: Fri, 20 Dec 2019 01:00:00 GMT"),
        b'HTTP/1.1 304 Not Modified\r\nETag: "a1"\r\nContent-Length: 99\r\n\r\n',
        requests=({}, {"headers": {"If-None-Match": '"a1"', "If-Modified-Since": "Fri, 20 Dec 2019 01:00:00 GMT"}}),
        truncated=(None, None),
        outcomes=("200", "304"),
    ),
    case("empty-body", ok(b""), body=b""),
    case("204", b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", outcomes=("204",), body=b""),
    case(
        "redirect",
        b"HTTP/1.1 302 Found\r\nLocation: /redirect/two\r\nContent-Length: 5\r\n\r\nmoved",
        b"HTTP/1.1 301 Moved\r\nLocation: three?x=%D0%C5\r\nContent-Length: 0\r\n\r\n",
        ok(b"there"),
        truncated=(None, None, None),
        body=b"there",
    ),
    case("duplicate", ok(b"same"), requests=({"to": "/a"}, {"to": "/b"}), truncated=(None, None), outcomes=("200", "200")),
    case(
        "interim",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + ok(b"final", "X-A: b"),
        body=b"final",
    ),
    case("interim-split", (b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", *split(ok(b"the end"), 5)), body=b"the end"),
    case(
        "post-form",
        ok(b"[]", "Content-Type: application/json"),
        requests=(
            {
                "method": "POST",
                "body": "page=2&word=%D0%C5%CF%A2",
                "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            },
        ),
    ),
    case(
        "reuse",
        ok(b"one"),
        chunked(b"two"),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        ok(b"four"),
        requests=({}, {}, {}, {}),
        truncated=(None,) * 4,
        outcomes=("200", "200", "204", "200"),
    ),
    case(
        "stale",
        ok(b"first"),
        (Step.CLOSE,),
        ok(b"three"),
        requests=({}, {}),
        truncated=(None, None),
        outcomes=("200", "200"),
        body=b"three",
    ),
    case(
        "retry",
        ok(b"busy", status="HTTP/1.1 503 Busy"),
        ok(b"now"),
        truncated=(None, None),
        meta={"dont_retry": False},
        body=b"now",
    ),
    case("byte-by-byte", split(chunked(gzipped(page_of("byte-by-byte")), _HTML, "Content-Encoding: gzip")), body=page_of("byte-by-byte")),
    case("head-split", (b"HTT", b"P/1.1 200 O", b"K\r", b"\nContent-Len", b"gth: 2\r\n\r", b"\ncd"), body=b"cd"),
    case("large", split(ok(LARGE, "Content-Type: application/zip"), 100_000), body=LARGE),
    case(
        "large-chunked",
        split(chunked(LARGE[1:], "Content-Type: application/zip", size=70_001), 100_000),
        body=LARGE[1:],
    ),
    case(
        "over-size-announced",
        (_LENGTH_10_000 + b"begin", Step.HANG),
        truncated=("length",),
        outcomes=_CANCELLED,
        meta={"download_maxsize": 1000},
    ),
    case(
        "over-size-counted",
        (chunked(b"a" * 600, size=600, end=b""), b"258\r\n" + b"b" * 600 + b"\r\n", Step.HANG),
        truncated=("length",),
        outcomes=_CANCELLED,
        meta={"download_maxsize": 1000},
    ),
    case("time-out-body", (_LENGTH_10_000 + b"begin", Step.HANG), truncated=("time",), outcomes=("DownloadTimeoutError",), meta={"download_timeout": 1}),
    case("time-out-head", (b"HTTP/1.1 200 OK\r\nX-A", Step.HANG), truncated=("time",), outcomes=("DownloadTimeoutError",), meta={"download_timeout": 1}),
    case("time-out-file", (_LENGTH_10_000 + b"begin of a file", Step.HANG), truncated=("time",), outcomes=("DownloadTimeoutError",), meta={"download_timeout": 1, "govcrawl": {"kind": "attachment"}}),
    case("time-out-file-1.0", (b"HTTP/1.0 200 OK\r\n\r\nfile to the end", Step.HANG), truncated=("time",), outcomes=("DownloadTimeoutError",), meta={"download_timeout": 1, "govcrawl": {"kind": "attachment"}}),
    case("time-out-silent", (Step.HANG,), truncated=(), outcomes=("DownloadTimeoutError",), meta={"download_timeout": 1}),
    case("closed-silent", (Step.CLOSE,), truncated=(), outcomes=("DownloadFailedError",), requests=({"method": "POST", "body": "a=1"},)),
    case("stop-at-head", (_LENGTH_10_000 + b"begin", Step.HANG), truncated=("length",), outcomes=("200 download_stopped",)),
    case("stop-at-body", (_LENGTH_10_000 + b"begin", Step.HANG), truncated=("length",), outcomes=("200 download_stopped",), body=b"begin"),
    case("head", b"HTTP/1.1 200 OK\r\nContent-Length: 4711\r\nX-A: b\r\n\r\n", requests=({"method": "HEAD"},), body=b""),
    case("cancelled", (_LENGTH_10_000 + b"begin", Step.HANG), requests=(), truncated=("unspecified",), outcomes=("CancelledError",)),
    case("refused-by-archive", ok(b"refused-by-archive"), outcomes=("ArchiveWriteError",)),
    case("refused-after-cut", (ok(b"refused-after-cut", length=99), Step.CLOSE), truncated=("disconnect",), outcomes=("ArchiveWriteError",)),
)  # fmt: skip

GARBAGE_CASES = (
    # bytes after the end of the response, in the same piece: the exchange is what its own framing says
    case("garbage-after-length", ok(b"body") + _GARBAGE, body=b"body"),
    case("garbage-after-chunks", chunked(b"chunks") + _GARBAGE, body=b"chunks"),
    case("garbage-after-204", b"HTTP/1.1 204 No Content\r\n\r\n" + _GARBAGE, outcomes=("204",)),
    case("garbage-after-304", b"HTTP/1.1 304 Not Modified\r\n\r\n" + _GARBAGE, outcomes=("304",)),
    case("garbage-after-empty", ok(b"") + _GARBAGE),
    case("garbage-after-head", ok(b"unasked"), requests=({"method": "HEAD"},)),
)
GARBAGE_BYTES = {case.name: len(b"unasked") if case.name.endswith("head") else len(_GARBAGE) for case in GARBAGE_CASES}
