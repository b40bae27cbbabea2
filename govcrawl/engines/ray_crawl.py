"""Server groups crawled on a Ray cluster: shards taken to nodes, their leases renewed from there, and brought back.

With a shared folder a shard stays where it was made; else it goes out and comes back as one file, its digest compared on
both ends. Leases are renewed by a process on the machine that asks; when that is gone, workers stop before theirs are over.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import socket
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from archive.errors import ArchiveBusy, LeaseLost, ShardRefused
from archive.shard_pack import PACKED_SUFFIX, pack, unpack
from archive.shards import SHARDS, read_shard, renew
from archive.store import Store
from govcrawl import strays
from govcrawl.engines.fingerprint import Fingerprint, OtherVersion, fingerprint
from govcrawl.engines.ray_engine import Remote, Slots, connect
from govcrawl.engines.shipping import CHUNK_BYTES, PREFIX, Listed, NotTheFile, fetch
from govcrawl.engines.templates import Templates
from govcrawl.loader import project_settings
from govcrawl.outpost import Report, crawl_group
from govcrawl.outposts import Back, Carrier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import Settings

    from archive.shards import Shard

logger = logging.getLogger(__name__)

CRAWLS_PER_PROCESSOR = 4  # nearly all of a crawl is waiting for its servers' pace
SITTING_SECONDS = 1800.0
"""Without a shared folder a crawl is ended in order after so long, merged and gone on with: what a node's death may cost."""
STRAYS_SECONDS = 60.0  # for nodes to hand over what was left there
BOX = ".outposts-"
"""Beginning of the name of a folder in the data directory where packed shards lie on their way."""
RENEW_SECONDS = 30.0  # to wait for the answer
LOCAL = {"GOVCRAWL_DATA", "GOVCRAWL_STATE", "GOVCRAWL_BROWSER", "GOVCRAWL_SPIDERS", "LOG_FILE", "SPIDER_LOADER_CLASS"}
"""Settings that mean something on this machine alone."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What a node has to know to crawl a shard."""

    name: str
    folder: Path  # where everybody sees it; of a packed one where it lies here
    packed: Listed | None
    settings: Mapping[str, Any]
    templates: Templates
    mode: str
    at_once: int
    lease_seconds: float
    token: int
    expected: Fingerprint
    archive: str  # names the archive among those that a node has shards of


