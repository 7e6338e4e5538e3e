"""Which program starts the workers of a training that several machines share."""

import os

from lockstep.errors import ParamsError
from lockstep.runtime import slurm
from lockstep.runtime.cluster import TF_CONFIG

LAUNCHER = "LOCKSTEP_LAUNCHER"
RAY = "ray"


def launcher() -> str:
    """Return ray, slurm, TF_CONFIG or none; raises ParamsError for an unknown LOCKSTEP_LAUNCHER."""
    chosen = os.environ.get(LAUNCHER, "")
    if chosen not in ("", RAY):
        raise ParamsError(f"{LAUNCHER}: got {chosen}, expected {RAY} or nothing")
    if chosen:
        return chosen
    if slurm.has_several_tasks():
        return "slurm"
    return TF_CONFIG if os.environ.get(TF_CONFIG) else "none"


def starts_workers() -> bool:
    """Whether this process is to have Ray start the workers, rather than to be one of them."""
    return launcher() == RAY and not os.environ.get(TF_CONFIG)
