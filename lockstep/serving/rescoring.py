"""What a registered model gives for this workspace's test examples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.data.spec import Examples, Input, Spec, Target, as_dict, read_spec_file
from lockstep.data.spec.tokens import UNKNOWN
from lockstep.errors import DataError
from lockstep.messages import first_line
from lockstep.serving.output_names import as_served, name_of
from lockstep.serving.raw_examples import raw_examples, takes_columns


class CannotScore(Exception):
    """The reason why a model can't be scored on these examples."""


def check_takes(theirs: Spec, ours: Spec) -> None:
    """Raise CannotScore if a model with the description `theirs` can't take our examples."""
    for name, each in theirs.inputs.items():
        if name not in ours.inputs:
            raise CannotScore(f"it has an input {name!r}, which the data have no more")
        _check_input(name, each, ours.inputs[name])
    for name, target in ours.targets.items():
        other = theirs.targets.get(name)
        if other is None or (other.kind, other.output_shape) != (target.kind, target.output_shape):
            raise CannotScore(f"its target {name!r} is another one")
        if other.classes != target.classes:
            raise CannotScore(f"its classes of {name!r} are other ones")


def _check_input(name: str, theirs: Input, ours: Input) -> None:
    if theirs.kind != ours.kind:
        raise CannotScore(f"its input {name!r} is {theirs.kind}, the data have {ours.kind}")
    missing = [column for column in theirs.cells if column not in ours.cells]
    if missing:
        raise CannotScore(f"it takes a column {missing[0]!r}, which the data have no more")
    if not theirs.columns and (theirs.shape, theirs.tokens) != (ours.shape, ours.tokens):
        raise CannotScore(
            f"its input {name!r} has shape {theirs.shape}, the data have {ours.shape}"
        )
    if not theirs.columns and theirs.kind != "text" and not np.can_cast(ours.dtype, theirs.dtype):
        raise CannotScore(f"its input {name!r} is {theirs.dtype}, the data have {ours.dtype}")


def outputs_of(
    folder: Path, spec: Spec, examples: Examples, batch_size: int
) -> tuple[np.ndarray, Target]:
    """Return a registered model's outputs for the only target, (n, outputs), and what they are.

    `folder` has its files as MLflow stores them. Raises CannotScore.
    """
    import tensorflow as tf

    theirs = _read_spec(folder / "artifacts" / "spec.json")
    check_takes(theirs, spec)
    (name,) = spec.targets
    try:
        model = tf.saved_model.load(folder / "artifacts" / "saved_model")
        batches = _raw_batches(theirs, spec, examples, batch_size)
        parts = [as_dict(model.serve(raw), name) for raw in batches]
    except (OSError, ValueError, TypeError, KeyError, tf.errors.OpError) as error:
        raise CannotScore(f"it can't take these: {first_line(error)}") from None
    found = as_served(parts[0], theirs)
    values = [np.asarray(part[name_of(name, found)]) for part in parts]
    return np.concatenate(values), found.targets[name]


def _read_spec(path: Path) -> Spec:
    try:
        return read_spec_file(path)
    except (DataError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotScore(f"its spec.json isn't one of this version ({error})") from None


def _raw_batches(theirs: Spec, ours: Spec, examples: Examples, batch_size: int) -> Iterator[Any]:
    for start in range(0, examples.size, batch_size):
        rows = np.arange(start, min(start + batch_size, examples.size))
        batch = examples.at(rows)
        check_known(theirs, ours, batch)
        yield _as_taken(theirs, raw_examples(ours, batch))


def check_known(theirs: Spec, ours: Spec, examples: Examples) -> None:
    """Raise CannotScore if a text is stored as unknown that the model may know."""
    stored = as_dict(examples.x, next(iter(ours.inputs)))
    for name, each in theirs.inputs.items():
        mine, values = ours.inputs[name], stored[name]
        if each.kind == "text" and not {*each.words} <= {*mine.words}:
            _refuse_unknown(name, values == mine.words.index(UNKNOWN))
        for place, (column, known) in enumerate(mine.columns.items()):
            other = each.columns.get(column)
            if other and known.kind == other.kind == "category":
                more = {*other.categories} - {*known.categories} or other.missing > known.missing
                _refuse_unknown(column, values[..., place] == 0 if more else values[:0])


def _refuse_unknown(name: str, unknown: np.ndarray) -> None:
    if unknown.any():
        raise CannotScore(
            f"the test data have texts of {name!r} that the training split hasn't got, which it "
            "may know"
        )


def _as_taken(theirs: Spec, raw: Any) -> Any:
    """Return raw examples without columns that the model doesn't take, as tensors of its dtypes."""
    import tensorflow as tf

    if not takes_columns(theirs):
        if isinstance(raw, dict):
            return {name: _cast(theirs.inputs[name], raw[name]) for name in theirs.inputs}
        return _cast(next(iter(theirs.inputs.values())), raw)
    names = [
        name
        for given, each in theirs.inputs.items()
        for name in (each.cells if each.columns else [given])
    ]
    return {name: tf.constant(raw[name]) for name in names}


def _cast(each: Input, raw: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(raw if each.kind == "text" else raw.astype(each.dtype, copy=False))
