"""The workspace on each node of a Ray cluster: a shared folder, or a copy with the data by DVC."""

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lockstep.config.graph import read_graph
from lockstep.config.schema import Params
from lockstep.errors import DataError, LockstepError
from lockstep.launchers.ray_cluster import Node
from lockstep.storage import layout
from lockstep.versioning import node_copy, pulled, verification


def prepare(nodes: Sequence[Node], root: Path, stage: str, params: Params) -> None:
    """Give each node the inputs of a stage, checked by their hashes; raises DataError with a node.

    A node that doesn't share the folder gets the code from Ray and the data from DVC's remote.
    """
    made = [dep for dep in read_graph(root, params)[stage].deps if dep.startswith(layout.RESULTS)]
    for node, problem in _on_each(nodes, _prepare, root, stage, made):
        if problem:
            raise DataError(f"node {node.address}: {problem}")


def require_shared(nodes: Sequence[Node], root: Path) -> None:
    """Raise DataError for a node that doesn't see a file that this process writes to `root`."""
    probe = root / layout.PRIVATE / f"shared-{secrets.token_hex(8)}"
    probe.parent.mkdir(exist_ok=True)
    probe.touch()
    try:
        for node, sees in _on_each(nodes, Path.exists, probe):
            if not sees:
                raise DataError(
                    f"normalize: {root} on node {node.address} isn't the same folder as here: put "
                    "the project on a file system that the nodes share, or leave out --launcher"
                )
    finally:
        probe.unlink()


def _on_each(
    nodes: Sequence[Node], function: Callable[..., Any], *arguments: Any
) -> list[tuple[Node, Any]]:
    """Call a function on each node, at once; return its results."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(function).options
    asked = [
        task(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False))
        for node in nodes
    ]
    results = ray.get([each.remote(*arguments) for each in asked])
    return list(zip(nodes, results, strict=True))


def _prepare(root: Path, stage: str, made: list[str]) -> str:
    """Runs on a node, in Ray's copy of the workspace; returns what is wrong."""
    try:
        copy = Path.cwd()
        if not (root / layout.LOCK).exists():
            node_copy.use(copy, root)
        if (root / layout.LOCK).read_bytes() != (copy / layout.LOCK).read_bytes():
            return f"{root} has another dvc.lock than the chief's: remove it, or share the folder"
        os.chdir(root)
        for out in made:
            if not (root / out).exists() and not pulled.pull(root, Path(out)):
                return f"{out}: DVC's remote hasn't got it; `dvc push` on the chief's machine"
        verification.verify_inputs(root, stage)
    except (LockstepError, OSError) as error:
        return str(error)
    return ""
