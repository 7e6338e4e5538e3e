"""Predictions of any saved model for a person's file, as a table."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.config.schema import Params
from lockstep.data.spec import Spec, Target, by_name
from lockstep.errors import DataError
from lockstep.evaluation import scores
from lockstep.messages import first_line
from lockstep.process.environment import prepare_environment
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.serving import locate
from lockstep.serving.inputs import Raw, read_inputs
from lockstep.serving.locate import Saved, locate_model
from lockstep.storage import atomic_files


def predict_file(params: Params, root: Path, model: str, file: Path, to: Path | None) -> str:
    """Return a CSV: where each example stands in the file, its label and probabilities, or value.

    It is also written to `to`. Of several targets each has its own columns. Raises ParamsError for
    a wrong model, DataError for a wrong file.
    """
    if to:
        locate.check_place(to)
    prepare_environment(root)
    with locate_model(root, model) as saved:
        spec = locate.read_spec(saved)
        raw = read_inputs(file, spec)
        outputs = _outputs(params, root, saved, spec, raw)
    table = _table(spec, raw.places, outputs)
    if to:
        atomic_files.write_text(to, table)
    return table


def _outputs(
    params: Params, root: Path, saved: Saved, spec: Spec, raw: Raw
) -> dict[str, np.ndarray]:
    """Each target's outputs, (examples, numbers), in batches as evaluation takes them."""
    load_tensorflow()
    import tensorflow as tf

    from lockstep.serving.load import restore

    call = restore(saved, params, spec, root)
    parts = []
    for at in range(0, len(raw.places), params.train.batch_size):
        some = slice(at, at + params.train.batch_size)
        batch = tf.nest.map_structure(lambda array, some=some: tf.constant(array[some]), raw.inputs)
        try:
            parts.append(_by_target(call(batch), saved, spec))
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            line = first_line(error)
            raise DataError(f"{saved.path}: doesn't take what {saved.spec} says: {line}") from None
    return {name: np.concatenate([part[name] for part in parts]) for name in spec.targets}


def _by_target(given: Any, saved: Saved, spec: Spec) -> dict[str, np.ndarray]:
    outputs = by_name(given, next(iter(spec.targets)))
    found = {name: np.asarray(outputs[name]) for name in spec.targets if name in outputs}
    wanted = {name: target.outputs for name, target in spec.targets.items()}
    if {name: array.shape[-1] for name, array in found.items()} != wanted:
        raise DataError(f"{saved.path}: gives other outputs than {saved.spec} says: {wanted}")
    return found


def _table(spec: Spec, places: list[str], outputs: dict[str, np.ndarray]) -> str:
    columns = {"input": places}
    for name, target in spec.targets.items():
        prefix = f"{name}_" if len(spec.targets) > 1 else ""
        columns |= {prefix + key: cells for key, cells in _columns(target, outputs[name])}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _columns(target: Target, outputs: np.ndarray) -> Iterator[tuple[str, list[str]]]:
    if target.task == "regression":
        yield "value", _digits(outputs[:, 0])
        return
    probabilities = scores.probabilities(outputs)
    yield "label", [target.classes[each] for each in probabilities.argmax(axis=1)]
    for name, column in zip(target.classes, probabilities.T, strict=True):
        yield name, _digits(column)


def _digits(column: np.ndarray) -> list[str]:
    """Numbers from which float32 can be read again to the bit."""
    return [f"{number:.9g}" for number in column]
