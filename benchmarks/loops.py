"""Training loops to compare, over the same model: Lockstep, Keras `fit`, eager tape, bare graph."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.images import CLASSES, LARGEST, SHAPE
from lockstep.data.spec import Examples
from lockstep.doctor.speed import bare_steps
from lockstep.modeling.flops import count_flops
from lockstep.runtime import devices
from lockstep.runtime.collectives import WorkerCollectives
from lockstep.runtime.strategy import start_runtime
from lockstep.training import xla
from lockstep.training.loop import Loop
from lockstep.training.sources import DeviceSource, DiskSource
from lockstep.training.steps import Steps
from models import cnn, mlp


def model(name: str) -> keras.Model:
    """Return the dense model of 100 units or the CNN of 32 and 64 filters, compiled."""
    if name == "mlp":
        made = mlp.build(SHAPE, CLASSES, "softmax", units=100)
    else:
        made = cnn.build(SHAPE, CLASSES, "softmax")
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return made


def pixels(x: np.ndarray) -> np.ndarray:
    """Return the images as tutorials pass them to `fit`: float32 from 0 to 1."""
    return x[..., None].astype("float32") / LARGEST


def lockstep(
    name: str,
    batch_size: int,
    replicas: int = 1,
    source: type[DeviceSource] | type[DiskSource] = DeviceSource,
    last_batch: str = "keep",
) -> Loop:
    """Return Lockstep's loop over a model, configured as in the train stage."""
    return lockstep_on(start_runtime(0, replicas), name, batch_size, source, last_batch)


def lockstep_on(
    strategy: tf.distribute.Strategy,
    name: str,
    batch_size: int,
    source: type[DeviceSource] | type[DiskSource] = DeviceSource,
    last_batch: str = "keep",
    collectives: WorkerCollectives | None = None,
) -> Loop:
    """Return that loop on the replicas of a strategy, which may be of several workers."""
    with strategy.scope():
        made = model(name)
        layers = [keras.layers.Rescaling(1 / LARGEST), keras.layers.Reshape(SHAPE)]
        preprocess = keras.Sequential([keras.Input(SHAPE[:2], dtype="uint8"), *layers])
    jit = xla.jit_compile(made, strategy.num_replicas_in_sync, devices.kind(), augmented=False)
    steps = Steps(made, strategy, preprocess, jit_compile=jit)
    calls = steps_per_execution(made, batch_size)
    return Loop(
        steps, batch_size, 0, last_batch=last_batch, steps_per_execution=calls, source=source,
        collectives=collectives,
    )  # fmt: skip


def steps_per_execution(made: keras.Model, batch_size: int) -> int:
    """Return the steps per graph call, by the train stage's rule."""
    pixels = keras.Input(SHAPE)
    flops = count_flops(made, keras.Model(pixels, pixels))
    return xla.steps_per_execution(flops, batch_size, devices.kind())


def ours(
    name: str,
    train: Examples,
    batch_size: int,
    epochs: int,
    replicas: int = 1,
    source: type[DeviceSource] | type[DiskSource] = DeviceSource,
    last_batch: str = "keep",
) -> Callable[[], None]:
    """Return a function that trains with Lockstep's loop."""
    loop = lockstep(name, batch_size, replicas, source, last_batch)
    return lambda: loop.fit(train, None, [], epochs=epochs)


def fit(
    name: str, train: Examples, batch_size: int, epochs: int, steps_per_execution: int = 1
) -> Callable[[], None]:
    """Return a function that trains with Keras's `fit`."""
    made, x = model(name), pixels(train.x)
    made.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False,
        steps_per_execution=steps_per_execution,
    )  # fmt: skip
    return lambda: made.fit(x, train.y, batch_size, epochs=epochs, verbose=0)


def tape(name: str, train: Examples, batch_size: int) -> Callable[[], None]:
    """Return a function that trains one epoch with tf.data and an eager GradientTape."""
    made = model(name)
    optimizer, loss = keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy()
    accuracy = keras.metrics.SparseCategoricalAccuracy()
    batches = tf.data.Dataset.from_tensor_slices((pixels(train.x), train.y))
    batches = batches.shuffle(len(train.x), seed=0).batch(batch_size, drop_remainder=True)

    def epoch() -> None:
        for x, y in batches:
            with tf.GradientTape() as recorded:
                outputs = made(x, training=True)
                value = loss(y, outputs)
            gradients = recorded.gradient(value, made.trainable_variables)
            optimizer.apply_gradients(zip(gradients, made.trainable_variables, strict=True))
            accuracy.update_state(y, outputs)

    return epoch


def bare(name: str, train: Examples, batch_size: int, epochs: int) -> Callable[[], None]:
    """Return the upper limit of speed: train on the same batch again and again, in one graph.

    Without shuffling, preprocessing, metrics or a strategy; compiled by XLA if Lockstep's loop is.
    """
    made, count = model(name), epochs * (len(train.x) // batch_size)
    x, y = tf.constant(pixels(train.x[:batch_size])), tf.constant(train.y[:batch_size])
    jit = xla.jit_compile(made, 1, devices.kind(), augmented=False)
    train = bare_steps(made, x, y, jit_compile=jit)
    most = steps_per_execution(made, batch_size)

    def epoch() -> None:
        for start in range(0, count, most):
            train(min(most, count - start))

    return epoch
