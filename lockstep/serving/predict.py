"""Predict with any saved model for a user's file, and return a table."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.config.schema import Params
from lockstep.data.spec import Spec, Target, as_dict
from lockstep.errors import DataError
from lockstep.evaluation import scores
from lockstep.messages import first_line
from lockstep.process.environment import prepare_environment
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.serving import locate
from lockstep.serving.inputs import PredictionInputs, read_inputs
from lockstep.serving.locate import Saved, locate_model
from lockstep.storage import atomic_files


def predict_file(params: Params, root: Path, model: str, file: Path, output: Path | None) -> str:
    """Return a CSV with each example's position in the file, its label and probabilities, or value.

    It is also written to `output`, if given. With several targets each has its own columns. Raises
    ParamsError for a wrong model, DataError for a wrong file.
    """
    if output:
        locate.check_output_path(output)
    prepare_environment(root)
    with locate_model(root, model) as saved:
        spec = locate.read_spec(saved)
        raw = read_inputs(file, spec)
        outputs = _outputs(params, root, saved, spec, raw)
    table = _table(spec, raw.positions, outputs)
    if output:
        atomic_files.write_text(output, table)
    return table


def _outputs(
    params: Params, root: Path, saved: Saved, spec: Spec, raw: PredictionInputs
) -> dict[str, np.ndarray]:
    """Return each target's outputs, (examples, outputs), computed in the batches of evaluation."""
    load_tensorflow()
    import tensorflow as tf

    from lockstep.serving.load import restore

    call = restore(saved, params, spec, root)
    parts = []
    for start in range(0, len(raw.positions), params.train.batch_size):
        some = slice(start, start + params.train.batch_size)
        batch = tf.nest.map_structure(lambda array, some=some: tf.constant(array[some]), raw.inputs)
        try:
            parts.append(_by_target(call(batch), saved, spec))
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            line = first_line(error)
            raise DataError(
                f"{saved.path}: doesn't accept the inputs that {saved.spec} describes: {line}"
            ) from None
    return {name: np.concatenate([part[name] for part in parts]) for name in spec.targets}


def _by_target(given: Any, saved: Saved, spec: Spec) -> dict[str, np.ndarray]:
    outputs = as_dict(given, next(iter(spec.targets)))
    found = {name: np.asarray(outputs[name]) for name in spec.targets if name in outputs}
    wanted = {name: target.outputs for name, target in spec.targets.items()}
    if {name: array.shape[-1] for name, array in found.items()} != wanted:
        raise DataError(f"{saved.path}: has other outputs than {saved.spec}: {wanted}")
    return found


def _table(spec: Spec, positions: list[str], outputs: dict[str, np.ndarray]) -> str:
    columns = {"input": positions}
    for name, target in spec.targets.items():
        prefix = f"{name}_" if len(spec.targets) > 1 else ""
        columns |= {prefix + key: cells for key, cells in _columns(target, outputs[name])}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def _columns(target: Target, outputs: np.ndarray) -> Iterator[tuple[str, list[str]]]:
    if target.kind == "regression":
        yield "value", _digits(outputs[:, 0])
        return
    probabilities = scores.probabilities(outputs)
    yield "label", [target.classes[each] for each in probabilities.argmax(axis=1)]
    for name, column in zip(target.classes, probabilities.T, strict=True):
        yield name, _digits(column)


def _digits(column: np.ndarray) -> list[str]:
    """Format with 9 significant digits, from which float32 values are restored exactly."""
    return [f"{number:.9g}" for number in column]
