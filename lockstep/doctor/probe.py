"""A small training through the engine's own steps, whose parts are measured."""

import hashlib
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from lockstep.data.spec import Examples
from lockstep.runtime.strategy import start_runtime
from lockstep.training.order import order_of_epoch
from lockstep.training.sources import DeviceSource
from lockstep.training.steps import Steps

SEED = 0
SHAPE, CLASSES, LARGEST = (28, 28, 1), 10, 255


class Size(NamedTuple):
    """How much is trained."""

    examples: int
    batch_size: int  # of each replica
    steps: int  # in one graph call
    repeats: int  # of what is timed


SIZES = {"CPU": Size(1_024, 32, 8, 3), "GPU": Size(16_384, 256, 300, 5)}


class Probe:
    """A convolutional network on random images, on some replicas, ready to train.

    `batch_size` is global. All calls of `train` read the same batches.
    """

    def __init__(self, replicas: int, batch_size: int, size: Size) -> None:
        self.strategy, self.batch_size = start_runtime(SEED, replicas), batch_size
        self.examples = random_examples(size.examples)
        with self.strategy.scope():
            self.model = small_cnn()
            rescaling = keras.layers.Rescaling(1 / LARGEST)
            preprocess = keras.Sequential([keras.Input(SHAPE, dtype="uint8"), rescaling])
        self.steps = Steps(self.model, self.strategy, preprocess)
        self.steps.build(self.examples)
        epoch = order_of_epoch("shuffle", size.examples, batch_size, SEED, 0)
        order = np.resize(epoch, (size.steps, batch_size))
        (chunk,) = DeviceSource(self.strategy, self.examples).chunks(order, size.steps)
        self.arguments = chunk[2:]  # of the graph call, without the number of steps

    @property
    def replicas(self) -> int:
        """Number of replicas."""
        return int(self.strategy.num_replicas_in_sync)

    def train(self, steps: int) -> None:
        """Train for this many steps, at most those of the size, and wait for the last."""
        _, losses = self.steps.train(tf.constant(steps), *self.arguments)
        losses.numpy()

    def graph(self) -> tf.Graph:
        """Return the traced graph of `train`."""
        return self.steps.train.get_concrete_function(tf.constant(0), *self.arguments).graph

    def digest(self) -> str:
        """Return the hex sha256 of the bytes of all weights."""
        total = hashlib.sha256()
        for weight in self.model.get_weights():
            total.update(weight.tobytes())
        return total.hexdigest()


def random_examples(count: int) -> Examples:
    """Return random images, uint8 as most data sets store them, and random labels."""
    random = np.random.default_rng(SEED)
    x = random.integers(0, LARGEST, (count, *SHAPE), np.uint8)
    return Examples(x, random.integers(0, CLASSES, count).astype(np.uint8))


def small_cnn() -> keras.Model:
    """Return a compiled network of two convolutions and a dense layer."""
    layers = [
        keras.Input(SHAPE),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(CLASSES, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    loss = "sparse_categorical_crossentropy"
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=False)
    return model
