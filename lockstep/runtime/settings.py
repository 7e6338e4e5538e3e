"""Settings of Keras, TensorFlow and NumPy that hold for a process, as they were in its beginning.

A model's file may change them. Where a process runs several stages or trials, each of them begins
with the same ones, as in a process of its own.
"""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

tf32 = tf.config.experimental
SETTINGS = (
    (keras.config.floatx, keras.config.set_floatx),
    (keras.config.epsilon, keras.config.set_epsilon),
    (keras.config.image_data_format, keras.config.set_image_data_format),
    (tf.config.functions_run_eagerly, tf.config.run_functions_eagerly),
    (tf32.tensor_float_32_execution_enabled, tf32.enable_tensor_float_32_execution),
    (np.geterr, lambda values: np.seterr(**values)),
)


def reset() -> None:
    """Set all as they were when this was called first."""
    for (_, set_), value in zip(SETTINGS, _first(), strict=True):
        set_(value)


@functools.cache
def _first() -> list[Any]:
    return [get() for get, _ in SETTINGS]
