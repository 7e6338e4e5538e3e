"""The stage that finds weights, with the graph loop under a tf.distribute strategy."""

import shutil
from pathlib import Path

import keras

from params import Params
from tasks import _bundle, _callbacks, _results, _runtime, _training_progress, _workspace
from tasks._tracking import runs
from tasks._training import Training


def train(params: Params, root: Path) -> None:
    """Train from weights/initial.weights.h5; write best and last weights, and report/history.csv.

    Goes on from a bundle, if the same training was cut off. Raises MachineError for more replicas
    than devices, DivergedError for a loss not finite, UnavailableError for a lost worker.
    """
    training = Training(params, root)
    facts = _runtime.facts(training.strategy)
    with runs.record(params, root, "train", facts) as run, _bundle.place(root, training.key) as own:
        loop = training.loop()
        lasting = _lasting(params, root, run.key)
        resume = training.resume(loop, lasting, own, _files_of(lasting))
        if not resume.bundle:
            shutil.rmtree(_logs(root, run.key), ignore_errors=True)
        training.run(loop, [*lasting, *_shown(params, run, lasting)], resume)
        _results.save_weights(loop.model, root / "weights" / "last.weights.h5")
        _bundle.finish(own, root)


def _lasting(params: Params, root: Path, key: str) -> list[keras.callbacks.Callback]:
    """What training leaves behind, and what the parameters ask for: their state survives."""
    written = _workspace.main_checkout(root) / "checkpoints" / key[:12]
    return [
        _results.WriteHistory(root / "report" / "history.csv"),
        # Before a callback that swaps the weights back after their validation.
        _results.KeepBest(root / "weights" / "best.weights.h5"),
        *_callbacks.asked(params, written, _logs(root, key)),
    ]


def _shown(
    params: Params, run: runs.Recorder, lasting: list[keras.callbacks.Callback]
) -> list[keras.callbacks.Callback]:
    """What a person and MLflow see meanwhile."""
    (history,) = (each for each in lasting if isinstance(each, _results.WriteHistory))
    return [
        _training_progress.ShowProgress(params.train.batch_size),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: run.send(history.rows[-1])),
    ]


def _files_of(callbacks: list[keras.callbacks.Callback]) -> dict[str, Path]:
    """The files that grow or are replaced as training goes: a bundle has them as they were."""
    found: dict[str, Path] = {}
    for number, callback in enumerate(callbacks):
        if isinstance(callback, _results.WriteHistory | _results.KeepBest):
            found[callback.path.name] = callback.path
        elif isinstance(callback, keras.callbacks.CSVLogger):
            found[f"log-{number}.csv"] = Path(callback.filename)
    return found


def _logs(root: Path, key: str) -> Path:
    return _workspace.main_checkout(root) / "logs" / key[:12]
