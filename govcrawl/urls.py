"""Canonical addresses, and which links of a document are its attachments and images."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit, urlunsplit

from archive.model import FileLink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from govcrawl.decode import Page

FILE_EXTENSIONS = frozenset(
    {
        *("pdf", "ofd", "ceb", "cebx", "rtf", "txt", "csv"),
        *("doc", "docx", "docm", "dot", "dotx", "wps", "wpt", "odt"),
        *("xls", "xlsx", "xlsm", "xlt", "et", "ett", "ods"),
        *("ppt", "pptx", "pps", "ppsx", "dps", "odp"),
        *("zip", "rar", "7z", "gz", "tar", "tif", "tiff"),
    }
)
_PAGE_EXTENSIONS = frozenset(
    {"htm", "html", "shtml", "shtm", "xhtml", "jsp", "jspx", "asp", "aspx", "php", "do", "action"}
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BLANKS = re.compile(r"[\s\u200b\ufeff]+")
_CONTROLS = re.compile(r"[\t\r\n\x00]+")
_SESSION = re.compile(r";(?:jsessionid|phpsessid)=[^/?#;]*", re.IGNORECASE)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CLEAN = re.compile(r"https?://[a-z0-9.-]*[a-z0-9](?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_GATEWAY = re.compile(r"(https?)://[^/]+/gate/(?:big5|gb)/([A-Za-z0-9.-]+\.[A-Za-z]+(?::\d+)?/.*)")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_SAFE = "%/:@!$&'()*+,;=~-._"
_QUERY_SAFE = _PATH_SAFE + "?|[]"


def canonical_url(url: str, base: str | None = None, *, query_encoding: str = "utf-8") -> str:
    """Return the absolute canonical form of a web address.

    Blanks around it, line breaks in it, fragment, default port, ``;jsessionid=`` and dot segments go; scheme and host are
    lower case, the host in IDNA; percent-encoding is normalised once (RFC 3986, 6.2.2). Scheme and the order of the query stay.

    Args:
        base: the page the address stands on.
        query_encoding: what browsers encode a raw query in: the page's own encoding.

    Raises:
        ValueError: it is no http or https address.
    """
    text = _CONTROLS.sub("", url).strip(" \u00a0\u3000\u200b\ufeff")
    if base is not None:
        text = urljoin(base, text.replace("\\", "/"))
    if _CLEAN.fullmatch(text) and text.count("/") > 2:  # noqa: PLR2004 - two in "://", one that begins the path
        return text
    parts = urlsplit(text)
    scheme, host = parts.scheme.lower(), parts.hostname
    if scheme not in _DEFAULT_PORTS or not host:
        raise ValueError(f"not a web address: {url!r}" + (f" on {base}" if base else ""))
    port = parts.port
    netloc = _host(host) + (f":{port}" if port is not None and port != _DEFAULT_PORTS[scheme] else "")
    path = _dots_removed(_encoded(_SESSION.sub("", parts.path.replace("\\", "/")), _PATH_SAFE, "utf-8")) or "/"
    return urlunsplit((scheme, netloc, path, _encoded(parts.query, _QUERY_SAFE, query_encoding), ""))


def web_url(href: str | None, base: str, *, query_encoding: str = "utf-8") -> str | None:
    """Return the canonical form of a link, None where it leads to no web address (javascript:, mailto:, empty, a fragment)."""
    text = (href or "").strip()
    if not text or text.startswith("#"):
        return None
    try:
        return canonical_url(text, base, query_encoding=query_encoding)
    except ValueError:
        return None


_RESERVED = ("test", "example", "invalid", "localhost", "example.com", "example.net", "example.org")


def is_reserved(url: str) -> bool:
    """Say whether an address lies under a name that is reserved for examples and tests (RFC 2606 2 and 3): no real site has one."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return any(host == name or host.endswith(f".{name}") for name in _RESERVED)


def without_gateway(url: str) -> str:
    """Return the address behind a gateway that turns pages into traditional Chinese (``/gate/big5/<host>/<path>``)."""
    found = _GATEWAY.match(url)
    return f"{found[1]}://{found[2]}" if found else url


@lru_cache(maxsize=16_384)  # each line of a list is asked for a few times, by one module after the other
def url_key(url: str) -> str:
    """Return the identity of an address: its canonical form without the scheme, so that http and https twins are one.

    Raises:
        ValueError: it is no http or https address.
    """
    parts = urlsplit(canonical_url(url))
    netloc = re.sub(r":(?:80|443)$", "", parts.netloc)
    return netloc + parts.path + (f"?{parts.query}" if parts.query else "")


