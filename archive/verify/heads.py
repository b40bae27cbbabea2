"""The head of a WARC record: taken apart, and compared with what WARC 1.1 asks of it."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from archive.verify.findings import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.verify.findings import Finding

HEAD_LIMIT_BYTES = 65536

PROFILES = {
    f"http://netpreserve.org/warc/{version}/revisit/{name}": name
    for version in ("1.0", "1.1")
    for name in ("identical-payload-digest", "server-not-modified")
}

_STRICT = re.compile(rb"(WARC/\d\.\d)\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n\x00]*\r\n)+)\r\n")
_FIELD = re.compile(r"([^:]+):[ \t]*([^\r\n]*)\r\n")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VERSIONS = {b"WARC/1.0": "1.0", b"WARC/1.1": "1.1"}

_ID = re.compile(r"<urn:uuid:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[45][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}>")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z)?)?)?")
_DATE_1_0 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}")
_ENCODED_WORD = re.compile(r"=\?[A-Za-z0-9\-]+\?[BbQq]\?[^?]*\?=")
_DIGEST = re.compile(r"([A-Za-z0-9][A-Za-z0-9\-]*):([A-Za-z0-9+/=_\-]+)")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_DECIMAL = re.compile(r"\d{1,18}")

_CASED = {
    name.lower(): name
    for name in [
        "WARC-Type",
        "WARC-Record-ID",
        "WARC-Date",
        "Content-Length",
        "Content-Type",
        "WARC-Concurrent-To",
        "WARC-Block-Digest",
        "WARC-Payload-Digest",
        "WARC-IP-Address",
        "WARC-Refers-To",
        "WARC-Refers-To-Target-URI",
        "WARC-Refers-To-Date",
        "WARC-Target-URI",
        "WARC-Truncated",
        "WARC-Warcinfo-ID",
        "WARC-Filename",
        "WARC-Profile",
        "WARC-Identified-Payload-Type",
        "WARC-Segment-Origin-ID",
        "WARC-Segment-Number",
        "WARC-Segment-Total-Length",
        "WARC-Protocol",
        "WARC-Cipher-Suite",
    ]
}
_KNOWN = frozenset(_CASED.values())
_REPEATABLE = frozenset({"WARC-Concurrent-To", "WARC-Protocol"})
_REQUIRED = ("WARC-Record-ID", "WARC-Date", "WARC-Type", "Content-Length")


class Wrong(Protocol):
    """Makes a finding about the record at hand."""

    def __call__(self, code: str, what: str, got: object = None, expected: object = None) -> Finding:
        """Say what is wrong."""


class Rule(NamedTuple):
    """What a type of record must and must not have (WARC 1.1 sections 5 and 6)."""

    required: frozenset[str]
    forbidden: frozenset[str]


def _rule(required: str, forbidden: str) -> Rule:
    return Rule(
        frozenset(f"WARC-{name}" for name in required.split()),
        frozenset(f"WARC-{name}" for name in forbidden.split()),
    )


_OF_REVISITS = "Refers-To-Target-URI Refers-To-Date Profile"
RULES = {
    "warcinfo": _rule(
        "",
        "Concurrent-To IP-Address Target-URI Warcinfo-ID Payload-Digest Identified-Payload-Type Refers-To "
        + _OF_REVISITS,
    ),
    "response": _rule("Target-URI", f"Filename Refers-To {_OF_REVISITS}"),
    "resource": _rule("Target-URI", f"Filename Refers-To {_OF_REVISITS}"),
    "request": _rule("Target-URI", f"Filename Refers-To {_OF_REVISITS}"),
    "metadata": _rule("", f"Filename Payload-Digest Identified-Payload-Type {_OF_REVISITS}"),
    "revisit": _rule("Target-URI Profile", "Filename"),
    "conversion": _rule("Target-URI", f"Filename Concurrent-To IP-Address {_OF_REVISITS}"),
    "continuation": _rule(
        "Target-URI Segment-Origin-ID Segment-Number", f"Filename Concurrent-To IP-Address Refers-To {_OF_REVISITS}"
    ),
}

_URIS = ("WARC-Target-URI", "WARC-Refers-To-Target-URI", "WARC-Profile")
_IDS = ("WARC-Refers-To", "WARC-Warcinfo-ID")
_DATES = ("WARC-Date", "WARC-Refers-To-Date")
_NO_DIGEST = f"sha256:{'0' * 64}"
_TRUNCATIONS = frozenset({"length", "time", "disconnect", "unspecified"})


@dataclass(slots=True)
class Head:
    """A record's head as it stands in the file."""

    version: str
    fields: dict[str, str]  # of repeated ones the first, names in their usual case
    repeated: dict[str, list[str]] = field(default_factory=dict)
    faults: list[tuple[str, str, str | None]] = field(default_factory=list)  # code, what, got
    may_have_words: bool = True  # of RFC 2047

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return self.repeated.get(name) or ([self.fields[name]] if name in self.fields else [])


