"""Several processes against one server that refuses now and then; the server counts.

    python tests/polite_load.py --processes 8 --seconds 120 --delay 0.5

Ends with 0 when the server saw no two requests side by side, none closer than the delay and none while it had asked for
quiet. Every worker is a process with the governor of a crawl; some are killed in the middle of a request and replaced. Two
minutes of it were part of the checks when the governor was made; the tests run a few seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from govcrawl.failures import CrawlEnding
from govcrawl.groups import Groups
from govcrawl.machine import Machine
from govcrawl.pace import PACE, Limits
from govcrawl.politeness import Ended, Governor

RETRY_AFTER_SECONDS = 1


@dataclass
class Visit:
    """A request as the server saw it; instants of the clock that all processes share."""

    sent_at: float  # as the client says
    came_at: float
    worker: int
    status: int


@dataclass
class CountingServer:
    """Answers slowly, refuses every ``refuse_every``-th request, holds ``/hold`` until the client is gone."""

    refuse_every: int = 0
    answer_seconds: float = 0.01
    visits: list[Visit] = field(default_factory=list)
    side_by_side: int = 0  # requests that came while another was being answered
    holding: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        server, lock, busy = self, threading.Lock(), [0]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                came_at = time.monotonic()
                with lock:
                    server.side_by_side += busy[0] > 0
                    busy[0] += 1
                    number = len(server.visits) + 1
                    refused = bool(server.refuse_every) and number % server.refuse_every == 0
                    status = 429 if refused else 200
                    sent, worker = float(self.headers["X-Sent"]), int(self.headers["X-Worker"])
                    server.visits.append(Visit(sent, came_at, worker, status))
                try:
                    if self.path == "/hold":
                        server.holding.set()
                        self.connection.settimeout(30)
                        with suppress(OSError):
                            self.connection.recv(1)
                        return
                    time.sleep(server.answer_seconds)
                finally:
                    with lock:
                        busy[0] -= 1
                self.send_response(status)
                if refused:
                    self.send_header("Retry-After", str(RETRY_AFTER_SECONDS))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
                """Keep quiet; ``visits`` is the log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def smallest_gap(self) -> float:
        """The least distance of two requests, by when they were sent."""
        sent = sorted(visit.sent_at for visit in self.visits)
        return min((b - a for a, b in pairwise(sent)), default=float("inf"))

    def inside_quiet(self) -> int:
        """Requests that came while the server had asked for quiet."""
        refusals = [visit.came_at + self.answer_seconds for visit in self.visits if visit.status == 429]
        return sum(at < visit.came_at < at + RETRY_AFTER_SECONDS for visit in self.visits for at in refusals)


def start_worker(server: CountingServer, state: Path, delay: float, number: int, *more: str) -> subprocess.Popen[bytes]:
    """Start a process that asks for pages."""
    line = [sys.executable, __file__, "--worker", str(number), "--port", str(server.port)]
    return subprocess.Popen([*line, "--state", str(state), "--delay", str(delay), *more])


async def work(options: argparse.Namespace) -> None:
    """Ask as a crawl would."""
    machine = Machine.open(options.state)
    machine.ensure(PACE)
    limits = Limits(delay_seconds=options.delay, backoff_seconds=0.2)
    governor = Governor(machine, Groups(machine, named={}), limits, f"worker_{options.worker}")
    until = time.monotonic() + options.seconds
    for _ in range(options.requests):
        if time.monotonic() > until:
            break
        try:
            ended = await governor.turn(f"http://127.0.0.1:{options.port}/", "list")
        except CrawlEnding:
            break
        sent = time.monotonic()
        status, retry_after = await fetch(options, sent)
        ended(Ended(status, 0, retry_after, time.monotonic() - sent))
    await governor.close()


async def fetch(options: argparse.Namespace, sent: float) -> tuple[int, str | None]:
    """Return status and Retry-After of one request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", options.port)
    head = f"GET {options.path} HTTP/1.0\r\nX-Sent: {sent}\r\nX-Worker: {options.worker}\r\n\r\n"
    writer.write(head.encode())
    answer = (await reader.read()).decode()
    writer.close()
    lines = answer.splitlines()
    retry_after = next((line.partition(":")[2] for line in lines if line.startswith("Retry-After")), None)
    return int(lines[0].split()[1]), retry_after


def main() -> int:
    """Run the load, or one of its workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--delay", type=float, default=0.5, help="seconds between two requests")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--requests", type=int, default=10**9, help=argparse.SUPPRESS)
    parser.add_argument("--path", default="/", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        asyncio.run(work(options))
        return 0
    until = time.monotonic() + options.seconds
    chance = random.Random(6)  # noqa: S311 - the same run again
    killed = 0
    with tempfile.TemporaryDirectory() as state, CountingServer(refuse_every=20) as server:
        workers: list[subprocess.Popen[bytes]] = []
        while time.monotonic() < until:
            workers = [worker for worker in workers if worker.poll() is None]
            while len(workers) < options.processes:
                more = ("--seconds", str(until - time.monotonic()))
                workers.append(start_worker(server, Path(state), options.delay, killed, *more))
            time.sleep(min(5.0, max(0.0, until - time.monotonic())))
            victim = chance.choice(workers)
            victim.kill()
            killed += 1
        for worker in workers:
            worker.wait()
    asked, gap, inside = len(server.visits), server.smallest_gap(), server.inside_quiet()
    print(  # noqa: T201 - the result
        f"{options.processes} processes, {killed} killed, {asked} requests in {options.seconds:.0f} s: smallest gap {gap:.3f} s "
        f"(promised {options.delay:g}), {server.side_by_side} side by side, {inside} inside a Retry-After window"
    )
    return 0 if gap >= options.delay - 0.001 and not server.side_by_side and not inside else 1


if __name__ == "__main__":
    sys.exit(main())
