"""What Prefect shows of a run: the stages' logs, the progress of training, and the results.

A Prefect server that is slow or down must not fail the run, so errors in sending are ignored.
"""

import contextvars
import csv
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.events import emit_event
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import APILogHandler

from lockstep.errors import LockstepError
from lockstep.process import console
from lockstep.storage import atomic_files, layout
from lockstep.versioning import experiments, promotions

NEW_CHAMPION = "lockstep.champion.new"  # the event
PROGRESS_SECONDS = 5  # between two progress updates
EPOCHS = 5  # the last epochs in the summary


@contextmanager
def failures_in_one_line() -> Iterator[None]:
    """Keep Prefect from printing failures, and from logging the tracebacks of Lockstep's errors.

    The command prints the error's message. With LOCKSTEP_DEBUG everything is shown.
    """
    if os.environ.get("LOCKSTEP_DEBUG"):
        yield
        return
    setup_logging()  # now, since the flow would otherwise replace the filtered handlers
    drop_tracebacks()
    terminals = logging.getLogger().handlers
    for each in terminals:
        each.addFilter(_is_no_failure)
    try:
        yield
    finally:
        for each in terminals:
            each.removeFilter(_is_no_failure)


def drop_tracebacks() -> None:
    """Drop what Prefect logs with the traceback of one of Lockstep's errors, in this process.

    The line with the state that a run ends in has the error's message. With LOCKSTEP_DEBUG
    everything is logged.
    """
    if not os.environ.get("LOCKSTEP_DEBUG"):
        for kind in ("flow", "task"):
            logging.getLogger(f"prefect.{kind}_runs").addFilter(_has_no_error_of_ours)


def _has_no_error_of_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    if error is None:
        record.exc_info = None
    return not isinstance(error, LockstepError)


def _is_no_failure(record: logging.LogRecord) -> bool:
    ended_badly = re.search("in state (Failed|Crashed)", record.getMessage())
    failed = record.levelno >= logging.ERROR or ended_badly
    return not (failed and record.name.startswith(("prefect.flow_runs", "prefect.task_runs")))


@contextmanager
def forwarded(stage: str) -> Iterator[None]:
    """Send a stage's console lines and progress to Prefect during the block, inside its task."""
    logger = logging.getLogger(f"lockstep.{stage}")
    # Sent to the server only: the terminal already shows these lines.
    handler, logger.propagate = APILogHandler(), False
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    of_task = contextvars.copy_context()  # a line may come from a thread that hasn't got it
    try:
        with console.forwarding_to(
            lambda line: of_task.copy().run(logger.info, line), _Progress(stage).update
        ):
            yield
    finally:
        logger.removeHandler(handler)


class _Progress:
    """The progress artifact of the running task."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefect-progress")
        self._sent, self._sending = 0.0, Future[None]()
        self._sending.set_result(None)
        self._artifact: UUID | None = None

    def update(self, share: float) -> None:
        """Send the completed share, from 0 to 1, at most every PROGRESS_SECONDS.

        An update is skipped while another is being sent; 1 is always sent.
        """
        now = time.monotonic()
        too_soon = now - self._sent < PROGRESS_SECONDS or not self._sending.done()
        if share == 1 or not too_soon:
            self._sent = now
            # The thread needs the task's context, from which Prefect finds the artifact's task.
            self._sending = self._thread.submit(
                contextvars.copy_context().run, self._send, 100 * share
            )

    def _send(self, percent: float) -> None:
        with suppress(Exception):  # Prefect may raise anything when the server is down
            if self._artifact is None:
                self._artifact = _id(create_progress_artifact(percent, key=self._stage))
            else:
                update_progress_artifact(self._artifact, percent)


@contextmanager
def champions_announced(root: Path) -> Iterator[None]:
    """Emit an event if the workspace's model becomes its name's champion during the block."""
    before = promotions.moves(root)
    yield
    registered = root / layout.REGISTERED
    digest = atomic_files.read_json(registered)["digest"] if registered.exists() else ""
    for move in promotions.moves(root)[len(before) :]:
        if move.weights == digest:  # others are of runs in other workspaces
            _announce(move)


def _announce(move: promotions.Move) -> None:
    resource = {
        "prefect.resource.id": f"lockstep.model.{move.model}",
        "prefect.resource.name": move.model,
    }
    with suppress(Exception):
        emit_event(NEW_CHAMPION, resource, payload=move._asdict())


def summarize(root: Path) -> None:
    """Create a markdown artifact of the flow run with metrics, the last epochs and links."""
    with suppress(Exception):
        create_markdown_artifact(markdown(root), key="experiment")


def _id(created: Any) -> UUID:
    return created if isinstance(created, UUID) else UUID(str(created))


def markdown(root: Path) -> str:
    """Return the verdict, test metrics and last epochs from the files that exist in report/."""
    from lockstep.tracking import run_url  # MLflow takes seconds to import

    parts = ["# Results"]
    if (root / layout.REGISTERED).exists():
        parts.append(_verdict(atomic_files.read_json(root / layout.REGISTERED)))
    if (root / layout.METRICS).exists():
        metrics = atomic_files.read_json(root / layout.METRICS)["test"]
        parts.append(_table(("test metric", "value"), metrics.items()))
    if (root / layout.HISTORY).exists():
        parts.append(_epochs(root / layout.HISTORY))
    parts.append(f"MLflow run: {run_url.of_experiment(root)}")
    if all_runs := run_url.of_all_runs(root):
        parts.append(f"All runs, by what differs: {all_runs}")
    if experiments.NAME in os.environ:
        parts.append(f"DVC experiment: `{os.environ[experiments.NAME]}`")
    return "\n\n".join(parts) + "\n"


def _verdict(found: dict[str, Any]) -> str:
    return (
        f"`{found['name']}`: {found['verdict']} with {found['metric']} {found['value']}, "
        f"threshold {found['threshold']}"
    )


def _epochs(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    shown = [[_short(cell) for cell in row] for row in rows[-EPOCHS:]]
    return f"The last of {len(rows)} epochs:\n\n{_table(header, shown)}"


def _short(cell: str) -> str:
    return cell if cell.isdigit() else f"{float(cell):.4g}"


def _table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    names = list(header)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
