"""Log the parameters, dvc.lock's hashes and the files in report/ to an MLflow run.

Logging twice changes nothing: steps and timestamps are fixed, and MLflow drops exact duplicates.
"""

import getpass
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, Param, Run, RunTag
from mlflow.utils.mlflow_tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_GIT_COMMIT,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NOTE,
)

from lockstep.config.reading import experiment_params
from lockstep.config.schema import Params
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import changed_files, commit_of
from lockstep.tracking import (
    FLOW_RUN,
    FLOW_RUN_URL,
    KEY,
    PARENT,
    checkpoints,
    orphaned_runs,
    run_checkouts,
    run_metrics,
    run_names,
    run_tags,
)
from lockstep.tracking.client import connect, host_tags
from lockstep.versioning import experiments
from lockstep.versioning.recorded import md5s, recorded_stages

TEST = "test"  # the split
TRAINING_FILES = (
    "data.json", "data.md", "data", "summary.txt", "model.json", "history.csv", "checkpoints.csv",
)  # fmt: skip
EVALUATION_FILES = (
    "metrics.json", "classes.csv", "predictions.csv", "roc.csv", "precision_recall.csv",
    "curves.png", "mistakes.png", "predictions.png",
)  # fmt: skip
REPORT_FILES = {
    "train": TRAINING_FILES,
    "evaluate": (*TRAINING_FILES, *EVALUATION_FILES),
    "register": (*TRAINING_FILES, *EVALUATION_FILES, "registered.json"),
}
STAGE_INPUTS = {
    "train": ("data/raw", "data/ready", "weights/initial.weights.h5"),
    "evaluate": ("data/raw", "data/ready", "weights/best.weights.h5", "weights/last.weights.h5"),
}
STAGE_INPUTS["register"] = STAGE_INPUTS["evaluate"]


def open_run(
    params: Params, root: Path, key: str, runtime_tags: Mapping[str, str]
) -> tuple[MlflowClient, Run]:
    """Return a client and the run with this key, created if there is none, with status RUNNING."""
    client, experiment = connect(root)
    orphaned_runs.end(client, experiment)
    run = find(client, experiment, key) or client.create_run(
        experiment.experiment_id,
        tags={KEY: key, **run_checkouts.own_tag(root)},
        run_name=run_names.run_name(params, root),
    )
    client.update_run(run.info.run_id, status="RUNNING")
    entries = params_of(params)
    tags = {**_origin(root), **orphaned_runs.process_tags(), **run_checkouts.shared_tag(run, root)}
    tags |= run_tags.grouped({**host_tags(), **runtime_tags})
    if params.train.validation == TEST:
        tags[run_tags.VALIDATION] = TEST
    client.log_batch(run.info.run_id, params=entries, tags=[RunTag(*tag) for tag in tags.items()])
    return client, run


def params_of(params: Params) -> list[Param]:
    """Return an experiment's parameters; the others may change, and those of MLflow can't."""
    values = experiment_params(params).items()
    return [Param(name, json.dumps(value).strip('"')) for name, value in values]


def find(client: MlflowClient, experiment: Experiment, key: str) -> Run | None:
    """Return the oldest run with this key, or None."""
    found = client.search_runs(
        [experiment.experiment_id],
        f"tags.`{KEY}` = '{key}'",
        max_results=1,
        order_by=["attributes.start_time ASC"],
    )
    return found[0] if found else None


def log_results(
    client: MlflowClient, run: Run, params: Params, root: Path, stage: str, *, complete: bool
) -> None:
    """Log all results there are after `stage`; `complete` means that the stage succeeded."""
    names = REPORT_FILES[stage] if complete else TRAINING_FILES if stage == "train" else ()
    files = [root / "report" / name for name in names if (root / "report" / name).exists()]
    for file in files:
        client.log_artifact(run.info.run_id, str(file), "report")
    client.log_artifact(run.info.run_id, str(root / layout.PARAMS))
    run_metrics.log(client, run, run_metrics.in_files(files, run))
    _send_hashes(client, run, params.data.name, root, stage)
    # Before its evaluation, metrics.json may be of the experiment that was in the workspace before.
    metrics = root / layout.METRICS
    tested = atomic_files.read_json(metrics)["test"] if metrics in files else {}
    if complete:
        checkpoints.log(client, run, params, root, tested)
    _describe(client, run, params, root, tested)


def _describe(
    client: MlflowClient,
    run: Run,
    params: Params,
    root: Path,
    tested: Mapping[str, float | None],
) -> None:
    """Write the run's description, and tag the size of the model."""
    size = root / layout.MODEL_SIZE
    tags = {MLFLOW_RUN_NOTE: run_names.description_of(params, root, tested)}
    if size.exists():
        tags |= {f"model.{name}": str(each) for name, each in atomic_files.read_json(size).items()}
    client.log_batch(run.info.run_id, tags=[RunTag(*tag) for tag in tags.items()])


def _send_hashes(client: MlflowClient, run: Run, data: str, root: Path, stage: str) -> None:
    """Log the data sets with their DVC hashes, and tag the hashes of the stage's inputs."""
    recorded = md5s(recorded_stages(root), "outs")
    hashes = {path: recorded[path] for path in STAGE_INPUTS[stage] if path in recorded}
    tags = [RunTag(f"dvc.{path}", md5) for path, md5 in hashes.items()]
    client.log_batch(run.info.run_id, tags=tags)
    client.log_inputs(run.info.run_id, list(_data_sets(data, root, hashes)))


def _data_sets(data: str, root: Path, hashes: Mapping[str, str]) -> Iterator[DatasetInput]:
    """Yield the raw data, and each split with its number of examples, by DVC's hashes.

    MLflow keeps one of a name and hash for each run, so that splits need names of their own.
    """
    raw, ready = str(layout.RAW), str(layout.READY)
    if raw in hashes:
        yield _data_set(data, hashes[raw], raw, "raw", {})
    if ready in hashes:
        for split, count in atomic_files.read_json(root / layout.SPEC)["splits"].items():
            context = "training" if split == "train" else split
            yield _data_set(f"{data} {split}", hashes[ready], ready, context, {"num_rows": count})


def _data_set(
    name: str, md5: str, path: str, context: str, profile: Mapping[str, int]
) -> DatasetInput:
    described = Dataset(name, md5.partition(".")[0], "dvc", path, profile=json.dumps(profile))
    return DatasetInput(described, [InputTag(MLFLOW_DATASET_CONTEXT, context)])


def _origin(root: Path) -> dict[str, str]:
    """Return tags for the commit, uncommitted changes, the DVC experiment, flow run and user."""
    origin = {
        MLFLOW_GIT_COMMIT: commit_of(root),
        "git.changed": str(bool(changed_files(root))).lower(),
        "mlflow.source.name": "lockstep",
        "dvc.experiment": os.environ.get(experiments.NAME, ""),
        "prefect.flow_run": os.environ.get(FLOW_RUN, ""),
        "prefect.flow_run_url": os.environ.get(FLOW_RUN_URL, ""),
        MLFLOW_PARENT_RUN_ID: os.environ.get(PARENT, ""),
        "mlflow.user": _user(),
    }
    return {name: value for name, value in origin.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # in a container the user may have no name
