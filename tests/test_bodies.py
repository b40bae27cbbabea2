"""What of a response is held in memory, and how many large ones come in at once."""

from __future__ import annotations

import gzip
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request
from scrapy.http import Response

from govcrawl.bodies import (
    BEGINNING_BYTES,
    LARGE_BYTES,
    Beginning,
    LargeTransfers,
    body_limit,
    decode_body,
    expects_file,
    gunzip_beginning,
    keep_beginning,
)
from govcrawl.wire import Flight

PAGE = 32_000_000


def request(kind: str | None, url: str = "https://sfj.haidao.test/1.htm") -> Request:
    """A request made for this reason."""
    return Request(url, meta={"govcrawl": {"kind": kind}} if kind else {})


@pytest.mark.parametrize(
    ("kind", "url", "declared", "limit"),
    [
        ("attachment", "/P1", "text/html", BEGINNING_BYTES),
        ("image", "/1.png", None, BEGINNING_BYTES),
        ("document", "/1.htm", "text/html; charset=gbk", PAGE),
        ("document", "/1.htm", None, PAGE),
        ("document", "/1.pdf", None, BEGINNING_BYTES),
        ("document", "/1.htm", "Application/PDF", BEGINNING_BYTES),
        ("list", "/api", "application/octet-stream", PAGE),
        (None, "/robots.txt", "text/plain", PAGE),
    ],
)
def test_pages_are_held_whole_and_files_at_their_beginning(
    kind: str | None, url: str, declared: str | None, limit: int
) -> None:
    """Why a URL is fetched, its address and its declared type decide how much of the body is held."""
    assert body_limit(request(kind, f"https://sfj.haidao.test{url}"), declared, PAGE) == limit


def test_a_document_that_is_a_file_is_expected_to_be_one() -> None:
    """The address of a document may name a file; that of a list never counts."""
    assert expects_file(request("document", "https://sfj.haidao.test/a.pdf"))
    assert not expects_file(request("list", "https://sfj.haidao.test/a.pdf"))
    assert not expects_file(request(None))


@given(st.lists(st.binary(max_size=20)), st.integers(0, 60))
def test_beginning_keeps_the_first_bytes(pieces: list[bytes], limit: int) -> None:
    """However the bytes come, the first ones are kept, every write succeeds, and a loss is told."""
    beginning = Beginning(limit)
    assert [beginning.write(piece) for piece in pieces] == [len(piece) for piece in pieces]
    whole = b"".join(pieces)
    assert beginning.getvalue() == whole[:limit]
    assert beginning.cut == (len(whole) > limit)


def test_scrapys_reader_collects_into_the_beginning() -> None:
    """The reader that a body is delivered to gets a buffer with a bound before the first byte."""
    delivered: list[Any] = []
    response = SimpleNamespace(deliverBody=delivered.append)
    reader = SimpleNamespace(_bodybuf=None)
    beginning = keep_beginning(response, 3)
    response.deliverBody(reader)
    assert delivered == [reader]
    assert reader._bodybuf is beginning


@pytest.mark.parametrize(("coding", "body"), [("identity", b"abc"), ("gzip", b"no gzip"), ("utf-8", b"abc")])
def test_what_is_not_in_its_coding_passes(coding: str, body: bytes) -> None:
    """A coding that nobody knows, or that does not hold, leaves the bytes as they are."""
    response = Response("https://sfj.haidao.test/", headers={"Content-Encoding": coding}, body=body)
    assert decode_body(response, 100) == (body, False)
    assert decode_body(response, 2) == (body[:2], True)


class Line:
    """A transport that notes whether it is paused."""

    def __init__(self) -> None:
        self.paused = False

    def getPeer(self) -> Any:  # noqa: N802 - Twisted's name
        return SimpleNamespace(host="127.0.0.1")

    def getHandle(self) -> None:  # noqa: N802 - Twisted's name
        return None

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.paused = True

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.paused = False


def test_only_so_many_large_responses_come_in_at_once() -> None:
    """Who becomes large when there are enough waits, in order, until one is stored; small ones never wait."""
    large = LargeTransfers(2)
    lines = [Line() for _ in range(5)]
    recordings = [Flight(large=large).begin(line) for line in lines]
    piece = bytes(LARGE_BYTES // 2)
    for recording in recordings[:4]:
        for _ in range(3):
            recording.receive(piece)
    recordings[4].receive(piece)
    assert [line.paused for line in lines] == [False, False, True, True, False]
    assert recordings[2].quiet_seconds() == 0.0, "who waits is not silent"
    recordings[0].release()
    assert [line.paused for line in lines] == [False, False, False, True, False]
    recordings[3].release()  # given up while it waited
    recordings[1].release()
    recordings[1].release()
    recordings[2].release()
    recordings[4].release()
    following = [Flight(large=large).begin(Line()) for _ in range(2)]
    assert [recording.receive(piece * 3) for recording in following] == [True, True]
    assert not any(recording._paused for recording in following)
    for recording in following:
        recording.release()


def test_response_without_a_bound_is_left_alone() -> None:
    """A flight that was given no limit does not touch how a body is delivered."""
    response: Any = SimpleNamespace(deliverBody=print)
    assert Flight().answered(response) is response
    assert response.deliverBody is print


@pytest.mark.parametrize(
    ("codings", "body", "limit", "begins"),
    [
        ([b"gzip"], gzip.compress(b"<p>text</p>" * 100), PAGE, (b"<p>text</p>" * 100)[:512]),
        ([b" GZIP "], gzip.compress(b"<p>text</p>"), PAGE, b"<p>text</p>"),
        ([b"gzip"], gzip.compress(bytes(100_000)), 100_000, None),  # more could come out than is held in memory
        ([b"gzip", b"gzip"], gzip.compress(gzip.compress(b"text")), PAGE, None),
        ([b"br"], b"text", PAGE, None),
        ([b"gzip"], b"text", PAGE, None),
        ([b"gzip"], b"\x1f\x8b\x08\xff broken", PAGE, None),
        ([], b"text", PAGE, None),
    ],
    ids=["long", "short", "a bomb", "twice", "brotli", "not gzipped", "broken", "not coded"],
)
def test_what_is_gzipped_once_and_small_may_stay_so(
    codings: list[bytes], body: bytes, limit: int, begins: bytes | None
) -> None:
    """Of a body that cannot be longer than what is held the beginning is told; any other is undone at once."""
    response = Response("https://sfj.haidao.test/1.htm", headers={b"Content-Encoding": codings}, body=body)
    assert gunzip_beginning(response, limit) == begins