def parse_head(data: bytes) -> Head:
    """Take a head apart, from ``WARC/`` to the blank line; what is wrong with its lines stands in ``faults``."""
    strict = _STRICT.fullmatch(data)
    if strict is not None and strict[1] in _VERSIONS:
        try:
            text = strict[2].decode()
        except UnicodeDecodeError:
            return _parse_leniently(data)
        head = _head_of(_VERSIONS[strict[1]], _FIELD.findall(text))
        head.may_have_words = "=?" in text
        return head
    return _parse_leniently(data)


def _head_of(version: str, pairs: list[tuple[str, str]]) -> Head:
    fields = dict(pairs)
    if len(fields) == len(pairs) and fields.keys() <= _KNOWN:
        return Head(version, fields)
    head = Head(version, {})
    for name, value in pairs:
        usual = _CASED.get(name.lower(), name)
        if usual in head.fields:
            head.repeated.setdefault(usual, [head.fields[usual]]).append(value)
        else:
            head.fields[usual] = value
    return head


def _parse_leniently(data: bytes) -> Head:
    """Read what can be read of a head that is not in order, and note what is not."""
    faults: list[tuple[str, str, str | None]] = []
    first, *lines = data.rstrip(b"\r\n").split(b"\n")
    bare = sum(not line.endswith(b"\r") for line in (first, *lines[:-1]))
    if bare:
        faults.append(("line-ends", f"{bare} lines of the head end in LF alone", None))
    version = _VERSIONS.get(first.rstrip(b"\r"))
    if version is None:
        faults.append(("version", "the record begins with", first[:20].decode("latin-1")))
    pairs: list[tuple[str, str]] = []
    for raw in lines:
        line = raw.removesuffix(b"\r")
        name, colon, value = line.partition(b":")
        if line[:1] in {b" ", b"\t"}:
            faults.append(("head-syntax", "a folded line", line.decode("utf-8", "replace")))
        elif not colon or not _NAME.fullmatch(name):
            faults.append(("head-syntax", "a line that is no field", line.decode("utf-8", "replace")))
        else:
            try:
                text = value.strip(b" \t").decode()
            except UnicodeDecodeError:
                faults.append(("head-syntax", f"{name.decode()} is not UTF-8", repr(value)))
                text = value.strip(b" \t").decode("utf-8", "replace")
            if "\r" in text or "\x00" in text:
                faults.append(("head-syntax", f"{name.decode()} has control characters", text))
            pairs.append((name.decode(), text))
    head = _head_of(version or "1.1", pairs)
    head.faults = faults
    return head


class Digest(NamedTuple):
    """A digest as a field declares it."""

    algorithm: str  # as hashlib names it
    hexdigest: str | None  # None where the value cannot be one of that algorithm
    usual: str  # the way it is usually written


_SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}


