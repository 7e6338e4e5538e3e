"""The work of a worker that isn't the chief: it trains along, and writes nothing."""

from pathlib import Path

from lockstep.config.schema import Params
from lockstep.errors import ParamsError
from lockstep.process import console
from lockstep.process.environment import prepare_environment
from lockstep.runtime.cluster import TF_CONFIG, read_cluster
from lockstep.runtime.tensorflow_import import load_tensorflow


def work(params: Params, root: Path) -> None:
    """Train with the chief that TF_CONFIG names, to its end.

    The folder has the same commit, params.yaml, data/ready, weights/initial.weights.h5 and
    report/model.json as the chief's.
    """
    cluster = read_cluster()
    if cluster.chief:
        raise ParamsError(f"{TF_CONFIG}: expected one that names this process as another worker")
    prepare_environment(root)
    load_tensorflow()
    from lockstep.training.trainer import Training

    training = Training(params, root)
    loop = training.loop()
    resume = training.resume(loop, [], None)
    training.run(loop, [], resume)
    console.say(f"worker {cluster.index} of {cluster.size}: done")
