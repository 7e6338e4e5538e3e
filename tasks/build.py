"""The stage that makes the model's first weights, and says how large it is."""

from pathlib import Path

import keras

from params import Params
from tasks import _files, _flops, _model, _preprocessing, _results, _runtime, _spec


def build(params: Params, root: Path) -> None:
    """Write weights/initial.weights.h5, report/summary.txt, and report/model.json.

    The last has the number of parameters, and of floating-point operations for one example.
    """
    spec = _spec.read(root)
    _runtime.start(params.seed)
    model = _model.make(params, spec)
    _results.save_weights(model, root / "weights" / "initial.weights.h5")
    _files.write_text(root / "report" / "summary.txt", _summary(model))
    preprocess = _preprocessing.layers(spec)
    _files.write_json(
        root / "report" / "model.json",
        {"parameters": model.count_params(), "flops": _flops.of_example(model, preprocess)},
    )


def _summary(model: keras.Model) -> str:
    lines: list[str] = []
    model.summary(
        line_length=88, print_fn=lambda line, **_: lines.append(line), show_trainable=True
    )
    return "\n".join(lines) + "\n"