def read_digest(text: str) -> Digest | None:
    """Read ``algorithm:value``, hex or Base32; ``None`` where that is not what it is or nobody knows the algorithm."""
    if _SHA256.fullmatch(text):
        return Digest("sha256", text[7:], text)
    match = _DIGEST.fullmatch(text)
    algorithm = match[1].lower().replace("-", "") if match else ""
    if match is None or algorithm not in _SIZES:
        return None
    value, size = match[2], _SIZES[algorithm]
    raw = None
    try:
        raw = bytes.fromhex(value) if len(value) == 2 * size else base64.b32decode(value.upper())
    except (ValueError, binascii.Error):
        raw = None
    if raw is None or len(raw) != size:
        return Digest(algorithm, None, "")
    return Digest(algorithm, raw.hex(), usual_digest(algorithm, raw.hex()))


def usual_digest(algorithm: str, hexdigest: str) -> str:
    """Write a digest as most tools do: SHA-1 in Base32, all others in hex."""
    if algorithm == "sha1":
        return f"sha1:{base64.b32encode(bytes.fromhex(hexdigest)).decode()}"
    return f"{algorithm}:{hexdigest}"


@lru_cache(maxsize=4096)
def valid_date(text: str, version: str) -> bool:
    """Tell whether a date is UTC in the W3C form, with a fraction of a second in WARC/1.1 only, and a real day."""
    if not (_DATE if version == "1.1" else _DATE_1_0).fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:19].removesuffix("Z") if len(text) > 7 else f"{(text + '-01')[:7]}-01")  # noqa: PLR2004
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def valid_ip(text: str) -> bool:
    """Tell whether an address is written in its one form (IPv6: RFC 5952)."""
    if _IPV4.fullmatch(text):
        return True
    try:
        return str(ipaddress.IPv6Address(text)) == text
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def _usual(kind: str, names: tuple[str, ...]) -> bool:
    """Tell whether a type of record may have just these fields, and none that is checked by more than its form."""
    rule = RULES.get(kind)
    there = set(names)
    return (
        rule is not None
        and there >= {*_REQUIRED, *rule.required}
        and not there & {*rule.forbidden, "WARC-Profile", "WARC-Refers-To"}
    )


def _in_order(head: Head) -> bool:
    """Tell quickly that nothing is wrong with a head, as is true of nearly all; ``False`` where one has to look."""
    fields = head.fields
    get = fields.get
    return (
        not (head.faults or head.repeated or head.may_have_words)
        and _usual(get("WARC-Type", ""), tuple(fields))
        and valid_date(fields["WARC-Date"], head.version)
        and _ID.fullmatch(fields["WARC-Record-ID"]) is not None
        and _ID.fullmatch(get("WARC-Warcinfo-ID", fields["WARC-Record-ID"])) is not None
        and _URI.fullmatch(get("WARC-Target-URI", "urn:-")) is not None
        and valid_ip(get("WARC-IP-Address", "127.0.0.1"))
        and get("WARC-Truncated", "length") in _TRUNCATIONS
        and _DECIMAL.fullmatch(fields["Content-Length"]) is not None
        and _SHA256.fullmatch(get("WARC-Block-Digest", _NO_DIGEST)) is not None
        and _SHA256.fullmatch(get("WARC-Payload-Digest", _NO_DIGEST)) is not None
    )


def check_head(head: Head, file: str, offset: int) -> Iterator[Finding]:  # noqa: C901 -- one rule after the other
    """Yield what is wrong with a record's head by itself."""
    if _in_order(head):
        return
    fields = head.fields
    record_id = fields.get("WARC-Record-ID")

    def wrong(code: str, what: str, got: object = None, expected: object = None) -> Finding:
        return find(code, file, what, offset=offset, record_id=record_id, got=got, expected=expected)

    for code, what, got in head.faults:
        yield wrong(code, what, got, "CR LF" if code == "line-ends" else None)
    for name, values in head.repeated.items():
        if name not in _REPEATABLE:
            yield wrong("field-repeated", name, "; ".join(values), "one")
    for name in _REQUIRED:
        if name not in fields:
            yield wrong("field-missing", name, "no such field", "one on every record")
    if record_id is not None and not _ID.fullmatch(record_id):
        yield wrong("record-id", "WARC-Record-ID", record_id, "<urn:uuid:…>, version 4 or 5")
    kind = fields.get("WARC-Type")
    rule = RULES.get(kind or "")
    if rule is not None:
        for name in sorted(rule.forbidden & fields.keys()):
            yield wrong("field-misplaced", name, f"{name} on {kind}")
        for name in sorted(rule.required - fields.keys()):
            code = "revisit-profile" if name == "WARC-Profile" else "field-missing"
            yield wrong(code, name, "no such field", f"one on {kind}")
    elif kind is not None:
        yield wrong("type-unknown", "WARC-Type", kind, ", ".join(RULES))
    if kind != "warcinfo" and "WARC-Filename" in fields and rule is None:
        yield wrong("field-misplaced", "WARC-Filename", f"on {kind}")
    yield from _check_values(head, wrong)


