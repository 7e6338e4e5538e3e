"""Find or create the one MLflow run of an experiment, log the workspace's files, and end it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockstep.config.schema import Params
from lockstep.errors import MachineError, ParamsError, UnavailableError
from lockstep.process import console
from lockstep.process.machine_errors import machine_problem
from lockstep.storage.checkout import main_checkout
from lockstep.tracking import unsent
from lockstep.versioning import experiments
from lockstep.versioning.hashes import experiment_key

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from lockstep.tracking.system_metrics import SystemMetrics

PATIENCE_SECONDS, PATIENCE_WHEN_STOPPED = 120, 4
Row = dict[str, Any]


class Recorder:
    """Sends to the run in a background thread, so MLflow can't slow down or stop training."""

    def __init__(
        self, params: Params, root: Path, stage: str, runtime_tags: Mapping[str, str]
    ) -> None:
        self.key = experiment_key(root)
        self._params, self._root, self._stage = params, root, stage
        self._runtime_tags = runtime_tags
        self._opened: tuple[MlflowClient, Run] | None = None
        self._system: SystemMetrics | None = None
        self._problem, self._refused = "", False
        self._seconds = dict(unsent.read(root, self.key).get("seconds", {}))
        self._started: float | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mlflow")
        self._thread.submit(self._try, lambda client, run: None)

    def send(self, row: Row) -> None:
        """Send one epoch's history row if MLflow can be reached; `end` sends all rows again."""
        self._thread.submit(self._try, lambda client, run: self._send(client, run, row))

    def measure(self) -> None:
        """Measure the stage's time until `end`, and the machine if MLflow can be reached now."""
        self._started = time.monotonic()
        self._thread.submit(self._try, self._sample)

    def reach(self) -> tuple["MlflowClient", "Run"]:
        """Return the client and the run.

        Raises ParamsError if MLflow refused a value, MachineError if its disk is full, and
        UnavailableError if it can't be reached.
        """
        self._thread.submit(self._try, lambda client, run: None).result()
        if self._refused:
            raise ParamsError(f"MLflow refuses a value: {self._problem}; expected another value")
        if self._opened is None and machine_problem(self._problem):
            raise MachineError(f"MLflow: {main_checkout(self._root)}: {self._problem}; make room")
        if self._opened is None:
            raise UnavailableError(f"MLflow: {self._problem}; start it or set MLFLOW_TRACKING_URI")
        return self._opened

    def end(self, status: str, patience: int | None = None) -> None:
        """Log the workspace's files to the run and end it; if that fails, print a line about it.

        `patience` is how many seconds it waits for MLflow, by default few for a stage that failed
        or was stopped.
        """
        if self._system:
            self._system.stop()
        if self._started is not None:
            self._seconds[self._stage] = time.monotonic() - self._started
        self._problem, self._refused = "", False
        last = self._thread.submit(self._try, lambda client, run: self._finish(client, run, status))
        self._thread.shutdown(wait=False)
        usual = PATIENCE_SECONDS if status == "FINISHED" else PATIENCE_WHEN_STOPPED
        patience = usual if patience is None else patience
        try:
            last.result(patience)
        except TimeoutError:
            self._problem = f"no answer in {patience} s"
        except BaseException:  # stopped by a signal; the run would stay RUNNING
            wait([last], PATIENCE_WHEN_STOPPED)
            raise
        if self._problem:
            self._note(status)
        else:
            unsent.remove(self._root, self.key)

    def _note(self, status: str) -> None:
        name = os.environ.get(experiments.NAME, "")
        noted = unsent.Unsent(
            stage=self._stage, status=status, experiment=name, seconds=self._seconds
        )
        unsent.write(self._root, self.key, noted)
        fix = "the next stage or `lockstep sync` sends what is missing"
        say_once(f"mlflow: {self._problem}; {'use another value' if self._refused else fix}")

    def _send(self, client: "MlflowClient", run: "Run", row: Row) -> None:
        # Imported here because it takes seconds: in the background, while TensorFlow starts.
        from lockstep.tracking import run_metrics

        client.log_batch(run.info.run_id, metrics=run_metrics.metrics_of([row], run))

    def _sample(self, client: "MlflowClient", run: "Run") -> None:
        from lockstep.tracking import system_metrics

        if system_metrics.is_wanted():
            self._system = system_metrics.SystemMetrics(run, self._sampled)

    def _sampled(self) -> None:
        with suppress(RuntimeError):  # a sample took longer than `end`, which has sent the others
            self._thread.submit(self._try, self._send_samples)

    def _send_samples(self, client: "MlflowClient", run: "Run") -> None:
        from lockstep.tracking import run_metrics

        if self._system:
            self._system.send(lambda metrics: run_metrics.log(client, run, metrics))

    def _finish(self, client: "MlflowClient", run: "Run", status: str) -> None:
        from lockstep.tracking import run_contents, run_metrics, shared_view

        if status == "KILLED":
            client.set_terminated(run.info.run_id, status)  # first, as there may be no more time
        run_contents.log_results(
            client, run, self._params, self._root, self._stage, complete=status == "FINISHED"
        )
        if self._system:  # set in this thread, so perhaps after `end` looked
            self._system.stop()
        self._send_samples(client, run)
        run_metrics.log(client, run, run_metrics.of_times(client, run, self._seconds))
        client.set_terminated(run.info.run_id, status)
        if self._stage in shared_view.STAGES:
            shared_view.update(client, run.info.experiment_id, self._params)

    def _try(self, action: Callable[["MlflowClient", "Run"], object]) -> None:
        if self._problem:
            return  # `end` clears the problem and tries once more
        try:
            self._do(action)
        except Exception as error:  # an MLflow failure must not stop training
            from lockstep.tracking import client

            self._problem, self._refused = client.reason(error), client.is_refusal(error)

    def _do(self, action: Callable[["MlflowClient", "Run"], object], tries: int = 5) -> None:
        """Open the run unless it is open, and act, again if another run wrote the same row."""
        try:
            self._opened = self._opened or self._open()
            action(*self._opened)
        except Exception as error:
            from lockstep.tracking import client

            if tries == 1 or not client.is_conflict(error):
                raise
            self._do(action, tries - 1)

    def _open(self) -> tuple["MlflowClient", "Run"]:
        from lockstep.tracking import run_contents

        return run_contents.open_run(self._params, self._root, self.key, self._runtime_tags)


def send_results(params: Params, root: Path, stage: str) -> None:
    """Send what a workspace has after a stage that succeeded; raises UnavailableError."""
    recorder = Recorder(params, root, stage, {})
    recorder.reach()
    recorder.end("FINISHED")


def send_again(params: Params, root: Path) -> None:
    """Try again to send the results of a workspace's experiment that MLflow hasn't received."""
    noted = unsent.read(root, experiment_key(root))
    Recorder(params, root, noted["stage"], {}).end(noted["status"], PATIENCE_SECONDS)


@cache
def say_once(line: str) -> None:
    """Print a line, in a flow for the first of its stages only: they share the process."""
    console.say(line)


@contextmanager
def record(
    params: Params, root: Path, stage: str, runtime_tags: Mapping[str, str] = {}
) -> Iterator[Recorder]:
    """Find or create the experiment's run, and set its status by how the block ends."""
    recorder = Recorder(params, root, stage, runtime_tags)
    status = "KILLED"  # kept for Ctrl-C and SIGTERM, which aren't an Exception
    try:
        recorder.measure()
        yield recorder
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        recorder.end(status)
