"""The chain of manifests: each one against the files it names, against the one before it, and against the WARC files."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from archive.verify.findings import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from archive.verify.across import Records
    from archive.verify.findings import Finding

FOLDER = "manifests"
HEAD = "HEAD"
STAMP = ".tsr"
LIMIT_BYTES = 64 << 20

_NAME = re.compile(r"(\d{6})-([A-Za-z0-9._-]+)\.sha256")
_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n\x00]+)")
_PREVIOUS = re.compile(r"sha256:([0-9a-f]{64}) ([^\r\n]+)")


@dataclass(slots=True)
class Manifest:
    """One manifest as it stands."""

    path: str  # relative to the data directory
    number: int
    sha256: str
    files: dict[str, str] = field(default_factory=dict)  # WARC file → digest
    previous: tuple[str, str] | None = None  # path, digest
    crawl: str | None = None
    bad_lines: list[tuple[int, str]] = field(default_factory=list)


def read_small(path: Path) -> bytes:
    """Return a small regular file's bytes; symbolic links are not followed. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            message = "not a regular file"
            raise OSError(message)
        data = file.read(LIMIT_BYTES + 1)
    if len(data) > LIMIT_BYTES:
        message = f"more than {LIMIT_BYTES} bytes"
        raise OSError(message)
    return data


def safe_path(path: str) -> bool:
    """Tell whether a path from a file stays below the folder it is relative to."""
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts and "\\" not in path and path != ""


def parse_manifest(data: bytes, path: str, number: int) -> Manifest:
    """Take a manifest apart."""
    manifest = Manifest(path, number, hashlib.sha256(data).hexdigest())
    text = data.decode("utf-8", "replace")
    if text and not text.endswith("\n"):
        manifest.bad_lines.append((text.count("\n") + 1, "the last line does not end"))
    for position, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        if line.startswith("#"):
            if line.startswith("# crawl: "):
                manifest.crawl = line.removeprefix("# crawl: ")
            continue
        match = _LINE.fullmatch(line)
        if match is None or not safe_path(match[2]):
            manifest.bad_lines.append((position, line))
        elif match[2].startswith(f"{FOLDER}/"):
            if manifest.previous is not None:
                manifest.bad_lines.append((position, line))
            manifest.previous = (match[2], match[1])
        elif match[2] in manifest.files:
            manifest.bad_lines.append((position, line))
        else:
            manifest.files[match[2]] = match[1]
    return manifest


