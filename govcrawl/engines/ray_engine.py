"""Units done on a Ray cluster, one task each; the only module that imports Ray (extra ``govcrawl[cluster]``).

A task that ends without a result, with its worker, its node or by an error, is begun again, wherever Ray finds a place, up
to :data:`govcrawl.engines.ATTEMPTS` times. Ray itself repeats nothing: what was redone is counted here.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import sys
import tempfile
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray._private import worker as ray_worker
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from archive.manifest import listed_digests
from govcrawl.engines import Attempts, Done, Engine, Lost, Place, Spool, Unit, Work, pack, unpack
from govcrawl.engines.fingerprint import Fingerprint, OtherVersion, fingerprint
from govcrawl.engines.shipping import PREFIX, Listed, check_shared, fetch, sweep
from govcrawl.errors import CrawlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
"""Of a cluster on this machine alone: given 127.0.0.1, Ray looks for the machine's outer address and waits for it."""
STORE_BYTES = 100 << 20  # of a local cluster's object store: only blocks on their way lie there
LOOK_SECONDS = 1.0  # between two looks at which nodes there are
STALL_SECONDS = 60.0  # without a node that could work, until the run is given up
CONNECT_SECONDS = 5.0
AHEAD = 2  # units begun for each processor


class ClusterMissing(CrawlError):
    """There is no Ray cluster to work on, or it has no node left that works."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What a worker has to know beside the unit."""

    data_dir: Path
    base: Path
    shared: bool
    files: tuple[Listed, ...]
    expected: Fingerprint


@dataclass(frozen=True, slots=True)
class _Result:
    """A unit's pieces, packed, with the digest of the blocks."""

    blocks: list[bytes]
    sha256: str
    node: str
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Begun:
    unit: Unit
    result: Done | Lost | None = None


class RayEngine(Engine):
    """The engine of several machines.

    Args:
        data_dir: what is worked on.
        address: of a cluster that has a node on this machine (``HOST:PORT``, ``auto``); None: one is started here, for this run.
        shared: every node finds ``data_dir`` at the same path; else files are brought to workers, their digests compared.
        processes: of a cluster that is started here; 0 = one for each core.

    Raises:
        ClusterMissing: there is no cluster at that address.
    """

    def __init__(self, data_dir: Path, *, address: str | None, shared: bool, processes: int = 0) -> None:
        connect(address, processes)
        self._data_dir = data_dir
        self._base = Path.cwd()
        self._shared = shared or address is None
        self._attempts = Attempts()
        self._digests = listed_digests(data_dir)
        self._source: Any = None
        self.nodes: dict[str, int] = {}  # how many units each node has done

    @property
    def redone(self) -> list[str]:
        """What was begun again, and why."""
        return self._attempts.redone

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        ray.shutdown()

    def run(self, work: Work, units: Iterable[Unit]) -> Iterator[Done | Lost]:
        """Do units; results come in their order. Up to :data:`AHEAD` units for each processor are under way or wait for their turn."""
        work_ref = ray.put(work)
        waiting: deque[_Begun] = deque()
        tasks: dict[Any, _Begun] = {}
        coming = iter(units)
        coming_unit = next(coming, None)
        slots = Slots()
        try:
            while coming_unit is not None or waiting:
                while coming_unit is not None and len(waiting) < AHEAD * slots.count():
                    waiting.append(_Begun(coming_unit))
                    tasks[self._begin(work_ref, coming_unit)] = waiting[-1]
                    coming_unit = next(coming, None)
                if waiting and (result := waiting[0].result) is not None:
                    waiting.popleft()
                    yield result
                    continue
                for ref in _finished(tasks):
                    begun = tasks.pop(ref)
                    begun.result = self._take(ref, begun.unit)
                    if begun.result is None:
                        tasks[self._begin(work_ref, begun.unit)] = begun
        finally:
            for ref in tasks:
                with suppress(RayError):
                    ray.cancel(ref, force=True)

    def _begin(self, work_ref: Any, unit: Unit) -> Any:
        files = []
        for path in unit.files:
            with suppress(FileNotFoundError):  # then the worker says so as it would be said here
                files.append(self._list(path))
        order = _Order(self._data_dir, self._base, self._shared, tuple(files), fingerprint())
        return _DO_UNIT.remote(work_ref, unit.argument, order, None if self._shared else self._files())

    def _list(self, path: Path) -> Listed:
        try:
            facts = path.stat()
        except FileNotFoundError:
            path = path.with_name(f"{path.name}.open")  # a crash left it so
            facts = path.stat()
        name = str(path.relative_to(self._data_dir)) if path.is_relative_to(self._data_dir) else ""
        return Listed(path, facts.st_size, facts.st_mtime_ns, self._digests.get(name))

    def _files(self) -> Any:
        """Return the process that hands out this machine's files."""
        if self._source is None:
            here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
            self._source = _FILES.options(scheduling_strategy=here).remote(self._base)
        return self._source

    def _take(self, ref: Any, unit: Unit) -> Done | Lost | None:
        """Take a task's result; ``None`` where the unit is to be begun again."""
        try:
            result: _Result = ray.get(ref)
        except RayTaskError as error:
            if isinstance(error.cause, OtherVersion):
                raise OtherVersion(str(error.cause)) from None
            reason = f"{type(error.cause).__name__}: {error.cause}"
        except RayError as error:
            reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        else:
            if hashlib.sha256(b"".join(result.blocks)).hexdigest() == result.sha256:
                self.nodes[result.node] = self.nodes.get(result.node, 0) + 1
                for note in result.notes:
                    logger.warning("%s", note)
                spool = Spool()
                for block in result.blocks:
                    spool.put(block)
                return Done(unit, (piece for block in spool.take() for piece in unpack(block)))
            reason = f"the result of node {result.node} does not have the digest that it was sent with"
        logger.warning("%s is begun again: %s", unit.name, reason)
        return self._attempts.fail(unit, reason)


