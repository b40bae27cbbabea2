"""What is kept of each record while an archive is checked: enough to compare records with each other and with rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archive.verify.heads import PROFILES, read_digest

if TYPE_CHECKING:
    from archive.verify.blocks import Block
    from archive.verify.heads import Head

PREVIOUS_MANIFEST = "previousManifest"
"""Field of a warcinfo block: digest and path of the agency's last manifest when the crawl began."""


class RecordRow(NamedTuple):
    """One record. Digests are normalised (``sha256:`` and hex); what the record does not say is ``None``."""

    offset: int
    length: int | None  # of the gzip member; None where it holds more than this record
    record_id: str | None
    type: str | None
    date: str | None
    uri: str | None
    warcinfo_id: str | None
    concurrent_to: str | None
    concurrent_more: str | None  # further ones, separated by a space
    refers_to: str | None
    refers_to_uri: str | None
    refers_to_date: str | None
    profile: str | None  # its last part; None where it is none that is known
    truncated: str | None
    ip: str | None
    block_digest: str | None
    payload_digest: str | None  # as declared
    payload_bytes: int | None
    status: int | None
    media_type: str | None
    etag: str | None
    last_modified: str | None
    method: str | None
    conditional: int  # 1 = the request asked whether something changed
    tls_version: str | None  # as OpenSSL names it
    tls_cipher: str | None
    via: str | None
    agency: str | None
    crawl: str | None
    kind: str | None
    channel: str | None
    note: str | None
    fetch_ms: str | None
    previous_manifest: str | None


def row_of(head: Head, block: Block, offset: int, length: int | None) -> RecordRow:
    """Make the row of a record."""
    fields = head.fields
    get = fields.get
    others = head.repeated.get("WARC-Concurrent-To")
    message, said = block.message, block.fields.get
    status = media_type = etag = last_modified = method = payload_bytes = None
    conditional = 0
    if message is not None:
        status, method, payload_bytes = message.status, message.method, message.payload_bytes
        if message.fields:
            media_type, etag, last_modified = (
                _media_type(message.value(b"content-type")),
                message.value(b"etag"),
                message.value(b"last-modified"),
            )
            conditional = int(b"if-none-match" in message.fields or b"if-modified-since" in message.fields)
    is_warcinfo = get("WARC-Type") == "warcinfo"
    return RecordRow(
        offset,
        length,
        get("WARC-Record-ID"),
        get("WARC-Type"),
        get("WARC-Date"),
        get("WARC-Target-URI"),
        get("WARC-Warcinfo-ID"),
        get("WARC-Concurrent-To"),
        " ".join(others[1:]) if others else None,
        get("WARC-Refers-To"),
        get("WARC-Refers-To-Target-URI"),
        get("WARC-Refers-To-Date"),
        PROFILES.get(get("WARC-Profile", "")),
        get("WARC-Truncated"),
        get("WARC-IP-Address"),
        f"sha256:{block.sha256}" if block.sha256 else get("WARC-Block-Digest"),
        _normal(get("WARC-Payload-Digest")),
        payload_bytes,
        status,
        media_type,
        etag,
        last_modified,
        method,
        conditional,
        _tls_version(head.all("WARC-Protocol")) if "WARC-Protocol" in fields else None,
        get("WARC-Cipher-Suite"),
        said("via"),
        said("agency"),
        said("crawl"),
        said("kind"),
        said("channel"),
        said("note"),
        said("fetchTimeMs"),
        said(PREVIOUS_MANIFEST) if is_warcinfo else None,
    )


def _normal(digest: str | None) -> str | None:
    if digest is None or digest.startswith("sha256:"):
        return digest
    read = read_digest(digest)
    return f"{read.algorithm}:{read.hexdigest}" if read and read.hexdigest else digest


def _media_type(declared: str | None) -> str | None:
    return (declared.partition(";")[0].strip().lower() or None) if declared else None


def _tls_version(protocols: list[str]) -> str | None:
    """Turn ``tls/1.3`` back into OpenSSL's name of it: TLSv1.3, and TLSv1 for 1.0."""
    for protocol in protocols:
        name, _, version = protocol.partition("/")
        if name in {"tls", "ssl"}:
            return f"{name.upper()}v{version.removesuffix('.0')}"
    return None
