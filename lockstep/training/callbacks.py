"""A training's callbacks: what it leaves behind, what is asked for, and what is shown meanwhile."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from lockstep.config.schema import Named, Params
from lockstep.modeling import keras_objects
from lockstep.process.training_progress import ShowProgress
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from lockstep.training.history import KeepBest, WriteHistory

# The argument that says where each writes, and where to by default.
WRITES = {
    "CSVLogger": ("filename", "log.csv"),
    "ModelCheckpoint": ("filepath", "{epoch:02d}.keras"),
}


def lasting_callbacks(params: Params, root: Path, key: str) -> list[keras.callbacks.Callback]:
    """Return what writes results, and what the parameters ask for: their state survives a kill.

    What they write beside the results lies in the main checkout, in a folder named by `key`.
    """
    written = main_checkout(root) / layout.CHECKPOINTS / key[:12]
    return [
        WriteHistory(root / layout.HISTORY),
        # Before a callback that swaps the weights back after their validation.
        KeepBest(root / layout.BEST_WEIGHTS),
        *make_callbacks(params, root, written, _logs(root, key)),
    ]


def shown_callbacks(
    params: Params,
    lasting: list[keras.callbacks.Callback],
    send: Callable[[dict[str, Any]], object],
) -> list[keras.callbacks.Callback]:
    """Return what shows training meanwhile; `send` gets each epoch's row of the history."""
    (history,) = (each for each in lasting if isinstance(each, WriteHistory))
    return [
        ShowProgress(params.train.batch_size),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: send(history.rows[-1])),
    ]


def files_of(callbacks: list[keras.callbacks.Callback]) -> dict[str, Path]:
    """Return the files that grow or are replaced as training goes, which a bundle has as well."""
    found: dict[str, Path] = {}
    for number, callback in enumerate(callbacks):
        if isinstance(callback, WriteHistory | KeepBest):
            found[callback.path.name] = callback.path
        elif isinstance(callback, keras.callbacks.CSVLogger):
            found[f"log-{number}.csv"] = Path(callback.filename)
    return found


def forget_logs(root: Path, key: str) -> None:
    """Remove what TensorBoard was told of an earlier training of the same experiment."""
    shutil.rmtree(_logs(root, key), ignore_errors=True)


def _logs(root: Path, key: str) -> Path:
    return main_checkout(root) / layout.LOGS / key[:12]


def make_callbacks(
    params: Params, root: Path, files: Path, logs: Path
) -> list[keras.callbacks.Callback]:
    """Return them in their order; TensorBoard writes to `logs`, relative paths are in `files`.

    TensorBoard is there even if nobody asked.
    """
    found = [_make(each, root / params.train.own, files, logs) for each in params.train.callbacks]
    if not any(isinstance(each, keras.callbacks.TensorBoard) for each in found):
        found.append(keras.callbacks.TensorBoard(str(logs), write_graph=False))
    return found


def _make(named: Named, own: Path, files: Path, logs: Path) -> keras.callbacks.Callback:
    defaults: dict[str, Any] = {}
    if named.name == "TensorBoard":
        defaults = {"log_dir": str(logs)}
    elif named.name in WRITES:
        argument, default = WRITES[named.name]
        path = files / str(named.arguments.get(argument, default))
        path.parent.mkdir(parents=True, exist_ok=True)
        named = named.model_copy(update={argument: str(path)})
    return keras_objects.make(keras.callbacks, named, "callbacks", own, defaults)
