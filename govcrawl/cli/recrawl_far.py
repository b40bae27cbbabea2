"""``govcrawl recrawl --engine ray``: server groups crawled on the nodes of a cluster."""

from __future__ import annotations

import os
import socket
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from govcrawl.cli.engine_options import print_redone, ray_is_there

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from scrapy.settings import Settings

    from archive.catalog import Catalog
    from govcrawl.machine import Machine
    from govcrawl.rounds import Result
    from govcrawl.spider import DisclosureSpider

    Choose = Callable[[Catalog, Machine], Sequence[type[DisclosureSpider]]]


def run_far(
    data: Path, settings: Settings, choose: Choose, chosen: Mapping[str, Any], *, mode: str, at_once: int
) -> tuple[list[Result], list[str]]:
    """Crawl under the round's lock what ``choose`` picks; problems and what was crawled again go to standard error.

    Returns:
        How each crawl ended, and the problems: shards that could not be merged or came too late.

    Raises:
        ArchiveBusy: a round is going on.
        CrawlError: Ray is not installed, there is no cluster, or a node runs another version.
    """
    with ray_is_there():
        from govcrawl.engines.ray_crawl import RayCarrier  # noqa: PLC0415 - the extra that only this choice needs
    from archive.locks import take_round  # noqa: PLC0415 - Scrapy takes half a second to import
    from archive.store import Store  # noqa: PLC0415
    from govcrawl.groups import group_of  # noqa: PLC0415
    from govcrawl.machine import Machine  # noqa: PLC0415
    from govcrawl.outposts import FarRound  # noqa: PLC0415

    lease_seconds = settings.getfloat("GOVCRAWL_LEASE_SECONDS")
    lock = take_round(data / "locks", datetime.now(UTC))
    try:
        with Store.open(data) as store, Machine.of(settings) as machine:
            groups: defaultdict[str, list[type[DisclosureSpider]]] = defaultdict(list)
            for one in choose(store.catalog, machine):
                groups[group_of(settings, machine, one)].append(one)
            if not groups:
                return [], []
            carrier = RayCarrier(
                data,
                settings,
                address=chosen["address"],
                shared=chosen["shared"],
                mode=mode,
                at_once=at_once,
                lease_seconds=lease_seconds,
            )
            with closing(carrier):
                work = FarRound(store, machine, carrier, f"{socket.gethostname()} {os.getpid()}", lease_seconds)
                results = work.run(groups)
    finally:
        lock.release()
    for problem in work.problems:
        click.echo(" ".join(problem.split()), err=True)
    print_redone(work.redone)
    return results, work.problems
