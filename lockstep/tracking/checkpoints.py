"""The weights that a training wrote, as logged models of MLflow with their metrics."""

import json
from collections.abc import Iterable, Iterator, Mapping
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
from lockstep.storage.layout import BEST, LAST
from lockstep.tracking import KEY, run_metrics
from lockstep.versioning.recorded import md5s, recorded_stages

KIND = "checkpoint"
NAME, EPOCH, MD5 = "checkpoint.name", "checkpoint.epoch", "checkpoint.md5"
REFUSED = str.maketrans(dict.fromkeys("/:.%\"'", "-"))  # in the names of logged models
LONGEST = 500  # characters of a parameter of a logged model


class Checkpoint(NamedTuple):
    """A file of weights, and the epoch whose metrics are its own, if one is."""

    name: str
    file: Path
    epoch: int | None


def log(
    client: MlflowClient, run: Run, params: Params, root: Path, tested: Mapping[str, float | None]
) -> None:
    """Log the checkpoints that `tracking.checkpoints` names, each once, with their metrics.

    `tested` are the test metrics of the evaluated one, if it has been evaluated.
    """
    found = list(_wanted(params, root, run))
    if not found:
        return
    models, history = _logged(client, run), run_metrics.rows_in(root / layout.HISTORY)
    outputs = md5s(recorded_stages(root), "outs")
    ready = outputs.get(str(layout.READY), "").partition(".")[0]
    for each in found:
        model = _of_these_bits(client, models.get(each.name), each)
        model = model or _create(client, run, params, each)
        if str(model.status) != "READY":  # or the process that has created it was killed
            _store(client, model, each.file)
            client.finalize_logged_model(model.model_id, "READY")
        measured = _measured(each, history)
        if each.name == params.evaluate.weights:
            measured |= run_metrics.of_test(tested)
        metrics = list(_metrics(each, measured, model, run, params, ready))
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


def _of_these_bits(
    client: MlflowClient, model: LoggedModel | None, each: Checkpoint
) -> LoggedModel | None:
    """Return the model if it has the bits of the file; one of an earlier training is deleted."""
    if model is None or model.tags.get(MD5) == atomic_files.md5(each.file):
        return model
    client.delete_logged_model(model.model_id)
    return None


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


def _measured(each: Checkpoint, history: Iterable[Mapping[str, str]]) -> dict[str, float]:
    """Return the metrics of the checkpoint's epoch."""
    found = next((row for row in history if int(row["epoch"]) == each.epoch), {})
    return {name: float(value) for name, value in found.items() if name != "epoch"}


def _metrics(
    each: Checkpoint,
    measured: Mapping[str, float],
    model: LoggedModel,
    run: Run,
    params: Params,
    ready: str,
) -> Iterator[Metric]:
    """Yield metrics that the model lacks, with their data; `ready` is its md5, if known.

    MLflow refuses a metric that the model has with other data, or none.
    """
    known = {metric.key for metric in model.metrics or []}
    for name, value in measured.items():
        if name in known:
            continue
        split = _split(name, params)
        data = (f"{params.data.name} {split}", ready) if split and ready else (None, None)
        step = 0 if name.startswith("test_") else each.epoch or 0
        yield Metric(
            name, value, run_metrics.time_of(step, run), step, model.model_id, *data,
            run_id=run.info.run_id,
        )  # fmt: skip


def _split(metric: str, params: Params) -> str:
    """Return the split that a metric was measured on; empty for the learning rate."""
    if metric == "learning_rate":
        return ""
    if metric.startswith("val_"):
        return "test" if params.train.validation == "test" else "validation"
    return "test" if metric.startswith("test_") else "train"
