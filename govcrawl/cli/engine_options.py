"""Options of commands whose work can be done on several machines: ``--engine``, ``--address``, ``--shared``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from govcrawl.engines.pool import PoolEngine
from govcrawl.errors import CrawlError, UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from govcrawl.engines import Engine

_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["pool", "ray"]),
        default="pool",
        show_default=True,
        help=say(
            "在哪里做：pool 本机的进程；ray 一个 Ray 集群（docs/cluster.md）。",
            "where the work is done: pool, processes of this machine; ray, a Ray cluster (docs/cluster.md).",
        ),
    ),
    click.option(
        "--address",
        metavar="HOST:PORT",
        help=say(
            "用 ray 时：已有集群的地址，本机须是其节点；不给则只在本机临时起一个。",
            "with ray: the cluster, of which this machine is a node; without it one is started on this machine for this run.",
        ),
    ),
    click.option(
        "--shared",
        is_flag=True,
        help=say(
            "用 ray 时：各节点以同一路径看得到数据目录；不给则把 WARC 文件送过去并核对摘要。",
            "with ray: every node has the data directory at the same path; else WARC files are sent and their digests checked.",
        ),
    ),
)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; it takes them as ``engine``, ``address`` and ``shared``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wants_ray(chosen: Mapping[str, Any]) -> bool:
    """Tell whether Ray was chosen.

    Raises:
        UsageMistake: an option of Ray without Ray.
    """
    if chosen["engine"] == "ray":
        return True
    if chosen["address"] is not None or chosen["shared"]:
        raise UsageMistake(
            say("--address 和 --shared 只用于 --engine ray", "--address and --shared go with --engine ray")
        )
    return False


@contextmanager
def ray_is_there() -> Iterator[None]:
    """Import within this what imports Ray.

    Raises:
        CrawlError: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ray":
            raise
        raise CrawlError(
            say(
                "--engine ray 需要 Ray：pip install 'govcrawl[cluster]'",
                "--engine ray needs Ray: pip install 'govcrawl[cluster]'",
            )
        ) from None


@contextmanager
def open_engine(chosen: Mapping[str, Any], data: Path, processes: int) -> Iterator[Engine]:
    """Open the engine that was chosen; on leaving it is closed.

    Raises:
        UsageMistake: an option of Ray without Ray.
        CrawlError: Ray is not installed, or there is no cluster.
    """
    address, shared = chosen["address"], chosen["shared"]
    if not wants_ray(chosen):
        yield PoolEngine(data, processes)
        return
    with ray_is_there():
        from govcrawl.engines.ray_engine import RayEngine  # noqa: PLC0415 - the extra that only this choice needs
    engine = RayEngine(data, address=address, shared=shared, processes=processes)
    try:
        yield engine
    finally:
        engine.close()


def print_redone(redone: Sequence[str]) -> None:
    """Say on standard error how much was begun again, and why."""
    if redone:
        click.echo(
            say(f"重做了 {len(redone)} 次：", f"begun again {len(redone)} times:")
            + "".join(f"\n  {one}" for one in redone),
            err=True,
        )
