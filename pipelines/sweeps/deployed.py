"""The flow of the deployment `sweep`: a sweep of a file or of overrides, with a task per trial."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from lockstep.config.overrides import as_value
from lockstep.errors import LockstepError
from lockstep.process.environment import prepare_environment
from pipelines.experiment import failed
from pipelines.reporting import failures_in_one_line, forwarded
from pipelines.sweeps import requested, results, runner
from pipelines.sweeps.record import COMPLETE, FAILED, Trial


@flow(name="sweep", retries=0, persist_result=False)
def deployed(
    name: str = "",
    overrides: dict[str, Any] = {},
    preset: str | None = None,
    trials: int | None = None,
    parallel: int | None = None,
    sampler: str | None = None,
    prune: str | None = None,
    objective: str | None = None,
) -> State[Any]:
    """Run the trials of a sweep, as `lockstep sweep` does; a stopped one goes on when run again.

    Args:
        name: a file in sweeps/, without .yaml
        overrides: keys with values such as "1..8", "log:1e-4..1e-1" or a list, and overrides
        preset: the name of a preset
        trials: how many; by default all combinations
        parallel: trials at once
        sampler: tpe, random or grid
        prune: median or none
        objective: a metric of the validation split

    """
    root = Path.cwd()
    given = [*([name] if name else []), *map(_assignment, overrides.items())]
    options = {
        "preset": preset, "trials": trials, "parallel": parallel, "sampler": sampler,
        "prune": prune, "objective": objective,
    }  # fmt: skip
    try:
        with failures_in_one_line(), forwarded("sweep"):
            prepare_environment(root)
            sweep = requested.sweep_of(root, given, options)
            requested.check(root, sweep)
            found = runner.run(root, sweep, as_tasks)
            create_markdown_artifact(f"```\n{results.as_text(found)}\n```", key="sweep")
    except LockstepError as error:
        return failed(error)
    best = f", the best is {found.best.experiment}" if found.best else ""
    return Completed(message=f"{found.name}: {found.counts()}{best}")


def _assignment(entry: tuple[str, Any]) -> str:
    key, value = entry
    if isinstance(value, list):
        return f"{key}={','.join(map(as_value, value))}"
    return f"{key}={value if isinstance(value, str) else as_value(value)}"


def as_tasks(one: Callable[[Trial], Trial], trials: Sequence[Trial]) -> Sequence[Trial]:
    """Run a batch of trials, each as a Prefect task that ends in the trial's state.

    Raises the LockstepError that ends the sweep.
    """
    ended: list[Trial] = []
    errors: list[LockstepError] = []

    def run_trial(trial: Trial) -> State[Any]:
        try:
            found = one(trial)
        except LockstepError as error:
            errors.append(error)
            raise
        ended.append(found)
        if found.state == FAILED:
            return Failed(message=found.reason)
        return Completed(name="Completed" if found.state == COMPLETE else found.state.title())

    options = {"retries": 0, "cache_policy": NO_CACHE, "persist_result": False}
    futures = [
        task(run_trial, name="trial", task_run_name=f"trial {each.number}", **options).submit(each)
        for each in trials
    ]
    for future in futures:
        future.wait()
    if errors:
        raise errors[0]
    return ended
