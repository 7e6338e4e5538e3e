"""The flow of an experiment, derived from dvc.yaml: one Prefect task for each stage."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from lockstep.errors import LockstepError
from lockstep.process import console
from lockstep.runtime.cluster import read_cluster
from lockstep.tracking import FLOW_RUN, FLOW_RUN_URL
from lockstep.versioning.reproduction import RAN, UP_TO_DATE, Node, graph, reproduce_stage
from pipelines import reporting
from tasks.__main__ import run_stage

WORTH_A_RETRY = (75, 137, 143)
COMMAND = re.compile(r"python -m tasks (\w+)")


@flow(name="experiment", validate_parameters=False, persist_result=False)
def experiment(root: Path) -> None:
    """Bring every stage of the workspace up to date, each after those it depends on."""
    _say_who_runs_it()
    states: dict[str, State[Any]] = {}
    for stage in graph(root):
        before = [states[name] for name in stage.upstream]
        states[stage.name] = as_task(stage)(stage.name, root, wait_for=before, return_state=True)
        raise_if_failed(states[stage.name], stage.name)
    if any(state.name != UP_TO_DATE.title() for state in states.values()):
        reporting.summarize(root)


def _say_who_runs_it() -> None:
    """Let MLflow's run lead back to this flow run."""
    os.environ[FLOW_RUN] = str(flow_run.id)
    os.environ[FLOW_RUN_URL] = str(flow_run.ui_url or "")


def as_task(stage: Node) -> Callable[..., Any]:
    """Return a stage as a Prefect task, with the retries and the timeout of its `meta`.

    DVC is the cache, so Prefect keeps no result.
    """
    return task(
        bring_up_to_date,
        name=stage.name,
        task_run_name=stage.name,
        description=stage.description,
        retries=stage.meta.get("retries", 0),
        retry_delay_seconds=stage.meta.get("retry_delay_seconds", 0),
        timeout_seconds=stage.meta.get("timeout_seconds"),
        retry_condition_fn=_worth_a_retry,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


def bring_up_to_date(name: str, root: Path) -> State[Any]:
    """Let DVC decide about a stage, and run it in this process if it must."""

    def run(command: str) -> bool:
        stage = COMMAND.fullmatch(command)
        # TensorFlow must meet the other workers before its first operation: in a new process.
        if stage and name == "train" and read_cluster().size > 1:
            return False
        if stage:
            console.say(f"{name}: {command}")
            run_stage(stage[1], root)
        return bool(stage)

    try:
        with reporting.told(name):
            outcome = reproduce_stage(root, name, run)
    except LockstepError as error:
        if error.exit_code in WORTH_A_RETRY:
            raise
        # As a state, so that Prefect shows the stage's own line and prints no traceback.
        return Failed(message=str(error), data=error)
    console.say(f"{name}: {outcome}")
    return Completed(message=outcome, name="Completed" if outcome == RAN else outcome.title())


def raise_if_failed(state: State[Any], name: str) -> None:
    """Raise what a stage's task ended with, if that isn't well; its line names the stage."""
    if state.is_completed():
        return
    error = _error_in(state)
    failure = LockstepError(f"{name}: {error or state.message}")
    failure.exit_code = getattr(error, "exit_code", 1)
    raise failure from error


def _worth_a_retry(task: Any, run: Any, state: State[Any]) -> bool:
    return getattr(_error_in(state), "exit_code", None) in WORTH_A_RETRY


def _error_in(state: State[Any]) -> BaseException | None:
    """The exception that a failed state holds: as it is, or as a result kept in memory."""
    data = getattr(state.data, "result", state.data)
    return data if isinstance(data, BaseException) else None
