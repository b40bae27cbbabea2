"""A shard as one file, for workers that share no folder with the archive: packed, and unpacked with every digest compared.

A shard comes from another machine: nothing of it is taken whose digest is not the stated one, and no name of it leads out of the
folder that it belongs to.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import sys
import tarfile
from typing import IO, TYPE_CHECKING

from archive.errors import ArchiveWriteError, ShardRefused
from archive.kept import KEPT
from archive.shard_files import LINE, MEMBER, PIECE_BYTES, relative
from archive.shards import open_settled, read_shard
from archive.writer import sync_folder, utc_now

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from archive.shards import Shard
    from archive.writer import Now

SUMS = "SHA256SUMS"
"""First member of a packed shard: every other one with its digest, as ``sha256sum`` writes it."""

PACKED_SUFFIX = ".tar.zst"
LARGEST_SUMS_BYTES = 64 << 20


def pack(shard: Shard, target: Path, *, back: bool = False, now: Now = utc_now) -> Path:
    """Write a shard as one file (tar, zstd) with the digest of each member.

    What a dead process left open in it is closed first; its captures go with it.

    Args:
        shard: just checked out, or on its way back.
        target: the file; a part of it bears another name until it is whole.
        back: on the way back: the records that were shipped to be read again stay out.
        now: the clock.

    Raises:
        ArchiveBusy: a process is crawling in it.
        ArchiveWriteError: the disk refuses.
    """
    open_settled(shard, now).close()
    made = target.with_name(f".{target.name}.part")
    try:
        members = [path for path in _members(shard) if not (back and path.is_relative_to(shard.folder / KEPT))]
        sums = "".join(f"{_digest(path)}  {relative(shard, path)}\n" for path in members)
        with made.open("wb") as file:
            with zstd.ZstdFile(file, "wb", level=3) as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
                listed = tarfile.TarInfo(SUMS)
                data = sums.encode()
                listed.size = len(data)
                tar.addfile(listed, io.BytesIO(data))
                for path in members:
                    info = tarfile.TarInfo(relative(shard, path))
                    info.size = path.stat().st_size
                    with path.open("rb") as source:
                        tar.addfile(info, source)
            file.flush()
            os.fsync(file.fileno())
        made.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        made.unlink(missing_ok=True)
        raise ArchiveWriteError(
            f"{target}: the shard cannot be packed ({error.strerror or error}); make room",
            zh=f"{target}：分片不能打包（{error.strerror or error}）；请腾出空间",
        ) from error
    return target


def unpack(packed: Path, into: Path) -> Path:
    """Unpack a shard below a folder, each member compared with its digest; returns the shard's folder.

    Links, names that lead out, members that are not stated, and any other digest or size than the stated are refused.
    A shard that is there already is replaced.

    Raises:
        ShardRefused: it is no packed shard, or damaged; nothing of it stays.
        ArchiveWriteError: the disk refuses.
    """
    made = into / f".{packed.name}.{secrets.token_hex(8)}.unpacking"  # several may be unpacked here at once
    try:
        made.mkdir(parents=True)
        try:
            with packed.open("rb") as file, zstd.ZstdFile(file) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
                _unpack_members(tar, made, packed)
        except (tarfile.TarError, zstd.ZstdError, EOFError) as error:
            raise ShardRefused(
                f"{packed} is no packed shard, or damaged on its way ({error}); take it again",
                zh=f"{packed} 不是打包的分片，或在路上损坏了（{error}）；请重新取",
            ) from error
        name = read_shard(made).name
        folder = into / name
        old = made.with_suffix(".replaced")
        if folder.exists():
            folder.rename(old)
        made.rename(folder)
        sync_folder(into)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise ArchiveWriteError(
            f"{into}: {packed} cannot be unpacked ({error.strerror or error}); make room",
            zh=f"{into}：{packed} 不能解包（{error.strerror or error}）；请腾出空间",
        ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def _unpack_members(tar: tarfile.TarFile, made: Path, packed: Path) -> None:
    stated: dict[str, str] | None = None
    for info in tar:
        if not info.isreg():
            raise ShardRefused(
                f"{packed}: member {info.name!r} is no regular file: such a shard is not taken",
                zh=f"{packed}：成员 {info.name!r} 不是普通文件，这样的分片不收",
            )
        source = tar.extractfile(info)
        if source is None:
            raise ShardRefused(
                f"{packed}: member {info.name!r} cannot be read", zh=f"{packed}：成员 {info.name!r} 读不出来"
            )
        if stated is None:
            if info.name != SUMS or info.size > LARGEST_SUMS_BYTES:
                raise ShardRefused(
                    f"{packed} begins with {info.name!r}, {SUMS} was expected: no packed shard",
                    zh=f"{packed} 以 {info.name!r} 开头，应为 {SUMS}：不是打包的分片",
                )
            lines = [LINE.fullmatch(line) for line in source.read().decode("utf-8", "replace").splitlines()]
            stated = {match[2]: match[1] for match in lines if match}
            continue
        expected = stated.pop(info.name, None)
        if expected is None or not MEMBER.fullmatch(info.name):
            raise ShardRefused(
                f"{packed}: member {info.name!r} is not stated in {SUMS}, or no file of a shard",
                zh=f"{packed}：成员 {info.name!r} 不在 {SUMS} 里，或不是分片的文件",
            )
        target = made / info.name
        target.parent.mkdir(parents=True, exist_ok=True)
        durable = not info.name.startswith(f"{KEPT}/")  # what the archive has anyway need not outlive a loss of power
        if (found := _copy(source, target, durable=durable)) != expected:
            raise ShardRefused(
                f"{packed}: {info.name} has SHA-256 {found}, {expected} was stated: damaged on its way; take it again",
                zh=f"{packed}：{info.name} 的 SHA-256 为 {found}，所称为 {expected}：在路上损坏了；请重新取",
            )
    if stated is None or stated:
        raise ShardRefused(
            f"{packed} lacks {', '.join(sorted(stated or {SUMS: ''})[:3])}: cut off on its way; take it again",
            zh=f"{packed} 缺 {', '.join(sorted(stated or {SUMS: ''})[:3])}：在路上被截断；请重新取",
        )


def _copy(source: IO[bytes], target: Path, *, durable: bool) -> str:
    digest = hashlib.sha256()
    with target.open("wb") as file:
        while piece := source.read(PIECE_BYTES):
            digest.update(piece)
            file.write(piece)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    return digest.hexdigest()


def _members(shard: Shard) -> Iterator[Path]:
    """Yield the files of a shard that go with it, the same ones in the same order each time."""
    for path in sorted(shard.folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and MEMBER.fullmatch(relative(shard, path)):
            yield path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
