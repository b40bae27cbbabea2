"""Single files given by name: WARC files, CDXJ indexes, WACZ packages, manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.errors import ArchiveError
from archive.verify.across import Records
from archive.verify.findings import find, limited
from archive.verify.reading import Counts, read_files
from archive.verify.scan import Job, scan_here, scan_path

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from archive.progress import Progress
    from archive.verify.findings import Finding
    from archive.verify.scan import Scan

OPEN = ".open"
HEAD = "HEAD"  # of the manifests

_WARC = (".warc.gz", ".warc", f".warc.gz{OPEN}", f".warc{OPEN}")
_IN_DATA = ("catalog.db", "warc", "manifests")
_INDEX = (".cdxj", ".cdx", ".cdxj.gz", ".cdx.gz")


class UnknownKind(ArchiveError):
    """A path is not there, or its name tells no kind of file that can be verified."""


def verify_paths(
    paths: Sequence[Path], *, deep: bool, counts: Counts, progress: Progress, scan: Scan = scan_here
) -> Iterator[Finding]:
    """Yield everything that is wrong with the files given; WARC files are held against each other too.

    A folder is a data directory. Raises :class:`UnknownKind` before anything is read.
    """
    for path in paths:
        if not path.exists():
            raise UnknownKind(f"{path}: no such file", zh=f"{path}：没有这个文件")
        if not path.is_dir() and not path.name.endswith((*_WARC, *_INDEX, ".wacz", ".sha256")) and path.name != HEAD:
            raise UnknownKind(
                f"{path}: no .warc.gz, .warc, .cdxj, .wacz or .sha256 file, and no data directory",
                zh=f"{path}：不是 .warc.gz、.warc、.cdxj、.wacz、.sha256 文件，也不是数据目录",
            )
        if path.is_dir() and not any((path / name).exists() for name in _IN_DATA):
            raise UnknownKind(
                f"{path}: a folder without {', '.join(_IN_DATA)}: no data directory, nothing in it was verified; name "
                "one, or the files themselves (of a bag its folder data)",
                zh=f"{path}：没有 {'、'.join(_IN_DATA)}，不是数据目录，未核验任何文件；请指明数据目录或文件本身（BagIt 包指其 data 目录）",
            )
    unlimited = _verify(list(dict.fromkeys(paths)), deep=deep, scan=scan, counts=counts, progress=progress)
    return limited(unlimited)


def _verify(paths: Sequence[Path], *, deep: bool, scan: Scan, counts: Counts, progress: Progress) -> Iterator[Finding]:
    warcs = [path for path in paths if path.is_file() and path.name.endswith(_WARC)]
    if warcs:
        with Records(whole=False) as records:
            wanted = [_job(path) for path in warcs]
            yield from read_files(wanted, records, scan, counts, progress, {})
            yield from records.check()
    for path in paths:
        if path.is_dir():
            from archive.verify.datadir import verify_data  # noqa: PLC0415 -- imports that a single file need not pay

            yield from verify_data(path, deep=deep, scan=scan, counts=counts, progress=progress)
        elif path.name.endswith(_INDEX):
            yield from _verify_index(path, counts)
        elif path.name.endswith(".wacz"):
            from archive.verify.wacz import check_wacz  # noqa: PLC0415 -- zipfile takes a while to import

            yield from check_wacz(path, str(path), counts)
        elif path.name.endswith(".sha256") or path.name == HEAD:
            yield from _verify_manifest(path, scan, counts, progress)


def _job(path: Path) -> Job:
    return Job(path.resolve(), str(path), path.name.removesuffix(OPEN), path.stat().st_size)


def _verify_index(path: Path, counts: Counts) -> Iterator[Finding]:
    """Read an index, then the records of the WARC files it names, which lie beside it or in a data directory above."""
    import gzip  # noqa: PLC0415 -- the same

    from archive.verify.cdxj import check_index, indexed_files, read_index  # noqa: PLC0415

    counts.files += 1
    with Records() as records:
        try:
            with path.open("rb") as file:
                raw: io.BufferedIOBase = gzip.GzipFile(fileobj=file) if path.name.endswith(".gz") else file
                yield from read_index(raw, str(path), records)
        except (OSError, EOFError) as error:
            yield find("file-unreadable", str(path), "the index cannot be read", got=str(error))
        places: dict[str, str] = {}
        for filename in indexed_files(records):
            found = _find_warc(path, filename)
            if found is not None:
                places[filename] = str(found)
                for batch in scan_path(Job(found.resolve(), str(found), None, 0)):
                    records.put(batch.file, batch.rows)
                    counts.records += len(batch.rows)
        yield from check_index(records, places.get)


def _find_warc(index: Path, filename: str) -> Path | None:
    folders = (index.parent, index.parent / "archive", *(parent for parent in index.absolute().parents[:4]))
    candidates = [folder / filename for folder in folders] + [index.parent.parent / "archive" / filename]
    candidates += [found for folder in folders for found in sorted(folder.glob(f"warc/*/{_escaped(filename)}"))]
    return next((path for path in candidates if path.is_file() and not path.is_symlink()), None)


def _escaped(filename: str) -> str:
    name = filename.rpartition("/")[2]
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _verify_manifest(path: Path, scan: Scan, counts: Counts, progress: Progress) -> Iterator[Finding]:
    """Check the files that one manifest names, the manifest before it among them; its own place is HEAD's to tell."""
    from archive.verify.manifests import FOLDER, parse_manifest, read_small  # noqa: PLC0415 -- the same

    data_dir = path.absolute().parent.parent.parent
    counts.files += 1
    try:
        manifest = parse_manifest(read_small(path.resolve()), str(path), 0)
    except OSError as error:
        yield find("file-unreadable", str(path), "the manifest cannot be read", got=error.strerror or str(error))
        return
    for position, line in manifest.bad_lines:
        yield find("manifest-syntax", str(path), "line of the manifest", offset=position, got=line)
    wanted = []
    for name in manifest.files:
        file = data_dir / name
        if file.is_file() and not file.is_symlink():
            wanted.append(Job(file, name, file.name, file.stat().st_size))
        else:
            yield find("manifest-file", name, f"file of {path}", got="no such file")
    digests: dict[str, tuple[str, int]] = {}
    with Records() as records:
        yield from read_files(wanted, records, scan, counts, progress, digests)
    for name, (sha256, _) in digests.items():
        if sha256 != manifest.files[name]:
            yield find(
                "manifest-digest", name, f"SHA-256 of the file; {path}", got=sha256, expected=manifest.files[name]
            )
    if manifest.previous is not None:
        name, sha256 = manifest.previous
        before = data_dir / name
        if not before.is_file() or before.is_symlink():
            yield find(
                "manifest-missing", name, f"manifest before {path}", got="no such file", expected=f"below {FOLDER}"
            )
        else:
            found = parse_manifest(read_small(before), name, 0).sha256
            if found != sha256:
                yield find("manifest-digest", name, f"SHA-256 of the manifest; {path}", got=found, expected=sha256)
