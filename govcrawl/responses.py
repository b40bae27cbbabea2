"""Between Scrapy's responses and the reader's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

from govcrawl.decode import Page

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from archive.model import Capture

OK = 200
NOT_MODIFIED = 304
REDIRECTS = frozenset({301, 302, 303, 307, 308})
READ_STATUSES = tuple(status for status in range(200, 600) if status not in REDIRECTS)
"""For ``handle_httpstatus_list``: every answer is read, redirects are followed (``handle_httpstatus_all`` stops those)."""
FORM = b"application/x-www-form-urlencoded"


def read_response(response: Response) -> Page:
    """Return the page a response holds, with what was posted to get it."""
    request = cast("Request", response.request)
    content_type = response.headers.get(b"Content-Type")
    posted = (request.headers.get(b"Content-Type") or b"").startswith(FORM)
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)) if posted else {}
    return Page(
        url=response.url,
        body=response.body,
        content_type=content_type.decode("latin-1") if content_type else None,
        status=response.status,
        method=request.method,
        form=form,
    )


def validators(capture: Capture | None) -> dict[str, str]:
    """Return the headers of a conditional request (RFC 9110 13.1) for what was captured before; empty where it had none."""
    if capture is None:
        return {}
    headers = {"If-None-Match": capture.etag, "If-Modified-Since": capture.last_modified}
    return {name: value for name, value in headers.items() if value}
