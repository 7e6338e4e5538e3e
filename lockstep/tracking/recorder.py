"""Find or create the one MLflow run of an experiment, log the workspace's files, and end it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockstep.config.schema import Params
from lockstep.errors import MachineError, ParamsError, UnavailableError
from lockstep.process import console
from lockstep.process.machine_errors import machine_problem
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout
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
        self._problem, self._refused, self._started = "", False, time.monotonic()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mlflow")
        self._thread.submit(self._try, lambda client, run: None)

    def send(self, row: Row) -> None:
        """Send one epoch's history row if MLflow can be reached; `end` sends all rows again."""
        self._thread.submit(self._try, lambda client, run: self._send(client, run, row))

    def send_system_metrics(self) -> None:
        """Sample the machine and send what it does until `end`, if MLflow can be reached now."""
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

    def end(self, status: str) -> None:
        """Log the workspace's files to the run and end it; if that fails, print a line about it."""
        if self._system:
            self._system.stop()
        self._problem, self._refused = "", False
        last = self._thread.submit(self._try, lambda client, run: self._finish(client, run, status))
        self._thread.shutdown(wait=False)
        patience = PATIENCE_SECONDS if status == "FINISHED" else PATIENCE_WHEN_STOPPED
        try:
            last.result(patience)
        except TimeoutError:
            self._problem = f"no answer in {patience} s"
        except BaseException:  # stopped by a signal; the run would stay RUNNING
            wait([last], PATIENCE_WHEN_STOPPED)
            raise
        unsent = _unsent(self._root, self.key)
        if self._problem:
            name = os.environ.get(experiments.NAME, "")
            found = {"stage": self._stage, "status": status, "experiment": name}
            atomic_files.write_json(unsent, found)
            fix = (
                "use another value"
                if self._refused
                else "the next stage or `lockstep sync` sends what is missing"
            )
            say_once(f"mlflow: {self._problem}; {fix}")
        else:
            unsent.unlink(missing_ok=True)

    def _send(self, client: "MlflowClient", run: "Run", row: Row) -> None:
        # Imported here because it takes seconds: in the background, while TensorFlow starts.
        from lockstep.tracking import run_metrics

        client.log_batch(run.info.run_id, metrics=run_metrics.metrics_of([row], run))

    def _sample(self, client: "MlflowClient", run: "Run") -> None:
        from lockstep.tracking import system_metrics

        if system_metrics.is_wanted():
            self._system = system_metrics.SystemMetrics(
                run, lambda: self._thread.submit(self._try, self._send_samples)
            )

    def _send_samples(self, client: "MlflowClient", run: "Run") -> None:
        from lockstep.tracking import run_metrics

        if self._system:
            self._system.send(lambda metrics: run_metrics.log(client, run, metrics))

    def _finish(self, client: "MlflowClient", run: "Run", status: str) -> None:
        from lockstep.tracking import run_contents, shared_view

        if status == "KILLED":
            client.set_terminated(run.info.run_id, status)  # first, as there may be no more time
        run_contents.log_results(
            client, run, self._params, self._root, self._stage, complete=status == "FINISHED"
        )
        if self._system:  # set in this thread, so perhaps after `end` looked
            self._system.stop()
        self._send_samples(client, run)
        seconds = time.monotonic() - self._started
        client.log_metric(run.info.run_id, f"time/{self._stage}_seconds", seconds)
        client.set_terminated(run.info.run_id, status)
        if self._stage in shared_view.STAGES:
            shared_view.update(client, run.info.experiment_id, self._params)

    def _try(self, action: Callable[["MlflowClient", "Run"], object]) -> None:
        if self._problem:
            return  # `end` clears the problem and tries once more
        try:
            self._opened = self._opened or self._open()
            action(*self._opened)
        except Exception as error:  # an MLflow failure must not stop training
            from lockstep.tracking import client

            self._problem, self._refused = client.reason(error), client.is_refusal(error)

    def _open(self) -> tuple["MlflowClient", "Run"]:
        from lockstep.tracking import run_contents

        return run_contents.open_run(self._params, self._root, self.key, self._runtime_tags)


def is_unsent(root: Path) -> bool:
    """Return whether results of a workspace's experiment couldn't be sent to MLflow."""
    folder = main_checkout(root) / layout.UNSENT
    return folder.exists() and _unsent(root, experiment_key(root)).exists()


def unsent_experiments(root: Path) -> dict[str, str]:
    """Return the DVC names, if any, of experiments whose results MLflow lacks, by key."""
    files = sorted((main_checkout(root) / layout.UNSENT).glob("*.json"))
    return {file.stem: atomic_files.read_json(file).get("experiment", "") for file in files}


def send_results(params: Params, root: Path, stage: str) -> None:
    """Send what a workspace has after a stage that succeeded; raises UnavailableError."""
    recorder = Recorder(params, root, stage, {})
    recorder.reach()
    recorder.end("FINISHED")


def send_again(params: Params, root: Path) -> None:
    """Try again to send the results of a workspace's experiment that MLflow hasn't received."""
    unsent = atomic_files.read_json(_unsent(root, experiment_key(root)))
    Recorder(params, root, unsent["stage"], {}).end(unsent["status"])


def _unsent(root: Path, key: str) -> Path:
    return main_checkout(root) / layout.UNSENT / f"{key}.json"


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
        recorder.send_system_metrics()
        yield recorder
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        recorder.end(status)