class RayCarrier(Carrier):
    """Takes shards to the nodes of a cluster; close it.

    Args:
        data_dir: the archive.
        settings: of the project, with what the command line gives.
        address: of the cluster; None: one is started here, for this run.
        shared: every node finds ``data_dir`` at the same path.
        mode: ``incremental`` or ``full``.
        at_once: crawlers side by side in one group.
        lease_seconds: of each renewal.

    Raises:
        ClusterMissing: there is no cluster at that address.
    """

    def __init__(
        self,
        data_dir: Path,
        settings: Settings,
        *,
        address: str | None,
        shared: bool,
        mode: str,
        at_once: int,
        lease_seconds: float,
    ) -> None:
        connect(address, 0)
        self._data_dir = data_dir.absolute()
        self._shared = shared or address is None
        self._settings = carried(settings)
        self._templates = Templates.of(settings)
        self._how = (mode, at_once, lease_seconds)
        self._slots = Slots()
        self._steps = ExitStack()
        for left in self._data_dir.glob(f"{BOX}*"):  # by a driver that was killed; one round at a time
            shutil.rmtree(left, ignore_errors=True)
        self._box = Path(self._steps.enter_context(tempfile.TemporaryDirectory(prefix=BOX, dir=self._data_dir)))
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._desk = _DESK.options(scheduling_strategy=here).remote(self._data_dir, self._box)
        self._archive = f"{socket.gethostname()}:{self._data_dir.resolve()}"
        self._out: dict[Any, Shard] = {}

    def call_in(self) -> None:
        """Have every node hand over what was left there; blocks until they have, or :data:`STRAYS_SECONDS`."""
        if self._shared:
            return
        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        asked = [
            _HAND_OVER.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True)).remote(
                self._archive, self._desk
            )
            for node in nodes
        ]
        ready, late = ray.wait(asked, num_returns=len(asked), timeout=STRAYS_SECONDS) if asked else ([], [])
        for ref in ready:
            try:
                if count := ray.get(ref):
                    logger.info("%d shards that were left on a node came back", count)
            except RayError as error:
                logger.warning("a node could not hand over what was left there: %s", error)
        if late:
            logger.warning("%d nodes did not say in %.0f s whether shards were left there", len(late), STRAYS_SECONDS)

    def close(self) -> None:
        """Leave the cluster; crawls that are out end before their leases do."""
        for ref in self._out:
            with suppress(RayError):
                ray.cancel(ref, force=True)
        ray.shutdown()
        self._steps.close()

    def slots(self) -> int:
        """How many groups may be out at once."""
        return CRAWLS_PER_PROCESSOR * self._slots.count()

    def check_out_into(self) -> Path | None:
        """Where shards are made that are to be sent."""
        return None if self._shared else self._box

    def send(self, shard: Shard) -> None:
        """Have a shard crawled by some node."""
        packed = None
        if not self._shared:
            path = pack(shard, self._box / f"{shard.name}{PACKED_SUFFIX}")
            facts = path.stat()
            packed = Listed(path, facts.st_size, facts.st_mtime_ns, _digest(path))
            shutil.rmtree(shard.folder)
        mode, at_once, lease_seconds = self._how
        order = _Order(
            shard.name,
            shard.folder.absolute(),
            packed,
            self._settings,
            self._templates,
            mode,
            at_once,
            lease_seconds,
            shard.token,
            fingerprint(),
            self._archive,
        )
        self._out[_CRAWL_SHARD.remote(order, self._desk)] = shard

    def back(self, seconds: float) -> list[Back]:
        """Wait so long for a shard to come back.

        Raises:
            OtherVersion: a node runs another version of the program.
        """
        if not self._out:
            time.sleep(seconds)
            return []
        ready, _ = ray.wait(list(self._out), num_returns=1, timeout=seconds)
        return [self._take(ref, self._out.pop(ref)) for ref in ready]

    def _take(self, ref: Any, shard: Shard) -> Back:
        packed = self._box / f"{shard.name}{PACKED_SUFFIX}"
        packed.unlink(missing_ok=True)
        try:
            report: Report = ray.get(ref)
            folder = shard.folder if self._shared else self._data_dir / SHARDS / shard.name
        except RayTaskError as error:
            if isinstance(error.cause, OtherVersion):
                raise OtherVersion(str(error.cause)) from None
            reason = f"{type(error.cause).__name__}: {error.cause}"
        except RayError as error:
            reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        else:
            return Back(shard, folder, report)
        return Back(shard, shard.folder if self._shared else None, None, reason)


def carried(settings: Settings) -> dict[str, Any]:
    """Return the settings of this project that are not Scrapy's own, as far as they can be sent.

    Also those that are as the program has them: here they may come from an environment variable that a node does not have.
    """
    found = {}
    for name, value in settings.items():
        if not name.isupper() or name in LOCAL or value is None or not settings.getpriority(name):
            continue
        with suppress(TypeError, ValueError):
            plain = value.copy_to_dict() if hasattr(value, "copy_to_dict") else value
            json.dumps(plain)
            found[name] = plain
    return found


