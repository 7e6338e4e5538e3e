"""The URLs of an experiment's MLflow run, and of the pages that list and compare runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException

from lockstep.storage import layout
from lockstep.tracking import run_contents, shared_view
from lockstep.tracking.client import MODEL_TRAINING_PAGES, connect, given_or_there, reason
from lockstep.versioning import compared
from lockstep.versioning.hashes import experiment_key

CURVES = ("loss", "val_loss")


def of_experiment(root: Path) -> str:
    """Return the run's URL, or without a server its id and the database's URI; "none" if absent."""
    client, experiment = connect(root)
    run = run_contents.find(client, experiment, experiment_key(root))
    if run is None:
        return "none"
    uri, run_id = client.tracking_uri, run.info.run_id
    if uri.startswith("http"):
        page = f"#/experiments/{experiment.experiment_id}/runs/{run_id}?{MODEL_TRAINING_PAGES}"
        return f"{uri.rstrip('/')}/{page}"
    return f"{run_id} in {uri}"


def of_all_runs(root: Path) -> str:
    """Return the URL of the list of runs with the columns that differ; empty without a server."""
    client, experiment = connect(root)
    uri = client.tracking_uri
    return shared_view.address(uri, experiment.experiment_id) if uri.startswith("http") else ""


def comparison(root: Path, experiments: Sequence[tuple[str, str]]) -> str:
    """Return lines with the URLs of MLflow's pages for experiments, each a name and a commit.

    Without a server a line says how to start one, or names experiments of which there is no run.
    """
    if not given_or_there(root):  # a comparison makes no database
        return f"MLflow: no run of {', '.join(name for name, _ in experiments)}"
    try:
        client, experiment = connect(root)
        runs = {name: _run_of(client, experiment, root, name, of) for name, of in experiments}
    except MlflowException as error:
        return f"MLflow: {reason(error)}"
    lacking = [name for name, run in runs.items() if not run]
    if lacking:
        return f"MLflow: no run of {', '.join(lacking)}"
    if not client.tracking_uri.startswith("http"):
        return f"MLflow: {', '.join(map(str, runs.values()))}; `make up` shows their page"
    server = client.tracking_uri.rstrip("/")
    return "\n".join(_pages(server, [experiment.experiment_id], list(runs.values())))


def _pages(server: str, experiments: Sequence[str], runs: Sequence[str | None]) -> list[str]:
    """Return lines with MLflow's page of what differs, and that of all runs' curves on one axis."""
    of = f"runs={_quoted(runs)}&experiments={_quoted(experiments)}&{MODEL_TRAINING_PAGES}"
    curves = f"metric={_quoted(CURVES[0])}&plot_metric_keys={_quoted(CURVES)}&x_axis=step"
    return [f"MLflow: {server}/#/compare-runs?{of}", f"curves: {server}/#/metric?{of}&{curves}"]


def _quoted(value: str | Sequence[str | None]) -> str:
    return quote(json.dumps(value, separators=(",", ":")))


def _run_of(
    client: MlflowClient, experiment: Experiment, root: Path, name: str, commit: str
) -> str | None:
    """Return the id of the workspace's run, of a DVC experiment's, or of a commit's weights."""
    if not commit:
        run = run_contents.find(client, experiment, experiment_key(root))
        return run.info.run_id if run else None
    weights = compared.weights_at(root, commit)
    queries = [
        f"tags.`dvc.experiment` = '{name}'" if name in compared.experiments(root) else "",
        f"tags.`dvc.{layout.BEST_WEIGHTS}` = '{weights}'" if weights else "",
    ]
    for query in filter(None, queries):
        found = client.search_runs([experiment.experiment_id], query, max_results=1)
        if found:
            run_id: str = found[0].info.run_id
            return run_id
    return None
