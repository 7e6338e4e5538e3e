"""The memory that training takes on a device: measured on a GPU, and estimated before."""

import math
from typing import NamedTuple

import keras
import tensorflow as tf

from lockstep.doctor.probe import Probe
from lockstep.training.sources import stored_bytes


class Estimate(NamedTuple):
    """Bytes on one device. Temporary results, and what cuDNN and NCCL take, aren't included."""

    weights: int
    gradients: int
    optimizer: int
    data: int
    activations: int


def estimate(probe: Probe, activations: int) -> Estimate:
    """Return the estimate for a training; `activations` are bytes of one replica."""
    model = probe.model
    return Estimate(
        _bytes(model.variables),
        _bytes(model.trainable_variables),
        _bytes(model.optimizer.variables),
        stored_bytes([probe.examples]),
        activations,
    )


def peak_bytes(device: str) -> int | None:
    """Return the most bytes that this process ever used at once on a GPU such as GPU:0.

    None for a CPU, whose memory TensorFlow doesn't count.
    """
    if not device.startswith("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info(device)["peak"])


def _bytes(variables: list[keras.Variable]) -> int:
    return sum(math.prod(each.shape) * tf.as_dtype(each.dtype).size for each in variables)
