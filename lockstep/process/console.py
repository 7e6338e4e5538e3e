"""What a person sees while a stage works: a live bar on a terminal, plain lines in a log."""

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

console = Console(stderr=True, soft_wrap=True, highlight=False)


Lines = Callable[[str], object]
Share = Callable[[float], object]
_watchers: list[tuple[Lines, Share]] = []


@contextmanager
def watched(lines: Lines, share: Share) -> Iterator[None]:
    """Call these too with each line, and with how far training is, from 0 to 1."""
    _watchers.append((lines, share))
    try:
        yield
    finally:
        _watchers.remove((lines, share))


def say(line: str) -> None:
    """Print one line beside whatever bar is shown."""
    console.print(line, markup=False)
    for lines, _ in _watchers:
        lines(line)


@contextmanager
def bytes_of(name: str, size: int | None) -> Iterator[Callable[[int], None]]:
    """Show how much of `size` bytes has arrived; yields what to call with each piece's length."""
    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with _bar(name, size, *columns) as (progress, task):
        yield lambda count: progress.advance(task, count)


@contextmanager
def steps_of(total: int) -> Iterator[Callable[[int, str], None]]:
    """Show steps done of `total`; yields what to call with the number done and how it goes."""
    columns = (MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with _bar("", total, *columns) as (progress, task):

        def update(done: int, text: str) -> None:
            progress.update(task, completed=done, description=text)
            for _, share in _watchers:
                share(done / total)

        yield update


@contextmanager
def _bar(
    title: str, total: int | None, *columns: ProgressColumn
) -> Iterator[tuple[Progress, TaskID]]:
    bar = Progress(
        TextColumn(title), BarColumn(), *columns,
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    with bar:
        yield bar, bar.add_task(title, total=total)
