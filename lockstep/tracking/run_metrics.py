"""The metrics of a run, from the files in report/; each epoch is a step."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Run

from lockstep.storage import atomic_files

BATCH = 1000  # MLflow's limit of metrics per request
Row = Mapping[str, Any]


def metrics_of(rows: Iterable[Row], run: Run) -> list[Metric]:
    """Return the metrics of history rows, one step for each epoch."""
    return [
        Metric(name, float(value), time_of(int(row["epoch"]), run), int(row["epoch"]))
        for row in rows
        for name, value in row.items()
        if name != "epoch"
    ]


def log(client: MlflowClient, run: Run, metrics: list[Metric]) -> None:
    """Log metrics in as few requests as MLflow's limit allows."""
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run.info.run_id, metrics=metrics[start : start + BATCH])


def time_of(epoch: int, run: Run) -> int:
    """Return the timestamp of an epoch, always the same: of a row sent again MLflow drops all."""
    return int(run.info.start_time) + 1000 * epoch


def of_times(client: MlflowClient, run: Run, seconds: Mapping[str, float]) -> list[Metric]:
    """Return the metrics of the seconds that stages took: each time that a stage ran is a step.

    A stage runs again after its process was killed. What the run has already is left out. MLflow is
    asked anew, not `run`: the process of a killed `dvc repro` may have ended its stage meanwhile.
    """
    found: list[Metric] = []
    there = client.get_run(run.info.run_id).data.metrics if seconds else {}
    for stage, value in seconds.items():
        name = f"time/{stage}_seconds"
        sent = client.get_metric_history(run.info.run_id, name) if name in there else []
        if value not in [each.value for each in sent]:
            found.append(Metric(name, value, time_of(len(sent), run), len(sent)))
    return found


def in_files(files: Iterable[Path], run: Run) -> list[Metric]:
    """Return the metrics in history.csv and in metrics.json, if they are among the files."""
    metrics: list[Metric] = []
    for file in files:
        if file.name == "history.csv":
            metrics += metrics_of(rows_in(file), run)
        elif file.name == "metrics.json":
            tested = of_test(atomic_files.read_json(file)["test"])
            metrics += [Metric(*each, time_of(0, run), 0) for each in tested.items()]
    return metrics


def rows_in(file: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, each by column."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def of_test(metrics: Mapping[str, float | None]) -> dict[str, float]:
    """Return the test metrics that are defined, by their names in MLflow."""
    return {f"test_{name}": value for name, value in metrics.items() if value is not None}
