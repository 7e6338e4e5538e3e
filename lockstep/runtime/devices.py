"""Devices and the number of replicas, found without importing TensorFlow."""

import itertools
import os
from pathlib import Path

from lockstep.config.schema import Params
from lockstep.errors import MachineError, ParamsError
from lockstep.runtime.cluster import TF_CONFIG, read_cluster
from lockstep.runtime.launcher import starts_workers


def replicas(params: Params) -> int:
    """Return the number of replicas to train with.

    Raises MachineError if there are fewer devices, and ParamsError for a batch size that they can't
    share evenly or an option that doesn't work with several replicas.
    """
    workers, requested, devices = read_cluster().size, params.train.replicas, names()
    each = len(devices) if gpus() else 1
    if workers > 1 and requested not in ("auto", workers * each):
        raise ParamsError(
            f"train.replicas: got {requested}, expected auto or {workers * each}: "
            f"{TF_CONFIG} names {workers} workers with {each} replicas each"
        )
    count = workers * each if requested == "auto" else requested
    if workers == 1 and count > len(devices) and not starts_workers():
        raise MachineError(
            f"train.replicas: got {count}, expected at most {len(devices)}: "
            f"this machine has {', '.join(devices)}"
        )
    _check_divisible(params.train.batch_size, count)
    if count > 1:
        _check_several_replicas(params)
    return count


def kind() -> str:
    """Return the device type of the replicas: GPU or CPU."""
    return "GPU" if gpus() else "CPU"


def names() -> list[str]:
    """Return the devices for replicas: all GPUs, or without any, one per CPU core."""
    return gpus() or [f"CPU:{core}" for core in range(len(os.sched_getaffinity(0)))]


def gpus() -> list[str]:
    """Return the NVIDIA GPUs that CUDA_VISIBLE_DEVICES leaves visible."""
    found = [file for file in Path("/dev").glob("nvidia[0-9]*") if file.name[6:].isdigit()]
    chosen = chosen_gpus()
    count = len(found) if chosen is None else min(len(found), len(chosen))
    return [f"GPU:{index}" for index in range(count)]


def chosen_gpus() -> list[str] | None:
    """Return the numbers or UUIDs in CUDA_VISIBLE_DEVICES, or None if it isn't set.

    As in CUDA, an entry such as -1 hides itself and all after it.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return None
    entries = (each.strip() for each in visible.split(","))
    return list(itertools.takewhile(lambda each: each and not each.startswith("-"), entries))


def _check_several_replicas(params: Params) -> None:
    if params.train.jit_compile is True:
        raise ParamsError(
            "train.jit_compile: got true with several replicas, expected auto or false: "
            "XLA hangs when it compiles for several replicas"
        )
    if params.train.precision == "mixed_float16":
        # keras.optimizers.LossScaleOptimizer checks for finite gradients on the first one only.
        raise ParamsError(
            "train.precision: got mixed_float16 with several replicas, expected mixed_bfloat16 or "
            "float32: Keras misses the overflows of all replicas but the first"
        )


def _check_divisible(batch_size: int, count: int) -> None:
    if batch_size % count:
        below, above = batch_size // count * count, -(-batch_size // count) * count
        nearest = " or ".join(str(size) for size in (below, above) if size)
        raise ParamsError(
            f"train.batch_size: got {batch_size}, which {count} replicas can't share evenly, "
            f"expected {nearest}"
        )
