"""A record's block: read to its end, digested, and compared with what the record's head says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from archive.verify.heads import PROFILES, Head, read_digest, usual_digest
from archive.verify.http import HASHES, MessageReader

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterator

    from archive.verify.findings import Finding
    from archive.verify.heads import Digest, Wrong
    from archive.verify.http import Message

FIELDS_LIMIT_BYTES = 1 << 20  # of an application/warc-fields block that is looked into

_FIELDS = "application/warc-fields"
_HTTP = re.compile(r"application/http(?:\s*;\s*msgtype\s*=\s*\"?(request|response)\"?)?\s*", re.IGNORECASE)
_FIELD_LINE = re.compile(rb"([^\r\n:]+):[ \t]*([^\r\n]*)\r?\n?")


@lru_cache(maxsize=256)
def _http_kind(content_type: str) -> str | None:
    """Return request or response for a block that is such a message, ``""`` for either, ``None`` for anything else."""
    match = _HTTP.fullmatch(content_type)
    return (match[1] or "").lower() if match else None


@dataclass(slots=True)
class Block:
    """What was found in a block."""

    sha256: str | None = None  # hex, where that is what the record declares
    message: Message | None = None  # of a request, response or revisit over HTTP
    payload: Digest | None = None  # as declared
    payload_found: str | None = None  # hex, by the declared algorithm
    fields: dict[str, str] = field(default_factory=dict)  # of a warc-fields block


class _FieldsReader:
    """Keeps a small block whole."""

    def __init__(self) -> None:
        self.data = b""

    def feed(self, piece: bytes | memoryview) -> None:
        if len(self.data) < FIELDS_LIMIT_BYTES:
            self.data += bytes(piece[: FIELDS_LIMIT_BYTES - len(self.data)])

    def fields(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in _FIELD_LINE.findall(self.data):
            found.setdefault(name.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
        return found


class BlockReader:
    """Takes one block; afterwards says what it was and what is wrong with it."""

    def __init__(self, head: Head) -> None:
        self._head = head
        fields = head.fields
        self._kind = fields.get("WARC-Type", "")
        self._declared = read_digest(fields["WARC-Block-Digest"]) if "WARC-Block-Digest" in fields else None
        self._digest = HASHES[self._declared.algorithm]() if self._declared else None
        self._payload = read_digest(fields["WARC-Payload-Digest"]) if "WARC-Payload-Digest" in fields else None
        self._type = fields.get("Content-Type")
        self._message: MessageReader | None = None
        self._fields: _FieldsReader | None = None
        self._whole: hashlib._Hash | None = None  # of a payload that is the block
        if self._is_http():
            algorithm = self._payload.algorithm if self._payload and self._kind != "revisit" else None
            self._message = MessageReader(request=self._kind == "request", algorithm=algorithm)
        elif self._type is not None and self._type.partition(";")[0].strip().lower() == _FIELDS:
            self._fields = _FieldsReader()
        elif self._payload is not None and self._kind in {"resource", "conversion"}:
            self._whole = HASHES[self._payload.algorithm]()

    def _is_http(self) -> bool:
        if self._kind not in {"response", "request", "revisit"}:
            return False
        if self._type is not None:
            return _http_kind(self._type) is not None
        return self._head.fields.get("WARC-Target-URI", "").startswith("http")

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next piece."""
        if self._digest is not None:
            self._digest.update(piece)
        if self._message is not None:
            self._message.feed(piece)
        elif self._fields is not None:
            self._fields.feed(piece)
        elif self._whole is not None:
            self._whole.update(piece)

    def close(self, length: int, wrong: Wrong) -> tuple[Block, list[Finding]]:
        """Say what the block was; ``length`` is how many bytes it has."""
        block = Block(payload=self._payload)
        findings = list(self._check_type(length, wrong))
        if self._declared is not None and self._digest is not None:
            found = self._digest.hexdigest()
            if self._declared.algorithm == "sha256":
                block.sha256 = found
            if self._declared.hexdigest is not None and found != self._declared.hexdigest:
                findings.append(
                    wrong(
                        "block-digest",
                        "WARC-Block-Digest",
                        usual_digest(self._declared.algorithm, found),
                        self._declared.usual,
                    )
                )
        if self._fields is not None:
            block.fields = self._fields.fields()
        if self._whole is not None:
            block.payload_found = self._whole.hexdigest()
            findings += self._compare_payload(block.payload_found, None, wrong)
        if self._message is not None and length:
            block.message = self._message.close()
            findings += self._check_message(block, wrong)
        return block, findings

    def _check_type(self, length: int, wrong: Wrong) -> Iterator[Finding]:
        kind, declared = self._kind, self._type
        if not length or kind == "continuation":
            return
        if declared is None:
            yield wrong("content-type", "Content-Type", "no such field", "one on every block that is not empty")
            return
        if kind == "warcinfo" and self._fields is None:
            yield wrong("content-type", "Content-Type of warcinfo", declared, _FIELDS)
        over_http = self._head.fields.get("WARC-Target-URI", "").startswith("http")
        if kind in {"request", "response"} and over_http and _http_kind(declared) not in {"", kind}:
            yield wrong("content-type", f"Content-Type of {kind}", declared, f"application/http; msgtype={kind}")

    def _compare_payload(self, found: str, framed: str | None, wrong: Wrong) -> Iterator[Finding]:
        declared = self._payload
        if declared is None or declared.hexdigest is None or found == declared.hexdigest:
            return
        got = usual_digest(declared.algorithm, found)
        if framed == declared.hexdigest:
            what = "WARC-Payload-Digest is that of the body with its chunk framing"
            yield wrong("payload-digest-framing", what, declared.usual, got)
        else:
            yield wrong("payload-digest", "WARC-Payload-Digest", got, declared.usual)

    def _check_message(self, block: Block, wrong: Wrong) -> Iterator[Finding]:
        message, reader = block.message, self._message
        if message is None or reader is None:
            return
        cut = "WARC-Truncated" in self._head.fields
        if not message.head_complete:
            yield from _check_broken_head(message, wrong, cut=cut, request=self._kind == "request")
        if reader.payload is not None:
            if message.undecodable is not None:
                what = "the payload stands in a transfer coding that cannot be undone"
                yield wrong("digest-unknown", what, message.undecodable)
            else:
                block.payload_found = reader.payload.hexdigest()
                framed = reader.framed.hexdigest() if reader.framed is not None else None
                yield from self._compare_payload(block.payload_found, framed, wrong)
        if self._kind == "revisit":
            yield from self._check_revisit(message, wrong)
        elif message.head_complete and not cut:
            if message.chunks_fault:
                yield wrong(
                    "http-chunks", "Transfer-Encoding: chunked", message.chunks_fault, "whole chunks to the end"
                )
            if message.declared_bytes is not None and message.body_bytes != message.declared_bytes:
                yield wrong("http-length", "bytes of the body", message.body_bytes, message.declared_bytes)
            elif message.status == 204 and message.body_bytes:  # noqa: PLR2004 -- RFC 9110 section 15.3.5
                yield wrong("http-length", "bytes of the body", message.body_bytes, "none with status 204")

    def _check_revisit(self, message: Message, wrong: Wrong) -> Iterator[Finding]:
        profile = PROFILES.get(self._head.fields.get("WARC-Profile", ""))
        if profile == "identical-payload-digest" and message.body_bytes:
            yield wrong("revisit-block", "bytes behind the response head", message.body_bytes, "none")
        if profile == "server-not-modified" and message.status is not None and message.status != 304:  # noqa: PLR2004
            yield wrong("revisit-block", "status of a server-not-modified revisit", message.status, 304)


def _check_broken_head(message: Message, wrong: Wrong, *, cut: bool, request: bool) -> Iterator[Finding]:
    usual = "METHOD target HTTP/1.1" if request else "HTTP/1.x nnn …"
    if not message.begins_as_http:
        yield wrong("http-none", "first bytes", message.start_line, usual)
    elif cut:
        return
    elif message.start_line_wrong:
        yield wrong("http-status-line", "start line", message.start_line, usual)
    else:
        yield wrong("http-head", "start line", message.start_line, "a head that ends in a blank line")
