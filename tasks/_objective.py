"""What a model is trained towards and judged by: optimizer, loss and metrics."""

from typing import Any

import keras

from errors import ParamsError
from params import Named, Params
from tasks import _parts
from tasks._spec import Spec

LOSSES = {"classification": "SparseCategoricalCrossentropy", "regression": "MeanSquaredError"}
# Updates in a branch of the graph: "merge_call called while defining a new graph".
BY_CONDITION = ("ema_overwrite_frequency", "gradient_accumulation_steps")
CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
METRICS = {"classification": "Accuracy", "regression": "MeanAbsoluteError"}


def compile_for_training(model: keras.Model, params: Params, spec: Spec, replicas: int) -> None:
    """Give the model its optimizer, loss and metrics. The loop decides on XLA, not Keras.

    Raises ParamsError for what Keras does wrong under a distribution strategy.
    """
    optimizer, loss = _optimizer(params), _loss(params, spec)
    _check_optimizer(optimizer, replicas)
    if replicas > 1 and getattr(loss, "reduction", None) == "mean_with_sample_weight":
        raise ParamsError(
            "train.loss.reduction: got mean_with_sample_weight with several replicas, whose "
            "weights differ; expected sum_over_batch_size or sum, or train.replicas 1"
        )
    model.compile(optimizer, loss, metrics=_metrics(params, spec), jit_compile=False)


def compile_for_testing(model: keras.Model, params: Params, spec: Spec) -> None:
    """Give the model its loss and metrics alone."""
    model.compile(None, _loss(params, spec), metrics=_metrics(params, spec), jit_compile=False)


def _optimizer(params: Params) -> keras.optimizers.Optimizer:
    train = params.train
    rate = train.learning_rate
    if isinstance(rate, Named):
        schedules = keras.optimizers.schedules
        rate = _parts.make(schedules, rate, "learning_rate", train.own)
    defaults = {"learning_rate": rate}
    return _parts.make(keras.optimizers, train.optimizer, "optimizer", train.own, defaults)


def _check_optimizer(optimizer: keras.optimizers.Optimizer, replicas: int) -> None:
    for name in BY_CONDITION:
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


def _loss(params: Params, spec: Spec) -> Any:
    asked = params.train.loss
    named = Named(name=LOSSES[spec.task]) if asked == "auto" else asked
    return _parts.make(keras.losses, named, "loss", params.train.own)


def _metrics(params: Params, spec: Spec) -> list[Any]:
    asked = params.train.metrics
    names = [Named(name=METRICS[spec.task])] if asked == "auto" else asked
    return [_metric(each, params.train.own) for each in names]


def _metric(named: Named, own: str) -> Any:
    # By this name Keras chooses the accuracy that fits the targets.
    if named.name == "Accuracy":
        return "accuracy"
    return _parts.make(keras.metrics, named, "metrics", own)