class Slots:
    """How many processors the cluster has, looked up now and then."""

    def __init__(self) -> None:
        self._count = 0
        self._looked = 0.0
        self._there = time.monotonic()

    def count(self) -> int:
        """Return how many.

        Raises:
            ClusterMissing: there have been none for :data:`STALL_SECONDS`.
        """
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._count = int(ray.cluster_resources().get("CPU", 0))  # type: ignore[no-untyped-call]
            if self._count:
                self._there = now
            elif now - self._there > STALL_SECONDS:
                raise ClusterMissing(
                    f"no node with a processor has been in the Ray cluster for {STALL_SECONDS:g} s; start one (ray start --address …), "
                    "then run the same command again"
                )
        return self._count


def _finished(tasks: Iterable[Any]) -> list[Any]:
    """Wait a while for tasks; returns one that has ended, if any."""
    if not tasks:
        time.sleep(LOOK_SECONDS)
        return []
    finished: list[Any] = ray.wait(list(tasks), num_returns=1, timeout=LOOK_SECONDS)[0]
    return finished


def _quiet() -> None:
    """Have what Ray tells of nodes logged: it would print it to standard output, where a command's result stands."""
    # private, and the only way: the thread that prints it asks nobody
    ray_worker.print_to_stdstream = lambda data, **_: logger.info("Ray: %s", " ".join(data.get("lines", ()))[:300])


def connect(address: str | None, processes: int) -> None:
    """Start Ray here, or join the cluster."""
    _quiet()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is told to anybody
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "include_dashboard": False}
    if address is None:
        ray.init(num_cpus=processes or None, object_store_memory=STORE_BYTES, _node_ip_address=LOOPBACK, **options)
        return
    host, _, port = address.rpartition(":")
    if port.isdigit():
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        except OSError as error:
            raise ClusterMissing(
                f"no Ray cluster at {address} ({error}); start one with ray start --head, or leave --address out for one on this machine"
            ) from error
        if host.startswith("127."):
            options["_node_ip_address"] = host
    try:
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterMissing(
            f"the Ray cluster at {address} cannot be joined: {error}; this machine must be one of its nodes (ray start --address …)"
        ) from error


class Files:
    """Hands out files of the machine that asks; runs there."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Return bytes of a file."""
        with (self._base / path).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of a file."""
        with (self._base / path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


_FILES: Any = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Files)


class Remote:
    """The files of the machine that asks, as a worker sees them."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def read(self, path: Path, offset: int, length: int) -> bytes:
        """Return bytes of a file."""
        piece: bytes = ray.get(self._source.read.remote(path, offset, length))
        return piece

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of a file there."""
        digest: str = ray.get(self._source.digest.remote(path))
        return digest


def do_unit(work: Work, argument: Any, order: _Order, source: Any) -> _Result:
    """Do a unit, on whatever machine this is."""
    node = f"{ray.util.get_node_ip_address()} ({socket.gethostname()})"  # type: ignore[no-untyped-call]
    fingerprint().compare(order.expected, f"the node {node}")
    _unname_main()
    sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as folder:
        place = Place(order.data_dir, order.base, None if order.shared else Path(folder))
        notes = []
        for listed in order.files:
            if order.shared:
                check_shared(listed, place.of(listed.path))
            elif (note := fetch(listed, place.of(listed.path), Remote(source))) is not None:
                notes.append(note)
        blocks = list(pack(work.do(argument, place)))
    return _Result(blocks, hashlib.sha256(b"".join(blocks)).hexdigest(), node, tuple(notes))


_DO_UNIT: Any = ray.remote(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")(do_unit)


def _unname_main() -> None:
    """Let child processes of this one not run Ray's main file again, which would load Ray into every reader."""
    main = sys.modules["__main__"]
    if getattr(main, "__file__", None):
        del main.__file__
