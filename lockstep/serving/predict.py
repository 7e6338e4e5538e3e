"""Predict with any saved model for a user's file, and return a table."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.config.schema import Params
from lockstep.data.spec import Spec, Target, Y, as_dict
from lockstep.errors import DataError, ParamsError
from lockstep.evaluation import scores
from lockstep.messages import first_line
from lockstep.process.environment import prepare_environment
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.serving import locate, output_names
from lockstep.serving.inputs import PredictionInputs, read_inputs
from lockstep.serving.locate import Saved, locate_model
from lockstep.storage import atomic_files


def predict_file(params: Params, root: Path, model: str, file: Path, output: Path | None) -> str:
    """Return a CSV with each example's position in the file, its label and probabilities, or value.

    Scores, which aren't probabilities, have columns score_NAME.

    It is also written to `output`, if given. With several targets each has its own columns. A value
    for each pixel or step is written as arrays to `output` instead, a .npy, or .npz for several
    targets. Raises ParamsError for a wrong model or output, DataError for a wrong file.
    """
    if output:
        locate.check_output_path(output)
    prepare_environment(root)
    with locate_model(root, model) as saved:
        spec = locate.read_spec(saved)
        as_arrays = not spec.targets or any(each.is_dense for each in spec.targets.values())
        if as_arrays:
            _check_arrays_path(output, spec)
        raw = read_inputs(file, spec, params.data)
        outputs, spec = _outputs(params, root, saved, spec, raw)
    if output and as_arrays:
        return _write_arrays(spec, outputs, output)
    table = _table(spec, raw.positions, outputs)
    if output:
        atomic_files.write_text(output, table)
    return table


def _check_arrays_path(output: Path | None, spec: Spec) -> None:
    suffix = ".npy" if len(spec.targets) == 1 else ".npz"
    if output is None or output.suffix.lower() != suffix:
        kinds = ", ".join(each.kind for each in spec.targets.values()) or "none"
        raise ParamsError(
            f"--output: got {output or 'none'}, expected a file {suffix}: the target kind {kinds} "
            "gives arrays"
        )


def _write_arrays(spec: Spec, outputs: dict[str, np.ndarray], output: Path) -> str:
    """Write class numbers, or numbers, and return a line about it."""
    arrays = {
        name: _predicted(spec.targets[name], each) if name in spec.targets else each
        for name, each in outputs.items()
    }
    with atomic_files.whole_file(output) as part, part.open("wb") as stream:
        if len(arrays) == 1 and output.suffix.lower() == ".npy":
            np.save(stream, next(iter(arrays.values())))
        else:
            np.savez(stream, allow_pickle=False, **arrays)
    shapes = ", ".join(f"{name} {each.shape}" for name, each in arrays.items())
    return f"{output}: {shapes}\n"


def _predicted(target: Target, outputs: np.ndarray) -> np.ndarray:
    """Return the predicted class numbers, or the outputs as they are."""
    if target.values != "classes":
        return outputs
    return scores.of_classes(outputs, target).argmax(axis=-1).astype(np.int64)


def _outputs(
    params: Params, root: Path, saved: Saved, spec: Spec, raw: PredictionInputs
) -> tuple[dict[str, np.ndarray], Spec]:
    """Return each target's outputs, (examples, outputs), and the description with what they are.

    They are computed in the batches of evaluation.
    """
    load_tensorflow()
    import tensorflow as tf

    from lockstep.serving.load import restore

    call = restore(saved, params, spec, root)
    parts = []
    for start in range(0, len(raw.positions), params.train.batch_size):
        some = slice(start, start + params.train.batch_size)
        batch = tf.nest.map_structure(lambda array, some=some: tf.constant(array[some]), raw.inputs)
        try:
            given = _by_name(call(batch), spec)
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            line = first_line(error)
            raise DataError(
                f"{saved.path}: doesn't accept the inputs that {saved.spec} describes: {line}"
            ) from None
        spec = output_names.as_served(given, spec)
        parts.append(_by_target(given, saved, spec))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, spec


def _by_name(given: Any, spec: Spec) -> dict[str, np.ndarray]:
    if isinstance(given, tuple | list):
        given = {str(number): each for number, each in enumerate(given)}
    outputs = as_dict(given, next(iter(spec.targets), Y))
    return {name: np.asarray(each) for name, each in outputs.items()}


def _by_target(outputs: dict[str, np.ndarray], saved: Saved, spec: Spec) -> dict[str, np.ndarray]:
    if not spec.targets:
        return outputs
    names = {name: output_names.name_of(name, spec) for name in spec.targets}
    found = {name: outputs[served] for name, served in names.items() if served in outputs}
    wanted = {name: target.output_shape for name, target in spec.targets.items()}
    if {name: array.shape[1:] for name, array in found.items()} != wanted:
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
    if target.values == "numbers":
        names = ["value"] if not target.shape else [f"value_{n}" for n in range(target.outputs)]
        yield from zip(names, map(_digits, outputs.T), strict=True)
        return
    if target.values == "labels":
        yield "labels", [json.dumps(each, ensure_ascii=False) for each in _labels(target, outputs)]
    else:
        columns = scores.of_classes(outputs, target)
        yield "label", [target.classes[each] for each in columns.argmax(axis=1)]
        if not target.has_scores:
            outputs = columns
    # Two classes have one score, the second's.
    names = target.classes[-outputs.shape[1] :]
    for name, column in zip(names, outputs.T, strict=True):
        yield f"score_{name}" if target.has_scores else name, _digits(column)


def _labels(target: Target, outputs: np.ndarray) -> Iterator[list[str]]:
    """Yield the labels that each example has more likely than not."""
    for row in outputs > target.threshold:
        yield [target.classes[number] for number in np.flatnonzero(row)]


def _digits(column: np.ndarray) -> list[str]:
    """Format with 9 significant digits, from which float32 values are restored exactly."""
    return [f"{number:.9g}" for number in column]
