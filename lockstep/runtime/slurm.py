"""The cluster of a Slurm job step, as the TF_CONFIG that other launchers set."""

import json
import os

from lockstep.errors import ParamsError

TASKS, TASK = "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"
NODES, TASKS_PER_NODE = "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE"
FIRST_PORT, PORTS = 20000, 10000  # below those that systems give to clients


def has_several_tasks() -> bool:
    """Whether srun has started this process as one of several."""
    return os.environ.get(TASKS, "1") != "1"


def tf_config() -> str:
    """Return the TF_CONFIG of this task; empty if srun hasn't started several.

    Each job has ports of its own, so that two jobs may share a node. Raises ParamsError for a
    distribution of tasks over nodes from which their order can't be told.
    """
    if not has_several_tasks():
        return ""
    _check_distribution()
    try:
        task = {"type": "worker", "index": int(os.environ[TASK])}
        return json.dumps({"cluster": {"worker": _addresses()}, "task": task})
    except (KeyError, ValueError) as error:
        raise ParamsError(f"Slurm: {error}, expected the variables that srun sets") from None


def _check_distribution() -> None:
    given = os.environ.get("SLURM_DISTRIBUTION", "block")
    if given.partition(":")[0].partition(",")[0] not in ("block", "pack", "nopack"):
        raise ParamsError(
            f"SLURM_DISTRIBUTION: got {given}, expected block; start with srun --distribution=block"
        )


def _addresses() -> list[str]:
    """Return the address of each task, in their order.

    TensorFlow's SlurmClusterResolver sorts the nodes as texts, so that with n2 and n10 the first
    task would get the address of the second.
    """
    from lockstep.runtime.tensorflow_import import load_tensorflow

    load_tensorflow()
    from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver as resolver

    first = FIRST_PORT + int(os.environ.get("SLURM_JOB_ID", "0")) % PORTS
    nodes = resolver.expand_hostlist(os.environ[NODES])
    counts = resolver.expand_tasks_per_node(os.environ[TASKS_PER_NODE])
    if len(nodes) != len(counts):
        raise ParamsError(f"Slurm: got {len(nodes)} nodes and numbers of tasks for {len(counts)}")
    pairs = zip(nodes, counts, strict=True)
    return [f"{node}:{first + number}" for node, count in pairs for number in range(count)]
