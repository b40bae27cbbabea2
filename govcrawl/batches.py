"""What gathers while one batch is being made durable forms the next batch: one fsync for many, and nobody waits longer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from archive.errors import ArchiveError, ArchiveWriteError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

J = TypeVar("J")
R = TypeVar("R")

MAX_BATCH = 64  # jobs of one batch; more would only delay the first of them
_QUIET_TURNS = 10  # of the loop: what has come in on the wire takes as many to become a job


class Batches(Generic[J, R]):
    """Hands what has gathered to ``run``, one batch at a time, and each caller its own result.

    ``run`` gets jobs in the order they came and returns one result for each, an :class:`ArchiveError` for one that failed;
    when it raises, all of the batch failed.
    """

    def __init__(self, run: Callable[[list[J]], Awaitable[list[R]]]) -> None:
        self._run = run
        self._waiting: list[tuple[J, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None
        self._pending: set[asyncio.Future[R]] = set()

    async def put(self, job: J) -> R:
        """Return the job's result once its batch is durable.

        Raises:
            ArchiveError: it could not be stored.
        """
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        self._waiting.append((job, future))
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._work())
        return await asyncio.shield(future)  # who is cancelled waits no more; the job is done all the same

    async def drain(self) -> None:
        """Wait until everything that was put so far is done."""
        if self._pending:
            await asyncio.wait(set(self._pending))

    async def _work(self) -> None:
        while self._waiting:
            await self._gather()
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            futures = [future for _, future in batch]
            try:
                results = await self._run([job for job, _ in batch])
                for future, result in zip(futures, results, strict=True):
                    if isinstance(result, ArchiveError):
                        _fail([future], result)
                    elif not future.done():
                        future.set_result(result)
            except ArchiveError as error:
                _fail(futures, error)
            finally:  # whatever else goes wrong: nobody waits for ever, and nothing counts as stored that is not
                if not all(future.done() for future in futures):
                    left, self._waiting = [future for _, future in self._waiting], []
                    _fail([*futures, *left], ArchiveWriteError("a batch was not stored; the log says why"))

    async def _gather(self) -> None:
        """Let the loop do what it can do at once: what it brings goes into the same batch, which costs two syncs however long it is."""
        quiet = 0
        while quiet < _QUIET_TURNS and len(self._waiting) < MAX_BATCH:
            before = len(self._waiting)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == before else 0


def _fail(futures: list[asyncio.Future[R]], error: ArchiveError) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
