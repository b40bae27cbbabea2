"""Between Scrapy's responses and the reader's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from scrapy.http import Response

from govcrawl.decode import GzippedPage, Page
from govcrawl.errors import UnreadablePage

if TYPE_CHECKING:
    from scrapy import Request

    from archive.model import Capture

OK = 200
NOT_MODIFIED = 304
REDIRECTS = frozenset({301, 302, 303, 307, 308})
READ_STATUSES = tuple(status for status in range(200, 600) if status not in REDIRECTS)
"""For ``handle_httpstatus_list``: every answer is read, redirects are followed (``handle_httpstatus_all`` stops those)."""
FORM = b"application/x-www-form-urlencoded"

CUT = "govcrawl-beginning"  # flag of a response whose body in memory is only the beginning
DECODED = "govcrawl-decoded"  # flag of a response whose content coding was undone


class GzippedResponse(Response):
    """A page's response whose body is as it came, gzipped, and will be undone where it is read.

    ``begins`` is the beginning of what is in it. It is no longer than what may be held in memory, however much comes out.
    """

    def __init__(self, response: Response, begins: bytes) -> None:
        super().__init__(
            response.url,
            status=response.status,
            headers=response.headers,
            body=response.body,
            flags=[*response.flags, DECODED],
            request=response.request,
            certificate=response.certificate,
            ip_address=response.ip_address,
            protocol=response.protocol,
        )
        self.begins = begins


def read_response(response: Response, *, whole: bool = True) -> Page:
    """Return the page a response holds, with what was posted to get it.

    Raises:
        UnreadablePage: only the beginning of it is in memory, unless ``whole`` is false.
    """
    if whole:
        check_whole(response)
    request = cast("Request", response.request)
    content_type = response.headers.get(b"Content-Type")
    posted = (request.headers.get(b"Content-Type") or b"").startswith(FORM)
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)) if posted else {}
    fields: dict[str, Any] = {
        "url": response.url,
        "content_type": content_type.decode("latin-1") if content_type else None,
        "status": response.status,
        "method": request.method,
        "form": form,
    }
    if isinstance(response, GzippedResponse):
        return GzippedPage.of(response.body, response.begins, **fields)
    return Page(body=response.body, **fields)


def check_whole(response: Response) -> None:
    """Raise unless all of the body is there to be read.

    Raises:
        UnreadablePage: it is longer than GOVCRAWL_PAGE_MAX_BYTES.
    """
    if CUT in response.flags:
        raise UnreadablePage(
            f"{response.url}: longer than a page may be, only its first {len(response.body)} bytes were kept in memory; "
            "it is archived whole; raise GOVCRAWL_PAGE_MAX_BYTES to have it read"
        )


def validators(capture: Capture | None) -> dict[str, str]:
    """Return the headers of a conditional request (RFC 9110 13.1) for what was captured before; empty where it had none."""
    if capture is None:
        return {}
    headers = {"If-None-Match": capture.etag, "If-Modified-Since": capture.last_modified}
    return {name: value for name, value in headers.items() if value}
