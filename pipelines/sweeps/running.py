"""A sweep while it runs: batches of trials, and in the end the best one's registration."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from lockstep.config.overrides import overridden
from lockstep.config.reading import check_params
from lockstep.errors import DataError, LockstepError, ParamsError
from lockstep.process import console
from lockstep.runtime import devices
from lockstep.tracking import sweep_runs
from lockstep.versioning.reproduction import graph
from lockstep.versioning.same_inputs import SameInputs
from pipelines.sweeps import page, results, sampling
from pipelines.sweeps.definition import Sweep, of_trial
from pipelines.sweeps.messages import Answer, Request
from pipelines.sweeps.objective import Objective
from pipelines.sweeps.record import COMPLETE, FAILED, PRUNED, Record, Trial
from pipelines.sweeps.slots import Slots

EVALUATED, REGISTERED = "evaluate", "register"
FAILURES = {2: ParamsError, 3: DataError}
RunAll = Callable[[Callable[[Trial], Trial], Sequence[Trial]], Sequence[Trial]]


@dataclass
class RunningSweep:
    """A sweep while it runs, with the lock on its record."""

    root: Path
    sweep: Sweep
    slots: Slots
    objective: Objective | None
    params: Mapping[str, Any]  # as in params.yaml, with what all trials have
    record: Record
    of_preset: Sequence[str]  # the assignments that come before those of a trial
    files: Mapping[str, str]  # the hashes of those it began with

    def __post_init__(self) -> None:
        """Prepare the record."""
        self._lock = threading.Lock()
        self._same = SameInputs("the sweep ran")
        self._same.require(self.files)
        self.record.described = {
            **self.sweep.described(),
            "objective": self.objective._asdict() if self.objective else None,
        }

    def run(self, run_all: RunAll) -> results.Results:
        """Run all batches, and finish."""
        described = {name: each for name, each in self.record.described.items() if each}
        more = {name: described.pop(name) for name in ("trials", "parallel")}
        self.parent = sweep_runs.open_parent(
            self.root, self.record.key, self.record.name, described, more
        )
        status = "KILLED"
        try:
            self._run_batches(run_all)
            found = results.of(self.record, self.sweep, self.objective)
            html = _beside(page.html, found)
            self._register(found)
            status = "FINISHED"
        except Exception:
            status = "FAILED"
            raise
        except BaseException:
            self.slots.stop()
            raise
        finally:
            if status != "FINISHED":
                sweep_runs.end_parent(self.root, self.parent, status)
        results.write(self.root, found, html.result())
        self._send_missing(found)
        sweep_runs.end_parent(
            self.root,
            self.parent,
            status,
            found.figures,
            found.files(self.root),
            found.note,
            len(found.trials),
        )
        return found

    def _send_missing(self, found: results.Results) -> None:
        """Send MLflow what it couldn't take while trials ran; what it has stays as it is."""
        ended = [(each.number, each.key, each.state) for each in found.trials if each.key]
        sweep_runs.link_trials(self.root, self.parent, ended)
        self._log(found.complete)

    def _run_batches(self, run_all: RunAll) -> None:
        size = self.sweep.batch or self.sweep.trials
        for start in range(0, self.sweep.trials, size):
            numbers = range(start, min(start + size, self.sweep.trials))
            finished = self.record.first(start)
            new = [each for each in self._suggested(numbers, finished) if self._is_new(each)]
            if new:
                run_all(partial(self._run_trial, finished), new)

    def _suggested(self, numbers: range, finished: Sequence[Trial]) -> list[Trial]:
        goal = self.objective.goal if self.objective else "min"
        suggested = sampling.suggest(self.sweep, goal, self.params["seed"], finished, numbers)
        return [
            Trial(number, values, tuple(of_trial(self.sweep, values)))
            for number, values in zip(numbers, suggested, strict=False)
        ]

    def _is_new(self, trial: Trial) -> bool:
        """Whether a trial hasn't ended; raises DataError if the record has another one."""
        known = self.record[trial.number]
        if known and dict(known.values) != dict(trial.values):
            raise DataError(
                f"{self.record.path}: trial {trial.number} has {dict(known.values)}, expected "
                f"{dict(trial.values)}, perhaps by another version of Optuna; move the file away"
            )
        return known is None

    def _run_trial(self, finished: Sequence[Trial], trial: Trial) -> Trial:
        shown = " ".join(f"{key}={value}" for key, value in trial.values.items())
        console.say(f"trial {trial.number}: {shown}")
        assigned = [*self.of_preset, *trial.overrides]
        problem = self._problem(assigned)
        if problem:
            sweep_runs.log_refused(
                self.root, self.parent, self.record.key, trial.number, trial.values, problem
            )
            return self._ended(replace(trial, state=FAILED, reason=problem))
        request = Request(
            tuple(assigned),
            (self.sweep.preset or "", *trial.overrides),
            EVALUATED,
            objective=self.objective.metric if self.objective else None,
            parent=self.parent,
            number=trial.number,
        )
        with self.slots.one() as slot:
            if slot.stopped:
                return trial
            answer = slot.run(request, self._judge(trial, finished))
            if slot.stopped:
                return trial
        self._same.require(answer.files)  # the checkout's data may be edited
        return self._ended(_as_trial(trial, answer))

    def _problem(self, assigned: list[str]) -> str:
        """Why a trial's parameters don't go together; empty if they do."""
        try:
            values = overridden(self.params, assigned)
            devices.replicas(check_params(values, self.slots.all[0].workspace, "overrides"))
        except LockstepError as error:
            return str(error)
        return ""

    def _judge(self, trial: Trial, finished: Sequence[Trial]) -> Callable[[dict[int, float]], int]:
        """Return a function that says at which epoch to prune, 0 for nowhere."""
        judged: dict[int, float] = {}
        goal = self.objective.goal if self.objective else "min"

        def judge(history: dict[int, float]) -> int:
            for epoch in sorted(history.keys() - judged.keys()):
                judged[epoch] = history[epoch]
                if sampling.should_prune(self.sweep, goal, finished, trial, judged):
                    return epoch
            return 0

        return judge

    def _ended(self, trial: Trial) -> Trial:
        with self._lock:
            self.record.add(trial)
        self._log([trial])
        console.say(f"trial {trial.number}: {_shown(trial, self.objective)}")
        return trial

    def _log(self, trials: Sequence[Trial]) -> None:
        values = {each.number: each.value for each in trials if each.value is not None}
        if values and self.objective:
            sweep_runs.log_objective(self.root, self.parent, self.objective.metric, values)

    def _register(self, found: results.Results) -> None:
        """Register the best trial's model, as the command that runs it alone does."""
        best = found.best
        if best is None or REGISTERED not in {each.name for each in graph(self.root)}:
            return
        console.say(f"register: trial {best.number}, the best")
        assigned = (*self.of_preset, *best.overrides)
        request = Request(assigned, (self.sweep.preset or "", *best.overrides), REGISTERED)
        with self.slots.one() as slot:
            raise_if_failed(slot.run(request, lambda history: 0))


def _beside(function: Callable[[results.Results], str], found: results.Results) -> Future[str]:
    """Call a function in a thread."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="page")
    result = thread.submit(function, found)
    thread.shutdown(wait=False)
    return result


def _as_trial(trial: Trial, answer: Answer) -> Trial:
    history = {int(epoch): each for epoch, each in answer.history.items()}
    return replace(
        trial,
        state=answer.state,
        value=answer.value,
        history=history,
        reason=answer.reason,
        experiment=answer.experiment,
        key=answer.key,
        test=answer.test,
        seconds=answer.seconds,
    )


def _shown(trial: Trial, objective: Objective | None) -> str:
    if trial.state == FAILED:
        return f"failed: {trial.reason}"
    if trial.state == PRUNED:
        return f"pruned after epoch {max(trial.history)}"
    value = f" with {objective.metric} {trial.value:.6g}" if objective else ""
    return f"complete{value}, {trial.seconds.get('total', 0):.1f} s"


def raise_if_failed(answer: Answer) -> None:
    """Raise the LockstepError for which a request has failed."""
    if answer.state != COMPLETE:
        error = FAILURES.get(answer.exit_code, LockstepError)(answer.reason)
        error.exit_code = answer.exit_code or 1
        raise error
