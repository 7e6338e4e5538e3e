"""Choose CPUs or GPUs for this process, before TensorFlow is imported."""

import os

from lockstep.errors import MachineError
from lockstep.runtime import devices

KINDS = ("cpu", "gpu")


def choose(kind: str) -> None:
    """Hide all GPUs for cpu; for gpu raise MachineError if there is none."""
    if kind == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not devices.gpus():
        raise MachineError(
            "--device: got gpu, expected cpu, as no NVIDIA GPU was found; `lockstep doctor` says "
            "what is missing"
        )
