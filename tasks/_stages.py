"""Stages by name: the file of that name, and its function."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import params
from tasks import _devices, _environment, _tensorflow

USE_TENSORFLOW = ("build", "train", "evaluate")


def names() -> list[str]:
    """The stages there are: the files in tasks/ without an underscore in front."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


def run(name: str, root: Path) -> None:
    """Check the parameters, then run a stage in a workspace, in this process."""
    values = params.load(root / "params.yaml")
    if name == "train":
        _devices.replicas(values)  # too many are told before TensorFlow's slow import
    _environment.prepare(root)
    if name in USE_TENSORFLOW:
        _tensorflow.load()
    stage: Callable[[params.Params, Path], None] = getattr(import_module(f"tasks.{name}"), name)
    stage(values, root)
