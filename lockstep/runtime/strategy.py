"""Start TensorFlow the same way in every stage, so that all entry points give the same bits."""

import functools
import os
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import config as tf_config
from tensorflow.python.framework import ops

from lockstep.errors import MachineError
from lockstep.runtime import devices, random_numbers
from lockstep.runtime.cluster import read_cluster
from lockstep.runtime.launcher import launcher


def start_runtime(
    seed: int,
    replicas: int = 1,
    *,
    precision: str = "float32",
    deterministic: bool = True,
    memory_growth: bool = True,
    workers: int = 1,
) -> tf.distribute.Strategy:
    """Seed everything, enable or disable op determinism, and return the strategy over the replicas.

    `precision` is a Keras dtype policy. Raises MachineError if TensorFlow doesn't see the devices
    that the machine has.
    """
    tf.get_logger().setLevel("ERROR")
    _set_memory_growth(memory_growth)
    if workers > 1:
        # Before any operation: "Collective ops must be configured at program startup".
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        strategy = _strategy(tuple(_logical_devices(replicas)))
    # Keras numbers automatic layer names within a process, and weights files contain them.
    keras.utils.clear_session(free_memory=False)
    _forget_gradients()
    keras.config.set_dtype_policy(precision)  # after clear_session, which resets it
    random_numbers.keep_for_this_thread()
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    else:
        tf_config.disable_op_determinism()  # an earlier stage of this process has enabled it
    return strategy


def _forget_gradients() -> None:
    """Let the graphs of this process's earlier trainings be freed.

    TensorFlow registers the gradient of each all-reduce that it traces for ever, and with it the
    graph: 30 MB for each trial of a sweep.
    """
    registered = ops.gradient_registry._registry  # it has no function to remove one
    for name in [each for each in registered if each.startswith("CustomGradient-")]:
        del registered[name]


@functools.cache
def _strategy(names: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    # One per process: a second over the same devices would number its collective operations
    # from the start again, and fail with "Shape mismatch in the collective instance 100".
    return tf.distribute.MirroredStrategy(names)


def runtime_tags(strategy: tf.distribute.Strategy) -> dict[str, str]:
    """Return MLflow tags of the hardware and software, to explain why two runs differ."""
    threading = tf.config.threading
    return {
        "strategy": type(strategy).__name__,
        "replicas": str(strategy.num_replicas_in_sync),
        "workers": str(read_cluster().size),
        "launcher": launcher(),
        "devices": ", ".join(strategy.extended.worker_devices),
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _processor(),
        "threads": f"{threading.get_intra_op_parallelism_threads()} intra, "
        f"{threading.get_inter_op_parallelism_threads()} inter (0: as many as cores)",
        "deterministic": str(tf_config.is_op_determinism_enabled()),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "system": platform.platform(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _logical_devices(replicas: int) -> list[str]:
    kind = devices.kind()
    if kind == "CPU":
        _split_cpu()
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(names) < replicas:
        seen = ", ".join(names) or f"no {kind}"
        raise MachineError(f"train.replicas: got {replicas}, but TensorFlow sees {seen}")
    return names[:replicas]


def _set_memory_growth(grows: bool) -> None:
    """Set GPU memory growth; only the first stage of a process can."""
    try:
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, grows)
    except RuntimeError:
        tf.get_logger().debug("the GPUs are in use already")


def _split_cpu() -> None:
    """Make one logical device of each core, before TensorFlow's first operation.

    They share TensorFlow's threads, so their number changes no bit and no speed. Every stage makes
    them, whatever its replicas, since one process may run several stages.
    """
    (cpu,) = tf.config.list_physical_devices("CPU")
    if not tf.config.get_logical_device_configuration(cpu):
        each = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(cpu, [each] * len(devices.names()))
