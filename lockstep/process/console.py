"""The output of a running stage: a progress bar on a terminal, and lines of text."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from lockstep.errors import one_line

QUIET_SECONDS = 2.0  # of work that shows no progress
console = Console(stderr=True, soft_wrap=True, highlight=False)


OnLine = Callable[[str], object]
OnProgress = Callable[[float], object]
_listeners: list[tuple[OnLine, OnProgress]] = []


@contextmanager
def forwarding_to(on_line: OnLine, on_progress: OnProgress) -> Iterator[None]:
    """Also call `on_line` with each line, and `on_progress` with the share done of long work."""
    _listeners.append((on_line, on_progress))
    try:
        yield
    finally:
        _listeners.remove((on_line, on_progress))


def say(line: str) -> None:
    """Print one line to stderr, above a progress bar that is shown."""
    line = one_line(line)
    console.print(line, markup=False)
    for on_line, _ in _listeners:
        on_line(line)


@contextmanager
def bytes_bar(name: str, size: int | None) -> Iterator[Callable[[int], None]]:
    """Show a download's progress; yields a function to call with each chunk's length in bytes."""
    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with _bar(name, size, *columns) as (progress, task):
        yield lambda count: progress.advance(task, count)


@contextmanager
def count_bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` things are done; yields a function to call with further ones.

    Work that is done within QUIET_SECONDS shows nothing.
    """
    with _quiet_bar(name, total, MofNCompleteColumn(), TimeRemainingColumn()) as advance:
        yield advance


@contextmanager
def reading_bar(name: str, size: int) -> Iterator[Callable[[int], None]]:
    """Show how much of a file is read, as `count_bar` does; its function takes bytes."""
    with _quiet_bar(name, size, DownloadColumn(), TimeRemainingColumn()) as advance:
        yield advance


@contextmanager
def steps_bar(total: int) -> Iterator[Callable[[int, str], None]]:
    """Show training's progress; yields a function of the steps done so far and a text to show."""
    columns = (MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with _bar("", total, *columns) as (progress, task):

        def update(done: int, text: str) -> None:
            progress.update(task, completed=done, description=text)
            _forward(done / total)

        yield update


def _forward(share: float) -> None:
    for _, on_progress in _listeners:
        on_progress(share)


@contextmanager
def _quiet_bar(title: str, total: int, *columns: ProgressColumn) -> Iterator[Callable[[int], None]]:
    bar, started = _progress(title, *columns), time.monotonic()
    task = bar.add_task(title, total=total)

    def advance(count: int) -> None:
        # The last block that a reader counts may be a part of one.
        bar.update(task, completed=min(total, bar.tasks[task].completed + count))
        if time.monotonic() - started > QUIET_SECONDS:
            bar.start()
            _forward(bar.tasks[task].completed / total)

    try:
        yield advance
    finally:
        bar.stop()


@contextmanager
def _bar(
    title: str, total: int | None, *columns: ProgressColumn
) -> Iterator[tuple[Progress, TaskID]]:
    with _progress(title, *columns) as bar:
        yield bar, bar.add_task(title, total=total)


def _progress(title: str, *columns: ProgressColumn) -> Progress:
    return Progress(
        TextColumn(title), BarColumn(), *columns,
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
