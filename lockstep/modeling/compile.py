"""Compile models with the optimizer, loss and metrics that params.yaml names."""

from pathlib import Path
from typing import Any

import keras

from lockstep.config.schema import CUSTOM, KerasObjectConfig, Params
from lockstep.data.spec import Spec, Target, Y, as_dict, unwrap_single
from lockstep.errors import ParamsError
from lockstep.modeling import keras_objects

SPARSE = "SparseCategoricalCrossentropy"
# By the output layer's activation.
LOSSES = {"softmax": SPARSE, "sigmoid": "BinaryCrossentropy", "linear": "MeanSquaredError"}
# Keras applies these in a conditional branch of the graph, where a strategy fails with "merge_call
# called while defining a new graph".
CONDITIONAL_UPDATES = ("ema_overwrite_frequency", "gradient_accumulation_steps")
CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
METRICS = {"classification": "Accuracy", "regression": "MeanAbsoluteError"}


def compile_for_training(
    model: keras.Model, params: Params, spec: Spec, replicas: int, root: Path
) -> None:
    """Compile with optimizer, loss and metrics; the training loop, not Keras, decides on XLA.

    Custom objects come from a file of the project at `root`. Raises ParamsError for options that
    Keras gets wrong under a distribution strategy.
    """
    custom = root / params.train.custom_objects_file
    optimizer, loss = _optimizer(params, custom), _loss(params, spec, custom)
    _check_optimizer(optimizer, replicas)
    reductions = [getattr(each, "reduction", None) for each in as_dict(loss, Y).values()]
    if replicas > 1 and "mean_with_sample_weight" in reductions:
        raise ParamsError(
            "train.loss.reduction: got mean_with_sample_weight with several replicas, whose "
            "sample weights differ; expected sum_over_batch_size or sum, or train.replicas 1"
        )
    model.compile(
        optimizer,
        loss,
        loss_weights=_loss_weights(params, spec),
        metrics=_metrics(params, spec, custom),
        jit_compile=False,
    )


def compile_for_testing(model: keras.Model, params: Params, spec: Spec, root: Path) -> None:
    """Compile with loss and metrics, without an optimizer."""
    custom = root / params.train.custom_objects_file
    model.compile(
        None,
        _loss(params, spec, custom),
        loss_weights=_loss_weights(params, spec),
        metrics=_metrics(params, spec, custom),
        jit_compile=False,
    )


def _optimizer(params: Params, custom: Path) -> keras.optimizers.Optimizer:
    train = params.train
    rate = train.learning_rate
    if isinstance(rate, KerasObjectConfig):
        schedules = keras.optimizers.schedules
        rate = keras_objects.make(schedules, rate, "learning_rate", custom)
    defaults = {"learning_rate": rate}
    return keras_objects.make(keras.optimizers, train.optimizer, "optimizer", custom, defaults)


def _check_optimizer(optimizer: keras.optimizers.Optimizer, replicas: int) -> None:
    for name in CONDITIONAL_UPDATES:
        if getattr(optimizer, name, None) is not None:
            raise ParamsError(
                f"train.optimizer.{name}: got a number, expected none: "
                "Keras can't do this under a distribution strategy"
            )
    for name in CLIPPING:
        if replicas > 1 and getattr(optimizer, name, None) is not None:
            raise ParamsError(
                f"train.optimizer.{name}: got a number with several replicas, each of which would "
                "clip its own gradients; expected none, or train.replicas 1"
            )


def one_hot_classes(params: Params, spec: Spec) -> dict[str, int]:
    """Return the number of classes of each target whose loss needs one-hot labels.

    Raises ParamsError for a loss that can't take the labels.
    """
    found = {}
    for name, target in spec.targets.items():
        loss = _loss_config(params, name, target).name
        if target.outputs == 1 and loss == SPARSE and target.kind == "classification":
            raise ParamsError(
                f"train.loss: got {SPARSE}, but a model has one output for two classes, "
                "expected BinaryCrossentropy or auto"
            )
        if target.outputs > 1 and _wants_one_hot(params.train.label_encoding, loss):
            found[name] = target.outputs
    return found


def _wants_one_hot(label_encoding: str, loss: str) -> bool:
    if label_encoding != "auto":
        return label_encoding == "one_hot"
    return loss != SPARSE and not loss.startswith(CUSTOM)


def _loss(params: Params, spec: Spec, custom: Path) -> Any:
    losses = params.train.loss
    if isinstance(losses, dict) and losses.keys() != spec.targets.keys():
        known = ", ".join(spec.targets)
        raise ParamsError(f"train.loss: got {', '.join(losses)}, expected one for each of {known}")
    return unwrap_single(
        {
            name: keras_objects.make(
                keras.losses, _loss_config(params, name, target), "loss", custom
            )
            for name, target in spec.targets.items()
        }
    )


def _loss_config(params: Params, name: str, target: Target) -> KerasObjectConfig:
    loss = params.train.loss
    if isinstance(loss, dict):
        return loss[name]
    if loss != "auto":
        return loss
    return KerasObjectConfig(name=LOSSES[target.activation])


def _loss_weights(params: Params, spec: Spec) -> Any:
    weights = params.train.loss_weights
    if weights is not None and weights.keys() != spec.targets.keys():
        known = ", ".join(spec.targets)
        raise ParamsError(
            f"train.loss_weights: got {', '.join(weights)}, expected one for each of {known}"
        )
    return weights if weights is None else unwrap_single(weights)


def _metrics(params: Params, spec: Spec, custom: Path) -> Any:
    return unwrap_single(
        {name: _metrics_of(params, target, custom) for name, target in spec.targets.items()}
    )


def _metrics_of(params: Params, target: Target, custom: Path) -> list[Any]:
    metrics = params.train.metrics
    configs = [KerasObjectConfig(name=METRICS[target.kind])] if metrics == "auto" else metrics
    return [_metric(each, custom) for each in configs]


def _metric(config: KerasObjectConfig, custom: Path) -> Any:
    # For this string Keras chooses the accuracy metric that fits the targets.
    if config.name == "Accuracy":
        return "accuracy"
    return keras_objects.make(keras.metrics, config, "metrics", custom)
