"""Compile models with the optimizer, loss and metrics that params.yaml names."""

from pathlib import Path
from typing import Any

import keras

from lockstep.config.schedules import with_steps
from lockstep.config.schema import KerasObjectConfig, Params
from lockstep.data.spec import Spec, Y, as_dict, unwrap_single
from lockstep.errors import ParamsError
from lockstep.modeling import keras_objects, losses, metrics, outputs
from lockstep.modeling.objectives import check_objectives

# Keras applies these in a conditional branch of the graph, where a strategy fails with "merge_call
# called while defining a new graph".
CONDITIONAL_UPDATES = ("ema_overwrite_frequency", "gradient_accumulation_steps")
CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


def compile_for_training(
    model: keras.Model,
    params: Params,
    spec: Spec,
    replicas: int,
    root: Path,
    *,
    total_steps: int = 1,
) -> None:
    """Compile with optimizer, loss and metrics; the training loop, not Keras, decides on XLA.

    `total_steps` are those of a schedule that spans the training. Custom objects come from a file
    of the project at `root`. Raises ParamsError for options that Keras gets wrong under a
    distribution strategy.
    """
    custom = root / params.train.custom_objects_file
    check_objectives(params, spec)
    given = outputs.given_by(model, spec)
    spec = outputs.described(spec, given)
    optimizer = _optimizer(params, custom, total_steps)
    loss = losses.make(params, spec, custom, given)
    _check_optimizer(optimizer, replicas)
    losses.check_replicas(as_dict(loss, Y), replicas)
    model.compile(
        optimizer,
        loss,
        loss_weights=_loss_weights(params),
        metrics=metrics.make(params, spec, custom, given),
        jit_compile=False,
    )


def compile_for_testing(model: keras.Model, params: Params, spec: Spec, root: Path) -> None:
    """Compile with loss and metrics, without an optimizer."""
    custom = root / params.train.custom_objects_file
    check_objectives(params, spec)
    given = outputs.given_by(model, spec)
    spec = outputs.described(spec, given)
    model.compile(
        None,
        losses.make(params, spec, custom, given),
        loss_weights=_loss_weights(params),
        metrics=metrics.make(params, spec, custom, given),
        jit_compile=False,
    )


def _optimizer(params: Params, custom: Path, total_steps: int) -> keras.optimizers.Optimizer:
    train = params.train
    rate = train.learning_rate
    if isinstance(rate, KerasObjectConfig):
        schedules, rate = keras.optimizers.schedules, with_steps(rate, total_steps)
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


def _loss_weights(params: Params) -> Any:
    weights = params.train.loss_weights
    return weights if weights is None else unwrap_single(weights)
