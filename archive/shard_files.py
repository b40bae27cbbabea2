"""A shard's files: checked against its manifests, put among the archive's.

A shard comes from another machine. Nothing of it is taken whose digest is not the stated one, and no name of it leads out of the
folder that it belongs to.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archive.errors import ArchiveWriteError, ShardRefused
from archive.manifest import HEAD, manifest_folder, manifest_names, read_head
from archive.writer import sync_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from archive.rows import Row
    from archive.shards import Shard

LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")
MEMBER = re.compile(
    r"(?:shard\.json|report\.json|pace\.json|crawl\.log|catalog\.db"
    r"|warc/(?P<agency>[A-Za-z0-9][A-Za-z0-9_-]*)/(?P=agency)-\d{14}-\d{5,}\.warc\.gz(?:\.tail-[0-9TZ]+(?:-\d+)?)?"
    r"|manifests/[A-Za-z0-9][A-Za-z0-9_-]*/(?:HEAD|[A-Za-z0-9._-]+\.(?:sha256|tsr|tsq|pem))"
    r"|notices/[A-Za-z0-9][A-Za-z0-9_-]*\.json|kept/[A-Za-z0-9][A-Za-z0-9_-]*\.(?:warc\.gz|index))"
)
PIECE_BYTES = 1 << 20


@dataclass(slots=True)
class NewFiles:
    """What a shard has of an agency that the archive has not."""

    warcs: list[Path] = field(default_factory=list)
    tails: list[Path] = field(default_factory=list)  # laid aside after crashes
    manifests: list[Path] = field(default_factory=list)  # in their order


def check_files(shard: Shard, agency: str, rows: Sequence[Row], data_dir: Path) -> NewFiles:
    """Return an agency's new files, each with the digest that the shard's catalog and manifests state.

    Args:
        shard: whose.
        agency: one of its agencies.
        rows: the new rows of ``warc_files`` in its catalog.
        data_dir: the archive's data directory, whose files of the same names must be the same.

    Raises:
        ShardRefused: a file is missing, damaged, or of another name or digest; or the chain of manifests does not go on from
            the archive's.
    """
    found, stated = _check_chain(shard, agency, data_dir)
    folder = shard.folder / "warc" / agency
    for row in rows:
        path = shard.folder / row["path"]
        if not MEMBER.fullmatch(row["path"]) or path.parent != folder:
            raise ShardRefused(
                f"{shard.folder}: its catalog names a WARC file {row['path']!r}: no name of one of {agency}",
                zh=f"{shard.folder}：其目录库写有 WARC 文件 {row['path']!r}，不是 {agency} 的文件名",
            )
        if row["sha256"] is None:
            raise ShardRefused(
                f"{path} is not closed: the worker still writes it, or its catalog was cut off",
                zh=f"{path} 还没有关闭：工作机仍在写它，或其目录库被截断",
            )
        if stated.get(row["path"]) != row["sha256"]:
            raise ShardRefused(
                f"{path}: its catalog states SHA-256 {row['sha256']}, its manifests {stated.get(row['path'])}; "
                "take the shard again from its worker",
                zh=f"{path}：其目录库写 SHA-256 为 {row['sha256']}，清单写 {stated.get(row['path'])}；请从它的工作机重新取这个分片",
            )
        _check_digest(path, row["sha256"])
        _check_free(data_dir / row["path"], row["sha256"])
        found.warcs.append(path)
    if folder.is_dir():
        tails = [path for path in folder.iterdir() if ".tail-" in path.name]
        found.tails = sorted(
            path for path in tails if not path.is_symlink() and MEMBER.fullmatch(relative(shard, path))
        )
    return found


def _check_chain(shard: Shard, agency: str, data_dir: Path) -> tuple[NewFiles, dict[str, str]]:
    """Return an agency's new manifests and what they state: digest by path of the WARC files."""
    folder, here = manifest_folder(shard.folder, agency), manifest_folder(data_dir, agency)
    last = shard.bases[agency].head
    shipped = last.rpartition("/")[2] if last else ""
    lines = {last}
    found, stated = NewFiles(), {}
    for name in manifest_names(folder):
        if name <= shipped:
            continue
        data = (folder / name).read_bytes()
        read = [match for line in data.decode("utf-8", "replace").splitlines() if (match := LINE.fullmatch(line))]
        before = [match[0] for match in read if match[2].startswith("manifests/")]
        if before != ([last] if last else []):
            raise ShardRefused(
                f"{folder / name} goes on from {before or 'nothing'}, {last or 'nothing'} was expected",
                zh=f"{folder / name} 接在 {before or '空'} 之后，应为 {last or '空'}",
            )
        stated.update({match[2]: match[1] for match in read if match[2].startswith("warc/")})
        last = f"{hashlib.sha256(data).hexdigest()}  manifests/{agency}/{name}"
        lines.add(last)
        found.manifests.append(folder / name)
    head, used = read_head(folder), read_head(here)
    if (str(head) if head else None) != last:
        raise ShardRefused(
            f"{folder / HEAD} names {head}, the last manifest is {last}",
            zh=f"{folder / HEAD} 写的是 {head}，最后一份清单是 {last}",
        )
    if (str(used) if used else None) not in lines:
        raise ShardRefused(
            f"{here / HEAD} names {used}: the archive's chain of manifests went on without this shard, which began at "
            f"{shard.bases[agency].head or 'its beginning'}",
            zh=f"{here / HEAD} 写的是 {used}：存档的清单链没有等这个分片就接着写了，分片始于 {shard.bases[agency].head or '开头'}",
        )
    return found, stated


