"""What a model is trained towards and judged by: optimizer, loss and metrics."""

from pathlib import Path
from typing import Any

import keras

from lockstep.config.schema import OWN, Named, Params
from lockstep.data.spec import Spec, Target, Y, alone, by_name
from lockstep.errors import ParamsError
from lockstep.modeling import keras_objects

SPARSE = "SparseCategoricalCrossentropy"
# By the last layer's activation.
LOSSES = {"softmax": SPARSE, "sigmoid": "BinaryCrossentropy", "linear": "MeanSquaredError"}
# Updates in a branch of the graph: "merge_call called while defining a new graph".
BY_CONDITION = ("ema_overwrite_frequency", "gradient_accumulation_steps")
CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
METRICS = {"classification": "Accuracy", "regression": "MeanAbsoluteError"}


def compile_for_training(
    model: keras.Model, params: Params, spec: Spec, replicas: int, root: Path
) -> None:
    """Give the model its optimizer, loss and metrics. The loop decides on XLA, not Keras.

    The user's own of these stand in a file of the project at `root`. Raises ParamsError for what
    Keras does wrong under a distribution strategy.
    """
    own = root / params.train.own
    optimizer, loss = _optimizer(params, own), _loss(params, spec, own)
    _check_optimizer(optimizer, replicas)
    reductions = [getattr(each, "reduction", None) for each in by_name(loss, Y).values()]
    if replicas > 1 and "mean_with_sample_weight" in reductions:
        raise ParamsError(
            "train.loss.reduction: got mean_with_sample_weight with several replicas, whose "
            "weights differ; expected sum_over_batch_size or sum, or train.replicas 1"
        )
    model.compile(
        optimizer,
        loss,
        loss_weights=_loss_weights(params, spec),
        metrics=_metrics(params, spec, own),
        jit_compile=False,
    )


def compile_for_testing(model: keras.Model, params: Params, spec: Spec, root: Path) -> None:
    """Give the model its loss and metrics alone."""
    own = root / params.train.own
    model.compile(
        None,
        _loss(params, spec, own),
        loss_weights=_loss_weights(params, spec),
        metrics=_metrics(params, spec, own),
        jit_compile=False,
    )


def _optimizer(params: Params, own: Path) -> keras.optimizers.Optimizer:
    train = params.train
    rate = train.learning_rate
    if isinstance(rate, Named):
        schedules = keras.optimizers.schedules
        rate = keras_objects.make(schedules, rate, "learning_rate", own)
    defaults = {"learning_rate": rate}
    return keras_objects.make(keras.optimizers, train.optimizer, "optimizer", own, defaults)


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


def one_hot_classes(params: Params, spec: Spec) -> dict[str, int]:
    """Return the number of classes of each target whose labels the loss takes one-hot.

    Raises ParamsError for a loss that can't take the labels.
    """
    found = {}
    for name, target in spec.targets.items():
        loss = _named_loss(params, name, target).name
        if target.outputs == 1 and loss == SPARSE and target.task == "classification":
            raise ParamsError(
                f"train.loss: got {SPARSE}, but a model tells two classes by one number, "
                "expected BinaryCrossentropy or auto"
            )
        if target.outputs > 1 and _wants_one_hot(params.train.labels, loss):
            found[name] = target.outputs
    return found


def _wants_one_hot(asked: str, loss: str) -> bool:
    if asked != "auto":
        return asked == "one_hot"
    return loss != SPARSE and not loss.startswith(OWN)


def _loss(params: Params, spec: Spec, own: Path) -> Any:
    asked = params.train.loss
    if isinstance(asked, dict) and asked.keys() != spec.targets.keys():
        known = ", ".join(spec.targets)
        raise ParamsError(f"train.loss: got {', '.join(asked)}, expected one for each of {known}")
    return alone(
        {
            name: keras_objects.make(keras.losses, _named_loss(params, name, target), "loss", own)
            for name, target in spec.targets.items()
        }
    )


def _named_loss(params: Params, name: str, target: Target) -> Named:
    asked = params.train.loss
    if isinstance(asked, dict):
        return asked[name]
    if asked != "auto":
        return asked
    return Named(name=LOSSES[target.activation])


def _loss_weights(params: Params, spec: Spec) -> Any:
    asked = params.train.loss_weights
    if asked is not None and asked.keys() != spec.targets.keys():
        known = ", ".join(spec.targets)
        raise ParamsError(
            f"train.loss_weights: got {', '.join(asked)}, expected one for each of {known}"
        )
    return asked if asked is None else alone(asked)


def _metrics(params: Params, spec: Spec, own: Path) -> Any:
    return alone({name: _metrics_of(params, target, own) for name, target in spec.targets.items()})


def _metrics_of(params: Params, target: Target, own: Path) -> list[Any]:
    asked = params.train.metrics
    names = [Named(name=METRICS[target.task])] if asked == "auto" else asked
    return [_metric(each, own) for each in names]


def _metric(named: Named, own: Path) -> Any:
    # By this name Keras chooses the accuracy that fits the targets.
    if named.name == "Accuracy":
        return "accuracy"
    return keras_objects.make(keras.metrics, named, "metrics", own)
