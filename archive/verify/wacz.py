"""WACZ packages (WACZ 1.1.1): what must be in them, what they say of it, and the WARC files they hold."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from archive.verify.across import Records
from archive.verify.cdxj import check_index, iter_lines, read_index
from archive.verify.findings import find
from archive.verify.manifests import safe_path
from archive.verify.warc import WarcScan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archive.verify.findings import Finding
    from archive.verify.reading import Counts

JSON_LIMIT_BYTES = 64 << 20
ENTRY_LIMIT = 1_000_000
READ_BYTES = 1 << 20

_DATAPACKAGE = "datapackage.json"
_DATAPACKAGE_DIGEST = "datapackage-digest.json"
_TS = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)")
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError)


class _Entry:
    """A ZIP entry read forward, with its digest; a fault of the ZIP ends it and is kept."""

    def __init__(self, file: IO[bytes], size_limit: int) -> None:
        self._file = file
        self._limit = size_limit
        self._sha256 = hashlib.sha256()
        self.bytes = 0
        self.fault: str | None = None

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, ``b""`` at the end and where nothing more can be read."""
        if self.fault is not None:
            return b""
        try:
            data = self._file.read(size)
        except _ZIP_ERRORS as error:
            self.fault = str(error) or type(error).__name__
            return b""
        self.bytes += len(data)
        if self.bytes > self._limit:
            self.fault = f"it unfolds to more than the {self._limit} bytes it declares"
            return b""
        self._sha256.update(data)
        return data

    def hexdigest(self) -> str:
        """Return the SHA-256 of the whole entry; reads what is left."""
        while self.read(READ_BYTES):
            pass
        return self._sha256.hexdigest()


@dataclass(slots=True)
class _Package:
    """What was read of a package."""

    name: str
    digests: dict[str, tuple[str, int]] = field(default_factory=dict)  # entry → SHA-256, bytes
    warcs: dict[str, str] = field(default_factory=dict)  # base name and path → entry
    pages: list[tuple[str, int, str]] = field(default_factory=list)  # entry, line, url


def check_wacz(path: Path, name: str, counts: Counts) -> Iterator[Finding]:
    """Yield everything that is wrong with a package."""
    try:
        archive = zipfile.ZipFile(path)
    except _ZIP_ERRORS as error:
        yield find("wacz-zip", name, "the package", got=str(error), expected="a ZIP file")
        return
    with archive, Records() as records:
        package = _Package(name)
        yield from _check_names(archive, package)
        entries = {info.filename: info for info in archive.infolist()[:ENTRY_LIMIT] if not info.is_dir()}
        yield from _read_warcs(archive, entries, package, records, counts)
        yield from records.check()
        yield from _read_indexes(archive, entries, package, records)
        yield from _read_pages(archive, entries, package)
        yield from _check_pages(package, records)
        yield from _read_rest(archive, entries, package)
        yield from _check_datapackage(archive, entries, package)


def _check_names(archive: zipfile.ZipFile, package: _Package) -> Iterator[Finding]:
    seen: set[str] = set()
    for info in archive.infolist()[:ENTRY_LIMIT]:
        if not safe_path(info.filename) or info.filename.startswith(("/", "~")) or ":" in info.filename.split("/")[0]:
            yield find(
                "wacz-entry", package.name, "name of an entry", got=info.filename, expected="a path within the package"
            )
        if info.external_attr >> 28 == 0xA:  # noqa: PLR2004 -- the file type of symbolic links (S_IFLNK)
            yield find(
                "wacz-entry", package.name, "an entry", got=f"{info.filename}, a symbolic link", expected="a file"
            )
        if info.filename in seen:
            yield find("wacz-entry", package.name, "name of an entry", got=info.filename, expected="each name once")
        seen.add(info.filename)
    if len(archive.infolist()) > ENTRY_LIMIT:
        yield find("wacz-zip", package.name, "entries", got=len(archive.infolist()), expected=f"at most {ENTRY_LIMIT}")


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo, package: _Package) -> tuple[_Entry | None, list[Finding]]:
    try:
        return _Entry(archive.open(info), info.file_size), []
    except _ZIP_ERRORS as error:
        return None, [_broken(package, info.filename, str(error))]


def _broken(package: _Package, entry: str, fault: str) -> Finding:
    return find("wacz-zip", f"{package.name}!{entry}", "the entry cannot be read", got=fault)


def _finish(package: _Package, entry: _Entry, filename: str) -> Iterator[Finding]:
    package.digests[filename] = (entry.hexdigest(), entry.bytes)
    if entry.fault is not None:
        yield _broken(package, filename, entry.fault)


