"""Whether the workspace still has what its weights were trained with: the data and the model."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lockstep.config.graph import value_or
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import DataError
from lockstep.storage import layout
from lockstep.storage.atomic_files import md5
from lockstep.storage.content import files_in
from lockstep.versioning.recorded import md5_of_folder, md5s, params_of, recorded_stages

MODELS = "models/"


def check(path: Path, root: Path) -> None:
    """Raise DataError if a file of weights was trained with other data or another model.

    It has only numbers: with other classes, words or scaling it would predict as well. A file that
    dvc.lock doesn't have is taken as it is.
    """
    train = recorded_stages(root).get("train", {})
    recorded = md5s({"train": train}, "outs")
    name = str(path.absolute().relative_to(root)) if path.absolute().is_relative_to(root) else ""
    if name not in recorded or recorded[name] != md5(path):
        return
    changed = [
        *_changed_data(root, train),
        *_changed_code(root, train),
        *_changed_params(root, train),
    ]
    if changed:
        raise DataError(
            f"{path}: was trained with another {', '.join(changed)}; `dvc repro` trains "
            "again, or bring back what it was trained with: `git checkout`, then `dvc checkout`"
        )


def _changed_data(root: Path, train: Mapping[str, Any]) -> Iterator[str]:
    from lockstep.versioning.earlier_outputs import files_of_folder  # imports DVC

    folder = md5s({"train": train}, "deps").get(str(layout.READY), "")
    spec = files_of_folder(root, folder).get(layout.SPEC.name) if folder else None
    if spec:
        then = f"{spec.parent.name}{spec.name}"  # an object's path is its md5
        if then != _md5_of(root, str(layout.SPEC)):
            yield str(layout.SPEC)
    elif folder and folder != _md5_of(root, str(layout.READY)):  # without DVC's cache of it
        yield str(layout.READY)


def _changed_code(root: Path, train: Mapping[str, Any]) -> Iterator[str]:
    for path, then in md5s({"train": train}, "deps").items():
        if path.startswith(MODELS) and _md5_of(root, path) != then:
            yield path


def _changed_params(root: Path, train: Mapping[str, Any]) -> Iterator[str]:
    values = read_yaml(root / layout.PARAMS)
    for key, then in params_of(train).items():
        if key.startswith("model.") and value_or(values, key, None) != then:
            yield key


def _md5_of(root: Path, path: str) -> str:
    """DVC's md5 of a file or a folder; empty if there is none."""
    if not (root / path).is_dir():
        return md5(root / path) if (root / path).exists() else ""
    return md5_of_folder({each: md5(root / path / each) for each in files_in(root, path)})