def put_files(found: NewFiles, shard: Shard, agency: str, data_dir: Path, *, link: bool) -> None:
    """Put an agency's new files among the archive's: WARC files, then manifests, then the HEAD; what is there already stays.

    Args:
        found: from :func:`check_files`.
        shard: whose.
        agency: one of its agencies.
        data_dir: the archive's data directory.
        link: the shard's own files go away afterwards, so that no second copy is needed where a link can be made.

    Raises:
        ArchiveWriteError: the disk refuses; doing it again goes on.
    """
    try:
        for paths, name in (([*found.warcs, *found.tails], "warc"), (found.manifests, "manifests")):
            folder = data_dir / name / agency
            if paths:
                folder.mkdir(parents=True, exist_ok=True)
                for parent in (data_dir, folder.parent):
                    sync_folder(parent)
            for path in paths:
                if not (folder / path.name).exists():
                    _put_file(path, folder / path.name, link=link and name == "warc")
            if paths:
                sync_folder(folder)
        if found.manifests:
            _put_file(found.manifests[-1].with_name(HEAD), manifest_folder(data_dir, agency) / HEAD, link=False)
        told = shard.folder / "notices" / f"{agency}.json"
        if told.is_file() and not told.is_symlink():
            (data_dir / "notices").mkdir(exist_ok=True)
            _put_file(told, data_dir / "notices" / told.name, link=False)
    except OSError as error:
        raise ArchiveWriteError(
            f"{data_dir}: a file of shard {shard.name} cannot be put there ({error.strerror or error}); the shard is as it "
            "was: make room or give write permission, then merge it again",
            zh=f"{data_dir}：分片 {shard.name} 的一个文件不能放入（{error.strerror or error}）；分片没有动：请腾出空间或给予写权限，再并入一次",
        ) from error


def _put_file(source: Path, target: Path, *, link: bool) -> None:
    """Put one file in its place, durable; at every instant it is there whole or not at all."""
    made = target.with_name(f".{target.name}.merging")
    made.unlink(missing_ok=True)  # of a merge that was cut off
    if link:
        with suppress(OSError):  # another file system, or one without links
            os.link(source, target)
            return
    with source.open("rb") as file, made.open("wb") as copy:
        shutil.copyfileobj(file, copy, PIECE_BYTES)
        copy.flush()
        os.fsync(copy.fileno())
    made.replace(target)
    sync_folder(target.parent)


def _check_digest(path: Path, sha256: str) -> None:
    if path.is_symlink() or not path.is_file():
        raise ShardRefused(
            f"{path}: a WARC file of the shard is not there; take the shard again from its worker",
            zh=f"{path}：分片缺这个 WARC 文件；请从它的工作机重新取这个分片",
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ShardRefused(
            f"{path} has SHA-256 {found}, {sha256} was stated: it was damaged on its way; take it again",
            zh=f"{path} 的 SHA-256 为 {found}，所称为 {sha256}：在路上损坏了；请重新取",
        )


def _check_free(path: Path, sha256: str) -> None:
    """See that what bears a file's name in the archive already is that file: put there by a merge that was cut off."""
    if not path.exists() and not path.is_symlink():
        return
    if path.is_symlink() or not path.is_file():
        raise ShardRefused(
            f"{path} is no regular file; remove it, then merge again", zh=f"{path} 不是普通文件；请删去它，再并入一次"
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ShardRefused(
            f"{path} is there already with SHA-256 {found}, the shard's file of this name has {sha256}",
            zh=f"{path} 已经存在，SHA-256 为 {found}，分片里同名文件为 {sha256}",
        )


def relative(shard: Shard, path: Path) -> str:
    """Return the name of a shard's file within it."""
    return path.relative_to(shard.folder).as_posix()
