"""Checks of the metrics that callbacks, train.monitor and register.metric name."""

import re
import string
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from lockstep.config.schema import KerasObjectConfig, Params
from lockstep.errors import ParamsError
from lockstep.evaluation.directions import direction
from lockstep.messages import choice

VALIDATION = "val_"
DEFAULT_MONITOR = "val_loss"
MONITORING = ("EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint")
PATHS = {"ModelCheckpoint": "filepath", "CSVLogger": "filename"}
COUNTS = {"epoch": 1, "batch": 1}  # what a file's name may contain besides metrics


class Monitor(NamedTuple):
    """A metric that is monitored: the key of params.yaml that names it, and how it is judged."""

    key: str
    metric: str
    mode: str


def validation_split(params: Params, splits: Collection[str]) -> str | None:
    """Return the split whose metrics are logged as `val_...` in each epoch, or None."""
    split = "test" if params.train.validation == "test" else "validation"
    return split if split in splits else None


def monitors(params: Params) -> Iterator[Monitor]:
    """Yield train.monitor and what each callback monitors."""
    if params.train.monitor != "auto":
        yield Monitor("train.monitor", params.train.monitor, params.train.mode)
    for number, config in enumerate(params.train.callbacks):
        if _monitors(config):
            given = config.arguments
            key = f"train.callbacks[{number}].monitor"
            yield Monitor(key, given.get("monitor", DEFAULT_MONITOR), given.get("mode", "auto"))


def _monitors(config: KerasObjectConfig) -> bool:
    if config.name == "ModelCheckpoint":
        return bool(config.arguments.get("save_best_only"))
    return config.name in MONITORING


def check_monitors(
    params: Params, targets: Collection[str], names: Collection[str], *, validation: bool
) -> None:
    """Raise ParamsError for a monitored metric or a file's name that can't be.

    `names` are the names in the logs, without those of validation; an empty one isn't checked.
    """
    known = {*names, *(f"{VALIDATION}{name}" for name in names if validation)}
    for each in monitors(params):
        _check_validation(each, validation=validation)
        if names and not is_logged(each.metric, known):
            raise ParamsError(
                f"{each.key}: got {each.metric!r}, expected {choice(each.metric, sorted(known))}"
            )
        direction(each.metric, each.mode, targets, each.key, params.train.own_names)
    for number, config in enumerate(params.train.callbacks):
        if config.name in PATHS:
            _check_path(config, number, known if names else None)


def is_logged(name: str, known: Collection[str]) -> bool:
    """Return whether a name is logged, or may be the value for one class of a metric."""
    return name in known or re.sub(r"_\d+$", "", name) in known


def _check_validation(each: Monitor, *, validation: bool) -> None:
    if each.metric.startswith(VALIDATION) and not validation:
        raise ParamsError(
            f"{each.key}: got {each.metric!r} without a validation split, expected "
            f"data.validation_split above 0, or {each.metric.removeprefix(VALIDATION)}"
        )


def _check_path(config: KerasObjectConfig, number: int, known: Collection[str] | None) -> None:
    """Check that a callback's file stays in its folder, and that its name can be formatted."""
    argument = PATHS[config.name]
    path, key = config.arguments.get(argument), f"train.callbacks[{number}].{argument}"
    if path is None:
        return
    pure = PurePosixPath(str(path))
    if pure.is_absolute() or ".." in pure.parts:
        raise ParamsError(f"{key}: got {path!r}, expected a path inside the experiment's folder")
    if config.name != "ModelCheckpoint":
        return
    for _, field, _, _ in _parsed(str(path), key):
        if field and field not in COUNTS and known is not None and not is_logged(field, known):
            names = choice(field, [*COUNTS, *sorted(known)])
            raise ParamsError(f"{key}: got the name {{{field}}}, expected {names}")
    try:
        str(path).format_map(_Numbers())
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise ParamsError(f"{key}: got {path!r}, which can't be formatted: {error}") from None


def _parsed(path: str, key: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(string.Formatter().parse(path))
    except ValueError as error:
        raise ParamsError(f"{key}: got {path!r}, which can't be formatted: {error}") from None


class _Numbers(dict[str, float]):
    """Any name's number: whole for epoch and batch."""

    def __missing__(self, name: str) -> float:
        return COUNTS.get(name, 0.5)
