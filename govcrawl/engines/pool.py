"""Units done side by side in processes of this machine; what costs no second process is done in this one."""

from __future__ import annotations

import sys
import threading
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from govcrawl.engines import Attempts, Done, Engine, Here, Lost, Place, Spool, SpreadingWork, Unit, Work

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

FEWEST_BYTES = 8 << 20  # to be read before another process, a fifth of a second to start, is worth it


class PoolEngine(Engine):
    """The engine of one machine.

    Args:
        data_dir: what is worked on.
        processes: up to so many side by side; 0 = one for each core where the work spreads itself.
    """

    def __init__(self, data_dir: Path, processes: int) -> None:
        self._place = Here(data_dir, Path())
        self._processes = processes
        self._attempts = Attempts()

    @property
    def redone(self) -> list[str]:
        """What was begun again because its process ended."""
        return self._attempts.redone

    def close(self) -> None:
        """Nothing outlives a run."""

    def run(self, work: Work, units: Iterable[Unit]) -> Iterator[Done | Lost]:
        """Do units; results come in their order."""
        if isinstance(work, SpreadingWork):
            yield from work.do_all(units, self._place, self._processes)
            return
        units = list(units)
        processes = min(self._processes, len(units), 1 + sum(unit.bytes for unit in units) // FEWEST_BYTES)
        if processes < 2:  # noqa: PLR2004 -- one process is this one
            for unit in units:
                yield Done(unit, work.do(unit.argument, self._place))
            return
        with ExitStack() as steps:
            yield from _Processes(work, self._place, self._attempts, steps).run(units, processes)


@dataclass(slots=True)
class _Begun:
    """A unit that waits for its turn, on the way or done."""

    unit: Unit
    spool: Spool = field(default_factory=Spool)
    result: Done | Lost | None = None


class _Processes:
    def __init__(self, work: Work, place: Place, attempts: Attempts, steps: ExitStack) -> None:
        self._work = work
        self._place = place
        self._attempts = attempts
        self._steps = steps
        self._busy: dict[Connection, tuple[BaseProcess, _Begun | None]] = {}

    def run(self, units: Iterable[Unit], processes: int) -> Iterator[Done | Lost]:
        from multiprocessing.connection import wait  # noqa: PLC0415 -- with multiprocessing, see _context

        context = _context()
        todo = deque(_Begun(unit) for unit in units)
        in_order = deque(todo)
        for _ in range(processes):
            self._start(context, todo.popleft())
        while in_order:
            for one in wait(list(self._busy)):
                connection = next(known for known in self._busy if known is one)
                process, begun = self._busy[connection]
                try:
                    said, piece = connection.recv()
                except (EOFError, OSError):  # the latter within a piece
                    del self._busy[connection]
                    process.join()
                    if begun is not None:
                        self._take_death(context, begun, process.exitcode)
                    continue
                if begun is not None and said:
                    begun.spool.put(piece)
                    continue
                if begun is not None:
                    begun.result = Done(begun.unit, begun.spool.take())
                self._hand_over(connection, process, todo)
            while in_order and (result := in_order[0].result) is not None:
                in_order.popleft()
                yield result

    def _start(self, context: BaseContext, begun: _Begun) -> None:
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, self._work, self._place), daemon=True)  # type: ignore[attr-defined]  # typeshed: each context has its own
        process.start()
        there.close()
        self._steps.callback(_end, process, here)
        here.send(begun.unit.argument)
        self._busy[here] = (process, begun)

    def _hand_over(self, connection: Connection, process: BaseProcess, todo: deque[_Begun]) -> None:
        begun = todo.popleft() if todo else None
        if begun is None:
            connection.send(None)
            del self._busy[connection]
            return
        connection.send(begun.unit.argument)
        self._busy[connection] = (process, begun)

    def _take_death(self, context: BaseContext, begun: _Begun, code: int | None) -> None:
        begun.spool.close()
        begun.result = self._attempts.fail(begun.unit, f"the process that read it ended with code {code}")
        if begun.result is None:
            begun.spool = Spool()
            self._start(context, begun)


def _context() -> BaseContext:
    import multiprocessing  # noqa: PLC0415 -- 20 ms that one process need not pay

    # A fork costs nothing and a spawned process a tenth of a second, but a fork copies locks that other threads hold.
    forks = sys.platform == "linux" and threading.active_count() == 1
    return multiprocessing.get_context("fork") if forks else multiprocessing.get_context("spawn")


def _serve(connection: Connection, work: Work, place: Place) -> None:
    """Do one unit after the other until told that there are no more."""
    try:
        while (argument := connection.recv()) is not None:
            for piece in work.do(argument, place):
                connection.send((True, piece))
            connection.send((False, None))
    except (EOFError, OSError, KeyboardInterrupt):
        return  # whoever asked has ended


def _end(process: BaseProcess, connection: Connection) -> None:
    connection.close()
    process.join(1)
    if process.is_alive():
        process.terminate()
        process.join()
