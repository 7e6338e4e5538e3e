"""How many trials can run at once on this machine."""

import os

from lockstep.config.schema import Params
from lockstep.errors import MachineError, ParamsError
from lockstep.runtime import devices


def check_parallel(count: int, params: Params) -> None:
    """Raise ParamsError or MachineError if there is no device or core for each slot."""
    gpus, cores = devices.gpus(), len(os.sched_getaffinity(0))
    if gpus and count > 1:
        if count > len(gpus):
            raise MachineError(
                f"--parallel: got {count}, expected at most {len(gpus)}, a GPU for each"
            )
        if params.train.replicas not in ("auto", 1):
            raise ParamsError(
                f"train.replicas: got {params.train.replicas} with --parallel {count}, expected "
                "auto or 1: each trial has one GPU"
            )
    elif count > cores:
        raise MachineError(f"--parallel: got {count}, expected at most {cores}, a core for each")
