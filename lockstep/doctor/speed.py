"""The loop's speed beside the bare computation, which is the limit of what a loop can reach."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def fastest_in_turn(repeats: int, runs: Sequence[Callable[[], object]]) -> list[float]:
    """Return the seconds of each run's fastest repeat, after one that isn't timed.

    They take turns, so that a slow phase of the machine affects all of them.
    """
    taken: list[list[float]] = [[] for _ in runs]
    for repeat in range(repeats + 1):
        for run, mine in zip(runs, taken, strict=True):
            start = time.perf_counter()
            run()
            if repeat:
                mine.append(time.perf_counter() - start)
    return [min(mine) for mine in taken]


def bare_steps(
    model: keras.Model, x: tf.Tensor, y: tf.Tensor, *, jit_compile: bool = False
) -> Callable[[int], None]:
    """Return a function that trains a number of steps on the same batch, in one graph call.

    Forward pass, backward pass and update alone: without a strategy, shuffling, preprocessing or
    metrics.
    """
    model._symbolic_build(data_batch=(x, y))

    @tf.function(jit_compile=jit_compile)
    def steps(number: tf.Tensor) -> Any:
        for _ in tf.range(number):
            with tf.GradientTape() as tape:
                loss = model.compute_loss(x, y, model(x, training=True))
            variables = model.trainable_variables
            model.optimizer.apply(tape.gradient(loss, variables), variables)

    def train(number: int) -> None:
        steps(tf.constant(number))
        model.optimizer.iterations.numpy()  # waits for the last step

    return train
