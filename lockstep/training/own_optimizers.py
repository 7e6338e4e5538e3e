"""Optimizers that a model with its own train_step has as attributes, such as a GAN's two."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import tensorflow as tf


def of(model: keras.Model) -> list[keras.optimizers.Optimizer]:
    """Return the optimizers among the attributes of a model and its layers, each once."""
    found: dict[int, keras.optimizers.Optimizer] = {}
    for layer in model._flatten_layers():
        for value in list(vars(layer).values()):
            found |= {id(each): each for each in _optimizers_in(value)}
    found.pop(id(model.optimizer), None)
    return list(found.values())


def build(model: keras.Model, strategy: tf.distribute.Strategy, batch: Any) -> bool:
    """Make the variables of a model's own optimizers, before its training is traced.

    Which weights each of them updates is read from a traced step, which isn't run. Returns whether
    the step also uses the optimizer of train.optimizer. Call it in the strategy's scope.
    """
    own = of(model)
    updated: dict[int, list[Any]] = {}
    with ExitStack() as stack:
        for optimizer in [*own, model.optimizer]:
            stack.enter_context(_recorded(optimizer, updated))
        step = tf.function(lambda data: strategy.run(model.train_step, args=(data,)))
        step.get_concrete_function(batch)
    for optimizer in own:
        if not optimizer.built and id(optimizer) in updated:
            optimizer.build(updated[id(optimizer)])
    return id(model.optimizer) in updated


@contextmanager
def _recorded(
    optimizer: keras.optimizers.Optimizer, updated: dict[int, list[Any]]
) -> Iterator[None]:
    """Note which variables an optimizer is applied to, instead of updating them."""

    def apply(grads: Any, trainable_variables: Any = None) -> tf.Tensor:
        updated.setdefault(id(optimizer), []).extend(trainable_variables or ())
        return optimizer.iterations

    optimizer.apply = apply
    try:
        yield
    finally:
        del optimizer.apply


def _optimizers_in(value: Any) -> Iterator[keras.optimizers.Optimizer]:
    if isinstance(value, keras.optimizers.Optimizer):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _optimizers_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _optimizers_in(each)