def read_twins(page: Page, canonical: Callable[[str], str]) -> tuple[str, ...]:
    """Return the other addresses a page links to as its own: those with the same canonical address (mobile twin, 繁體)."""
    here = url_key(canonical(page.url))
    found: dict[str, str] = {}
    for link in page.root.iter("a", "link"):
        url = web_url(link.get("href"), page.url, query_encoding=page.encoding)
        if url is not None and url_key(url) != here and url_key(canonical(url)) == here:
            found.setdefault(url_key(url), url)
    return tuple(found.values())


def _host(host: str) -> str:
    host = host.rstrip(".").lower()
    if ":" in host:
        return f"[{host}]"
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"not a host name: {host!r} ({error})") from None


def _encoded(text: str, safe: str, encoding: str) -> str:
    def plain(match: re.Match[str]) -> str:
        char = chr(int(match.group(1), 16))
        return char if char in _UNRESERVED else match.group().upper()

    text = _ESCAPE.sub(plain, _BARE_PERCENT.sub("%25", text))
    return quote(text, safe=safe, encoding=encoding, errors="xmlcharrefreplace" if encoding != "utf-8" else "replace")


def _dots_removed(path: str) -> str:
    if "/." not in path:
        return path
    out: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            if len(out) > 1:
                out.pop()
        elif segment != ".":
            out.append(segment)
    if segments[-1] in {".", ".."}:
        out.append("")
    return "/".join(out)


# --- files ---

_DOWNLOAD_PATH = re.compile(
    r"/(?:downfile|download|downloadfile|filedownload)\.(?:jsp|do|action|aspx|php)$", re.IGNORECASE
)
_LABEL = re.compile(r"^[\s\d.、(（]*附\s*[件表]\s*[\d一二三四五六七八九十]*\s*[:：.、\s]?")
_NOT_CONTENT = re.compile(r"(?:share|bds_|bdshare|jiathis|weixin|weibo|qrcode)", re.IGNORECASE)


def extension(url: str) -> str:
    """Return the lower-case extension of an address's last path segment, without dot; empty where there is none."""
    try:
        path = urlsplit(url).path
    except ValueError:  # [ in the host's place
        return ""
    return _extension_of(unquote(path).rsplit("/", 1)[-1].rstrip())


def _extension_of(name: str) -> str:
    stem, dot, end = name.rpartition(".")
    return end.lower() if dot and stem and end.isalnum() and end.isascii() else ""


def is_file_url(url: str) -> bool:
    """Tell whether an address names a file rather than a page: by its extension, or a download script with a file name."""
    if extension(url) in FILE_EXTENSIONS:
        return True
    parts = urlsplit(url)
    return (
        bool(parts.query)
        and (_DOWNLOAD_PATH.search(parts.path) is not None or extension(url) not in _PAGE_EXTENSIONS)
        and _query_file(parts.query) is not None
    )


def _query_file(query: str) -> str | None:
    """Return the file name that a query gives, None where it gives none."""
    for _, value in parse_qsl(query, errors="replace"):
        name = value.rsplit("/", 1)[-1].strip()
        if _extension_of(name) in FILE_EXTENSIONS:
            return name
    return None


def file_links(
    scopes: Iterable[Any], base: str, *, trusted: bool = False, query_encoding: str = "utf-8"
) -> tuple[FileLink, ...]:
    """Return the attachments linked under some elements, in order, each address once.

    A link counts by its extension (in any case), ``appendix="true"``, ``needdownload``, ``OLDSRC`` with a file name, a download
    script, or a text that begins with 附件 and leads to no page. Share links and app downloads do not.

    Args:
        base: address of the page.
        trusted: the elements are the page's attachment block: every link that leads to no page counts.
    """
    found: dict[str, FileLink] = {}
    for scope in scopes:
        for link in scope.iter("a"):
            url = web_url(link.get("href"), base, query_encoding=query_encoding)
            if url is None or not _is_attachment(link, url, trusted=trusted):
                continue
            label = _link_label(link)
            key = url_key(url)
            kept = found.get(key)
            if kept is None or (kept.label is None and label):
                found[key] = FileLink(url=url, label=label, filename=_filename(link, url, label))
        for address in _shown_files(scope):
            url = web_url(address, base, query_encoding=query_encoding)
            if url is not None:
                name = unquote(urlsplit(url).path).rsplit("/", 1)[-1] or None
                found.setdefault(url_key(url), FileLink(url=url, label=None, filename=name))
    return tuple(found.values())


