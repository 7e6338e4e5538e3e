"""MLflow's run of a sweep, and the runs of its trials as its children.

The trials' runs are those of ordinary experiments. A sweep goes on without MLflow: the same command
makes what is missing once it is back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lockstep.config.schema import Params
from lockstep.storage.checkout import commit_of
from lockstep.tracking import KEY
from lockstep.tracking.recorder import say_once, send_results

TRIAL, STATE, SWEEP = "sweep.trial", "sweep.state", "sweep.name"
ENDED = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


def open_parent(
    root: Path, key: str, name: str, params: Mapping[str, Any], tags: Mapping[str, Any]
) -> str:
    """Return the id of a sweep's run, made if there is none; empty if MLflow is out of reach.

    `params` can't change when the sweep goes on, `tags` can.
    """

    def make(connected: Any) -> str:
        return _opened(root, key, name, params, tags, *connected)

    return _tried(root, make) or ""


def log_objective(root: Path, run_id: str, metric: str, values: Mapping[int, float]) -> None:
    """Log trials' objective to the sweep's run; a trial's number is its step."""
    from mlflow.entities import Metric

    def send(connected: Any) -> None:
        from lockstep.tracking import run_metrics

        client, _ = connected
        run = client.get_run(run_id)
        times = {number: run_metrics.time_of(number, run) for number in values}
        metrics = [Metric(metric, value, times[n], n) for n, value in values.items()]
        run_metrics.log(client, run, metrics)

    if run_id:
        _tried(root, send)


def end_parent(
    root: Path,
    run_id: str,
    status: str,
    figures: Mapping[str, float] = {},
    files: Sequence[Path] = (),
    note: str = "",
    step: int = 0,
) -> None:
    """Log what a sweep has found after `step` trials, and end its run."""
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

    def send(connected: Any) -> None:
        client, _ = connected
        for name, value in figures.items():
            client.log_metric(run_id, name, value, step=step)
        for file in files:
            client.log_artifact(run_id, str(file), "sweep")
        if note:
            client.set_tag(run_id, MLFLOW_RUN_NOTE, note)
        client.set_terminated(run_id, status)

    if run_id:
        _tried(root, send)


def tag_trial(
    params: Params, workspace: Path, key: str, parent: str, number: int, state: str
) -> None:
    """Make the run of a trial's experiment the sweep's child, and end it if it has just been made.

    A trial that failed before its training has no run yet, and one that was restored from the
    cache may have none in this MLflow.
    """
    from mlflow.entities import RunTag
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    def tag(connected: Any) -> None:
        client, experiment = connected
        run = _run_of(client, experiment, params, workspace, key, state)
        tags = {TRIAL: str(number), STATE: state}
        tags |= {MLFLOW_PARENT_RUN_ID: parent} if parent else {}
        client.log_batch(run.info.run_id, tags=[RunTag(*each) for each in tags.items()])

    _tried(workspace, tag)


def link_trials(root: Path, parent: str, trials: Iterable[tuple[int, str, str]]) -> None:
    """Make the runs of trials the sweep's children that aren't, after MLflow was out of reach.

    `trials` are numbers, keys of experiments, and states. Says how many have no run in MLflow.
    """
    from mlflow.entities import RunTag
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    def link(connected: Any) -> None:
        from lockstep.tracking import run_contents

        client, experiment = connected
        known = {run.data.tags.get(TRIAL) for run in _children(client, experiment, parent)}
        missing = 0
        for number, key, state in trials:
            if str(number) in known:
                continue
            run = run_contents.find(client, experiment, key)
            missing += run is None
            tags = {TRIAL: str(number), STATE: state, MLFLOW_PARENT_RUN_ID: parent}
            if run:
                client.log_batch(run.info.run_id, tags=[RunTag(*each) for each in tags.items()])
        if missing:
            say_once(
                f"mlflow: has no runs of {missing} trials; `lockstep sync --rebuild` makes them"
            )

    if parent:
        _tried(root, link)


def _children(client: Any, experiment: Any, parent: str) -> list[Any]:
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    wanted = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent}'"
    found: list[Any] = []
    token: str | None = ""
    while token is not None:
        page = client.search_runs([experiment.experiment_id], wanted, page_token=token or None)
        found, token = [*found, *page], page.token or None
    return found


def log_refused(
    root: Path, parent: str, key: str, number: int, values: Mapping[str, str], reason: str
) -> None:
    """Make a run of a trial whose parameters don't go together: nothing of it has run."""
    from mlflow.entities import Param, RunTag
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

    def make(connected: Any) -> None:
        from lockstep.tracking import run_contents

        client, experiment = connected
        mine = f"{key}-{number}"
        run = run_contents.find(client, experiment, mine) or client.create_run(
            experiment.experiment_id, tags={KEY: mine}, run_name=f"trial {number}"
        )
        tags = {TRIAL: str(number), STATE: "failed", MLFLOW_RUN_NOTE: reason}
        tags |= {MLFLOW_PARENT_RUN_ID: parent} if parent else {}
        client.log_batch(
            run.info.run_id,
            params=[Param(*each) for each in values.items()],
            tags=[RunTag(*each) for each in tags.items()],
        )
        client.set_terminated(run.info.run_id, "FAILED")

    _tried(root, make)


def _run_of(
    client: Any, experiment: Any, params: Params, workspace: Path, key: str, state: str
) -> Any:
    from lockstep.tracking import run_contents

    found = run_contents.find(client, experiment, key)
    if found is None and state == "complete":
        send_results(params, workspace, "evaluate")
        found = run_contents.find(client, experiment, key)
    if found is None:
        _, found = run_contents.open_run(params, workspace, key, {})
        client.set_terminated(found.info.run_id, ENDED[state])
    return found


def _opened(
    root: Path,
    key: str,
    name: str,
    params: Mapping[str, Any],
    changing: Mapping[str, Any],
    client: Any,
    experiment: Any,
) -> str:
    from mlflow.entities import Param, RunTag
    from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT

    from lockstep.tracking import orphaned_runs, run_contents, run_tags
    from lockstep.tracking.client import host_tags

    orphaned_runs.end(client, experiment)
    run = run_contents.find(client, experiment, key) or client.create_run(
        experiment.experiment_id, tags={KEY: key, SWEEP: name}, run_name=name
    )
    run_id: str = run.info.run_id
    client.update_run(run_id, status="RUNNING")
    tags = {**orphaned_runs.process_tags(), **run_tags.grouped(host_tags())}
    tags |= {"mlflow.source.name": "lockstep", MLFLOW_GIT_COMMIT: commit_of(root)}
    tags |= {f"sweep.{name}": str(value) for name, value in changing.items()}
    client.log_batch(
        run_id,
        params=[Param(name, str(value)) for name, value in params.items()],
        tags=[RunTag(*each) for each in tags.items() if each[1]],
    )
    return run_id


def _tried(root: Path, action: Callable[[Any], Any]) -> Any:
    """Return what the action returns; None, after a line about it, if MLflow can't be reached."""
    from lockstep.tracking import client

    try:
        return action(client.connect(root))
    except Exception as error:  # an MLflow failure must not stop a sweep
        say_once(f"mlflow: {client.reason(error)}; the same command sends what is missing")
        return None
