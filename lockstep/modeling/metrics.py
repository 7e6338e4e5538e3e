"""Make the metrics that params.yaml names, each with targets in the form that it takes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from lockstep.config.schema import KerasObjectConfig, Params
from lockstep.data.spec import Spec, Target, unwrap_single
from lockstep.errors import ParamsError
from lockstep.modeling import keras_objects
from lockstep.modeling.adapters import Form, adapted
from lockstep.modeling.objectives import metric_configs
from lockstep.modeling.target_forms import (
    SPARSE,
    check_between_0_and_1,
    defaults,
    form_of,
    is_binary,
)


def make(params: Params, spec: Spec, custom: Path, logits: Mapping[str, bool | None]) -> Any:
    """Return the metrics of each target, by name if there are several; None without targets.

    `logits` is what `outputs.logits` says of the model. Raises ParamsError for a metric that isn't
    for its target.
    """
    if not spec.targets:
        return None
    return unwrap_single(
        {
            name: [
                _metric(each, target, custom, logits.get(name))
                for each in metric_configs(params, target)
            ]
            for name, target in spec.targets.items()
        }
    )


def _metric(config: KerasObjectConfig, target: Target, custom: Path, logits: bool | None) -> Any:
    name = form_of("train.metrics", config, target)
    if name is None:
        return keras_objects.make(keras.metrics, config, "metrics", custom)
    if target.values == "numbers":
        check_between_0_and_1("train.metrics", config, logits)
        logits = False
    if config.arguments.get("from_logits"):
        raise ParamsError(
            f"train.metrics: {config.name}: got from_logits true, but metrics get probabilities, "
            "also where the model's outputs are logits; expected false, or leave it out"
        )
    sparse = {
        f"sparse_{part}": bool(config.arguments.get(f"sparse_y_{part}", True))
        for part in ("true", "pred")
    }
    form = Form(
        name, target, flat=target.is_dense, logits=bool(logits), binary=is_binary(config), **sparse
    )
    given = defaults(config, target)
    if config.name == "Accuracy":  # the one that Keras's `accuracy` stands for
        accuracy = "SparseCategoricalAccuracy" if name == SPARSE else "BinaryAccuracy"
        config, given = config.model_copy(update={"name": accuracy}), {"name": "accuracy"}
    return keras_objects.make(keras.metrics, config, "metrics", custom, given, wrap=adapted(form))