def _read_warcs(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], package: _Package, records: Records, counts: Counts
) -> Iterator[Finding]:
    for filename, info in entries.items():
        if not (filename.startswith("archive/") and filename.endswith((".warc.gz", ".warc"))):
            continue
        package.warcs[filename] = package.warcs[filename.rpartition("/")[2]] = filename
        if info.compress_type != zipfile.ZIP_STORED:
            yield find(
                "wacz-deflated",
                f"{package.name}!{filename}",
                "how the entry is kept",
                got="compressed",
                expected="stored: replay reads parts of it",
            )
        entry, broken = _open(archive, info, package)
        yield from broken
        if entry is None:
            continue
        name = f"{package.name}!{filename}"
        for batch in WarcScan(entry, name).run():
            records.put(name, batch.rows)
            counts.records += len(batch.rows)
            yield from batch.findings
        counts.files += 1
        counts.bytes += entry.bytes
        yield from _finish(package, entry, filename)
    if not package.warcs:
        yield find("wacz-no-warc", package.name, "archive/*.warc.gz", got="none", expected="one or more")


def _read_indexes(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], package: _Package, records: Records
) -> Iterator[Finding]:
    read = 0
    for filename, info in entries.items():
        if not (filename.startswith("indexes/") and filename.endswith((".cdx", ".cdxj", ".cdx.gz", ".cdxj.gz"))):
            continue
        entry, broken = _open(archive, info, package)
        yield from broken
        if entry is None:
            continue
        read += 1
        name = f"{package.name}!{filename}"
        yield from read_index(_Gunzip(entry) if filename.endswith(".gz") else entry, name, records)
        if entry.bytes == 0:
            yield find("wacz-no-index", name, "lines", got="none", expected="one for each response")
        yield from _finish(package, entry, filename)
    if not read:
        yield find("wacz-no-index", package.name, "indexes/*.cdxj", got="none", expected="one or more")
        return

    def place(filename: str) -> str | None:
        entry = package.warcs.get(filename) or package.warcs.get(f"archive/{filename}")
        return f"{package.name}!{entry}" if entry else None

    yield from check_index(records, place)


