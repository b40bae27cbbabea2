"""Crash safety, tried out: ``python3 run.py python tests/crash.py [--kills 300] [--faults 60] [--seed N]``.

Real crawls of a small site on loopback are killed (kill -9) at random steps and instants, and run again on what is left
until one comes to its end; disks fill up and fail; the open WARC file is cut at every byte of its last capture. After
each, what the next start makes of it is checked: nothing committed is lost, no file is invalid, no row is an orphan,
what was cut off lies aside and is told. With ``--frontier``: :mod:`crash_frontier`.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from small_site import HOST, SmallSite, command, declare, document, listing, paragraphs
from warcs import fields_of, members_of

from archive.catalog import Catalog
from archive.errors import ArchiveError
from archive.export import export_documents
from archive.model import Agency, Channel
from archive.store import Store
from archive.verify import Counts, silent, verify_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

AGENCY = Agency(
    name="small_sfj",
    title="小城市司法局",
    base_url=f"http://{HOST}",
    template="trt",
    channels=(Channel(name="公告公示", seed_url=f"http://{HOST}/zwgk/gsgg/"),),
)
LIST = "/zwgk/gsgg/"
DOCUMENTS = 12
CHAIN = 10  # kills in a row before a crawl may come to its end
GUARD_SECONDS = 120
READERS_END_SECONDS = 30
ENDS = 25  # steps at which a start repairs, and an end closes
SQUEEZES = (150, 250, 350, 450, 550, 700)  # KiB of room on a small disk


class Broken(Exception):
    """An invariant does not hold."""


@dataclass(slots=True)
class Trial:
    """What is left in one data directory, and what must never be missing from it again."""

    folder: Path
    site: SmallSite
    committed: set[str] = field(default_factory=set)
    tally: Counter[str] = field(default_factory=Counter)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    def crawl(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run a crawl that ends by itself, or at its own fault; return its exit code and what it said."""
        process = self.start(*arguments, **environment)
        return process.wait(GUARD_SECONDS), hear_out(process)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a crawl in a process group of its own."""
        line, env = command(self.folder, self.site, *arguments, **environment)
        driver = Path(__file__).with_name("crash_crawl.py")
        return subprocess.Popen(
            [sys.executable, str(driver), *line[3:]],
            env=env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def check(self) -> None:
        """Start again on a copy and see that every invariant holds.

        Raises:
            Broken: one does not.
        """
        if not (self.data / "catalog.db").exists():
            return
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.data, copy)
        left = {path.name: path.read_bytes() for path in copy.glob("warc/*/*.open")}
        with _warnings() as said:
            start_again(copy)
        with Catalog.open_read_only(copy / "catalog.db") as catalog, Store.open(copy) as store:
            rows = [row["id"] for row in catalog.file.rows("SELECT id FROM captures ORDER BY id")]
            captures = [catalog.capture(number) for number in rows]
            found = {capture.record_id for capture in captures}
            if lost := self.committed - found:
                raise Broken(f"committed captures without a row: {sorted(lost)}")
            for capture in captures:
                with store.open_capture(capture):
                    self.tally["captures opened"] += 1
        self.committed = found
        self._check_files(copy, found)
        self._check_tails(copy, left, said)
        shutil.rmtree(copy)

    def _check_files(self, copy: Path, found: set[str]) -> None:
        if still := [path.name for path in copy.glob("warc/*/*.open")]:
            raise Broken(f"still open after a start: {still}")
        findings = verify_paths([copy], deep=False, counts=Counts(), progress=silent)
        if wrong := [finding for finding in findings if finding.severity != "note"]:
            raise Broken(f"verify found {wrong}")
        in_files = Counter(
            fields["WARC-Record-ID"]
            for path in copy.glob("warc/*/*.warc.gz")
            for fields in (fields_of(record) for _, record in members_of(path))
            if fields["WARC-Type"] in {"response", "revisit"}
        )
        if set(in_files) != found or max(in_files.values(), default=1) > 1:
            raise Broken(f"rows and records differ: {set(in_files) ^ found}")
        self.tally["files verified"] += len(list(copy.glob("warc/*/*.warc.gz")))

    def _check_tails(self, copy: Path, left: dict[str, bytes], said: Sequence[str]) -> None:
        """See that every byte of a file that was left open is still somewhere, and that a cut is told."""
        for name, data in left.items():
            final = copy / "warc" / AGENCY.name / name.removesuffix(".open")
            tails = {path: path.read_bytes() for path in final.parent.glob(f"{final.name}.tail-*")}
            kept = final.read_bytes() if final.exists() else b""
            whole = kept == data
            if not whole and not any(
                data.endswith(tail) and kept[: len(data) - len(tail)] + tail == data for tail in tails.values()
            ):
                raise Broken(f"{name}: bytes are gone: {len(data)} before, {len(kept)} now, {len(tails)} tails")
            if not whole:
                self.tally["tails laid aside"] += 1
                if not any("warc file repaired" in line and final.name in line for line in said):
                    raise Broken(f"{name}: the cut is not told in the log: {said}")
                if kept and not any(b"\r\nnote: recovery\r\n" in record for _, record in members_of(final)):
                    raise Broken(f"{name}: the cut is not told in the file")


def start_again(data: Path) -> None:
    """Do what a crawl does first, and end it at once."""
    at = datetime.now(UTC)
    with Store.open(data) as store:
        crawl_id = f"check-{at:%Y%m%dT%H%M%S%f}"
        store.begin_crawl(
            AGENCY,
            crawl_id=crawl_id,
            mode="incremental",
            options={},
            software="check/1",
            user_agent="check/1",
            contact=None,
            started_at=at,
        )
        store.finish_crawl(crawl_id, "interrupted", "only a check", {}, datetime.now(UTC))


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what the archive warns of."""
    said: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    handler, logger = Collector(logging.WARNING), logging.getLogger("archive")
    logger.addHandler(handler)
    propagates, logger.propagate = logger.propagate, False
    try:
        yield said
    finally:
        logger.propagate = propagates
        logger.removeHandler(handler)


