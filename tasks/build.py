"""The stage that builds the model, saves its initial weights and measures its size."""

from pathlib import Path

import keras

from lockstep.config.schema import Params
from lockstep.data.spec import read_spec
from lockstep.modeling import outputs, preprocessing
from lockstep.modeling.flops import count_flops
from lockstep.modeling.model import make_model
from lockstep.modeling.weights import save_weights
from lockstep.runtime.strategy import start_runtime
from lockstep.storage import atomic_files, layout


def build(params: Params, root: Path) -> None:
    """Write weights/initial.weights.h5, report/summary.txt and report/model.json.

    report/model.json has the number of parameters, and of floating-point operations per example.
    """
    spec = read_spec(root)
    start_runtime(params.seed)
    model = make_model(params, spec)
    outputs.logits(model, spec)  # checks the outputs' shapes
    save_weights(model, root / layout.INITIAL_WEIGHTS)
    atomic_files.write_text(root / layout.SUMMARY, _summary(model))
    preprocess = preprocessing.layers(spec)
    atomic_files.write_json(
        root / layout.MODEL_SIZE,
        {"parameters": model.count_params(), "flops": count_flops(model, preprocess)},
    )


def _summary(model: keras.Model) -> str:
    lines: list[str] = []
    model.summary(
        line_length=88, print_fn=lambda line, **_: lines.append(line), show_trainable=True
    )
    return "\n".join(lines) + "\n"
