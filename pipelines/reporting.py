"""What a person sees of a run in Prefect: its stages' lines, how far it is, and what came of it.

None of it may cost the run: it is sent in the background, and a server that is away is let be.
"""

import contextvars
import csv
import logging
import os
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
from prefect.logging.handlers import APILogHandler

from lockstep.process import console
from lockstep.storage import atomic_files, layout
from lockstep.versioning import experiments

PROGRESS_SECONDS = 5  # between two of the training
EPOCHS = 5  # the last ones


@contextmanager
def told(stage: str) -> Iterator[None]:
    """Send the lines and the progress of a stage, from within its task, during the block."""
    logger = logging.getLogger(f"lockstep.{stage}")
    # To the server alone: a person at the terminal has the lines already.
    handler, logger.propagate = APILogHandler(), False
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with console.watched(logger.info, _Progress(stage).moved):
            yield
    finally:
        logger.removeHandler(handler)


class _Progress:
    """A progress artifact of the running task."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefect-progress")
        self._sent, self._sending = 0.0, Future[None]()
        self._sending.set_result(None)
        self._artifact: UUID | None = None

    def moved(self, share: float) -> None:
        """Tell what share of the work is done, from 0 to 1, unless the last one is still young.

        The whole is told always, behind whatever is still being sent.
        """
        now = time.monotonic()
        young = now - self._sent < PROGRESS_SECONDS or not self._sending.done()
        if share == 1 or not young:
            self._sent = now
            # The thread takes the task's context along: artifacts belong to a task.
            self._sending = self._thread.submit(
                contextvars.copy_context().run, self._send, 100 * share
            )

    def _send(self, percent: float) -> None:
        with suppress(Exception):  # whatever a server that is away makes Prefect raise
            if self._artifact is None:
                self._artifact = _id(create_progress_artifact(percent, key=self._stage))
            else:
                update_progress_artifact(self._artifact, percent)


def summarize(root: Path) -> None:
    """Leave a markdown artifact of the flow run: metrics, last epochs, where to find more."""
    with suppress(Exception):
        create_markdown_artifact(markdown(root), key="experiment")


def _id(made: Any) -> UUID:
    return made if isinstance(made, UUID) else UUID(str(made))


def markdown(root: Path) -> str:
    """Return the verdict, test metrics, and the last epochs, of the files that report/ has."""
    from lockstep.tracking import run_url  # MLflow takes seconds to import

    parts = ["# What came of it"]
    if (root / layout.REGISTERED).exists():
        parts.append(_verdict(atomic_files.read_json(root / layout.REGISTERED)))
    if (root / layout.METRICS).exists():
        metrics = atomic_files.read_json(root / layout.METRICS)["test"]
        parts.append(_table(("test metric", "value"), metrics.items()))
    if (root / layout.HISTORY).exists():
        parts.append(_epochs(root / layout.HISTORY))
    parts.append(f"MLflow run: {run_url.of_experiment(root)}")
    if experiments.NAME in os.environ:
        parts.append(f"DVC experiment: `{os.environ[experiments.NAME]}`")
    return "\n\n".join(parts) + "\n"


def _verdict(found: dict[str, Any]) -> str:
    return (
        f"`{found['name']}`: {found['verdict']} with {found['metric']} {found['value']}, "
        f"at least {found['minimum']} wanted"
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
