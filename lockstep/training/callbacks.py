"""The callbacks of a training: history, best weights, those in params.yaml, and progress."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import keras

from lockstep.config.schema import KerasObjectConfig, Params
from lockstep.evaluation.directions import direction
from lockstep.evaluation.monitors import monitors
from lockstep.modeling import keras_objects
from lockstep.process.training_progress import ShowProgress
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from lockstep.tracking.run_names import run_name
from lockstep.training import tensorboard_logs
from lockstep.training.checkpoints import WriteCheckpoints, measured_as_written
from lockstep.training.history import KeepBest, WriteHistory
from lockstep.training.loop import OnLosses
from lockstep.training.step_log import WriteSteps

# The argument for the output path of each callback, and its default.
OUTPUT_ARGUMENTS = {
    "CSVLogger": ("filename", "log.csv"),
    "ModelCheckpoint": ("filepath", "{epoch:02d}.keras"),
}


def stateful_callbacks(
    params: Params, root: Path, key: str, targets: Iterable[str]
) -> list[keras.callbacks.Callback]:
    """Return the callbacks whose state is saved in snapshots: results and those in params.yaml.

    Files that aren't results go to the main checkout, into a folder named after `key`.
    """
    monitor, mode = params.train.monitor, params.train.mode
    goal, own_names = "min", params.train.own_names
    if monitor != "auto":
        goal = direction(monitor, mode, targets, "train.monitor", own_names)
    output = main_checkout(root) / layout.CHECKPOINTS / key[:12]
    logs = tensorboard_logs.folder_of(root, run_name(params, root), key)
    own_weights = measured_as_written(params)
    return [
        WriteHistory(root / layout.HISTORY),
        WriteSteps(root / layout.STEPS, params.train.log_steps, logs),
        # Must come before callbacks that swap the weights back after validation.
        KeepBest(root / layout.BEST_WEIGHTS, monitor, goal),
        *make_callbacks(params, root, output, logs, targets),
        WriteCheckpoints(
            root / layout.CHECKPOINT_EPOCHS,
            root / layout.BEST_WEIGHTS,
            output,
            own_weights=own_weights,
        ),
    ]


def progress_callbacks(
    params: Params,
    stateful: list[keras.callbacks.Callback],
    send: Callable[[dict[str, Any]], object],
) -> list[keras.callbacks.Callback]:
    """Return callbacks that report progress; `send` gets each epoch's row of the history."""
    (history,) = (each for each in stateful if isinstance(each, WriteHistory))
    return [
        ShowProgress(params.train.batch_size),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: send(history.rows[-1])),
    ]


def step_losses_to(callbacks: list[keras.callbacks.Callback]) -> OnLosses | None:
    """Return what writes each step's loss; only the chief has it."""
    writers = [each for each in callbacks if isinstance(each, WriteSteps)]
    return writers[0].add if writers else None


def callback_files(callbacks: list[keras.callbacks.Callback]) -> dict[str, Path]:
    """Return the files that callbacks update during training, to be saved in snapshots."""
    found: dict[str, Path] = {}
    for number, callback in enumerate(callbacks):
        if isinstance(callback, WriteHistory | KeepBest | WriteSteps | WriteCheckpoints):
            found[callback.path.name] = callback.path
        elif isinstance(callback, keras.callbacks.CSVLogger):
            found[f"log-{number}.csv"] = Path(callback.filename)
    return found


def make_callbacks(
    params: Params, root: Path, files: Path, logs: Path, targets: Iterable[str] = ()
) -> list[keras.callbacks.Callback]:
    """Return the callbacks of params.yaml in their order, and TensorBoard if it isn't among them.

    TensorBoard writes to `logs`; CSVLogger and ModelCheckpoint resolve paths against `files`.
    """
    found = [
        _make(each, root / params.train.custom_objects_file, files, logs)
        for each in with_modes(params, targets)
    ]
    if not any(isinstance(each, keras.callbacks.TensorBoard) for each in found):
        found.append(tensorboard_logs.TensorBoard(str(logs), write_graph=False))
    return found


def with_modes(params: Params, targets: Iterable[str]) -> Iterator[KerasObjectConfig]:
    """Yield the callbacks, each with the mode that follows from the metric that it monitors."""
    modes = {
        each.key: direction(each.metric, each.mode, targets, each.key, params.train.own_names)
        for each in monitors(params)
    }
    for number, config in enumerate(params.train.callbacks):
        mode = modes.get(f"train.callbacks[{number}].monitor")
        yield config.model_copy(update={"mode": mode}) if mode else config


def _make(
    config: KerasObjectConfig, custom: Path, files: Path, logs: Path
) -> keras.callbacks.Callback:
    defaults: dict[str, Any] = {}
    wrap = None
    if config.name == "TensorBoard":
        defaults, wrap = {"log_dir": str(logs)}, lambda _: tensorboard_logs.TensorBoard
    elif config.name in OUTPUT_ARGUMENTS:
        argument, default = OUTPUT_ARGUMENTS[config.name]
        path = files / str(config.arguments.get(argument, default))
        path.parent.mkdir(parents=True, exist_ok=True)
        config = config.model_copy(update={argument: str(path)})
    return keras_objects.make(keras.callbacks, config, "callbacks", custom, defaults, wrap)
