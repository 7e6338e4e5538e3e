"""The model that the parameters name, and what it is trained towards."""

import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from errors import ParamsError
from params import Named, Params
from tasks._spec import Spec


def make(params: Params, spec: Spec) -> keras.Model:
    """Return the model with its first weights; raises ParamsError if its arguments don't fit."""
    module = import_module(f"models.{params.model.name}")
    try:
        model: keras.Model = module.build(
            spec.input_shape, spec.outputs, spec.activation, **params.model.arguments
        )
    except (TypeError, ValueError) as error:
        raise ParamsError(f"model.{params.model.name}: {_first_line(error)}") from None
    return model


def make_trained(params: Params, spec: Spec, weights: Path) -> keras.Model:
    """Return the model with weights from a file, compiled.

    In this order: a compiled model looks for its optimizer in the file, and warns.
    """
    model = make(params, spec)
    model.load_weights(weights)
    _compile(model, params, spec)
    return model


def _compile(model: keras.Model, params: Params, spec: Spec) -> None:
    """Give the model its optimizer, loss and metrics. The loop decides on XLA, not Keras."""
    optimizer = {"learning_rate": params.train.learning_rate}
    model.compile(
        optimizer=_keras_object(keras.optimizers, params.train.optimizer, "optimizer", optimizer),
        loss=_loss(params, spec),
        metrics=_metrics(params, spec),
        jit_compile=False,
    )


def callbacks(
    params: Params, defaults: dict[str, dict[str, Any]]
) -> list[keras.callbacks.Callback]:
    """Return the callbacks that the parameters name, with default arguments by class name."""
    asked: list[Named] = params.train.callbacks
    return [
        _keras_object(keras.callbacks, each, "callbacks", defaults.get(each.name, {}))
        for each in asked
    ]


def _loss(params: Params, spec: Spec) -> keras.losses.Loss:
    by_task = {
        "classification": keras.losses.SparseCategoricalCrossentropy,
        "regression": keras.losses.MeanSquaredError,
    }
    if params.train.loss == "auto":
        return by_task[spec.task]()
    return _keras_object(keras.losses, params.train.loss, "loss")


def _metrics(params: Params, spec: Spec) -> list[Any]:
    by_task = {"classification": "Accuracy", "regression": "MeanAbsoluteError"}
    names = params.train.metrics
    named = [Named(name=by_task[spec.task])] if names == "auto" else names
    return [_metric(each) for each in named]


def _metric(named: Named) -> Any:
    # By this name Keras chooses the accuracy that fits the targets.
    return (
        "accuracy" if named.name == "Accuracy" else _keras_object(keras.metrics, named, "metrics")
    )


def _keras_object(module: ModuleType, named: Named, key: str, defaults: dict[str, Any] = {}) -> Any:  # noqa: B006  # read only
    try:
        return getattr(module, named.name)(**{**defaults, **named.arguments})
    except (TypeError, ValueError) as error:
        raise ParamsError(f"train.{key}: {named.name}: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return re.sub(r"^\w+\.__init__\(\) ", "", str(error).strip().partition("\n")[0])
