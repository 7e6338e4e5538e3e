"""Make the metrics that params.yaml names, each with targets in the form that it takes."""

import functools
import inspect
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
from keras.src.utils.naming import to_snake_case

from lockstep.config.schema import OWN_NAME, KerasObjectConfig, Params
from lockstep.data.spec import Spec, Target, unwrap_single
from lockstep.errors import ParamsError
from lockstep.modeling import keras_objects
from lockstep.modeling.adapters import Form, adapted
from lockstep.modeling.objectives import metric_configs
from lockstep.modeling.outputs import Given
from lockstep.modeling.target_forms import (
    AS_GIVEN,
    SPARSE,
    check_between_0_and_1,
    defaults,
    form_of,
    is_binary,
)
from lockstep.modeling.units import is_scaled


def make(params: Params, spec: Spec, custom: Path, given: Mapping[str, Given]) -> Any:
    """Return the metrics of each target, by name if there are several; None without targets.

    `given` is what `outputs.given_by` says of the model. Raises ParamsError for a metric that isn't
    for its target.
    """
    if not spec.targets:
        return None
    return unwrap_single(
        {
            name: [
                _metric(each, target, custom, given.get(name, Given()))
                for each in _with_names(metric_configs(params, target))
            ]
            for name, target in spec.targets.items()
        }
    )


def _with_names(configs: list[KerasObjectConfig]) -> Iterator[KerasObjectConfig]:
    """Give each of Keras's metrics the name that it has as the first of a process.

    Keras counts on with each metric that is made, as for the next phase of a training. Further ones
    of a class are numbered.
    """
    seen: Counter[str] = Counter()
    for config in configs:
        known = getattr(keras.metrics, config.name, None)
        if known is None or "name" in config.arguments:
            yield config
            continue
        default = inspect.signature(known).parameters["name"].default
        name = default or to_snake_case(config.name)
        count = seen[config.name]
        seen[config.name] += 1
        yield config.model_copy(update={OWN_NAME: f"{name}_{count}" if count else name})


def _metric(config: KerasObjectConfig, target: Target, custom: Path, given: Given) -> Any:
    name = form_of("train.metrics", config, target)
    if name is None:
        return _custom(config, target, custom)
    logits = given.logits
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
        name,
        target,
        flat=target.is_dense,
        logits=bool(logits),
        binary=is_binary(config),
        both=given.both,
        in_units=is_scaled(target),
        **sparse,
    )
    arguments = {}
    if config.name == "Accuracy":  # the one that Keras's `accuracy` stands for
        accuracy = "SparseCategoricalAccuracy" if name == SPARSE else "BinaryAccuracy"
        config = config.model_copy(update={"name": accuracy})
        arguments = {"name": "accuracy"}
    arguments |= defaults(config, target)
    wrap = adapted(form)
    return keras_objects.make(keras.metrics, config, "metrics", custom, arguments, wrap=wrap)


def _custom(config: KerasObjectConfig, target: Target, custom: Path) -> Any:
    """Return a metric of the user's file, a class or a function, which gets what the loss gets.

    Of a target that normalize.target scales it gets the numbers in the target's units.
    """
    if not is_scaled(target):
        return keras_objects.make(keras.metrics, config, "metrics", custom)
    form = Form(AS_GIVEN, target, in_units=True)
    made = keras_objects.make(keras.metrics, config, "metrics", custom, wrap=adapted(form))
    if isinstance(made, keras.metrics.Metric):
        return made
    return functools.wraps(made)(lambda y, outputs: made(*form.apply(y, outputs)))
