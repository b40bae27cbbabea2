"""A Ray cluster of several nodes on loopback, in a process of its own: ``python ray_nodes.py``.

Prints the address, then does what standard input says, a line each: ``add HOST``, ``kill HOST`` (its raylet gets SIGKILL).
Ends everything when standard input closes.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

HEAD = "127.0.0.2"
OPTIONS: dict[str, Any] = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20}


def main() -> None:
    """Serve."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster  # noqa: PLC0415 -- after the environment

    cluster: Any = Cluster(initialize_head=True, head_node_args={**OPTIONS, "node_ip_address": HEAD})
    nodes: dict[str, Any] = {}
    try:
        print(cluster.address, flush=True)  # noqa: T201 -- told to whoever started this
        for line in sys.stdin:
            what, host = line.split()
            if what == "add":
                nodes[host] = cluster.add_node(**OPTIONS, node_ip_address=host)
            else:
                node = nodes.pop(host)
                for process in node.all_processes["raylet"]:
                    os.kill(process.process.pid, signal.SIGKILL)
                cluster.remove_node(node, allow_graceful=False)
            print(what, host, flush=True)  # noqa: T201 -- the same
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
