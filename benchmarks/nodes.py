"""A Ray cluster of several nodes on loopback in a process of its own, for tests and benchmarks.

``python -m benchmarks.nodes`` prints the cluster's address, then does what standard input says, a line each: ``add HOST`` (a node
with one processor), ``kill HOST`` (its raylet gets SIGKILL), ``fill HOST`` (three quarters of its processor are taken, until ``free HOST``). It ends everything when standard input closes, whatever became of who asked.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
HEAD = "127.0.0.2"  # given 127.0.0.1, Ray looks for the machine's outer address
OPTIONS: dict[str, Any] = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20}
END_SECONDS = 60.0


class Nodes:
    """A cluster whose head works, too; ends with this process.

    Args:
        paths: what workers can import beside the program.
        environment: variables of the nodes beside this process's.
    """

    def __init__(self, paths: Sequence[Path] = (), environment: Mapping[str, str] | None = None) -> None:
        env = {**os.environ, **(environment or {}), "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *paths)))}
        pipe = subprocess.PIPE
        line = [sys.executable, "-m", "benchmarks.nodes"]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            line, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=env, text=True, cwd=ROOT
        )
        self.address = self._answer("127.")
        self._last = 2

    @property
    def pid(self) -> int:
        """Of the process whose descendants the cluster is."""
        return self._process.pid

    def __enter__(self) -> Self:
        """Return itself; leaving ends the cluster."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the cluster."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(END_SECONDS)

    def add(self) -> str:
        """Start a node with one processor; returns its address."""
        self._last += 1
        host = f"127.0.0.{self._last}"
        self._tell(f"add {host}")
        return host

    def kill(self, host: str) -> None:
        """Kill a node."""
        self._tell(f"kill {host}")

    def fill(self, host: str) -> None:
        """Leave room for a single crawl on a node."""
        self._tell(f"fill {host}")

    def free(self, host: str) -> None:
        """Give that back."""
        self._tell(f"free {host}")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        self._answer(line)

    def _answer(self, beginning: str) -> str:
        assert self._process.stdout is not None  # noqa: S101 - the same
        for line in self._process.stdout:
            if line.startswith(beginning):
                return line.strip()
        raise RuntimeError("the cluster has ended")


def main() -> None:
    """Serve."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray  # noqa: PLC0415 - after the environment
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    cluster: Any = Cluster(initialize_head=True, head_node_args={**OPTIONS, "node_ip_address": HEAD})
    nodes: dict[str, Any] = {HEAD: cluster.head_node}
    seats: dict[str, Any] = {}
    try:
        print(cluster.address, flush=True)
        for line in sys.stdin:
            what, host = line.split()
            if what == "add":
                nodes[host] = cluster.add_node(**OPTIONS, node_ip_address=host)
            elif what == "fill":
                seats[host] = _take_seat(cluster.address, nodes[host].node_id)
            elif what == "free":
                ray.kill(seats.pop(host))
            else:
                node = nodes.pop(host)
                for process in node.all_processes["raylet"]:
                    os.kill(process.process.pid, signal.SIGKILL)
                cluster.remove_node(node, allow_graceful=False)
            print(what, host, flush=True)
    finally:
        cluster.shutdown()


def _take_seat(address: str, node_id: str) -> Any:
    """Take three quarters of a node's processor; returns the actor that has them."""
    import ray  # noqa: PLC0415 - after the environment
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415

    if not ray.is_initialized():
        ray.init(address, log_to_driver=False)
    there = NodeAffinitySchedulingStrategy(node_id, soft=False)
    kind: Any = ray.remote(_Seat)
    seat = kind.options(num_cpus=0.75, scheduling_strategy=there).remote()
    ray.get(seat.sit.remote())
    return seat


class _Seat:
    def sit(self) -> None:
        """Say that the seat is taken."""


if __name__ == "__main__":
    main()
