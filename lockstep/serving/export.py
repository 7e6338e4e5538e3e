"""A trained model as one file or folder, in the format a person asks for."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockstep.config.schema import Params
from lockstep.data.spec import Spec
from lockstep.errors import DataError, MachineError, ParamsError
from lockstep.messages import first_line
from lockstep.modeling.weights import weights_digest
from lockstep.process.environment import prepare_environment
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.serving import locate
from lockstep.serving.locate import (
    BARE,
    MARKS,
    REGISTERED,
    SUFFIXES,
    WORKSPACE,
    Saved,
    locate_model,
)
from lockstep.storage import atomic_files, layout

if TYPE_CHECKING:
    import keras


def export_model(
    params: Params, root: Path, model: str, kind: str, to: Path | None
) -> tuple[Path, Path]:
    """Write a model in a format to a path, and return it with the path of its spec.json.

    Of a registered version the other formats than a SavedModel need the weights it was made of in
    this workspace. Raises ParamsError for what can't be had.
    """
    if model not in WORKSPACE and not REGISTERED.fullmatch(model):
        expected = "best, last, models:/NAME@ALIAS or models:/NAME/VERSION"
        raise ParamsError(f"got {model}, expected {expected}")
    path = to or root / layout.EXPORT / (_name(model) + SUFFIXES[kind])
    _check_place(path, kind)
    prepare_environment(root)
    with locate_model(root, model) as found:
        here = model in WORKSPACE or kind == found.format
        saved = found if here else _trained_here(root, found)
        spec = locate.read_spec(saved)
        with _written(path, kind, saved.spec) as part:
            if kind == saved.format:
                _copy(saved.path, part)
            else:
                _convert(params, root, saved, spec, kind, part)
    return path, locate.spec_beside(path, kind)


def _name(model: str) -> str:
    return model.removeprefix("models:/").replace("/", "-").replace("@", "-")


def _check_place(path: Path, kind: str) -> None:
    """Refuse a path that would mislead, or that holds what isn't an export."""
    if kind not in MARKS and locate.by_name(path) != kind:
        raise ParamsError(f"--to: got {path}, expected a name that ends in {SUFFIXES[kind]}")
    ours = (path / "spec.json").exists() and (path / MARKS.get(kind, "")).exists()
    if kind in MARKS and path.exists() and not ours:
        raise ParamsError(f"--to: {path} is there and no {kind} export, expected another path")
    locate.check_place(path, folder=kind in MARKS)


def _trained_here(root: Path, version: Saved) -> Saved:
    """The workspace's weights from which a registered version was made."""
    for name in WORKSPACE:
        try:
            here = locate.in_workspace(root, name)
        except ParamsError:
            continue
        same_spec = here.spec.exists() and here.spec.read_bytes() == version.spec.read_bytes()
        if same_spec and weights_digest(here.path) == version.tags.get("weights"):
            return here
    raise ParamsError(
        "--format: the registered model's weights aren't in this workspace, expected savedmodel"
    )


@contextmanager
def _written(path: Path, kind: str, spec: Path) -> Iterator[Path]:
    """Yield a file or folder to write, which becomes `path`, with its spec, or else is gone."""
    if kind in MARKS:
        with atomic_files.whole_folder(path) as part:
            yield part
            shutil.copyfile(spec, part / "spec.json")
    else:
        with atomic_files.whole_file(path) as part:
            yield part
            with atomic_files.whole_file(locate.spec_beside(path, kind)) as beside:
                shutil.copyfile(spec, beside)


def _copy(source: Path, part: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, part, dirs_exist_ok=True)
    else:
        with source.open("rb") as old, part.open("wb") as new:
            shutil.copyfileobj(old, new)  # of a full disk copyfile would name the source


def _convert(params: Params, root: Path, saved: Saved, spec: Spec, kind: str, part: Path) -> None:
    load_tensorflow()
    from lockstep.runtime.strategy import start_runtime
    from lockstep.serving.load import bare_model
    from lockstep.serving.serving_model import with_preprocessing

    start_runtime(params.seed)
    model = bare_model(saved, params, spec)
    if kind not in BARE:
        model = with_preprocessing(model, spec)
    if kind in MARKS:
        _write_folder(model, kind, part)
    else:
        _write_file(model, kind, part, root)


def _write_folder(model: "keras.Model", kind: str, part: Path) -> None:
    import tensorflow as tf

    try:
        if kind == "savedmodel":
            model.export(part, "tf_saved_model", verbose=False)
        else:
            tf.train.Checkpoint(model=model).save(part / "model")
    except tf.errors.OpError as error:  # TensorFlow's own words for a full disk
        raise MachineError(f"{part.parent}: {first_line(error).rpartition('; ')[2]}") from None


def _write_file(model: "keras.Model", kind: str, part: Path, root: Path) -> None:
    """Save a file, and read a whole model again: Keras writes some that it can't read."""
    from lockstep.serving.load import whole_model

    logging.getLogger("absl").setLevel(logging.ERROR)  # that .h5 is legacy isn't news
    try:
        model.save(part)
        whole_model(part, root)
    except (ValueError, NotImplementedError, TypeError, DataError) as error:
        line = first_line(error).removeprefix(f"{part}: ")
        raise ParamsError(
            f"--format: this model can't be a {kind} file: {line}; expected another format"
        ) from None
