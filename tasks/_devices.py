"""Which devices there are, told without importing TensorFlow, and how they share the work."""

import os
from pathlib import Path

from errors import MachineError, ParamsError
from params import Params


def replicas(params: Params) -> int:
    """Return the number of replicas to train with.

    Raises MachineError when there are fewer devices, ParamsError for a batch they can't share.
    """
    wanted, devices = params.train.replicas, names()
    count = (len(devices) if gpus() else 1) if wanted == "auto" else wanted
    if count > len(devices):
        raise MachineError(
            f"train.replicas: got {count}, expected at most {len(devices)}: "
            f"this machine has {', '.join(devices)}"
        )
    _demand_divisible(params.train.batch_size, count)
    return count


def names() -> list[str]:
    """The devices that replicas can have: each GPU, or without any, one for each CPU core."""
    return gpus() or [f"CPU:{core}" for core in range(len(os.sched_getaffinity(0)))]


def gpus() -> list[str]:
    """The NVIDIA GPUs that CUDA_VISIBLE_DEVICES leaves visible."""
    found = [file for file in Path("/dev").glob("nvidia[0-9]*") if file.name[6:].isdigit()]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    chosen = len(found) if visible is None else len([each for each in visible.split(",") if each])
    return [f"GPU:{index}" for index in range(min(len(found), chosen))]


def _demand_divisible(batch_size: int, count: int) -> None:
    if batch_size % count:
        below, above = batch_size // count * count, -(-batch_size // count) * count
        nearest = " or ".join(str(size) for size in (below, above) if size)
        raise ParamsError(
            f"train.batch_size: got {batch_size}, which {count} replicas can't share evenly, "
            f"expected {nearest}"
        )
