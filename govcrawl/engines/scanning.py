"""WARC files checked by an engine, one a unit, for ``govcrawl verify``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archive.verify import Batch, Job, Scan, scan_path
from govcrawl.engines import Lost, Unit, UnitLost, Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from govcrawl.engines import Engine, Place


class ScanFile(Work):
    """Checks one file; its pieces are batches of findings and rows."""

    def do(self, argument: Any, place: Place) -> Iterator[Batch]:
        """Read the file of a :class:`archive.verify.Job`."""
        job: Job = argument
        yield from scan_path(replace(job, path=place.of(job.path)))


def scan_with(engine: Engine) -> Scan:
    """Return the scan that an engine does.

    It raises :class:`govcrawl.engines.UnitLost` at a file that could not be checked: then nothing can be said of the whole.
    """

    def scan(jobs: Sequence[Job]) -> Iterator[Batch]:
        units = (Unit(name=str(job.path), argument=job, files=(job.path,), bytes=job.bytes) for job in jobs)
        for result in engine.run(ScanFile(), units):
            if isinstance(result, Lost):
                raise UnitLost.of(result)
            yield from result.pieces

    return scan
