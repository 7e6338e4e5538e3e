"""Train as a worker that isn't the chief; such a worker writes no results."""

from pathlib import Path

from lockstep.config.schema import Params
from lockstep.errors import ParamsError
from lockstep.process import console
from lockstep.process.environment import prepare_environment
from lockstep.runtime.cluster import TF_CONFIG, read_cluster
from lockstep.runtime.tensorflow_import import load_tensorflow


def work(params: Params, root: Path) -> None:
    """Train together with the chief in TF_CONFIG until training ends.

    `root` must have the same commit, params.yaml, data/ready, weights/initial.weights.h5 and
    report/model.json as the chief's. Raises ParamsError if this process is the chief.
    """
    cluster = read_cluster()
    if cluster.chief:
        raise ParamsError(f"{TF_CONFIG}: this process is the chief, expected another worker")
    prepare_environment(root)
    load_tensorflow()
    from lockstep.training.trainer import Training

    training = Training(params, root)
    loop = training.loop()
    resume = training.resume(loop, [], None)
    training.run(loop, [], resume)
    console.say(f"worker {cluster.index} of {cluster.size}: done")