_SHOWING = {"iframe": ("src", "data-src"), "embed": ("src",), "object": ("data",)}
_SCRIPTED = re.compile(r"""["']([^"'<>\s]{1,400}\.(?:pdf|ofd))["']""", re.IGNORECASE)


def _shown_files(scope: Any) -> Iterable[str]:
    """Yield the files that an element shows instead of linking them: in a frame, by a viewer (viewer.html?file=…) or a script of the body."""
    for element in scope.iter(*_SHOWING, "script"):
        if element.tag == "script":
            yield from (found[1] for found in _SCRIPTED.finditer(element.text or ""))
            continue
        address = next((value for name in _SHOWING[element.tag] if (value := element.get(name))), "")
        if extension(address) in FILE_EXTENSIONS:
            yield address
        else:
            shown = (value for _, value in parse_qsl(_query(address), errors="replace"))
            yield from (value for value in shown if extension(value) in FILE_EXTENSIONS)


def _query(address: str) -> str:
    try:
        return urlsplit(address).query
    except ValueError:
        return ""


def _is_attachment(link: Any, url: str, *, trusted: bool) -> bool:
    if _NOT_CONTENT.search(link.get("class") or ""):
        return False
    if is_file_url(url) or link.get("appendix") == "true" or link.get("needdownload") is not None:
        return True
    parts = urlsplit(url)
    if _DOWNLOAD_PATH.search(parts.path) or _extension_of(link.get("oldsrc") or "") in FILE_EXTENSIONS:
        return True
    ending = extension(url)
    leads_to_page = ending in _PAGE_EXTENSIONS or parts.path.endswith("/")
    if leads_to_page or ending in {"apk", "ipa", "exe"}:
        return False
    return trusted or _LABEL.match(_link_label(link) or "") is not None


def _link_label(link: Any) -> str | None:
    text = _BLANKS.sub(" ", "".join(link.itertext())).strip()
    return text or _BLANKS.sub(" ", link.get("title") or "").strip() or None


def _filename(link: Any, url: str, label: str | None) -> str | None:
    parts = urlsplit(url)
    last = unquote(parts.path).rsplit("/", 1)[-1]
    candidates = (last, _query_file(parts.query), link.get("download"), link.get("oldsrc"), label)
    return next((name.strip() for name in candidates if name and _extension_of(name.strip()) in FILE_EXTENSIONS), None)


# --- images ---

_ICON = re.compile(
    r"(?:/icons?/|/emotions?/|/emoji|/face/|filetypeimages|/icon[_-]|[_/]ico(?:n)?[_.\d-]|spacer|blank\.gif|/share|qrcode|loading\.)",
    re.IGNORECASE,
)
_PIXELS = re.compile(r"(?:^|;)\s*(width|height)\s*:\s*(\d+)(?:\.\d+)?px", re.IGNORECASE)
_LARGEST_ICON = 32


def image_links(scopes: Iterable[Any], base: str, *, query_encoding: str = "utf-8") -> tuple[FileLink, ...]:
    """Return the content images under some elements, in order, each address once; icons, emoticons, ``data:`` and spacers left out."""
    found: dict[str, FileLink] = {}
    for scope in scopes:
        for image in scope.iter("img"):
            source = next((image.get(name) for name in ("data-original", "data-src", "src") if image.get(name)), None)
            url = web_url(source, base, query_encoding=query_encoding)
            if url is None or _is_icon(image, url):
                continue
            label = (image.get("alt") or image.get("title") or "").strip() or None
            name = unquote(urlsplit(url).path).rsplit("/", 1)[-1] or None
            found.setdefault(url_key(url), FileLink(url=url, label=label, filename=name))
    return tuple(found.values())


def _is_icon(image: Any, url: str) -> bool:
    if _ICON.search(urlsplit(url).path):
        return True
    sizes = {
        name: image.get(name) for name in ("width", "height") if (image.get(name) or "").removesuffix("px").isdigit()
    }
    sizes |= {name.lower(): value for name, value in _PIXELS.findall(image.get("style") or "")}
    numbers = [int(str(value).removesuffix("px")) for value in sizes.values()]
    if numbers and (min(numbers) <= 1 or (len(numbers) == 2 and max(numbers) <= _LARGEST_ICON)):  # noqa: PLR2004 - width and height
        return True
    # an image that stands for the file it links to is that file's icon, unless it is large enough to be the content itself
    link = next(image.iterancestors("a"), None)
    return link is not None and extension(link.get("href") or "") in FILE_EXTENSIONS


def qualified_key(url: str, key: str | None) -> str | None:
    """Return a CMS id with its host: ids are unique on one host only."""
    return f"{urlsplit(url).hostname}/{key}" if key else None
