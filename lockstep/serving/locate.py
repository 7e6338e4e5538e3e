"""Saved models: their formats, and where the one is that a person names."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lockstep.data.spec import Spec, read_spec_file
from lockstep.errors import DataError, ParamsError
from lockstep.storage import layout

# How the names of their files and folders end; of two that fit, the longer comes first.
SUFFIXES = {
    "keras": ".keras",
    "weights": ".weights.h5",
    "checkpoint": ".checkpoint",
    "h5": ".h5",
    "savedmodel": ".savedmodel",
}
# What a folder has in it, by its format; the other formats are files.
MARKS = {"savedmodel": "saved_model.pb", "checkpoint": "checkpoint"}
FILES = {kind: end for kind, end in SUFFIXES.items() if kind not in MARKS}
BARE = ("weights", "checkpoint")  # what goes into the workspace's own model
WORKSPACE = ("best", "last")
REGISTERED = re.compile(r"models:/(?P<name>[^/:@]+)(@(?P<alias>[^/:@]+)|/(?P<version>[0-9]+))")


@dataclass(frozen=True)
class Saved:
    """A saved model: a file or folder, its format, and the spec.json that belongs to it."""

    path: Path
    format: str
    spec: Path
    tags: Mapping[str, str] = field(default_factory=dict)  # of a registered version


@contextmanager
def locate_model(root: Path, model: str) -> Iterator[Saved]:
    """Yield what `model` names: best, last, models:/NAME@ALIAS, models:/NAME/VERSION or a path.

    A registered version is copied here for as long as the block lasts. Raises ParamsError.
    """
    if model in WORKSPACE:
        yield in_workspace(root, model)
    elif model.startswith("models:"):
        with tempfile.TemporaryDirectory() as folder:
            yield _registered(root, model, Path(folder))
    else:
        yield _of_path(root, Path(model))


def in_workspace(root: Path, name: str) -> Saved:
    """Return the workspace's weights of that name; raises ParamsError if there are none."""
    path = root / layout.weights_of(name)
    if not path.is_file():
        raise ParamsError(f"got {name}, but there is no {path}: train it first with lockstep run")
    return Saved(path, "weights", root / layout.SPEC)


def _registered(root: Path, model: str, folder: Path) -> Saved:
    match = REGISTERED.fullmatch(model)
    if not match:
        raise ParamsError(f"got {model}, expected models:/NAME@ALIAS or models:/NAME/VERSION")
    from lockstep.tracking import downloads

    tags = downloads.fetch(root, match["name"], match["alias"], match["version"], folder)
    artifacts = folder / "artifacts"
    if not (artifacts / "saved_model" / "saved_model.pb").exists():
        raise DataError(f"{model}: has no SavedModel, expected a model that Lockstep registered")
    return Saved(artifacts / "saved_model", "savedmodel", artifacts / "spec.json", tags)


def _of_path(root: Path, path: Path) -> Saved:
    if not path.exists():
        expected = "best, last, models:/NAME@ALIAS or the path of a saved model"
        raise ParamsError(f"got {path}, which doesn't exist, expected {expected}")
    kind = _format_of(path)
    spec = spec_beside(path, kind)
    if kind in BARE and not spec.exists():
        spec = root / layout.SPEC
    return Saved(path, kind, spec)


def _format_of(path: Path) -> str:
    inside = (kind for kind, mark in MARKS.items() if (path / mark).exists())
    kind = next(inside, None) if path.is_dir() else by_name(path)
    if not kind:
        files = ", ".join(FILES.values())
        raise DataError(
            f"{path}: not a saved model, expected a file {files}, or the folder of a SavedModel or "
            "a checkpoint"
        )
    return kind


def by_name(path: Path) -> str | None:
    """Return the format of a file by how its name ends."""
    return next((kind for kind, end in FILES.items() if path.name.endswith(end)), None)


def spec_beside(path: Path, kind: str) -> Path:
    """Where an export has its spec.json: within a folder, beside a file."""
    return path / "spec.json" if kind in MARKS else path.with_name(f"{path.name}.spec.json")


def check_place(path: Path, *, folder: bool = False) -> None:
    """Raise ParamsError if no file, or folder, can be written there."""
    if path.exists() and path.is_dir() != folder:
        raise ParamsError(f"--to: {path} is a {'file' if folder else 'folder'}, expected another")
    for parent in path.parents:
        if parent.exists() and not parent.is_dir():
            raise ParamsError(f"--to: {parent} is a file, expected a folder")


def read_spec(saved: Saved) -> Spec:
    """Return what describes the model's inputs and outputs; raises DataError if nothing does."""
    if not saved.spec.exists():
        raise DataError(
            f"{saved.spec}: no such file, expected what describes the model's inputs and classes: "
            "`lockstep export` writes it"
        )
    try:
        return read_spec_file(saved.spec)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{saved.spec}: not a spec.json of this version ({error})") from None
