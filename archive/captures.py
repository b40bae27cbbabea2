"""An exchange on its way into the store: measured, compared with what is there, and as a row of the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from archive.digest import digest_bytes, measure, read_request
from archive.records import Group, Revisit, ip_text

if TYPE_CHECKING:
    from archive.catalog import Catalog
    from archive.digest import Fields, Framing
    from archive.model import Capture, Context, Exchange
    from archive.rows import CaptureFields
    from archive.writer import Placed

OK = 200
NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A capture ready to be written."""

    group: Group
    request_digest: str | None  # of the posted body


def prepare(exchange: Exchange, context: Context, catalog: Catalog) -> Prepared:
    """Measure an exchange and find the earlier capture that it repeats, if any."""
    request_headers, body = read_request(exchange.request)
    request_digest = digest_bytes(body) if body else None
    framing = measure(exchange.response, exchange.method)
    revisit = None
    if framing.head.complete and exchange.truncated is None:
        if framing.head.status == OK:
            revisit = _identical(context.agency, framing, catalog)
        elif framing.head.status == NOT_MODIFIED:
            last = catalog.last_capture(context.agency, exchange.url, exchange.method, request_digest)
            revisit = _not_modified(last, request_headers, catalog) if last else None
    group = Group(exchange=exchange, context=context, framing=framing, revisit=revisit)
    return Prepared(group=group, request_digest=request_digest)


def row_fields(prepared: Prepared, place: Placed, warc_file: str) -> CaptureFields:
    """Say what the catalog keeps of a capture that was written; ``warc_file`` is relative to the data directory."""
    exchange, context, revisit = prepared.group.exchange, prepared.group.context, prepared.group.revisit
    framing = prepared.group.framing
    head = framing.head
    return {
        "agency": context.agency,
        "crawl_id": context.crawl_id,
        "kind": context.kind,
        "url": exchange.url,
        "method": exchange.method,
        "request_digest": prepared.request_digest,
        "status": head.status,
        "media_type": head.media_type,
        "captured_at": exchange.started_at.astimezone(UTC),
        "warc_file": warc_file,
        "offset": place.offset,
        "length": place.length,
        "record_id": place.record_id,
        "block_digest": place.block_digest,
        "payload_digest": framing.payload_digest,
        "payload_bytes": framing.payload_bytes,
        "truncated": exchange.truncated,
        "revisit_profile": revisit.profile if revisit else None,
        "refers_to": revisit.record_id if revisit else None,
        "etag": head.value(b"ETag"),
        "last_modified": head.value(b"Last-Modified"),
        "ip": ip_text(exchange.ip),
        "request_record_id": place.request_record_id,
        "metadata_record_id": place.metadata_record_id,
        "request_offset": place.request_offset,
        "group_length": place.group_length,
        "channel": context.channel,
        "via": context.via,
        "tls_version": exchange.tls_version,
        "tls_cipher": exchange.tls_cipher,
        "elapsed_seconds": round(exchange.elapsed_seconds * 1000) / 1000,  # as the WARC says it
    }


def _identical(agency: str, framing: Framing, catalog: Catalog) -> Revisit | None:
    """Find the capture whose payload this one repeats (WARC 1.1, 'identical-payload-digest'); never for nothing."""
    if framing.payload_digest is None or framing.payload_bytes == 0:
        return None
    original = catalog.original_of(agency, framing.payload_digest)
    if original is None:
        return None
    return Revisit(
        profile="identical-payload-digest",
        record_id=original.record_id,
        url=original.url,
        captured_at=original.captured_at,
    )


def _not_modified(last: Capture, request_headers: Fields, catalog: Catalog) -> Revisit | None:
    """Find the response that a 304 confirms: the one whose validators were sent (WARC 1.1, 'server-not-modified').

    A record may refer to a response only, so a capture that was itself a revisit stands for its own original.
    """
    if not _sent_validators_of(last, request_headers):
        return None
    original = catalog.capture_by_record_id(last.refers_to) if last.refers_to else last
    if original is None or original.revisit_profile is not None:
        return None
    return Revisit(
        profile="server-not-modified",
        record_id=original.record_id,
        url=original.url,
        captured_at=original.captured_at,
    )


def _sent_validators_of(last: Capture, request_headers: Fields) -> bool:
    """Tell whether a request asked if this capture is still in force (RFC 9110 section 13.1: If-None-Match wins)."""
    sent = {name.lower(): value.decode("latin-1") for name, value in request_headers}
    tags = sent.get(b"if-none-match")
    if tags is not None:
        return last.etag is not None and last.etag in {tag.strip() for tag in tags.split(",")} | {tags.strip()}
    since = sent.get(b"if-modified-since")
    return since is not None and since == last.last_modified
