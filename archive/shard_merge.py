"""Shards merged into the one catalog (合并), so that it is what it would be had the crawl been done here.

In order: the agencies' locks; what a dead worker left open is closed; the lease is asked; every file is compared with its
digest; the lease says ``merging``; files are put among the archive's; rows, and that the shard is merged, are one transaction; the
shard's folder goes. Killed anywhere and run again it goes on, and a shard that is merged is known as such.

A shard is stale when its agencies were lent again since, or crawled here after its lease was over. What it fetched was
fetched, but beside what the archive has, not after it: its pages would be versions out of order and its states would speak of a
list that has been walked since. So it is set aside whole, below ``fenced``, and verify tells it: its WARC files stay evidence,
and as a data directory it can be read, exported and verified by itself.
"""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from archive import leases
from archive.catalog import CATALOG_NAME
from archive.catalog_shards import attached, lacks_nothing, mark_agency, new_files, put_rows
from archive.errors import ArchiveWriteError, ShardOut
from archive.locks import AgencyLock
from archive.rows import instant, parse_instant
from archive.shard_files import check_files, put_files
from archive.shards import REPORT_FILE, SHARDS, open_settled, read_shard
from archive.writer import sync_folder, utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from archive.shards import Shard
    from archive.store import Store
    from archive.writer import Now

log = logging.getLogger(__name__)

FENCED = "fenced"
"""Folder of the data directory for shards that came too late."""

FENCED_FILE = "fenced.json"

Outcome = Literal["merged", "known", "fenced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What became of a shard: ``known`` = it was merged before; ``fenced`` = it came too late and was set aside."""

    shard: str
    outcome: Outcome
    agencies: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)  # new rows by table
    files: int = 0  # WARC files
    sentence: str | None = None  # why it was set aside, and where it lies


def merge(store: Store, folder: Path, *, now: Now = utc_now) -> Merged:
    """Merge a shard; its folder goes where it lies in the archive's own ``shards``, any other stays as it is.

    Raises:
        ShardOut: it is still being crawled.
        ShardRefused: it is no shard, damaged, or does not fit; nothing of it was merged.
        ArchiveBusy: one of its agencies is being crawled here.
        SchemaTooNew: a later version wrote it.
        ArchiveWriteError: the disk refuses; run again, it goes on.
    """
    shard = read_shard(folder)
    with ExitStack() as steps:
        for agency in shard.agencies:
            lock = AgencyLock.take(store.data_dir / "locks", agency, now())
            steps.callback(lock.release)
        if _is_merged(store, shard):
            _remove(store, shard)
            return _merged(shard, "known")
        _check_over(store, shard, now)
        with open_settled(shard, now) as rows:
            going_on = _is_merging(store, shard)
            if not going_on and lacks_nothing(rows, store.catalog, shard.agencies) and _is_stale(store, shard):
                _remove(store, shard)  # nothing was crawled that is not here
                return _merged(shard, "known")
            if not going_on and (why := _is_stale(store, shard)):
                return _set_aside(store, shard, why, now)
            new = {one: new_files(rows, store.catalog, one) for one in shard.agencies}
        found = {one: check_files(shard, one, new[one], store.data_dir) for one in shard.agencies}
        leases.begin_merge(store.catalog, _lease(shard, now))
        for agency, files in found.items():
            put_files(files, shard, agency, store.data_dir, link=_is_own(store, shard))
        with attached(store.catalog, folder / CATALOG_NAME, "shard", shard.agencies), store.catalog.atomic():
            counts = put_rows(store.catalog, shard.rows)
            leases.end_merge(store.catalog, shard.token)
        _remove(store, shard)
    log.info("shard merged shard=%s captures=%d versions=%d", shard.name, counts["captures"], counts["versions"])
    return _merged(shard, "merged", counts=counts, files=sum(len(files.warcs) for files in found.values()))


def find_shards(data_dir: Path) -> list[Path]:
    """Return the shards that lie in an archive's own folder, by name; one that is still being made has none."""
    folder = data_dir / SHARDS
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if path.is_dir() and not path.name.startswith("."))


def tidy(data_dir: Path, older_than: float) -> int:
    """Remove what was cut off in an archive's own folder of shards: shards half made, half unpacked, half removed.

    Args:
        data_dir: the archive's.
        older_than: what was touched after this instant (seconds since 1970) may still be going on.
    """
    folder = data_dir / SHARDS
    left = [path for path in (folder.iterdir() if folder.is_dir() else ()) if path.name.startswith(".")]
    gone = [path for path in left if path.is_dir() and path.stat().st_mtime < older_than]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return len(gone)


