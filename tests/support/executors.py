"""Executors whose work comes in the same order each time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

T = TypeVar("T")


class AtOnce(Executor):
    """Does what is submitted there and then: threads would overtake each other, another way each time."""

    def __init__(self, _workers: int = 1) -> None:
        """As a pool of threads is made; there is nothing to keep."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:  # noqa: ANN401 - as its base
        return done(Future[T](), fn, *args, **kwargs)


def done(future: Future[T], fn: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:  # noqa: ANN401 - handed on
    """The future, after the work: as a thread does it, whoever asks for the result gets the error."""
    try:
        future.set_result(fn(*args, **kwargs))
    except BaseException as exc:  # noqa: BLE001
        future.set_exception(exc)
    return future


class Stopwatch:
    """Seconds, which whoever works moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0


class SideBySide(Executor):
    """Workers on a clock of their own: each job begins when one of them is free, and whoever wants its result waits.

    The jobs really run one after the other, where they are submitted; only the clock says that they overlap.
    """

    def __init__(self, workers: int, clock: Stopwatch) -> None:
        self.clock = clock
        self.free_at = [0.0] * workers

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:  # noqa: ANN401 - as its base
        now = self.clock.seconds
        self.clock.seconds = max(now, heapq.heappop(self.free_at))
        future = Later[T](self.clock)
        done(future, fn, *args, **kwargs)
        future.at = self.clock.seconds
        heapq.heappush(self.free_at, future.at)
        self.clock.seconds = now
        return future


class Later(Future[T]):
    """A result that is there from a moment on."""

    def __init__(self, clock: Stopwatch) -> None:
        super().__init__()
        self.clock = clock
        self.at = 0.0

    def result(self, timeout: float | None = None) -> T:
        self.clock.seconds = max(self.clock.seconds, self.at)
        return super().result(timeout)


class InOrder(Executor):
    """Does what was submitted when somebody wants a result of it: all that waits, in an order of the test's choice."""

    def __init__(self, order: Callable[[list[Any]], None]) -> None:
        self.order = order
        self.waiting: list[Callable[[], object]] = []

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:  # noqa: ANN401 - as its base
        future = Wanted[T](self)
        self.waiting.append(lambda: done(future, fn, *args, **kwargs))
        return future

    def work(self) -> None:
        waiting, self.waiting = self.waiting, []
        self.order(waiting)
        for job in waiting:
            job()


class Wanted(Future[T]):
    """Whoever looks at it wants it."""

    def __init__(self, executor: InOrder) -> None:
        super().__init__()
        self.executor = executor

    def done(self) -> bool:
        self.executor.work()
        return super().done()

    def cancel(self) -> bool:
        self.executor.work()
        return super().cancel()
