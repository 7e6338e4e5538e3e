"""The stage that finds weights, with the graph loop under MirroredStrategy."""

import shutil
from pathlib import Path

import keras
import tensorflow as tf

from params import Params
from tasks import (
    _devices,
    _loop,
    _model,
    _results,
    _runtime,
    _spec,
    _training_progress,
    _workspace,
)
from tasks._tracking import runs


def train(params: Params, root: Path) -> None:
    """Train from weights/initial.weights.h5; write best and last weights, and report/history.csv.

    Raises MachineError for more replicas than devices, DivergedError for a loss not finite.
    """
    spec = _spec.read(root)
    strategy = _runtime.start(params.seed, _devices.replicas(params))
    with runs.record(params, root, "train", _facts(strategy)) as run:
        loop = _loop.make(params, spec, strategy, root / "weights" / "initial.weights.h5")
        loop.fit(
            _spec.examples(root, "train"),
            _spec.examples(root, "validation") if "validation" in spec.splits else None,
            _callbacks(params, root, run),
            epochs=params.train.epochs,
            steps=params.train.steps,
        )
        _results.save_weights(loop.model, root / "weights" / "last.weights.h5")


def _callbacks(params: Params, root: Path, run: runs.Recorder) -> list[keras.callbacks.Callback]:
    """What training leaves behind, what the parameters ask for, and what a person sees."""
    history = _results.WriteHistory(root / "report" / "history.csv")
    logs = _workspace.main_checkout(root) / "logs" / run.key[:12]
    shutil.rmtree(logs, ignore_errors=True)
    asked = _model.callbacks(params, {"TensorBoard": {"log_dir": str(logs)}})
    if not any(isinstance(each, keras.callbacks.TensorBoard) for each in asked):
        asked.append(keras.callbacks.TensorBoard(str(logs), write_graph=False))
    return [
        history,
        _results.KeepBest(root / "weights" / "best.weights.h5"),
        *asked,
        _training_progress.ShowProgress(params.train.batch_size),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: run.send(history.rows[-1])),
    ]


def _facts(strategy: tf.distribute.MirroredStrategy) -> dict[str, str]:
    """What ran where: it goes to MLflow, since it differs between machines."""
    return {
        "strategy": type(strategy).__name__,
        "replicas": str(strategy.num_replicas_in_sync),
        "devices": ", ".join(strategy.extended.worker_devices),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
