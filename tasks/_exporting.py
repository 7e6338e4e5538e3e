"""A trained model as one file or folder, in the format a person asks for."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from complaints import first_line
from errors import DataError, MachineError, ParamsError
from params import Params
from tasks import _environment, _files, _saved, _tensorflow, _weights
from tasks._saved import BARE, MARKS, REGISTERED, SUFFIXES, WORKSPACE, Saved
from tasks._spec import Spec

if TYPE_CHECKING:
    import keras


def export(params: Params, root: Path, model: str, kind: str, to: Path | None) -> tuple[Path, Path]:
    """Write a model in a format to a path, and return it with the path of its spec.json.

    Of a registered version the other formats than a SavedModel need the weights it was made of in
    this workspace. Raises ParamsError for what can't be had.
    """
    if model not in WORKSPACE and not REGISTERED.fullmatch(model):
        expected = "best, last, models:/NAME@ALIAS or models:/NAME/VERSION"
        raise ParamsError(f"got {model}, expected {expected}")
    path = to or root / "export" / (_name(model) + SUFFIXES[kind])
    _check_place(path, kind)
    _environment.prepare(root)
    with _saved.locate(root, model) as found:
        here = model in WORKSPACE or kind == found.format
        saved = found if here else _trained_here(root, found)
        spec = _saved.read_spec(saved)
        with _written(path, kind, saved.spec) as part:
            if kind == saved.format:
                _copy(saved.path, part)
            else:
                _convert(params, saved, spec, kind, part)
    return path, _saved.spec_beside(path, kind)


def _name(model: str) -> str:
    return model.removeprefix("models:/").replace("/", "-").replace("@", "-")


def _check_place(path: Path, kind: str) -> None:
    """Refuse a path that would mislead, or that holds what isn't an export."""
    if kind not in MARKS and _saved.by_name(path) != kind:
        raise ParamsError(f"--to: got {path}, expected a name that ends in {SUFFIXES[kind]}")
    ours = (path / "spec.json").exists() and (path / MARKS.get(kind, "")).exists()
    if kind in MARKS and path.exists() and not ours:
        raise ParamsError(f"--to: {path} is there and no {kind} export, expected another path")
    _saved.check_place(path, folder=kind in MARKS)


def _trained_here(root: Path, version: Saved) -> Saved:
    """The workspace's weights from which a registered version was made."""
    for name in WORKSPACE:
        try:
            here = _saved.in_workspace(root, name)
        except ParamsError:
            continue
        same_spec = here.spec.exists() and here.spec.read_bytes() == version.spec.read_bytes()
        if same_spec and _weights.digest(here.path) == version.tags.get("weights"):
            return here
    raise ParamsError(
        "--format: the registered model's weights aren't in this workspace, expected savedmodel"
    )


@contextmanager
def _written(path: Path, kind: str, spec: Path) -> Iterator[Path]:
    """Yield a file or folder to write, which becomes `path`, with its spec, or else is gone."""
    if kind in MARKS:
        with _files.whole_folder(path) as part:
            yield part
            shutil.copyfile(spec, part / "spec.json")
    else:
        with _files.whole_file(path) as part:
            yield part
            with _files.whole_file(_saved.spec_beside(path, kind)) as beside:
                shutil.copyfile(spec, beside)


def _copy(source: Path, part: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, part, dirs_exist_ok=True)
    else:
        with source.open("rb") as old, part.open("wb") as new:
            shutil.copyfileobj(old, new)  # of a full disk copyfile would name the source


def _convert(params: Params, saved: Saved, spec: Spec, kind: str, part: Path) -> None:
    _tensorflow.load()
    from tasks import _export, _restoring, _runtime

    _runtime.start(params.seed)
    model = _restoring.bare(saved, params, spec)
    if kind not in BARE:
        model = _export.with_preprocessing(model, spec)
    write = _write_folder if kind in MARKS else _write_file
    write(model, kind, part)


def _write_folder(model: "keras.Model", kind: str, part: Path) -> None:
    import tensorflow as tf

    try:
        if kind == "savedmodel":
            model.export(part, "tf_saved_model", verbose=False)
        else:
            tf.train.Checkpoint(model=model).save(part / "model")
    except tf.errors.OpError as error:  # TensorFlow's own words for a full disk
        raise MachineError(f"{part.parent}: {first_line(error).rpartition('; ')[2]}") from None


def _write_file(model: "keras.Model", kind: str, part: Path) -> None:
    """Save a file, and read a whole model again: Keras writes some that it can't read."""
    from tasks import _restoring

    logging.getLogger("absl").setLevel(logging.ERROR)  # that .h5 is legacy isn't news
    try:
        model.save(part)
        _restoring.whole(part)
    except (ValueError, NotImplementedError, TypeError, DataError) as error:
        line = first_line(error).removeprefix(f"{part}: ")
        raise ParamsError(
            f"--format: this model can't be a {kind} file: {line}; expected another format"
        ) from None