def _merged(shard: Shard, outcome: Outcome, **more: Any) -> Merged:
    return Merged(shard=shard.name, outcome=outcome, agencies=shard.agencies, **more)


def _is_merged(store: Store, shard: Shard) -> bool:
    lease = leases.find(store.catalog, shard.token)
    return lease is not None and lease.state == "merged" and lease.agencies == shard.agencies


def _is_merging(store: Store, shard: Shard) -> bool:
    lease = leases.find(store.catalog, shard.token)
    return lease is not None and lease.state == "merging"


def _check_over(store: Store, shard: Shard, now: Now) -> None:
    """Raise where a worker may still be writing into a shard.

    Raises:
        ShardOut: its lease is not over, and it does not say that it is done.
    """
    lease = leases.find(store.catalog, shard.token)
    if lease is not None and lease.is_valid(now()) and not (shard.folder / REPORT_FILE).is_file():
        raise ShardOut(
            f"{shard.folder} is still being crawled by {lease.holder}: there is no {REPORT_FILE}, and its lease holds until "
            f"{instant(lease.lease_until)}; merge it after that",
            zh=f"{shard.folder} 仍在由 {lease.holder} 抓取：还没有 {REPORT_FILE}，租约到 {instant(lease.lease_until)}；请到时再并入",
        )


def _is_stale(store: Store, shard: Shard) -> str | None:
    """Say why a shard came too late; None where the archive is as it was when the shard was checked out."""
    for agency in shard.agencies:
        lease = leases.of_agency(store.catalog, agency)
        if lease is not None and lease.token > shard.token:
            return (
                f"{agency} was lent again, to {lease.holder} at {instant(lease.leased_at)} (token {lease.token}), after the lease "
                f"of {shard.holder} was over (token {shard.token})"
            )
        if mark_agency(store.catalog, agency) != shard.bases[agency].mark:
            return f"{agency} was crawled or changed here after {shard.holder} took it (token {shard.token})"
    return None


def _lease(shard: Shard, now: Now) -> leases.Lease:
    return leases.Lease(
        group=shard.group,
        agencies=shard.agencies,
        holder=shard.holder,
        token=shard.token,
        leased_at=parse_instant(shard.leased_at),
        lease_until=now(),
        state="merging",
        shard=shard.name,
    )


def _is_own(store: Store, shard: Shard) -> bool:
    """Whether a shard lies in the archive's own folder of shards, where it goes once it is merged."""
    return shard.folder.resolve().parent == (store.data_dir / SHARDS).resolve()


def _remove(store: Store, shard: Shard) -> None:
    """Remove a shard's folder, first its name: a half removed one is none."""
    if not _is_own(store, shard):
        return
    gone = shard.folder.with_name(f".{shard.folder.name}.merged")
    try:
        shutil.rmtree(gone, ignore_errors=True)
        shard.folder.rename(gone)
        shutil.rmtree(gone)
    except OSError as error:
        log.warning("shard %s is merged, its folder %s could not be removed: %s", shard.name, shard.folder, error)


def _set_aside(store: Store, shard: Shard, why: str, now: Now) -> Merged:
    """Put a shard that came too late below ``fenced``, whole, with why."""
    place = store.data_dir / FENCED / shard.name
    sentence = f"{why}: shard {shard.name} came too late; it lies whole in {place}, nothing of it was mixed in"
    if place.exists():
        return _merged(shard, "fenced", sentence=sentence)
    made = place.with_name(f".{shard.name}.coming")
    said = json.dumps(
        {"shard": shard.name, "agencies": shard.agencies, "at": instant(now()), "why": why},
        ensure_ascii=False,
        indent=1,
    )
    try:
        place.parent.mkdir(exist_ok=True)
        if _is_own(store, shard):
            (shard.folder / FENCED_FILE).write_text(f"{said}\n", "utf-8")
            shard.folder.rename(place)
        else:
            shutil.rmtree(made, ignore_errors=True)
            shutil.copytree(shard.folder, made, symlinks=True)
            (made / FENCED_FILE).write_text(f"{said}\n", "utf-8")
            made.rename(place)
        sync_folder(place.parent)
    except OSError as error:
        raise ArchiveWriteError(
            f"{place}: shard {shard.name} cannot be set aside ({error.strerror or error}); make room, then merge it again",
            zh=f"{place}：分片 {shard.name} 不能放到一边（{error.strerror or error}）；请腾出空间，再并入一次",
        ) from error
    log.warning("shard set aside shard=%s: %s", shard.name, why)
    return _merged(shard, "fenced", sentence=sentence)
