"""Log the parameters, dvc.lock's hashes and the files in report/ to an MLflow run.

Logging twice changes nothing: steps and timestamps are fixed, and MLflow drops exact duplicates.
"""

import csv
import getpass
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, Metric, Param, Run, RunTag

from lockstep.config.reading import flat_params
from lockstep.config.schema import Params
from lockstep.storage import atomic_files, layout
from lockstep.tracking import FLOW_RUN, FLOW_RUN_URL, orphaned_runs
from lockstep.tracking.client import connect, host_tags
from lockstep.versioning import experiments
from lockstep.versioning.hashes import recorded_outputs

KEY = "lockstep.experiment"
VALIDATION, TEST = "validation", "test"  # a tag of runs whose test metrics are no test
BATCH = 1000  # MLflow's limit of metrics per request
TRAINING_FILES = ("data.json", "data.md", "data", "summary.txt", "model.json", "history.csv")
EVALUATION_FILES = (
    "metrics.json", "classes.csv", "predictions.csv",
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
Row = Mapping[str, Any]


def open_run(
    params: Params, root: Path, key: str, runtime_tags: Mapping[str, str]
) -> tuple[MlflowClient, Run]:
    """Return a client and the run with this key, created if there is none, with status RUNNING."""
    client, experiment = connect(root)
    orphaned_runs.end(client, experiment)
    name = f"{params.data.name}-{params.model.name}-{key[:8]}"
    run = find(client, experiment, key) or client.create_run(
        experiment.experiment_id, tags={KEY: key}, run_name=name
    )
    client.update_run(run.info.run_id, status="RUNNING")
    # Not part of the experiment: it may change between stages, and MLflow params can't change.
    values = {name: value for name, value in flat_params(params).items() if name != "data.mirror"}
    entries = [Param(name, json.dumps(value).strip('"')) for name, value in values.items()]
    tags = {**_origin(root), **host_tags(), **orphaned_runs.process_tag(), **runtime_tags}
    if params.train.validation == TEST:
        tags[VALIDATION] = TEST
    client.log_batch(run.info.run_id, params=entries, tags=[RunTag(*tag) for tag in tags.items()])
    return client, run


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
    metrics = _metrics_in(files, run)
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run.info.run_id, metrics=metrics[start : start + BATCH])
    _send_hashes(client, run, params.data.name, root, stage)


def metrics_of(rows: Iterable[Row], run: Run) -> list[Metric]:
    """Return the metrics of history rows, one step for each epoch."""
    return [
        # The timestamp is derived from the epoch, so that a row sent again is an exact duplicate.
        Metric(
            name, float(value), run.info.start_time + 1000 * int(row["epoch"]), int(row["epoch"])
        )
        for row in rows
        for name, value in row.items()
        if name != "epoch"
    ]


def _metrics_in(files: list[Path], run: Run) -> list[Metric]:
    metrics: list[Metric] = []
    for file in files:
        if file.name == "history.csv":
            with file.open(encoding="utf-8", newline="") as lines:
                metrics += metrics_of(csv.DictReader(lines), run)
        elif file.name in ("metrics.json", "model.json"):
            content = atomic_files.read_json(file)
            values = {f"test_{name}": value for name, value in content.pop("test", {}).items()}
            start = run.info.start_time
            known = {k: each for k, each in {**values, **content}.items() if each is not None}
            metrics += [Metric(*item, start, 0) for item in known.items()]
    return metrics


def _send_hashes(client: MlflowClient, run: Run, data: str, root: Path, stage: str) -> None:
    """Log the data sets with their DVC hashes, and tag the hashes of the stage's inputs."""
    recorded = recorded_outputs(root)
    hashes = {path: recorded[path] for path in STAGE_INPUTS[stage] if path in recorded}
    tags = [RunTag(f"dvc.{path}", md5) for path, md5 in hashes.items()]
    client.log_batch(run.info.run_id, tags=tags)
    inputs = [
        DatasetInput(
            Dataset(data, md5.partition(".")[0], "dvc", path),
            [InputTag("mlflow.data.context", Path(path).name)],
        )
        for path, md5 in hashes.items()
        if path.startswith("data/")
    ]
    client.log_inputs(run.info.run_id, inputs)


def _origin(root: Path) -> dict[str, str]:
    """Return tags for the commit, uncommitted changes, the DVC experiment, flow run and user."""
    origin = {
        "mlflow.source.git.commit": _git(root, "rev-parse", "HEAD"),
        "git.changed": str(
            bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
        ).lower(),
        "mlflow.source.name": "lockstep",
        "dvc.experiment": os.environ.get(experiments.NAME, ""),
        "prefect.flow_run": os.environ.get(FLOW_RUN, ""),
        "prefect.flow_run_url": os.environ.get(FLOW_RUN_URL, ""),
        "mlflow.user": _user(),
    }
    return {name: value for name, value in origin.items() if value}


def _git(root: Path, *arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments],
        cwd=root,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # in a container the user may have no name
