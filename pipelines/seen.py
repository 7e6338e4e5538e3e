"""What a person sees of a run in Prefect: its stages' lines, how far it is, and what came of it.

None of it may cost the run: it is sent in the background, and a server that is away is let be.
"""

import contextvars
import logging
import time
from collections.abc import Iterator
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

from tasks import _progress

PROGRESS_SECONDS = 5  # between two of the training


@contextmanager
def told(stage: str) -> Iterator[None]:
    """Send the lines and the progress of a stage, from within its task, during the block."""
    logger = logging.getLogger(f"lockstep.{stage}")
    # To the server alone: a person at the terminal has the lines already.
    handler, logger.propagate = APILogHandler(), False
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with _progress.watched(logger.info, _Progress(stage).moved):
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
        from tasks import _report  # MLflow takes seconds to import

        create_markdown_artifact(_report.markdown(root), key="experiment")


def _id(made: Any) -> UUID:
    return made if isinstance(made, UUID) else UUID(str(made))
