"""The formats of saved models, and where to find the model that the user names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lockstep.data.spec import Spec, read_spec_file
from lockstep.errors import DataError, ParamsError
from lockstep.process.temporary_folders import temporary_folder
from lockstep.serving import trained_with
from lockstep.serving.trusted_files import check_trusted
from lockstep.storage import layout
from lockstep.tracking.model_uris import parts_of

# Suffix of each format; .weights.h5 comes before .h5, since the first match counts.
SUFFIXES = {
    "keras": ".keras",
    "weights": ".weights.h5",
    "checkpoint": ".checkpoint",
    "h5": ".h5",
    "savedmodel": ".savedmodel",
}
# The formats that are folders, and the file by which each is recognized; the others are files.
MARKER_FILES = {"savedmodel": "saved_model.pb", "checkpoint": "checkpoint"}
FILES = {kind: end for kind, end in SUFFIXES.items() if kind not in MARKER_FILES}
WEIGHTS_ONLY = ("weights", "checkpoint")  # loaded into the model that params.yaml names
WORKSPACE = (layout.BEST, layout.LAST)


@dataclass(frozen=True)
class Saved:
    """A saved model: a file or folder, its format, and the spec.json that belongs to it."""

    path: Path
    format: str
    spec: Path
    tags: Mapping[str, str] = field(default_factory=dict)  # of a registered version


@contextmanager
def locate_model(root: Path, model: str) -> Iterator[Saved]:
    """Yield the model: best, last, models:/NAME@ALIAS, models:/NAME/VERSION or a path.

    A registered version is downloaded to a temporary folder, which is removed after the block.
    Raises ParamsError if there is no such model, DataError if it isn't a saved model, a whole model
    that wasn't exported or imported here, or a version whose files have changed, UnavailableError
    if the registry can't be reached.
    """
    if model in WORKSPACE:
        yield in_workspace(root, model)
    elif model.startswith("models:"):
        with temporary_folder() as folder:
            yield _registered(root, model, folder)
    else:
        yield _of_path(root, Path(model))


def in_workspace(root: Path, name: str) -> Saved:
    """Return the workspace's weights of that name; raises ParamsError if there are none.

    Raises DataError if they were trained with other data or another model than there is now.
    """
    path = root / layout.weights_of(name)
    if not path.is_file():
        raise ParamsError(f"got {name}, but there is no {path}: train it first with lockstep run")
    trained_with.check(path, root)
    return Saved(path, "weights", root / layout.SPEC)


def _registered(root: Path, model: str, folder: Path) -> Saved:
    parts = parts_of(model)
    from lockstep.tracking import downloads, version_files  # imports MLflow

    tags = downloads.fetch(root, *parts, folder)
    artifacts = folder / "artifacts"
    if not (artifacts / "saved_model" / "saved_model.pb").exists():
        raise DataError(f"{model}: has no SavedModel, expected a model that Lockstep registered")
    version_files.check(folder, tags, model)
    return Saved(artifacts / "saved_model", "savedmodel", artifacts / "spec.json", tags)


def _of_path(root: Path, path: Path) -> Saved:
    if not path.exists():
        expected = "best, last, models:/NAME@ALIAS or the path of a saved model"
        raise ParamsError(f"got {path}, which doesn't exist, expected {expected}")
    kind = _format_of(path)
    if kind not in WEIGHTS_ONLY:
        check_trusted(root, path)
    spec = spec_beside(path, kind)
    if kind in WEIGHTS_ONLY and not spec.exists():
        spec = root / layout.SPEC
        trained_with.check(path, root)
    return Saved(path, kind, spec)


def _format_of(path: Path) -> str:
    matching = (kind for kind, name in MARKER_FILES.items() if (path / name).exists())
    kind = next(matching, None) if path.is_dir() else format_of_suffix(path)
    if not kind:
        files = ", ".join(FILES.values())
        raise DataError(
            f"{path}: not a saved model, expected a file {files}, or the folder of a SavedModel or "
            "a checkpoint"
        )
    return kind


def format_of_suffix(path: Path) -> str | None:
    """Return the format that a file's suffix stands for, or None."""
    return next((kind for kind, end in FILES.items() if path.name.endswith(end)), None)


def spec_beside(path: Path, kind: str) -> Path:
    """Return the path of an export's spec.json: inside a folder, next to a file."""
    return path / "spec.json" if kind in MARKER_FILES else path.with_name(f"{path.name}.spec.json")


def check_output_path(path: Path, *, folder: bool = False) -> None:
    """Raise ParamsError if no file (or with `folder`, no folder) can be written to this path."""
    if path.exists() and path.is_dir() != folder:
        raise ParamsError(
            f"--output: {path} is a {'file' if folder else 'folder'}, expected another"
        )
    for parent in path.parents:
        if parent.exists() and not parent.is_dir():
            raise ParamsError(f"--output: {parent} is a file, expected a folder")


def read_spec(saved: Saved) -> Spec:
    """Return the model's spec; raises DataError if its spec.json is missing or unreadable."""
    if not saved.spec.exists():
        raise DataError(
            f"{saved.spec}: no such file, expected the model's spec.json, which "
            "`lockstep export` writes"
        )
    return read_spec_file(saved.spec)
