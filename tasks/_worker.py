"""The work of a worker that isn't the chief: it trains along, and writes nothing."""

from pathlib import Path

from errors import ParamsError
from params import Params
from tasks import _cluster, _environment, _progress, _tensorflow


def work(params: Params, root: Path) -> None:
    """Train with the chief that TF_CONFIG names, to its end.

    The folder has the same commit, params.yaml, data/ready, weights/initial.weights.h5 and
    report/model.json as the chief's.
    """
    cluster = _cluster.read()
    if cluster.chief:
        raise ParamsError(
            f"{_cluster.VARIABLE}: expected one that names this process as another worker"
        )
    _environment.prepare(root)
    _tensorflow.load()
    from tasks._training import Training

    training = Training(params, root)
    loop = training.loop()
    resume = training.resume(loop, [], None, {})
    training.run(loop, [], resume)
    _progress.say(f"worker {cluster.index} of {cluster.size}: done")
