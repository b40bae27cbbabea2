"""Shards (分片): some agencies of the archive in a data directory of their own, crawled elsewhere and merged again.

A shard is checked out under a lease (:mod:`archive.leases`). It has the agencies' rows in a catalog of its own, their manifests, so
that its crawls go on with the chain, and the records that a crawl reads again (:mod:`archive.kept`); the WARC files stay where
they are. ``shard.json`` says whose it is and what the archive had of each agency then. :mod:`archive.shard_merge` puts it back.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from archive import leases
from archive.catalog import CATALOG_NAME, Catalog
from archive.catalog_shards import copy_agencies, mark_agency
from archive.crawls import heal_manifests, recover_agency
from archive.errors import ArchiveWriteError, ShardRefused
from archive.kept import SHARD_FILE, keep_records
from archive.links import refuse_links
from archive.locks import AgencyLock
from archive.losses import refuse_losses
from archive.manifest import last_manifest, manifest_folder
from archive.rows import instant
from archive.writer import random_record_id, sync_folder, utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from archive.store import Store
    from archive.writer import Now

log = logging.getLogger(__name__)

FORMAT = 1
SHARDS = "shards"
"""Folder of the archive's data directory in which shards are checked out."""

REPORT_FILE = "report.json"
"""What the worker says when it is done with a shard; without it the shard is merged once its lease is over."""