class Chains:
    """The manifests of a data directory, one chain per agency."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._chains: dict[str, list[Manifest]] = {}

    def check(self, digests: Mapping[str, str], live: frozenset[str]) -> Iterator[Finding]:
        """Yield what is wrong with the manifests.

        Args:
            digests: SHA-256 of each closed WARC file that was read, by path relative to the data directory.
            live: agencies that are being crawled: their newest files have no manifest yet.
        """
        folder = self._data_dir / FOLDER
        agencies = {path.split("/")[1] for path in digests}
        if folder.is_dir() and not folder.is_symlink():
            for entry in sorted(folder.iterdir()):
                if entry.is_dir() and not entry.is_symlink():
                    agencies.add(entry.name)
                else:
                    yield find("file-extra", f"{FOLDER}/{entry.name}", "something that is no agency's folder")
        for agency in sorted(agencies):
            yield from self._check_chain(agency)
            yield from self._check_files(agency, digests, agency in live)

    def check_warcinfo(self, records: Records) -> Iterator[Finding]:
        """Yield WARC files that state another manifest before their crawl than the chain has there."""
        places = {
            path: (agency, at)
            for agency, chain in self._chains.items()
            for at, one in enumerate(chain)
            for path in one.files
        }
        for row in records.rows(
            "SELECT file, offset, record_id, previous_manifest FROM records WHERE previous_manifest IS NOT NULL"
        ):
            said = row["previous_manifest"]
            match = _PREVIOUS.fullmatch(said)
            before: Manifest | None = None
            agency, at = places.get(
                row["file"], (row["file"].split("/")[1] if row["file"].count("/") > 1 else "", None)
            )
            chain = self._chains.get(agency, [])
            if at is None:
                known = said == "none" or any(match and match[1] == one.sha256 for one in chain)
                expected = "a manifest that is there"
            else:
                before = chain[at - 1] if at else None
                known = said == ("none" if before is None else f"sha256:{before.sha256} {before.path}")
                expected = "none" if before is None else f"sha256:{before.sha256} {before.path}"
            if not known:
                yield find(
                    "manifest-warcinfo",
                    row["file"],
                    "previousManifest of warcinfo",
                    offset=row["offset"],
                    record_id=row["record_id"],
                    got=said,
                    expected=expected,
                )

    def check_crawls(self, records: Records) -> Iterator[Finding]:
        """Yield crawls of the catalog that have WARC files and no manifest, or stand in another order there."""
        for agency, chain in self._chains.items():
            order = {one.crawl: at for at, one in enumerate(chain) if one.crawl}
            last, last_crawl = -1, ""
            for row in records.rows(
                "SELECT id, outcome FROM crawls AS c WHERE agency = ? AND outcome <> 'running' AND EXISTS"
                " (SELECT 1 FROM warc_files AS w WHERE w.crawl_id = c.id AND w.closed_at IS NOT NULL)"
                " ORDER BY started_at, id",
                (agency,),
            ):
                at = order.get(row["id"])
                if at is None:
                    if chain:
                        yield find(
                            "manifest-missing",
                            f"{FOLDER}/{agency}",
                            "manifest of a crawl of the catalog",
                            got="none",
                            expected=row["id"],
                        )
                    continue
                if at < last:
                    yield find(
                        "manifest-order",
                        chain[at].path,
                        "crawl before one that began earlier",
                        got=row["id"],
                        expected=f"behind {last_crawl}",
                    )
                last, last_crawl = at, row["id"]
            known = {row["id"] for row in records.rows("SELECT id FROM crawls WHERE agency = ?", (agency,))}
            for one in chain:
                if one.crawl not in known:
                    yield find(
                        "manifest-chain",
                        one.path,
                        "a crawl that the catalog does not know",
                        got=one.crawl or "none named",
                    )

    def _check_chain(self, agency: str) -> Iterator[Finding]:
        folder = self._data_dir / FOLDER / agency
        chain: list[Manifest] = []
        self._chains[agency] = chain
        if not folder.is_dir() or folder.is_symlink():
            return
        head: bytes | None = None
        for path in sorted(folder.iterdir()):
            name = f"{FOLDER}/{agency}/{path.name}"
            match = _NAME.fullmatch(path.name)
            if match is None and path.name != HEAD:
                if path.suffix == STAMP:
                    yield from _check_stamp(path, name)
                else:
                    yield find(
                        "manifest-name",
                        name,
                        "a file among the manifests",
                        got=path.name,
                        expected="NNNNNN-CRAWL.sha256",
                    )
                continue
            try:
                data = read_small(path)
            except OSError as error:
                yield find("file-unreadable", name, "the manifest cannot be read", got=error.strerror or str(error))
                continue
            if match is None:
                head = data
                continue
            chain.append(parse_manifest(data, name, int(match[1])))
        for one in chain:
            for position, line in one.bad_lines:
                yield find(
                    "manifest-syntax",
                    one.path,
                    "line of the manifest",
                    offset=position,
                    got=line,
                    expected="SHA-256, two blanks, path",
                )
        yield from _check_links(chain)
        yield from _check_head(chain, head, f"{FOLDER}/{agency}/{HEAD}")

    def _check_files(self, agency: str, digests: Mapping[str, str], live: bool) -> Iterator[Finding]:  # noqa: FBT001
        chain = self._chains[agency]
        owners: dict[str, Manifest] = {}
        for one in chain:
            for path, sha256 in one.files.items():
                if path in owners:
                    yield find(
                        "manifest-twice",
                        one.path,
                        "file of an earlier manifest too",
                        got=path,
                        expected=owners[path].path,
                    )
                owners[path] = one
                if path not in digests:
                    yield find(
                        "manifest-file", path, f"file of {one.path}", got="no such file", expected=f"sha256 {sha256}"
                    )
                elif digests[path] != sha256:
                    yield find(
                        "manifest-digest", path, f"SHA-256 of the file; {one.path}", got=digests[path], expected=sha256
                    )
        if not live:
            for path in sorted(digests):
                if path.split("/")[1] == agency and path not in owners:
                    yield find(
                        "manifest-lacks", path, "in no manifest", expected="one: the next crawl of the agency writes it"
                    )


def _check_stamp(path: Path, name: str) -> Iterator[Finding]:
    """Compare a time stamp with the manifest it stands for; who signed it is for OpenSSL to say (docs/archive.md)."""
    manifest = path.with_suffix(".sha256")
    try:
        digest = hashlib.sha256(read_small(manifest)).digest()
        fits = digest in read_small(path)  # the stamp holds the digest's bytes as they are (RFC 3161 section 2.4.1)
    except OSError as error:
        yield find("timestamp", name, "stamp and its manifest", got=error.strerror or str(error))
        return
    if not fits:
        yield find("timestamp", name, "digest that was stamped", got="another", expected=f"sha256:{digest.hex()}")


def _check_links(chain: list[Manifest]) -> Iterator[Finding]:
    before: Manifest | None = None
    for one in chain:
        expected_number = before.number + 1 if before else 1
        if before is not None and one.number == before.number:
            yield find("manifest-twice", one.path, "number of the manifest", got=one.number, expected=expected_number)
        elif one.number != expected_number:
            missing = f"{expected_number:06d}" + (
                f" to {one.number - 1:06d}" if one.number - 1 > expected_number else ""
            )
            gap = one.previous[0] if one.previous and one.number - 1 == expected_number else one.path
            yield find(
                "manifest-missing",
                gap,
                "manifest before this one" if gap == one.path else "manifest",
                got="no such file",
                expected=missing,
            )
        if before is None:
            if one.previous is not None and one.number == 1:
                yield find(
                    "manifest-chain", one.path, "manifest before the first", got=one.previous[0], expected="none"
                )
        elif one.previous is None:
            yield find("manifest-chain", one.path, "manifest before this one", got="none named", expected=before.path)
        elif one.previous[0] != before.path:
            yield find(
                "manifest-chain", one.path, "manifest before this one", got=one.previous[0], expected=before.path
            )
        elif one.previous[1] != before.sha256:
            yield find(
                "manifest-digest",
                before.path,
                f"SHA-256 of the manifest; {one.path}",
                got=before.sha256,
                expected=one.previous[1],
            )
        before = one


def _check_head(chain: list[Manifest], head: bytes | None, path: str) -> Iterator[Finding]:
    if head is None:
        if chain:
            yield find("manifest-head", path, "the chain's HEAD", got="no such file", expected=chain[-1].path)
        return
    match = _LINE.fullmatch(head.decode("utf-8", "replace").removesuffix("\n"))
    if match is None or not head.endswith(b"\n"):
        yield find("manifest-head", path, "the line of HEAD", got=head[:200], expected="SHA-256, two blanks, path")
        return
    named = next((one for one in chain if one.path == match[2]), None)
    if named is None:
        yield find(
            "manifest-missing", match[2], "manifest that HEAD names", got="no such file", expected=f"sha256 {match[1]}"
        )
    elif named is not chain[-1]:
        yield find("manifest-head", path, "the last manifest", got=match[2], expected=chain[-1].path)
    elif named.sha256 != match[1]:
        yield find("manifest-digest", named.path, "SHA-256 of the manifest; HEAD", got=named.sha256, expected=match[1])