def hear_out(process: subprocess.Popen[bytes]) -> str:
    """Return what a crawl that has ended said; its pipe ends when the last of its readers has ended too.

    Raises:
        Broken: they outlive it.
    """
    try:
        return process.communicate(timeout=READERS_END_SECONDS)[0].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        raise Broken("readers of a crawl that was killed did not end") from None


def make_site(documents: int = DOCUMENTS) -> SmallSite:
    """Return a site with one list, documents, and an attachment for every third of them."""
    rows = [(f"./202403/t20240305_{n}.htm", f"关于第{n}项工作的通知", "2024-03-05") for n in range(1, documents + 1)]
    site = SmallSite({"/robots.txt": (200, {"Content-Type": "text/plain"}, b""), LIST: listing(rows)})
    for number, (href, title, _) in enumerate(rows, 1):
        files = ""
        if number % 3 == 0:
            files = f'<div class="article_attachment"><ul><li><a href="./P{number}.xls">表.xls</a></li></ul></div>'
            site.routes[f"{LIST}202403/P{number}.xls"] = (200, {}, b"\xd0\xcf\x11\xe0" + b"%d" % number * 5000)
        page = document(title, paragraphs(f"第{number}号", 6), files=files, ident=number)
        site.routes[f"{LIST}{href[2:]}"] = page
    return site


def exported(data: Path) -> list[tuple[Any, ...]]:
    """Return what a catalog says of each document, without numbers and times."""
    with Catalog.open_read_only(data / "catalog.db") as catalog:
        return sorted(
            (
                doc["url"],
                doc["title"],
                doc["text"],
                doc["state"],
                doc["version_count"],
                tuple((file["url"], file["sha256"], file["error"]) for file in doc["attachments"]),
            )
            for doc in export_documents(catalog)
        )


@dataclass(frozen=True, slots=True)
class Clean:
    """A crawl to which nothing happened."""

    steps: int
    seconds: float
    documents: list[tuple[Any, ...]]