NOTICES = "notices"
"""Folder of what was told of each agency (one JSON file each): it goes with the agency."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_AGENCY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What the archive had of an agency when the shard was checked out."""

    mark: str  # :func:`archive.catalog_shards.mark_agency`
    head: str | None  # line of the last manifest; None = there was none


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A shard, as its ``shard.json`` says."""

    folder: Path
    name: str
    group: str
    agencies: tuple[str, ...]
    holder: str
    token: int
    leased_at: str
    rows: Mapping[str, int]  # greatest row numbers that were shipped
    bases: Mapping[str, Base]
    pace: Mapping[str, Any] = field(default_factory=dict)  # what a machine must know of the group's servers (JSON)


def lend(
    store: Store,
    group: str,
    agencies: Sequence[str],
    *,
    holder: str,
    seconds: float,
    pace: Mapping[str, Any] | None = None,
    into: Path | None = None,
    now: Now = utc_now,
) -> Shard:
    """Lend agencies of one server group: take the lease and check out its shard.

    What a dead crawl left of them is repaired first.

    Args:
        store: the archive, open.
        group: name of the server group.
        agencies: which of its agencies.
        holder: who crawls them.
        seconds: how long the lease holds unless it is renewed.
        pace: what the holder's machine must know of the servers; goes into ``shard.json`` as it is.
        into: folder for the shard's folder; None: ``shards`` in the data directory.
        now: the clock.

    Raises:
        ArchiveBusy: the group or an agency is lent, or being crawled here.
        CaptureMissing: the disk lost something of an agency (:mod:`archive.losses`).
        ArchiveWriteError: the shard cannot be written; nothing is lent then.
    """
    names = tuple(sorted(set(agencies)))
    with ExitStack() as steps:
        for name in names:
            steps.callback(store.lock_agency(name).release)
            settle(store.catalog, store.data_dir, name, now=now)
        lease = leases.take(store.catalog, group, names, holder=holder, seconds=seconds, now=now())
        try:
            shard = _check_out(store, lease, pace or {}, into or store.data_dir / SHARDS)
            leases.note_shard(store.catalog, lease.token, shard.name)
        except BaseException:
            leases.release(store.catalog, lease.token)
            raise
    return shard


def settle(catalog: Catalog, data_dir: Path, agency: str, *, now: Now = utc_now) -> None:
    """Repair what a dead crawl of an agency left open and write the manifest that it lacks; the agency's lock is held.

    Raises:
        CaptureMissing: the disk lost what was committed.
        ArchiveWriteError: the disk refuses.
    """
    refuse_links(data_dir, agency)
    recover_agency(catalog, agency, data_dir / "warc" / agency, now=now, new_id=random_record_id)
    refuse_losses(catalog, agency, data_dir)
    heal_manifests(agency, data_dir, catalog.closed_warc_files(agency), now())


def read_shard(folder: Path) -> Shard:
    """Read what a shard says of itself.

    Raises:
        ShardRefused: it is none, or of a form that this version does not know.
    """
    path = folder / SHARD_FILE
    try:
        said = json.loads(path.read_text("utf-8"))
        if said["format"] != FORMAT:
            raise ShardRefused(
                f"{path} has format {said['format']!r}, this version reads {FORMAT}; update govcrawl",
                zh=f"{path} 的格式为 {said['format']!r}，本版本读 {FORMAT}；请更新 govcrawl",
            )
        shard = Shard(
            folder=folder,
            name=said["shard"],
            group=said["group"],
            agencies=tuple(said["agencies"]),
            holder=said["holder"],
            token=int(said["token"]),
            leased_at=said["leased_at"],
            rows={name: int(number) for name, number in said["rows"].items()},
            bases={name: Base(**base) for name, base in said["bases"].items()},
            pace=said["pace"],
        )
    except OSError as error:
        raise ShardRefused(
            f"{folder} is no shard: {SHARD_FILE} cannot be read ({error.strerror})",
            zh=f"{folder} 不是分片：{SHARD_FILE} 读不出来（{error.strerror}）",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ShardRefused(
            f"{path} is damaged or no shard's: {error!r}; take the shard again from its worker",
            zh=f"{path} 已损坏，或不是分片的（{error!r}）；请从它的工作机重新取这个分片",
        ) from error
    if not _NAME.fullmatch(shard.name) or not all(map(_AGENCY.fullmatch, shard.agencies)):
        raise ShardRefused(
            f"{path}: a name in it is none that this software gives: {shard.name!r}, {shard.agencies!r}",
            zh=f"{path}：其中的名称不是本软件所起：{shard.name!r}，{shard.agencies!r}",
        )
    if set(shard.bases) != set(shard.agencies) or not shard.agencies:
        raise ShardRefused(
            f"{path}: agencies {shard.agencies!r}, but bases of {sorted(shard.bases)!r}",
            zh=f"{path}：机构为 {shard.agencies!r}，而起点是 {sorted(shard.bases)!r} 的",
        )
    return shard


def open_settled(shard: Shard, now: Now = utc_now) -> Catalog:
    """Open a shard's catalog, with everything closed that a dead worker left open.

    Raises:
        ShardRefused: it has no catalog.
        ArchiveBusy: a process is crawling in it.
    """
    path = shard.folder / CATALOG_NAME
    if path.is_symlink() or not path.is_file():
        raise ShardRefused(
            f"{path} is not there: no shard, or cut off on its way; take it again from its worker",
            zh=f"没有 {path}：不是分片，或在路上被截断；请从它的工作机重新取这个分片",
        )
    (shard.folder / "locks").mkdir(exist_ok=True)
    with ExitStack() as steps:
        catalog = Catalog.open(path)
        steps.callback(catalog.close)
        for agency in shard.agencies:
            with ExitStack() as lock:
                lock.callback(AgencyLock.take(shard.folder / "locks", agency, now()).release)
                settle(catalog, shard.folder, agency, now=now)
        steps.pop_all()
    return catalog


def close_shard(folder: Path, report: Mapping[str, Any]) -> None:
    """Say that the worker is done with a shard: nothing writes into it any more, it can be merged.

    Raises:
        ArchiveWriteError: the disk refuses.
    """
    path, made = folder / REPORT_FILE, folder / f".{REPORT_FILE}.tmp"
    try:
        with made.open("w", encoding="utf-8") as file:
            file.write(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise ArchiveWriteError(
            f"{path}: cannot be written ({error.strerror or error}); make room",
            zh=f"不能写入 {path}（{error.strerror or error}）；请腾出空间",
        ) from error


def renew(store: Store, token: int, seconds: float, *, now: Now = utc_now) -> float:
    """Let a lease go on for ``seconds`` from now; returns the seconds: who asked counts them from before it asked.

    Raises:
        LeaseLost: it is over or somebody else's; the holder must stop.
    """
    leases.renew(store.catalog, token, seconds, now())
    return seconds


def _check_out(store: Store, lease: leases.Lease, pace: Mapping[str, Any], into: Path) -> Shard:
    """Make the shard's folder; it bears its name once it is whole."""
    name = f"{_slug(lease.group)}-{lease.token}"
    folder, made = into / name, into / f".{name}.making"
    try:
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        bases = {one: _base(store, one) for one in lease.agencies}
        with Catalog.open(made / CATALOG_NAME) as catalog:
            catalog.file.execute("PRAGMA synchronous = OFF")  # it counts only once it is whole
            rows = copy_agencies(catalog, store.catalog.file.path, lease.agencies)
            kept = keep_records(catalog, store.data_dir, made)
        for agency in lease.agencies:
            _copy_small_files(store.data_dir, made, agency)
        said = {
            "format": FORMAT,
            "shard": name,
            "group": lease.group,
            "agencies": list(lease.agencies),
            "holder": lease.holder,
            "token": lease.token,
            "leased_at": instant(lease.leased_at),
            "rows": rows,
            "bases": {one: asdict(base) for one, base in bases.items()},
            "pace": dict(pace),
        }
        (made / SHARD_FILE).write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", "utf-8")
        made.rename(folder)
        sync_folder(into)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        raise ArchiveWriteError(
            f"{folder}: the shard cannot be written ({error.strerror or error}); nothing is lent; make room or give permission",
            zh=f"{folder}：分片不能写出（{error.strerror or error}）；什么都没有借出；请腾出空间或给予权限",
        ) from error
    log.info("shard checked out shard=%s agencies=%s kept_records=%d", name, ",".join(lease.agencies), kept)
    return read_shard(folder)


def _base(store: Store, agency: str) -> Base:
    head = last_manifest(store.data_dir, agency)
    return Base(mark=mark_agency(store.catalog, agency), head=str(head) if head else None)


def _copy_small_files(data_dir: Path, made: Path, agency: str) -> None:
    """Copy an agency's manifests and what was told of it."""
    manifests = manifest_folder(data_dir, agency)
    if manifests.is_dir():
        target = manifest_folder(made, agency)
        target.mkdir(parents=True)
        for path in manifests.iterdir():
            if path.is_file() and not path.is_symlink():
                shutil.copyfile(path, target / path.name)
    told = data_dir / NOTICES / f"{agency}.json"
    if told.is_file() and not told.is_symlink():
        (made / NOTICES).mkdir(exist_ok=True)
        shutil.copyfile(told, made / NOTICES / told.name)


def _slug(text: str) -> str:
    """Write a group's name so that it can stand in a folder's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:60] or "group"
