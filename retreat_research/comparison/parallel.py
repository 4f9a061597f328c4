"""The same work for many worlds, in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


def over(
    work: Callable[[A], B], each: Iterable[A], workers: int | None = None, done: Callable[[], Any] = lambda: None
) -> Iterator[B]:
    """What `work` gives for each, in order; `done` is called when one is finished.

    The simulator lets threads run side by side. What has not begun is dropped if one fails or Ctrl-C comes.
    """
    if workers is None or workers == 1:
        for one in each:
            found = work(one)
            done()
            yield found
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="worlds")

    def noted(one: A) -> B:
        found = work(one)
        done()
        return found

    try:
        yield from pool.map(noted, each)
    finally:
        pool.shutdown(cancel_futures=True)