def _check_values(head: Head, wrong: Wrong) -> Iterator[Finding]:  # noqa: C901, PLR0912 -- the same
    fields, version = head.fields, head.version
    for name in _DATES:
        if name in fields and not valid_date(fields[name], version):
            expected = "YYYY-MM-DDThh:mm:ss[.1 to 9 digits]Z" if version == "1.1" else "YYYY-MM-DDThh:mm:ssZ (WARC/1.0)"
            yield wrong("date", name, fields[name], expected)
    for name in _URIS:
        if name in fields and not _URI.fullmatch(fields[name]):
            yield wrong("uri", name, fields[name], "an absolute URI, percent-encoded, without <>")
    for name in _IDS:
        if name in fields and not (fields[name][:1] == "<" and fields[name][-1:] == ">" and ":" in fields[name]):
            yield wrong("record-id", name, fields[name], "<urn:uuid:…>")
    if "WARC-IP-Address" in fields and not valid_ip(fields["WARC-IP-Address"]):
        yield wrong("ip", "WARC-IP-Address", fields["WARC-IP-Address"], "IPv4, or IPv6 as RFC 5952 writes it")
    if "WARC-Truncated" in fields and fields["WARC-Truncated"] not in _TRUNCATIONS:
        yield wrong("truncated", "WARC-Truncated", fields["WARC-Truncated"], ", ".join(sorted(_TRUNCATIONS)))
    if "Content-Length" in fields and not _DECIMAL.fullmatch(fields["Content-Length"]):
        yield wrong("content-length", "Content-Length", fields["Content-Length"], "a number of bytes")
    for name in ("WARC-Block-Digest", "WARC-Payload-Digest"):
        if name in fields and not _SHA256.fullmatch(fields[name]):
            yield from _check_digest_form(name, fields[name], wrong)
    for name, value in fields.items() if head.may_have_words else ():
        if "=?" in value and name not in _URIS and _ENCODED_WORD.search(value):
            yield wrong("head-syntax", f"{name} has an RFC 2047 word", value, "UTF-8")
    if fields.get("WARC-Type") == "revisit" and "WARC-Profile" in fields:
        yield from _check_profile(fields, wrong)


def _check_profile(fields: dict[str, str], wrong: Wrong) -> Iterator[Finding]:
    profile = fields["WARC-Profile"]
    if profile not in PROFILES:
        yield wrong("revisit-profile", "WARC-Profile", profile, " or ".join(PROFILES))
    elif PROFILES[profile] == "identical-payload-digest":
        if "WARC-Payload-Digest" not in fields:
            yield wrong("revisit-payload", "WARC-Payload-Digest", "no such field", "the original's")
        if "WARC-Truncated" not in fields:
            yield wrong("revisit-truncated", "WARC-Truncated", "no such field", "length")


def _check_digest_form(name: str, value: str, wrong: Wrong) -> Iterator[Finding]:
    digest = read_digest(value)
    if digest is None:
        yield wrong("digest-unknown", name, value, f"one of {', '.join(_SIZES)}, a colon, the value")
    elif digest.hexdigest is None:
        yield wrong("digest-form", name, value, f"{_SIZES[digest.algorithm]} bytes in hex or Base32")
    elif value not in (digest.usual, f"{digest.algorithm}:{digest.hexdigest}"):
        yield wrong("digest-form", name, value, digest.usual)
