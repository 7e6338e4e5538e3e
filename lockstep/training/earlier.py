"""Go on from the last snapshot of an earlier training that had fewer epochs, with the same bits.

The order of examples depends only on the seed and the epoch: 30 epochs are 20 and 10 more.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lockstep.config.graph import read_graph, value_of
from lockstep.config.overrides import as_value, overridden
from lockstep.config.phases import epochs_of
from lockstep.config.python_files import parsed
from lockstep.config.reading import check_params
from lockstep.config.schedules import spans_training
from lockstep.config.schema import CUSTOM, Params
from lockstep.data.spec import read_spec
from lockstep.errors import ParamsError
from lockstep.process import console
from lockstep.runtime import devices
from lockstep.storage import atomic_files, layout
from lockstep.storage.content import is_of_installed_engine
from lockstep.training import fingerprint, snapshots
from lockstep.training.order import steps_per_epoch
from lockstep.training.snapshots import LEFT_OUT, MANIFEST, METADATA
from lockstep.versioning.earlier_outputs import earlier_folders, locked_params

STAGE = "train"
# Parameters by which trainings that share their first epochs differ.
NUMBER_OF_EPOCHS = ("train.epochs", "train.steps", "train.phases")


class Earlier(NamedTuple):
    """The last snapshot of an earlier training: its number of epochs, and its files by name.

    `left_out` names attributes of custom callbacks that it doesn't have.
    """

    epoch: int
    files: dict[str, Path]
    stopped: bool
    left_out: dict[str, list[str]]


def take_over(root: Path, params: Params, folder: Path | None, key: str, shared: str) -> None:
    """Put the last snapshot of an earlier training with fewer epochs into the folder, if it fits.

    `key` is the training's own, which has no snapshots yet; `shared` the fingerprint's
    `key_of_more_epochs`.
    """
    if folder is None or not (root / ".dvc").exists() or snapshots.newest(folder, key):
        return
    found, reason = find(root, params, shared)
    if found:
        snapshots.take_over(folder, key, found.epoch, found.files)
        console.say(f"an earlier training has the first {found.epoch} epochs")
    elif reason:
        console.say(f"starts anew, not after an earlier training's epochs: {reason}")


def outlook(root: Path, params: Params) -> str:
    """Return what a training will do with an earlier one's epochs, in words; nothing is run.

    It is empty if there are none, or if the inputs of the training aren't there yet.
    """
    inputs = read_graph(root, params)[STAGE].deps
    if not all((root / each).exists() or is_of_installed_engine(root, each) for each in inputs):
        return ""
    replicas = devices.replicas(params)
    identity = fingerprint.of(params, root, replicas)
    key = fingerprint.key_of_more_epochs(params, root, identity, replicas)
    found, reason = find(root, params, key)
    if found:
        return f"goes on after epoch {found.epoch} of an earlier training"
    return f"starts anew: {reason}" if reason else ""


def find(root: Path, params: Params, key: str) -> tuple[Earlier | None, str]:
    """Return the longest earlier training that this one can go on from, or why it can't.

    `key` is the fingerprint's `key_of_more_epochs`. The reason is empty if there was none.
    """
    limit = epochs_of(params) or _epochs_of_steps(params, root)
    trained = [each for each in _earlier(root, key) if 0 < each.epoch < limit]
    if not trained:
        return None, _other_change(root, params)
    reason = _depends_on_epochs(root, params)
    usable = [each for each in trained if not each.stopped and not each.left_out]
    if reason or not usable:
        return None, reason or _unusable(trained[0])
    return max(usable, key=lambda each: each.epoch), ""


def _epochs_of_steps(params: Params, root: Path) -> int:
    """Return the number of epochs of train.steps, of which the last one may be a part."""
    train, count = params.train, read_spec(root).splits["train"]
    per_epoch = steps_per_epoch(train.order, count, train.batch_size, train.last_batch)
    return -(-(train.steps or 0) // max(1, per_epoch))


def _earlier(root: Path, key: str) -> Iterator[Earlier]:
    for files in earlier_folders(root, STAGE, layout.LAST_SNAPSHOT, NUMBER_OF_EPOCHS):
        try:
            manifest = atomic_files.read_json(files[MANIFEST])
            metadata = atomic_files.read_json(files[METADATA])
        except (OSError, ValueError, KeyError):  # damaged in the cache
            continue
        if manifest.get("key") == key:
            left_out = metadata.get(LEFT_OUT, {})
            yield Earlier(manifest["epoch"], files, bool(metadata.get("stop")), left_out)


def _depends_on_epochs(root: Path, params: Params) -> str:
    """Why the bits of the first epochs depend on how many follow; empty if they don't."""
    if spans_training(params):
        return "train.learning_rate depends on the number of all steps"
    custom = [each.name for each in params.train.callbacks if each.name.startswith(CUSTOM)]
    if custom and _reads_params(root, params.train.custom_objects_file):
        return f"train.callbacks: {custom[0]} may read the number of epochs in self.params"
    return ""


def _unusable(earlier: Earlier) -> str:
    """Why a training that a callback ended, or without what callbacks keep, can't go on."""
    if earlier.stopped:
        return f"a callback ended it after epoch {earlier.epoch}"
    name, attributes = next(iter(earlier.left_out.items()))
    kept = ", ".join(f"self.{each}" for each in attributes)
    return f"train.callbacks: {name} keeps {kept}, which no result of a training has"


def _reads_params(root: Path, file: str) -> bool:
    """Whether any code in a file reads an attribute `params`, as a callback gets from Keras."""
    tree = parsed(root, Path(file))
    return any(isinstance(node, ast.Attribute) and node.attr == "params" for node in ast.walk(tree))


def _other_change(root: Path, params: Params) -> str:
    """What differs from the training in dvc.lock besides the number of epochs, where that does."""
    now, locked = params.model_dump(mode="json"), locked_params(root, STAGE)
    if all(locked.get(name) == value_of(now, name) for name in NUMBER_OF_EPOCHS):
        return ""  # as in each trial of a sweep: the check below takes 0.4 s
    before = _checked(root, now, locked)
    names = [name for name in locked if value_of(now, name) != value_of(before, name)]
    others = [name for name in names if name not in NUMBER_OF_EPOCHS]
    if not others or len(others) == len(names):
        return ""
    return f"{' and '.join(others)} changed too"


def _checked(root: Path, values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return parameters with changes by dotted key, in the form that checked parameters have."""
    try:
        assignments = [f"{name}={as_value(value)}" for name, value in changes.items()]
        changed = check_params(overridden(values, assignments), root, str(layout.LOCK))
        return changed.model_dump(mode="json")
    except ParamsError:  # of another version of the project
        return values
