"""How TensorFlow starts: the same in every stage, so that two doors give the same bits."""

import functools

import keras
import tensorflow as tf

from errors import MachineError
from tasks import _devices


def start(seed: int, replicas: int = 1) -> tf.distribute.MirroredStrategy:
    """Seed everything, make operations deterministic, and return the strategy over the replicas.

    Raises MachineError if TensorFlow doesn't see the devices that the machine has.
    """
    tf.get_logger().setLevel("ERROR")
    devices = _logical_devices(replicas)
    # Layers' automatic names count up within a process, and stand in the weights' file.
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    return _strategy(tuple(devices))


@functools.cache
def _strategy(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    # One for a process: a second over the same devices would number its collective operations
    # from the start again, and end in "Shape mismatch in the collective instance 100".
    return tf.distribute.MirroredStrategy(devices)


def _logical_devices(replicas: int) -> list[str]:
    kind = "GPU" if _devices.gpus() else "CPU"
    if kind == "CPU":
        _split_the_cpu()
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(devices) < replicas:
        seen = ", ".join(devices) or f"no {kind}"
        raise MachineError(f"train.replicas: got {replicas}, but TensorFlow sees {seen}")
    return devices[:replicas]


def _split_the_cpu() -> None:
    """Make one logical device of each core, before TensorFlow's first operation.

    They share TensorFlow's threads, so the number of them changes no bit and no speed; made by
    every stage, whatever its replicas, they serve one process that runs several stages.
    """
    (cpu,) = tf.config.list_physical_devices("CPU")
    if not tf.config.get_logical_device_configuration(cpu):
        each = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(cpu, [each] * len(_devices.names()))
