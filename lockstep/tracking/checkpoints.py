"""The weights that a training wrote, as logged models of MLflow: its pages sort them by metrics."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Metric, Run

from lockstep.config.reading import experiment_params
from lockstep.config.schema import Params
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout
from lockstep.storage.copies import copy_file
from lockstep.tracking import run_metrics
from lockstep.versioning.hashes import recorded_outputs

KIND, KEY = "checkpoint", "lockstep.experiment"
NAME, EPOCH, MD5 = "checkpoint.name", "checkpoint.epoch", "checkpoint.md5"
BEST, LAST = "best", "last"
REFUSED = str.maketrans(dict.fromkeys("/:.%\"'", "-"))  # in the names of logged models
LONGEST = 500  # characters of a parameter of a logged model


class Checkpoint(NamedTuple):
    """A file of weights, and the epoch whose metrics are its own, if one is."""

    name: str
    file: Path
    epoch: int | None


def log(client: MlflowClient, run: Run, params: Params, root: Path) -> None:
    """Log the checkpoints that `tracking.checkpoints` names, each once, with their metrics."""
    found = list(_wanted(params, root, run))
    models = _logged(client, run) if found else {}
    for each in found:
        model = models.get(each.name) or _create(client, run, params, each)
        if str(model.status) != "READY":  # or the process that has created it was killed
            _store(client, model, each.file)
            client.finalize_logged_model(model.model_id, "READY")
        metrics = list(_metrics(each, model, run, params, root))
        if metrics:
            client.log_batch(run.info.run_id, metrics=metrics)


def _wanted(params: Params, root: Path, run: Run) -> Iterator[Checkpoint]:
    which, listed = params.tracking.checkpoints, root / layout.CHECKPOINT_EPOCHS
    if which == "none" or not listed.exists():
        return
    folder = main_checkout(root) / layout.CHECKPOINTS / run.data.tags[KEY][:12]
    for row in run_metrics.rows_in(listed):
        name, epoch = row["checkpoint"], row["epoch"]
        own = name in (BEST, LAST)
        file = root / layout.weights_of(name) if own else folder / name
        if (which == "all" or name == BEST) and file.exists():
            yield Checkpoint(name, file, int(epoch) if epoch else None)


def _logged(client: MlflowClient, run: Run) -> dict[str, LoggedModel]:
    """Return the run's checkpoints that MLflow has, by their names."""
    query = f"source_run_id = '{run.info.run_id}'"
    found = client.search_logged_models([run.info.experiment_id], query)
    return {each.tags[NAME]: each for each in found if NAME in each.tags}


def _create(client: MlflowClient, run: Run, params: Params, each: Checkpoint) -> LoggedModel:
    values = experiment_params(params).items()
    tags = {NAME: each.name, MD5: atomic_files.md5(each.file)}
    tags |= {} if each.epoch is None else {EPOCH: str(each.epoch)}
    return client.create_logged_model(
        run.info.experiment_id,
        each.name.translate(REFUSED),
        run.info.run_id,
        tags,
        {name: json.dumps(value).strip('"')[:LONGEST] for name, value in values},
        model_type=KIND,
    )


def _store(client: MlflowClient, model: LoggedModel, file: Path) -> None:
    """Give MLflow the file; in a folder of this machine it takes no space if there are reflinks."""
    place = urlsplit(model.artifact_location)
    if place.scheme != "file":
        client.log_model_artifact(model.model_id, str(file))
        return
    target = Path(url2pathname(place.path)) / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    copy_file(file, target)


def _metrics(
    each: Checkpoint, model: LoggedModel, run: Run, params: Params, root: Path
) -> Iterator[Metric]:
    """Yield the metrics of the checkpoint's epoch, and of the test, with the data they are of."""
    ready = recorded_outputs(root).get(str(layout.READY), "").partition(".")[0]
    for name, value in _measured(each, params, root).items():
        split = _split(name, params)
        data = (f"{params.data.name} {split}", ready) if split and ready else (None, None)
        step = 0 if name.startswith("test_") else each.epoch or 0
        yield Metric(
            name, value, run_metrics.time_of(step, run), step, model.model_id, *data,
            run_id=run.info.run_id,
        )  # fmt: skip


def _measured(each: Checkpoint, params: Params, root: Path) -> Mapping[str, float]:
    rows = run_metrics.rows_in(root / layout.HISTORY)
    found = next((row for row in rows if int(row["epoch"]) == each.epoch), {})
    measured = {name: float(value) for name, value in found.items() if name != "epoch"}
    tested = root / layout.METRICS
    if each.name == params.evaluate.weights and tested.exists():
        measured |= run_metrics.tested(tested)
    return measured


def _split(metric: str, params: Params) -> str:
    """Return the split that a metric was measured on; empty for the learning rate."""
    if metric == "learning_rate":
        return ""
    if metric.startswith("val_"):
        return "test" if params.train.validation == "test" else "validation"
    return "test" if metric.startswith("test_") else "train"
