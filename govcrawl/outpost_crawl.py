"""The process that crawls a shard: ``python -m govcrawl.outpost_crawl``, started by :func:`govcrawl.outpost.crawl_group` alone.

Its job is the first line of standard input, as JSON; further lines say until when the lease holds. When they end, whoever started
it is gone, and it ends too.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archive.shards import read_shard
from govcrawl import tenure
from govcrawl.crawl_options import check_settings
from govcrawl.errors import BadAgency
from govcrawl.handover import put_pace, read_pace
from govcrawl.loader import AgencyLoader, project_settings
from govcrawl.outpost import LOG_FILE, PACE_FILE, RESULTS_FILE, hosts_of
from govcrawl.rounds import Result, Round
from govcrawl.tenure import Tenure, Watch
from govcrawl.workshop import Workshop


def main() -> None:
    """Crawl what the first line says."""
    job = json.loads(sys.stdin.readline())
    lease = Tenure.of(job["until"], job["lease_seconds"])
    watch = Watch(lease, sys.stdin, sitting_seconds=job["sitting_seconds"])
    watch.start()
    folder = Path(job["folder"])
    try:
        results = crawl(folder, job, lease)
    except KeyboardInterrupt:  # ended before the crawls had begun
        hold = lease.find_hold()
        sentence = hold.sentence if hold else "ended before its crawl had begun"
        results = [
            Result(agency=name, outcome="interrupted", reason="interrupted", sentence=sentence)
            for name in read_shard(folder).agencies
        ]
    finally:
        watch.finish()
    _write(folder / RESULTS_FILE, [asdict(result) for result in results])
    sys.stdout.flush()
    os._exit(0)  # the thread that listens for orders cannot be ended


def crawl(folder: Path, job: dict[str, Any], lease: Tenure) -> list[Result]:
    """Crawl the agencies of a shard side by side; returns how each went."""
    shard = read_shard(folder)
    settings = project_settings()
    for name, value in job["settings"].items():
        settings.set(name, value, priority="cmdline")
    check_settings(settings)
    settings.set("GOVCRAWL_DATA", str(folder), priority="cmdline")
    if not settings.get("LOG_FILE"):
        settings.set("LOG_FILE", str(folder / LOG_FILE), priority="cmdline")
    settings.set(tenure.SETTING, lease, priority="cmdline")
    loader = AgencyLoader.from_settings(settings)
    classes, results = [], []
    for name in shard.agencies:
        try:
            classes.append(loader.load(name))
        except (BadAgency, KeyError) as error:
            results.append(Result(agency=name, outcome="failed", reason="declaration", sentence=str(error)))
    workshop = Workshop(settings)
    try:
        put_pace(workshop.machine, shard.pace)
        if classes:
            results += Round(settings, workshop, mode=job["mode"], at_once=job["at_once"]).run(classes)
        _write(folder / PACE_FILE, read_pace(workshop.machine, hosts_of(classes), shard.group))
    finally:
        workshop.close()
    return results


def _write(path: Path, said: Any) -> None:
    made = path.with_name(f".{path.name}.tmp")
    made.write_text(json.dumps(said, ensure_ascii=False, default=list) + "\n", "utf-8")
    made.replace(path)


if __name__ == "__main__":
    main()
