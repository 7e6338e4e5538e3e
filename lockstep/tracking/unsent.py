"""Notes of what MLflow couldn't be sent: a file of the main checkout for each experiment."""

from pathlib import Path
from typing import TypedDict

from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout
from lockstep.versioning.hashes import experiment_key


class Unsent(TypedDict, total=False):
    """How far an experiment has come that MLflow doesn't know."""

    stage: str  # the last
    status: str  # of the MLflow run
    experiment: str  # the name of the DVC experiment, if it is one
    seconds: dict[str, float]  # that each stage took


def read(root: Path, key: str) -> Unsent:
    """Return what is noted of an experiment; it is empty if MLflow has all."""
    file = _file(root, key)
    noted: Unsent = atomic_files.read_json(file) if file.exists() else {}
    return noted


def write(root: Path, key: str, noted: Unsent) -> None:
    """Note that MLflow lacks results of an experiment."""
    atomic_files.write_json(_file(root, key), noted)


def remove(root: Path, key: str) -> None:
    """Note that MLflow has all of an experiment."""
    _file(root, key).unlink(missing_ok=True)


def is_unsent(root: Path) -> bool:
    """Return whether results of a workspace's experiment couldn't be sent to MLflow."""
    folder = main_checkout(root) / layout.UNSENT
    return folder.exists() and _file(root, experiment_key(root)).exists()


def experiments(root: Path) -> dict[str, str]:
    """Return the DVC names, if any, of experiments whose results MLflow lacks, by key."""
    files = sorted((main_checkout(root) / layout.UNSENT).glob("*.json"))
    return {file.stem: atomic_files.read_json(file).get("experiment", "") for file in files}


def _file(root: Path, key: str) -> Path:
    return main_checkout(root) / layout.UNSENT / f"{key}.json"
