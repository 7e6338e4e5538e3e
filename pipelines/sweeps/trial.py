"""One trial in a slot's process: an ordinary experiment, from its parameters to its DVC commit."""

import csv
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lockstep.config.overrides import write_overridden
from lockstep.config.reading import load_params
from lockstep.errors import LockstepError, ParamsError
from lockstep.evaluation.monitors import VALIDATION
from lockstep.messages import choice
from lockstep.process import console
from lockstep.process.training_progress import at_epoch_ends
from lockstep.storage import atomic_files, layout
from lockstep.tracking import PARENT, sweep_runs
from lockstep.versioning import experiments
from lockstep.versioning.hashes import ExperimentInputs, experiment_inputs
from lockstep.versioning.reproduction import graph, reproduce_stage
from pipelines import local, workspace_files, workspaces
from pipelines.experiment_names import name_of
from pipelines.stage_runs import in_process
from pipelines.sweeps.messages import Answer, Line, Request
from pipelines.sweeps.record import COMPLETE


class Pruned(BaseException):
    """The trial is worse than others. No Exception, so that its run is no failed one."""


class TrialRun:
    """Runs the stages of one request in the slot's workspace."""

    def __init__(self, project: Path, workspace: Path, request: Request, line: Line) -> None:
        self.project, self.workspace, self.request, self.line = project, workspace, request, line
        self.inputs = ExperimentInputs([])
        self.key, self.name = "", ""
        self.history: dict[int, float] = {}
        self.seconds: dict[str, float] = {}

    def complete(self) -> Answer:
        """Bring the stages up to date, save the experiment, and return what it has written.

        Raises Pruned, LockstepError, or what a bug raises.
        """
        begin = time.monotonic()
        self._prepare()
        with at_epoch_ends(self._epoch_ended):
            for stage in self._stages():
                with self._timed(stage):
                    outcome = reproduce_stage(
                        self.workspace, stage, in_process(self.workspace, stage)
                    )
                console.say(f"{stage}: {outcome}")
        if not self.request.saved:
            return Answer(COMPLETE)
        self._judge(self._rows())
        value = self._value()  # before it is saved: without one the trial has failed
        workspaces.save(self.workspace, self.name, self.inputs, self._preset)
        self._tell_mlflow(COMPLETE)
        return self._answer(value, time.monotonic() - begin)

    def ended_early(
        self, state: str, error: LockstepError | None = None, *, restart: bool = False
    ) -> Answer:
        """Return the answer of a trial that was pruned or has failed."""
        if self.key and self.request.saved:
            self._tell_mlflow(state)
        return Answer(
            state,
            reason=str(error) if error else "",
            exit_code=error.exit_code if error else 0,
            key=self.key,
            history=_by_text(self.history),
            seconds=self.seconds,
            # Again, since an edit may be why it has failed.
            files=experiment_inputs(self.workspace).files if self.key else {},
            restart=restart,
        )

    @property
    def _preset(self) -> str | None:
        return self.request.labels[0] or None

    def _prepare(self) -> None:
        """Write the parameters, and bring the files that they name."""
        write_overridden(self.workspace / layout.PARAMS, list(self.request.assignments))
        workspace_files.add_inputs(self.project, self.workspace, self._preset)
        self.inputs = experiment_inputs(self.workspace)
        self.key = self.inputs.key
        self.name = name_of(self.request.labels, self.key)
        os.environ |= {experiments.NAME: self.name, PARENT: self.request.parent}
        if "keras" not in sys.modules:
            local.import_ahead(self.workspace)

    def _stages(self) -> Iterator[str]:
        """Yield the stages up to the last one that is asked for, in the graph's order."""
        known = {each.name: each for each in graph(self.workspace)}
        wanted, open_ = set(), [self.request.until]
        while open_:
            name = open_.pop()
            wanted.add(name)
            open_ += known[name].upstream
        yield from (name for name in known if name in wanted)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.seconds[stage] = round(time.monotonic() - begin, 3)

    def _rows(self) -> list[dict[str, str]]:
        with (self.workspace / layout.HISTORY).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def _epoch_ended(self) -> None:
        self._judge(self._rows())

    def _judge(self, rows: list[dict[str, str]]) -> None:
        """Send the objective of all epochs; raises Pruned if the sweep says so.

        A resumed or restored training is judged by its earlier epochs too, as a new one is. Raises
        ParamsError if the history hasn't got the objective, LockstepError if it isn't a number.
        """
        metric = self.request.objective
        if metric is None:
            return
        found = {int(row["epoch"]): _number(row, metric) for row in rows}
        if set(found) <= set(self.history):
            return
        self.line.send({"epochs": _by_text(found)})
        pruned_at = self.line.receive()
        self.history = {
            epoch: each for epoch, each in found.items() if not pruned_at or epoch <= pruned_at
        }
        if pruned_at:
            raise Pruned

    def _tell_mlflow(self, state: str) -> None:
        if self.request.number is not None:
            params, number = load_params(self.workspace), self.request.number
            sweep_runs.tag_trial(
                params, self.workspace, self.key, self.request.parent, number, state
            )

    def _answer(self, value: float | None, total: float) -> Answer:
        own = sum(self.seconds.get(stage, 0.0) for stage in ("train", "evaluate"))
        return Answer(
            COMPLETE,
            experiment=self.name,
            key=self.key,
            history=_by_text(self.history),
            value=value,
            files=self.inputs.files,
            test=atomic_files.read_json(self.workspace / layout.METRICS)["test"],
            seconds={
                **self.seconds, "total": round(total, 3), "overhead": round(total - own, 3)
            },
        )  # fmt: skip

    def _value(self) -> float | None:
        """Return the objective of the epoch whose weights are evaluated."""
        if self.request.objective is None:
            return None
        chosen = load_params(self.workspace).evaluate.weights
        with (self.workspace / layout.CHECKPOINT_EPOCHS).open(encoding="utf-8") as file:
            epochs = {row["checkpoint"]: row["epoch"] for row in csv.DictReader(file)}
        return self.history[int(epochs.get(chosen) or max(self.history))]


def _number(row: Mapping[str, str], metric: str) -> float:
    if metric not in row:
        known = [name for name in row if name.startswith(VALIDATION)]
        raise ParamsError(f"--objective: got {metric!r}, expected {choice(metric, known)}")
    if not math.isfinite(float(row[metric])):
        raise LockstepError(f"{metric} is {row[metric]} after epoch {row['epoch']}")
    return float(row[metric])


def _by_text(history: dict[int, float]) -> dict[str, float]:
    return {str(epoch): value for epoch, value in history.items()}
