"""The stages that a Ray cluster computes."""

from collections.abc import Callable
from pathlib import Path

from lockstep.config.schema import Params
from lockstep.launchers import ray_cluster, ray_nodes, ray_training
from lockstep.launchers.ray_executor import RayExecutor
from lockstep.process.workers import computed_by

Stage = Callable[[Params, Path], None]
STAGES = ("normalize", "train")


def on_cluster(name: str, stage_of: Callable[[str], Stage]) -> Stage:
    """Return the stage as the cluster runs it; stages other than STAGES stay as they are."""
    if name == "train":
        return ray_training.train  # which doesn't import TensorFlow here
    return _with_batches(stage_of(name)) if name == "normalize" else stage_of(name)


def _with_batches(stage: Stage) -> Stage:
    def run(params: Params, root: Path) -> None:
        with ray_cluster.connected(root) as nodes:
            ray_nodes.require_shared(nodes[1:], root)
            with computed_by(RayExecutor()):
                stage(params, root)

    return run