class Harness:
    """Tries of every kind, against one site, each in a folder of its own."""

    def __init__(self, folder: Path, site: SmallSite, chance: random.Random) -> None:
        self.folder = folder
        self.site = site
        self.chance = chance
        self.tally: Counter[str] = Counter()
        self.clean = self._crawl_clean()

    def _trial(self, name: str) -> Trial:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        declare(folder)
        return Trial(folder, self.site, tally=self.tally)

    def _crawl_clean(self) -> Clean:
        trial = self._trial("clean")
        began = time.monotonic()
        code, said = trial.crawl(CRASH_COUNT=str(trial.folder / "steps"))
        seconds = time.monotonic() - began
        if code:
            raise Broken(f"a crawl without any fault failed: {said}")
        trial.check()
        return Clean(int((trial.folder / "steps").read_text("ascii")), seconds, exported(trial.data))

    def kill(self, kills: int) -> None:
        """Kill crawls again and again, let one come to its end after every few, and compare what it has."""
        done = chain = 0
        while done < kills:
            chain += 1
            trial = self._trial(f"kill-{chain}")
            for _ in range(min(CHAIN, kills - done)):
                killed = self._kill_at_instant(trial) if self.chance.random() < 1 / 3 else self._kill_at_step(trial)
                done += killed
                self.tally["kills"] += killed
                trial.check()
            self._complete(trial)
            if chain % 5 == 0:
                sys.stderr.write(f"{done} kills; {dict(self.tally)}\n")

    def _kill_at_step(self, trial: Trial) -> bool:
        ends = (ENDS, max(1, self.clean.steps - ENDS))
        at = self.chance.choice(
            [
                self.chance.randint(1, self.clean.steps),
                self.chance.randint(1, self.clean.steps),
                self.chance.randint(1, ends[0]),  # what a start does: recovery and the beginning of a crawl
                self.chance.randint(ends[1], self.clean.steps + 5),  # what an end does: last words, rename, manifest
            ]
        )
        how = self.chance.choice(["before", "after", "half"])
        crawls = _count_crawls(trial.data)
        code, said = trial.crawl(CRASH_AT=str(at), CRASH_HOW=how)
        if code == -signal.SIGKILL:
            self.tally["kills at a step"] += 1
            self.tally["kills before the crawl had begun"] += _count_crawls(trial.data) == crawls
            return True
        if code:
            raise Broken(f"killed at step {at} of {self.clean.steps}, but it ended with {code}: {said}")
        return False  # it came to its end before that step

    def _kill_at_instant(self, trial: Trial) -> bool:
        process = trial.start()
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.chance.uniform(0.2, self.clean.seconds))
        process.kill()
        process.wait()
        hear_out(process)
        self.tally["kills at an instant"] += process.returncode == -signal.SIGKILL
        return process.returncode == -signal.SIGKILL

    def _complete(self, trial: Trial) -> None:
        """Let a crawl come to its end and see that it has what an undisturbed one has."""
        code, said = trial.crawl()
        if code:
            raise Broken(f"the crawl after the faults failed: {said}")
        trial.check()
        if exported(trial.data) != self.clean.documents:
            raise Broken(f"{trial.data}: the catalog differs from that of an undisturbed crawl")
        self.tally["crawls completed after faults"] += 1
        shutil.rmtree(trial.folder)

    def fail(self, faults: int) -> None:
        """Let the disk fail from a random step on: EIO and ENOSPC in turn."""
        for number in range(faults):
            trial = self._trial(f"fail-{number}")
            how = ("EIO", "ENOSPC")[number % 2]
            at, count = self.chance.randint(1, self.clean.steps), trial.folder / "steps"
            code, said = trial.crawl(CRASH_AT=str(at), CRASH_HOW=how, CRASH_COUNT=str(count))
            if not code and (int(count.read_text("ascii")) < at or exported(trial.data) == self.clean.documents):
                trial.check()  # everything was stored before that step; what failed can be made again
                continue
            if not code or "Traceback" in said:
                raise Broken(f"{how}: exit code {code}, and it said: {said}")
            self.tally[how] += 1
            trial.check()
            self._complete(trial)

    def squeeze(self) -> None:
        """Crawl onto disks that are too small: a tmpfs where that can be mounted, else a limit of every file."""
        for kibibytes in SQUEEZES:
            trial = self._trial(f"squeeze-{kibibytes}")
            trial.data.mkdir()
            with _small_disk(trial.data, kibibytes) as (limit, kind):
                process = trial.start()
                if limit:
                    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
                process.wait(GUARD_SECONDS)
                out = hear_out(process)
                if not process.returncode or "Traceback" in out:
                    raise Broken(f"{kind} of {kibibytes} KiB: exit code {process.returncode}, and it said: {out}")
                self.tally[kind] += 1
                trial.check()
                kept = trial.folder / "kept"
                shutil.copytree(trial.data, kept)
            shutil.rmtree(trial.data, ignore_errors=True)
            kept.rename(trial.data)  # room was made
            self._complete(trial)

    def truncate(self, every: int = 1) -> None:
        """Cut the open file at each byte of what the last, uncommitted write brought, then of the last committed capture."""
        trial = self._left_open()
        (path,) = trial.data.glob("warc/*/*.open")
        data = path.read_bytes()
        with Catalog.open_read_only(trial.data / "catalog.db") as catalog:
            last = catalog.file.row("SELECT * FROM captures ORDER BY offset DESC LIMIT 1")
            end = catalog.committed_end(f"warc/{AGENCY.name}/{path.name.removesuffix('.open')}")
        if last is None or end is None or end >= len(data):
            raise Broken("the crawl was not killed between file and row")
        for length in range(end, len(data) + 1, every):
            os.truncate(path, length)
            trial.check()
            path.write_bytes(data)
            self.tally["cuts of an uncommitted tail"] += 1
        for length in range(last["offset"], end, every):
            self._lose(trial, length)
            self.tally["cuts of a committed capture"] += 1

    def _left_open(self) -> Trial:
        """Return a crawl that was killed when a capture was in the file and its row was not committed."""
        for at in range(self.clean.steps // 3, self.clean.steps):
            trial = self._trial("truncate")
            trial.crawl(CRASH_AT=str(at), CRASH_HOW="after")
            for path in trial.data.glob("warc/*/*.open"):
                with Catalog.open_read_only(trial.data / "catalog.db") as catalog:
                    end = catalog.committed_end(f"warc/{AGENCY.name}/{path.name.removesuffix('.open')}")
                tail = path.stat().st_size - (end or 0)
                if end and tail and b"msgtype=response" in members_of_tail(path, end):
                    trial.check()
                    return trial
        raise Broken("no kill came between file and row")

    def _lose(self, trial: Trial, length: int) -> None:
        """Cut into what was committed, as no honest disk does: the next start must say so and must not build on it."""
        copy = trial.folder / "lost"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(trial.data, copy)
        (path,) = copy.glob("warc/*/*.open")
        os.truncate(path, length)
        for _ in range(2):
            try:
                with _warnings():
                    start_again(copy)
            except ArchiveError as error:
                if "govcrawl rebuild" not in str(error):
                    raise Broken(f"cut at {length}: {error}") from error
            else:
                raise Broken(f"cut at {length}: a crawl began on captures that are gone")
        findings = verify_paths(sorted(copy.glob("warc/*/*.warc.gz")), deep=False, counts=Counts(), progress=silent)
        if wrong := [finding for finding in findings if finding.severity != "note"]:
            raise Broken(f"cut at {length}: {wrong}")
        shutil.rmtree(copy)


def members_of_tail(path: Path, start: int) -> bytes:
    """Return what is behind an offset, inflated as far as it goes."""
    import zlib  # noqa: PLC0415 - only here

    data, out = path.read_bytes()[start:], b""
    while data:
        inflater = zlib.decompressobj(31)
        out += inflater.decompress(data)
        data = inflater.unused_data
    return out


def _count_crawls(data: Path) -> int:
    with suppress(ArchiveError), Catalog.open_read_only(data / "catalog.db") as catalog:
        return len(catalog.file.rows("SELECT 1 FROM crawls"))
    return 0


@contextmanager
def _small_disk(folder: Path, kibibytes: int) -> Iterator[tuple[int, str]]:
    """Make a folder a small disk; yields the limit of any file where it could not be made one (0 = it is)."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder)]
    mounted = (
        hasattr(os, "geteuid")
        and os.geteuid() == 0
        and not subprocess.run(mount, check=False, capture_output=True).returncode
    )
    try:
        yield (0, "full disks (tmpfs)") if mounted else (kibibytes * 1024, "full disks (RLIMIT_FSIZE)")
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 - wherever it is


def main() -> int:
    """Try everything and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--frontier", action="store_true", help="only kills, and whether the same command goes on after"
    )
    parser.add_argument("--kills", type=int, default=300, help="kill -9 of crawls (default 300)")
    parser.add_argument("--faults", type=int, default=60, help="crawls whose disk fails: EIO, ENOSPC (default 60)")
    parser.add_argument("--every", type=int, default=1, help="bytes between two cuts (default 1: every byte)")
    parser.add_argument("--seed", type=int, default=0, help="of what is random (default 0)")
    options = parser.parse_args()
    began = time.monotonic()
    if options.frontier:
        from crash_frontier import main as kill_and_go_on  # noqa: PLC0415 - it is made of what stands here

        return kill_and_go_on(options.kills, options.seed)
    with tempfile.TemporaryDirectory(prefix="crash-") as folder, make_site() as site:
        harness = Harness(Path(folder), site, random.Random(options.seed))  # noqa: S311 - to be repeated
        sys.stderr.write(f"an undisturbed crawl: {harness.clean.steps} steps, {harness.clean.seconds:.1f} s\n")
        tries: list[Callable[[], None]] = [
            lambda: harness.kill(options.kills),
            lambda: harness.fail(options.faults),
            harness.squeeze,
            lambda: harness.truncate(options.every),
        ]
        try:
            for attempt in tries:
                attempt()
                sys.stderr.write(f"{time.monotonic() - began:.0f} s: {dict(harness.tally)}\n")
        except Broken as error:
            sys.stderr.write(f"broken: {error}\n{dict(harness.tally)}\n")
            return 1
    sys.stdout.write("".join(f"{number:7d}  {what}\n" for what, number in sorted(harness.tally.items())))
    sys.stdout.write(f"every invariant held; {time.monotonic() - began:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.modules["crash"] = sys.modules["__main__"]
    sys.exit(main())
