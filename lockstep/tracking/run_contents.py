"""What an MLflow run holds, made from the parameters, dvc.lock and the files in report/.

Sending it twice changes nothing: steps and timestamps are fixed, and MLflow drops exact duplicates.
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
BATCH = 1000  # MLflow's limit of metrics in a request
TRAINED = ("summary.txt", "model.json", "history.csv")
JUDGED = (
    "metrics.json", "classes.csv", "predictions.csv",
    "curves.png", "mistakes.png", "predictions.png",
)  # fmt: skip
REPORT = {
    "train": TRAINED,
    "evaluate": (*TRAINED, *JUDGED),
    "register": (*TRAINED, *JUDGED, "registered.json"),
}
MADE_BEFORE = {
    "train": ("data/raw", "data/ready", "weights/initial.weights.h5"),
    "evaluate": ("data/raw", "data/ready", "weights/best.weights.h5", "weights/last.weights.h5"),
}
MADE_BEFORE["register"] = MADE_BEFORE["evaluate"]
Row = Mapping[str, Any]


def open_run(
    params: Params, root: Path, key: str, facts: Mapping[str, str]
) -> tuple[MlflowClient, Run]:
    """Return a client and the run with this key, created if there is none, set to running."""
    client, experiment = connect(root)
    orphaned_runs.end(client, experiment)
    name = f"{params.data.name}-{params.model.name}-{key[:8]}"
    run = find(client, experiment, key) or client.create_run(
        experiment.experiment_id, tags={KEY: key}, run_name=name
    )
    client.update_run(run.info.run_id, status="RUNNING")
    # The mirror isn't part of the experiment: it may differ when the run is met again.
    values = {name: value for name, value in flat_params(params).items() if name != "data.mirror"}
    entries = [Param(name, json.dumps(value).strip('"')) for name, value in values.items()]
    tags = {**_origin(root), **host_tags(), **orphaned_runs.mark(), **facts}
    client.log_batch(run.info.run_id, params=entries, tags=[RunTag(*tag) for tag in tags.items()])
    return client, run


def find(client: MlflowClient, experiment: Experiment, key: str) -> Run | None:
    """Return the run with this key, the first of them, or None."""
    found = client.search_runs(
        [experiment.experiment_id],
        f"tags.`{KEY}` = '{key}'",
        max_results=1,
        order_by=["attributes.start_time ASC"],
    )
    return found[0] if found else None


def fill(
    client: MlflowClient, run: Run, params: Params, root: Path, stage: str, *, whole: bool
) -> None:
    """Send all that is known once `stage` has ended; `whole` says that it ended well."""
    names = REPORT[stage] if whole else REPORT["train"] if stage == "train" else ()
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
        # No clock: fixed, so that the same row sent again is a duplicate.
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
            metrics += [Metric(*item, start, 0) for item in {**values, **content}.items()]
    return metrics


def _send_hashes(client: MlflowClient, run: Run, data: str, root: Path, stage: str) -> None:
    """Name the data sets by their DVC hash, and tag what was made before this stage."""
    recorded = recorded_outputs(root)
    made = {path: recorded[path] for path in MADE_BEFORE[stage] if path in recorded}
    tags = [RunTag(f"dvc.{path}", md5) for path, md5 in made.items()]
    client.log_batch(run.info.run_id, tags=tags)
    inputs = [
        DatasetInput(
            Dataset(data, md5.partition(".")[0], "dvc", path),
            [InputTag("mlflow.data.context", Path(path).name)],
        )
        for path, md5 in made.items()
        if path.startswith("data/")
    ]
    client.log_inputs(run.info.run_id, inputs)


def _origin(root: Path) -> dict[str, str]:
    """Which commit the code was at, and whether it had changed since."""
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
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # a container may have no name for its user
