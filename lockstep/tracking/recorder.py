"""The one MLflow run of an experiment: found, filled from the workspace's files, and ended."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockstep.config.schema import Params
from lockstep.errors import UnavailableError
from lockstep.process import console
from lockstep.versioning.hashes import experiment_key

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PATIENCE_SECONDS, PATIENCE_WHEN_STOPPED = 120, 10
Row = dict[str, Any]


class Recorder:
    """Sends to the run in the background, so that nobody waits for MLflow or dies of it."""

    def __init__(self, params: Params, root: Path, stage: str, facts: Mapping[str, str]) -> None:
        self.key = experiment_key(root)
        self._params, self._root, self._stage, self._facts = params, root, stage, facts
        self._opened: tuple[MlflowClient, Run] | None = None
        self._problem, self._started = "", time.monotonic()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mlflow")
        self._thread.submit(self._try, lambda client, run: None)

    def send(self, row: Row) -> None:
        """Send an epoch's row of the history, if MLflow can be reached; it is sent again later."""
        self._thread.submit(self._try, lambda client, run: self._send(client, run, row))

    def reach(self) -> tuple["MlflowClient", "Run"]:
        """Wait for the run; raises UnavailableError if MLflow can't be reached."""
        self._thread.submit(self._try, lambda client, run: None).result()
        if self._opened is None:
            raise UnavailableError(f"MLflow: {self._problem}; start it or set MLFLOW_TRACKING_URI")
        return self._opened

    def end(self, status: str) -> None:
        """Fill the run from the workspace's files and end it; a line says so if that can't be."""
        self._problem = ""
        last = self._thread.submit(self._try, lambda client, run: self._finish(client, run, status))
        self._thread.shutdown(wait=False)
        patience = PATIENCE_SECONDS if status == "FINISHED" else PATIENCE_WHEN_STOPPED
        try:
            last.result(patience)
        except TimeoutError:
            self._problem = f"no answer in {patience} s"
        if self._problem:
            console.say(f"mlflow: {self._problem}; the next stage sends what is missing")

    def _send(self, client: "MlflowClient", run: "Run", row: Row) -> None:
        # MLflow takes seconds to import: here, in the background, beside TensorFlow's start.
        from lockstep.tracking import run_contents

        client.log_batch(run.info.run_id, metrics=run_contents.metrics_of([row], run))

    def _finish(self, client: "MlflowClient", run: "Run", status: str) -> None:
        from lockstep.tracking import run_contents

        run_contents.fill(
            client, run, self._params, self._root, self._stage, whole=status == "FINISHED"
        )
        seconds = time.monotonic() - self._started
        client.log_metric(run.info.run_id, f"{self._stage}_seconds", seconds)
        client.set_terminated(run.info.run_id, status)

    def _try(self, action: Callable[["MlflowClient", "Run"], object]) -> None:
        if self._problem:
            return  # until the end, which tries once more
        try:
            self._opened = self._opened or self._open()
            action(*self._opened)
        except Exception as error:  # whatever tracking meets, training goes on
            self._problem = str(error).strip().partition("\n")[0][:300] or type(error).__name__

    def _open(self) -> tuple["MlflowClient", "Run"]:
        from lockstep.tracking import run_contents

        return run_contents.open_run(self._params, self._root, self.key, self._facts)


@contextmanager
def record(
    params: Params, root: Path, stage: str, facts: Mapping[str, str] = {}
) -> Iterator[Recorder]:
    """Find or create the experiment's run, and end it with how the block ends."""
    recorder = Recorder(params, root, stage, facts)
    status = "KILLED"  # whatever isn't an Exception: Ctrl-C, SIGTERM
    try:
        yield recorder
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        recorder.end(status)