class _Gunzip:
    """A gzip stream of any number of members (ZipNum), inflated in bounded pieces."""

    def __init__(self, file: _Entry) -> None:
        self._file = file
        self._inflater = zlib.decompressobj(31)
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes; a broken stream ends where it breaks."""
        while self._file.fault is None:
            if self._inflater.eof:
                self._rest = self._inflater.unused_data
                self._inflater = zlib.decompressobj(31)
            data = self._rest or self._file.read(READ_BYTES)
            if not data:
                return b""
            try:
                out = self._inflater.decompress(data, size)
            except zlib.error as error:
                self._file.fault = f"gzip: {error}"
                return b""
            self._rest = self._inflater.unconsumed_tail
            if out:
                return out
        return b""


def _read_pages(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], package: _Package) -> Iterator[Finding]:
    main = False
    for filename, info in entries.items():
        if not (filename.startswith("pages/") and filename.endswith(".jsonl")):
            continue
        main = main or filename == "pages/pages.jsonl"
        entry, broken = _open(archive, info, package)
        yield from broken
        if entry is None:
            continue
        pages = 0
        position = 0
        for position, (line, _) in enumerate(iter_lines(entry, JSON_LIMIT_BYTES), 1):
            if not line.strip():
                continue
            fault, url = _parse_page(line, header=position == 1)
            if fault is not None:
                yield find(
                    "wacz-pages",
                    f"{package.name}!{filename}",
                    fault,
                    offset=position,
                    got=line[:200],
                    expected="json-pages-1.0: a header line, then url and ts",
                )
            elif url is not None:
                pages += 1
                package.pages.append((filename, position, url))
        if position == 0 or (filename == "pages/pages.jsonl" and not pages):
            yield find("wacz-no-pages", f"{package.name}!{filename}", "pages", got="none", expected="one or more")
        yield from _finish(package, entry, filename)
    if not main:
        yield find("wacz-no-pages", package.name, "pages/pages.jsonl", got="no such entry", expected="a list of pages")


def _parse_page(line: bytes, *, header: bool) -> tuple[str | None, str | None]:
    try:
        page = json.loads(line)
    except (ValueError, RecursionError):
        return "JSON that is none", None
    if not isinstance(page, dict):
        return "a line that is no JSON object", None
    if header:
        return (None, None) if page.get("format") == "json-pages-1.0" else ("a header line without its format", None)
    url, moment = page.get("url"), page.get("ts")
    if not isinstance(url, str) or not url:
        return "a page without url", None
    if not isinstance(moment, str) or not _TS.fullmatch(moment):
        return "a page without ts as RFC 3339 has it", None
    return None, url


def _check_pages(package: _Package, records: Records) -> Iterator[Finding]:
    records.db.execute("CREATE INDEX by_uri ON records (uri)")
    for filename, position, url in package.pages:
        if next(records.rows("SELECT 1 FROM records WHERE uri = ?", (url,)), None) is None:
            yield find(
                "wacz-pages",
                f"{package.name}!{filename}",
                "page that no record of the package holds",
                offset=position,
                got=url,
            )


def _read_rest(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], package: _Package) -> Iterator[Finding]:
    """Read every entry that was not read yet, for its digest."""
    for filename, info in entries.items():
        if filename not in package.digests:
            entry, broken = _open(archive, info, package)
            yield from broken
            if entry is not None:
                yield from _finish(package, entry, filename)


def _check_datapackage(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], package: _Package
) -> Iterator[Finding]:
    data, fault = _read_json(archive, entries, _DATAPACKAGE, package)
    if data is None:
        yield find("wacz-datapackage", package.name, _DATAPACKAGE, got=fault, expected="a JSON object")
        return
    for key, expected in (("profile", "data-package"), ("wacz_version", "1.1.1")):
        value = data.get(key)
        if value != expected and not (key == "wacz_version" and value in {"1.0.0", "1.1.0", "1.2.0"}):
            yield find("wacz-datapackage", f"{package.name}!{_DATAPACKAGE}", key, got=value, expected=expected)
    listed: set[str] = set()
    resources = data.get("resources")
    for resource in resources if isinstance(resources, list) else []:
        yield from _check_resource(resource, package, entries, listed)
    if not listed:
        yield find(
            "wacz-datapackage",
            f"{package.name}!{_DATAPACKAGE}",
            "resources",
            got="none",
            expected="every file of the package",
        )
    for filename in sorted(entries.keys() - listed - {_DATAPACKAGE, _DATAPACKAGE_DIGEST}):
        yield find("wacz-unlisted", f"{package.name}!{filename}", f"entry that {_DATAPACKAGE} does not list")
    if _DATAPACKAGE_DIGEST in entries:
        digest, fault = _read_json(archive, entries, _DATAPACKAGE_DIGEST, package)
        stated = (digest or {}).get("hash")
        found = f"sha256:{package.digests.get(_DATAPACKAGE, ('', 0))[0]}"
        if stated != found:
            yield find(
                "wacz-digest",
                f"{package.name}!{_DATAPACKAGE_DIGEST}",
                f"hash of {_DATAPACKAGE}",
                got=found,
                expected=stated or fault,
            )


def _check_resource(
    resource: Any, package: _Package, entries: dict[str, zipfile.ZipInfo], listed: set[str]
) -> Iterator[Finding]:
    path = resource.get("path") if isinstance(resource, dict) else None
    if not isinstance(path, str):
        yield find(
            "wacz-datapackage",
            f"{package.name}!{_DATAPACKAGE}",
            "a resource",
            got=resource,
            expected="name, path, hash, bytes",
        )
        return
    listed.add(path)
    if path not in entries:
        yield find("wacz-resource", package.name, f"resource of {_DATAPACKAGE}", got="no such entry", expected=path)
    elif path in package.digests:
        sha256, size = package.digests[path]
        if resource.get("hash") != f"sha256:{sha256}":
            yield find(
                "wacz-digest",
                f"{package.name}!{path}",
                "hash",
                got=f"sha256:{sha256}",
                expected=resource.get("hash") or "none stated",
            )
        if resource.get("bytes") != size:
            yield find(
                "wacz-digest",
                f"{package.name}!{path}",
                "bytes",
                got=size,
                expected=resource.get("bytes") or "none stated",
            )


def _read_json(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], filename: str, package: _Package
) -> tuple[dict[str, Any] | None, str]:
    info = entries.get(filename)
    if info is None:
        return None, "no such entry"
    entry, broken = _open(archive, info, package)
    if entry is None:
        return None, broken[0].got or ""
    data = b""
    while len(data) <= JSON_LIMIT_BYTES and (more := entry.read(READ_BYTES)):
        data += more
    try:
        value = json.loads(data) if len(data) <= JSON_LIMIT_BYTES else None
    except (ValueError, RecursionError) as error:
        return None, str(error)
    return (value, "") if isinstance(value, dict) else (None, "something else")
