"""An agency's archive as a bag (BagIt 1.0, RFC 8493): WARC files, index and documents with their checksums, to deposit.

Bags are written here rather than by the library ``bagit``, of which there is no wheel: the locked environment takes none
but wheels. Its ``bagit.py --validate`` accepts them.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from contextlib import closing
from pathlib import PurePath
from typing import TYPE_CHECKING

from archive import catalog_reads as reads
from archive.catalog_exchange import Choice, chosen, chosen_captures, count_chosen, warc_files
from archive.cdxj import SortedLines, cdxj_line, export_cdxj
from archive.codings import PIECE_BYTES
from archive.curtain import count_hidden
from archive.errors import ArchiveBusy, ArchiveWriteError, DigestMismatch
from archive.excerpt import Excerpt, Measured
from archive.export import export_documents, write_jsonl
from archive.manifest import FOLDER, HEAD, manifest_folder, manifest_names
from archive.progress import silent, told
from archive.reader import open_warc

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from archive.catalog import Catalog
    from archive.excerpt import About
    from archive.progress import Progress
    from archive.rows import Row


def export_bag(
    catalog: Catalog,
    data_dir: Path,
    output: Path,
    *,
    agency: str,
    about: About,
    day: date,
    progress: Progress = silent,
) -> int:
    """Make a bag of an agency: its WARC files, their index and its documents; ``output`` appears only when it is complete.

    The payload is ``data/warc/AGENCY/*.warc.gz`` and ``data/manifests/AGENCY/*`` as in the data directory,
    ``data/index.cdxj`` whose file names begin at ``data/``, and ``data/documents.jsonl``. ``day`` is when the bag is made;
    ``progress`` is told of ``files``, ``captures``, ``rows`` and ``checksums``.

    While documents are withheld, the records that may be shown stand in one WARC file of their own, copied byte for byte, and
    the manifests, which speak of the whole files, are left out; ``bag-info.txt`` says so.

    Returns how many WARC files.

    Raises:
        CatalogError: the agency is not in the catalog.
        ArchiveBusy: one of its WARC files is still open.
        CaptureMissing: a WARC file is not where its row says.
        DigestMismatch: a WARC file differs from its recorded digest.
        ArchiveWriteError: ``output`` is there already or cannot be made.
    """
    output = output.absolute()
    part = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
    try:
        if output.exists():
            raise ArchiveWriteError(
                f"export bag: {output} is there already; name a directory that is not, or move it away",
                zh=f"export bag：{output} 已经存在；请另选一个尚不存在的目录，或将它移走",
            )
        try:
            (part / "data" / "warc" / agency).mkdir(parents=True)
            withheld = count_hidden(catalog, agency)
            if catalog.file.withheld:
                count = _put_what_is_shown(catalog, data_dir, part / "data", agency, about, progress)
            else:
                count = _put_payload(catalog, data_dir, part / "data", agency, progress)
            _describe(part, agency, about, day, withheld, progress)
            part.rename(output)
        finally:
            shutil.rmtree(part, ignore_errors=True)  # nothing is left of it once it has its name
    except OSError as error:
        reason = error.strerror or error
        raise ArchiveWriteError(
            f"export bag: {output} cannot be made: {reason}; choose another --output or make room",
            zh=f"export bag：{output} 不能建立（{reason}）；请另选 --output 或腾出空间",
        ) from error
    return count


def _put_payload(catalog: Catalog, data_dir: Path, folder: Path, agency: str, progress: Progress) -> int:
    with catalog.snapshot():
        reads.check_agency(catalog, agency)
        files = warc_files(catalog, agency)
        for row in files:
            if row["closed_at"] is None:
                message = (
                    f"{data_dir / row['path']}: {agency} is being crawled, or its last crawl was cut off: a bag holds closed "
                    "files only; wait for the crawl, or run it again"
                )
                raise ArchiveBusy(
                    message,
                    zh=f"{data_dir / row['path']}：{agency} 正在抓取，或上次抓取被中断；BagIt 包只收已关闭的文件：请等抓取结束，或再抓取一次",
                )
        progress("files", 0, sum(row["bytes"] for row in files))
        for row in files:
            _copy_file(data_dir, row, folder, progress)
        manifests = manifest_folder(data_dir, agency)
        (folder / FOLDER / agency).mkdir(parents=True)
        names = manifest_names(manifests)
        for name in (*names, *(str(PurePath(name).with_suffix(".tsr")) for name in names), HEAD):  # .tsr: time stamps
            if (manifests / name).is_file():
                shutil.copyfile(manifests / name, folder / FOLDER / agency / name)
        with (folder / "index.cdxj").open("wb") as index:
            export_cdxj(catalog, data_dir, index, agency=agency, progress=progress)
        _put_documents(catalog, folder, agency, progress)
    return len(files)


def _put_what_is_shown(
    catalog: Catalog, data_dir: Path, folder: Path, agency: str, about: About, progress: Progress
) -> int:
    """Put the captures that are not withheld into one WARC file, with its index."""
    filename = f"{agency}-without-withheld.warc.gz"
    with (
        chosen(catalog, Choice(agency=agency)),
        SortedLines() as lines,
        (folder / "index.cdxj").open("wb") as index,
        (folder / "warc" / agency / filename).open("xb") as target,
        Excerpt(Measured(target), data_dir, catalog, filename=filename, about=about) as excerpt,
    ):
        for row in told(chosen_captures(catalog), progress, "captures", count_chosen(catalog)):
            line = cdxj_line(data_dir, row, filename=f"warc/{agency}/{filename}", offset=excerpt.copy(row))
            if line is not None:
                lines.put(line)
        index.writelines(lines)
        _put_documents(catalog, folder, agency, progress)
    return 1


def _put_documents(catalog: Catalog, folder: Path, agency: str, progress: Progress) -> None:
    with (
        (folder / "documents.jsonl").open("wb") as target,
        closing(export_documents(catalog, agency=agency)) as rows,
    ):
        write_jsonl(told(rows, progress, "rows"), target)


def _copy_file(data_dir: Path, row: Row, folder: Path, progress: Progress) -> None:
    """Copy a closed WARC file, compared with its recorded digest."""
    path, file = open_warc(data_dir, row["path"])
    digest = hashlib.sha256()
    with file, (folder / row["path"]).open("xb") as target:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            target.write(piece)
            progress("files", len(piece), 0)
    if digest.hexdigest() != row["sha256"]:
        message = (
            f"{path}: sha256 {digest.hexdigest()}, its row says {row['sha256']}; the file was damaged or changed: "
            "take it from a backup"
        )
        raise DigestMismatch(
            message,
            zh=f"{path}：sha256 为 {digest.hexdigest()}，目录库所记为 {row['sha256']}；该文件已损坏或被改动：请从备份取回",
        )


def _describe(folder: Path, agency: str, about: About, day: date, withheld: int, progress: Progress) -> None:
    """Write the tag files around the payload (RFC 8493, sections 2.1 and 2.2)."""
    payload = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
    bagged_bytes = sum(path.stat().st_size for path in payload)
    info = (
        ("External-Identifier", agency),
        ("External-Description", " ".join(about.title.split())),
        ("Bag-Software-Agent", about.software),
        ("Bagging-Date", day.isoformat()),
        ("Payload-Oxum", f"{bagged_bytes}.{len(payload)}"),
        *((("Withheld-Documents", str(withheld)),) if withheld else ()),
    )
    (folder / "bagit.txt").write_bytes(b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    (folder / "bag-info.txt").write_bytes("".join(f"{name}: {value}\n" for name, value in info).encode())
    progress("checksums", 0, bagged_bytes)
    _write_manifest(folder, "manifest-sha256.txt", payload, progress)
    tags = ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")
    _write_manifest(folder, "tagmanifest-sha256.txt", [folder / name for name in tags])


def _write_manifest(folder: Path, name: str, files: list[Path], progress: Progress = silent) -> None:
    """Write checksums; in a path percent, CR and LF are escaped (RFC 8493, section 2.1.3)."""
    with (folder / name).open("wb") as manifest:
        for path in files:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            progress("checksums", path.stat().st_size, 0)
            relative = path.relative_to(folder).as_posix()
            for character in "%\r\n":
                relative = relative.replace(character, f"%{ord(character):02X}")
            manifest.write(f"{digest}  {relative}\n".encode())
