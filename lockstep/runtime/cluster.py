"""The workers that TF_CONFIG or Slurm names, and which of them this process is."""

import json
import os
from dataclasses import dataclass

from lockstep.errors import ParamsError
from lockstep.runtime import slurm

TF_CONFIG = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """The workers' addresses, the chief first, and which of them this process is."""

    addresses: tuple[str, ...]
    index: int

    @property
    def size(self) -> int:
        """Number of workers, the chief included."""
        return len(self.addresses)

    @property
    def chief(self) -> bool:
        """Whether this process is the chief, which runs the stages and alone writes files."""
        return self.index == 0


SINGLE_WORKER = Cluster(("",), 0)


def read_cluster() -> Cluster:
    """Return the cluster of TF_CONFIG, or of the Slurm step that started this, or SINGLE_WORKER.

    For a Slurm step it sets TF_CONFIG, from which TensorFlow reads the cluster itself. Raises
    ParamsError if it names other tasks than workers, or not which one this process is.
    """
    text = os.environ.get(TF_CONFIG) or slurm.tf_config()
    if not text:
        return SINGLE_WORKER
    os.environ[TF_CONFIG] = text
    expected = f"expected {EXAMPLE}"
    try:
        given = json.loads(text)
        cluster, task = given["cluster"], given["task"]
        chiefs, workers = list(cluster.get("chief", [])), list(cluster.get("worker", []))
        index = int(task["index"]) + (len(chiefs) if task["type"] == "worker" else 0)
        addresses = tuple(str(each) for each in (*chiefs, *workers))
        all(int(address.rpartition(":")[2]) for address in addresses)  # ValueError without a port
        known = set(cluster) <= {"chief", "worker"} and task["type"] in ("chief", "worker")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ParamsError(f"{TF_CONFIG}: {type(error).__name__}: {error}; {expected}") from None
    if not known or not 0 <= index < len(addresses):
        raise ParamsError(f"{TF_CONFIG}: got {text}, {expected}")
    return Cluster(addresses, index) if len(addresses) > 1 else SINGLE_WORKER
