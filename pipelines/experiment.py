"""The flow of an experiment, built from dvc.yaml: one Prefect task per stage."""

import os
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
from lockstep.process.machine_errors import machine_error
from lockstep.tracking import FLOW_RUN, FLOW_RUN_URL
from lockstep.versioning.reproduction import RAN, UP_TO_DATE, Node, graph, reproduce_stage
from pipelines import lost_versions, reporting, run_process
from pipelines.servers import temporary_server
from pipelines.stage_runs import in_process, run_again

RETRYABLE_EXIT_CODES = (75, 137, 143)


# A stage has the retries of its `meta`; Prefect's settings may have others for all flows.
@flow(name="experiment", validate_parameters=False, retries=0, persist_result=False)
def experiment(root: Path) -> State[Any]:
    """Bring every stage of the workspace up to date, each after those it depends on.

    A failure is returned as a state, so that Prefect shows its message without a traceback.
    """
    run_process.record()
    try:
        bring_all_up_to_date(root)
    except LockstepError as error:
        return failed(error)
    return Completed()


def failed(error: LockstepError) -> State[Any]:
    """Return a Failed state with the error's message in one line."""
    return Failed(message=str(error), data=error)


def bring_all_up_to_date(root: Path) -> None:
    """Run a task for each stage of dvc.yaml; raises LockstepError for the first that fails."""
    _export_flow_run()
    states: dict[str, State[Any]] = {}
    with reporting.champions_announced(root):
        for stage in graph(root):
            before = [states[name] for name in stage.upstream]
            states[stage.name] = as_task(stage)(
                stage.name, root, wait_for=before, return_state=True
            )
            raise_if_failed(states[stage.name], stage.name)
    if any(state.name != UP_TO_DATE.title() for state in states.values()):
        reporting.summarize(root)


def _export_flow_run() -> None:
    """Put this flow run's id and URL into the environment, for the tags of the MLflow run.

    A temporary server's are gone when the run has ended.
    """
    lasting = not temporary_server.is_started()
    os.environ[FLOW_RUN] = str(flow_run.id) if lasting else ""
    os.environ[FLOW_RUN_URL] = str(flow_run.ui_url or "") if lasting else ""


def as_task(stage: Node) -> Callable[..., Any]:
    """Return a Prefect task for a stage, with the retries and the timeout in its `meta`.

    Prefect keeps no results, since DVC caches them.
    """
    return task(
        bring_up_to_date,
        name=stage.name,
        task_run_name=stage.name,
        description=stage.description,
        retries=stage.meta.get("retries", 0),
        retry_delay_seconds=stage.meta.get("retry_delay_seconds", 0),
        timeout_seconds=stage.meta.get("timeout_seconds"),
        retry_condition_fn=_is_retryable,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


def bring_up_to_date(name: str, root: Path) -> State[Any]:
    """Let DVC skip, restore or run a stage; a run takes place in this process if possible.

    If the registry lacks what `register` has recorded, it registers again: DVC can't know.
    """
    again = ""
    try:
        with reporting.forwarded(name):
            outcome = reproduce_stage(root, name, in_process(root, name))
            if name == lost_versions.STAGE and outcome != RAN and lost_versions.is_lost(root):
                run_again(root, name)
                again = ", and registered again, since the registry had lost the version"
    except LockstepError as error:
        if error.exit_code in RETRYABLE_EXIT_CODES:
            raise
        return failed(error)
    except Exception as error:
        found = machine_error(error, root)
        if found is None:
            raise
        return failed(found)
    console.say(f"{name}: {outcome}{again}")
    return Completed(
        message=f"{outcome}{again}", name="Completed" if outcome == RAN else outcome.title()
    )


def raise_if_failed(state: State[Any], name: str) -> None:
    """Raise LockstepError with the stage's name if its task failed; a bug is raised unchanged."""
    if state.is_completed():
        return
    error = error_in(state)
    if error and not isinstance(error, LockstepError | TimeoutError):
        raise error  # a bug in Lockstep
    failure = LockstepError(f"{name}: {error or state.message}")
    failure.exit_code = getattr(error, "exit_code", 1)
    raise failure from None


def _is_retryable(task: Any, run: Any, state: State[Any]) -> bool:
    return getattr(error_in(state), "exit_code", None) in RETRYABLE_EXIT_CODES


def error_in(state: State[Any]) -> BaseException | None:
    """Return the exception in a failed state, which holds it directly or as an in-memory result."""
    data = getattr(state.data, "result", state.data)
    return data if isinstance(data, BaseException) else None