class Desk:
    """Renews leases, hands out packed shards and takes them back; runs on the machine that has the archive."""

    def __init__(self, data_dir: Path, box: Path) -> None:
        self._data_dir = data_dir
        self._box = box

    def renew(self, token: int, seconds: float) -> float:
        """Let a lease go on.

        Raises:
            LeaseLost: it is over.
        """
        with Store.open(self._data_dir) as store:
            return renew(store, token, seconds)

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Return bytes of a packed shard."""
        with (self._box / path.name).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of a packed shard."""
        return _digest(self._box / path.name)

    def put(self, name: str, offset: int, piece: bytes) -> None:
        """Take bytes of a shard that comes back; said twice, they are there once."""
        path = self._box / f"{name}.part"
        with path.open("r+b" if path.exists() else "xb") as file:
            file.seek(offset)
            file.write(piece)

    def finish(self, name: str, sha256: str) -> None:
        """Take a shard as whole: from now on it lies where shards that come back are looked for, whoever dies.

        Raises:
            NotTheFile: what arrived is not what was sent.
        ShardRefused: it is no shard.
        """
        part = self._box / f"{name}.part"
        found = _digest(part)
        if found != sha256:
            part.unlink()
            raise NotTheFile(f"{name}: SHA-256 {found} arrived, {sha256} was sent")
        unpack(part, self._data_dir / SHARDS)
        part.unlink()


_DESK: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Desk)


def crawl_shard(order: _Order, desk: Any) -> Report:
    """Crawl a shard on whatever machine this is."""
    fingerprint().compare(order.expected, f"the node {socket.gethostname()}")
    if order.packed is None:
        return _crawl(order.folder, order, desk)
    hand_over_strays(order.archive, desk)
    base = strays.folder_of(project_settings(), order.archive)
    with strays.hold(base, order.name):
        with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as name:
            sent = Path(name) / f"sent{PACKED_SUFFIX}"
            fetch(order.packed, sent, Remote(desk))
            folder = unpack(sent, base)
        if folder.name != order.name:
            raise ShardRefused(f"{order.name} was sent, and {folder.name} is what was unpacked")
        report = _crawl(folder, order, desk)
        _hand_over(read_shard(folder), desk)
    return report


def hand_over_strays(archive: str, desk: Any) -> int:
    """Send back the shards of an archive that were left on this machine by whatever died; returns how many."""
    count = 0
    for stray in strays.find_strays(strays.folder_of(project_settings(), archive)):
        try:
            _hand_over(stray, desk)
        except ArchiveBusy as error:  # its process is not quite dead: it is found again when that is over
            logger.info("shard %s is left for later: %s", stray.name, error)
        else:
            count += 1
    return count


_HAND_OVER: Any = ray.remote(num_cpus=0, max_retries=0, max_calls=1)(hand_over_strays)


def _crawl(folder: Path, order: _Order, desk: Any) -> Report:
    return crawl_group(
        folder,
        settings={**order.settings, **order.templates.place(), "GOVCRAWL_READERS": 1},  # many crawls share a node
        mode=order.mode,
        at_once=order.at_once,
        renew=lambda: _renew(desk, order),
        sitting_seconds=None if order.packed is None else SITTING_SECONDS,
        environment={
            "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        },
    )


def _hand_over(shard: Shard, desk: Any) -> None:
    """Send a shard back; it stays here until it has arrived whole."""
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as name:
        _send_back(pack(shard, Path(name) / f"back{PACKED_SUFFIX}", back=True), shard.name, desk)
    shutil.rmtree(shard.folder)


_CRAWL_SHARD: Any = ray.remote(num_cpus=1 / CRAWLS_PER_PROCESSOR, max_retries=0, scheduling_strategy="SPREAD")(
    crawl_shard
)


def _renew(desk: Any, order: _Order) -> float:
    try:
        seconds: float = ray.get(desk.renew.remote(order.token, order.lease_seconds), timeout=RENEW_SECONDS)
    except RayTaskError as error:
        if isinstance(error.cause, LeaseLost):
            raise LeaseLost(str(error.cause)) from None
        raise ConnectionError(str(error.cause)) from None
    except RayError as error:
        raise ConnectionError(str(error)) from None
    return seconds


def _send_back(packed: Path, name: str, desk: Any) -> None:
    digest, offset = hashlib.sha256(), 0
    with packed.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
            ray.get(desk.put.remote(name, offset, piece))
            offset += len(piece)
    ray.get(desk.finish.remote(name, digest.hexdigest()))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
