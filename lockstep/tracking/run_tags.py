"""The names of the tags of MLflow's runs, in groups with one prefix each.

MLflow's pages hide tags that begin with `mlflow.`: so do those that only Lockstep reads.
"""

from collections.abc import Iterable, Mapping

PROCESS, MACHINE = "mlflow.lockstep.process", "mlflow.lockstep.machine"
CHECKOUT = "mlflow.lockstep.checkout"
VALIDATION = "lockstep.validation"  # of runs whose test metrics are no test
VERSION, VERDICT = "model.version", "model.verdict"  # of the registered model
GROUPS = {
    "machine": ("host", "cpus", "system", "cores", "processor", "devices"),
    "training": (
        "strategy", "replicas", "workers", "launcher", "threads", "deterministic", "onednn",
    ),
    "version": ("python", "tensorflow", "keras", "numpy"),
}  # fmt: skip
NAMES = {name: f"{group}.{name}" for group, names in GROUPS.items() for name in names}
HOST = NAMES["host"]


def grouped(values: Mapping[str, str]) -> dict[str, str]:
    """Return values of a machine and a training by their tags' names."""
    return {NAMES[name]: value for name, value in values.items()}


def ungrouped(tags: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the values that a run has of these names, without the prefix of their group."""
    return {name: tags[NAMES[name]] for name in names if NAMES[name] in tags}
