"""Sort-friendly form of an address (SURT): the key that replay tools look a page up by.

Lossy on purpose — letter case, scheme, ``www.``, a last slash and the order of the query go — and so never an identity:
identity is the exact address and the record id. Gives what pywb and cdxj-indexer compute for http and https addresses.
"""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import unquote_to_bytes

_PARTS = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]*)([^?#]*)\??([^#]*)", re.IGNORECASE | re.DOTALL)
_WWW = re.compile(r"^www\d*\.")
_PORTS = {"http": "80", "https": "443"}
_ESCAPES_LIMIT = 100  # times that one character is escaped; no address needs more than two
_SESSION = re.compile(r"(?:jsessionid|phpsessid|sid)=[0-9a-z]{32}")


def surt(url: str) -> str:
    """Return the SURT of a web address: ``http://www.Example.cn/a/?b=2&a=1`` → ``cn,example)/a?a=1&b=2``.

    What is no address with a host (``urn:…``) is returned in lower case, otherwise as it is.
    """
    match = _PARTS.match(url.strip())
    if match is None:
        return url.lower()
    scheme, authority, path, query = match.groups()
    host, port = _host_and_port(authority.rpartition("@")[2])
    if port == _PORTS.get(scheme.lower()):
        port = ""
    parts = [part for part in _escaped(query).split("&") if not _SESSION.fullmatch(part)] if query else []
    parts.sort(key=lambda part: part.partition("=")[::2])
    arguments = f"?{'&'.join(parts)}" if parts else ""
    return f"{','.join(reversed(host))}{f':{port}' if port else ''}){_path(path)}{arguments}"


def _host_and_port(netloc: str) -> tuple[list[str], str]:
    host, colon, port = netloc.rpartition(":") if re.search(r":\d*$", netloc) else (netloc, "", "")
    host = (host if colon else netloc).lower()
    if host.startswith("["):
        return [_escaped(host.strip("[]"))], port
    if not host.isascii():
        with suppress(UnicodeError):
            host = host.encode("idna").decode("ascii")
    host = _escaped(host)
    return [label for label in _WWW.sub("", host.strip(".")).split(".") if label], port


def _path(path: str) -> str:
    """A path without empty, ``.`` and ``..`` segments and without its last slash, ``/`` where nothing is left."""
    kept: list[str] = []
    for segment in _escaped(path).split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept)


def _escaped(text: str) -> str:
    """Text unescaped until nothing more changes, escaped again where it must be, in lower case."""
    data = text.encode("utf-8", "surrogatepass")
    for _ in range(_ESCAPES_LIMIT):
        data, before = unquote_to_bytes(data), data
        if data == before:
            break
    return "".join(chr(c) if 0x20 < c < 0x7F and c not in b"#%" else f"%{c:02x}" for c in data).lower()  # noqa: PLR2004 -- printable ASCII
