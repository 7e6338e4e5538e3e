"""Export a trained model to one file or folder, in the format the user chooses."""

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
from lockstep.serving import locate, trusted_files
from lockstep.serving.locate import (
    MARKER_FILES,
    SUFFIXES,
    WEIGHTS_ONLY,
    WORKSPACE,
    Saved,
    locate_model,
)
from lockstep.storage import atomic_files, layout
from lockstep.tracking.model_uris import MODEL_URI

if TYPE_CHECKING:
    import keras


def export_model(
    params: Params, root: Path, model: str, kind: str, output: Path | None
) -> tuple[Path, Path]:
    """Export a model, and return the paths of the export and of its spec.json.

    A registered version is stored as a SavedModel; to export it in another format, the weights it
    was made from must be in this workspace. Raises ParamsError if the model, the format or the
    path can't be used.
    """
    if model not in WORKSPACE and not MODEL_URI.fullmatch(model):
        expected = "best, last, models:/NAME@ALIAS or models:/NAME/VERSION"
        raise ParamsError(f"got {model}, expected {expected}")
    path = output or root / layout.EXPORT / (_name(model) + SUFFIXES[kind])
    _check_output(path, kind)
    prepare_environment(root)
    with locate_model(root, model) as found:
        usable = model in WORKSPACE or kind == found.format
        saved = found if usable else _workspace_weights(root, found)
        spec = locate.read_spec(saved)
        with _atomic_output(path, kind, saved.spec) as part:
            if kind == saved.format:
                _copy(saved.path, part)
            else:
                _convert(params, root, saved, spec, kind, part)
    if kind not in WEIGHTS_ONLY:
        trusted_files.trust(root, path, trusted_files.content_sha256(path), "exported")
    return path, locate.spec_beside(path, kind)


def _name(model: str) -> str:
    return model.removeprefix("models:/").replace("/", "-").replace("@", "-")


def _check_output(path: Path, kind: str) -> None:
    """Refuse a path with a suffix of another format, or a folder that isn't such an export."""
    if kind not in MARKER_FILES and locate.format_of_suffix(path) != kind:
        raise ParamsError(f"--output: got {path}, expected a name that ends in {SUFFIXES[kind]}")
    is_export = (path / "spec.json").exists() and (path / MARKER_FILES.get(kind, "")).exists()
    if kind in MARKER_FILES and path.exists() and not is_export:
        raise ParamsError(
            f"--output: {path} exists and isn't a {kind} export, expected another path"
        )
    locate.check_output_path(path, folder=kind in MARKER_FILES)


def _workspace_weights(root: Path, version: Saved) -> Saved:
    """Return the workspace's weights from which a registered version was made."""
    for name in WORKSPACE:
        try:
            candidate = locate.in_workspace(root, name)
        except ParamsError:
            continue
        spec = candidate.spec
        same_spec = spec.exists() and spec.read_bytes() == version.spec.read_bytes()
        if same_spec and weights_digest(candidate.path) == version.tags.get("weights"):
            return candidate
    raise ParamsError(
        "--format: the registered model's weights aren't in this workspace, expected savedmodel"
    )


@contextmanager
def _atomic_output(path: Path, kind: str, spec: Path) -> Iterator[Path]:
    """Yield a temporary path, which becomes `path`, with its spec, only if the block succeeds."""
    if kind in MARKER_FILES:
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
            shutil.copyfileobj(old, new)  # on a full disk copyfile's error names the source


def _convert(params: Params, root: Path, saved: Saved, spec: Spec, kind: str, part: Path) -> None:
    load_tensorflow()
    from lockstep.modeling.model_file import as_asked
    from lockstep.runtime.strategy import start_runtime
    from lockstep.serving.load import as_trained, model_with_weights
    from lockstep.serving.serving_model import with_preprocessing

    start_runtime(params.seed)
    params = as_trained(saved, params, root)
    model = model_with_weights(saved, params, spec)
    if kind not in WEIGHTS_ONLY:
        model = with_preprocessing(model, as_asked(params, spec))
    if kind in MARKER_FILES:
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
    except tf.errors.OpError as error:  # such as TensorFlow's error for a full disk
        raise MachineError(f"{part.parent}: {first_line(error).rpartition('; ')[2]}") from None


def _write_file(model: "keras.Model", kind: str, part: Path, root: Path) -> None:
    """Save a file, and load it again: Keras can write model files that it can't read."""
    from lockstep.serving.load import whole_model

    logging.getLogger("absl").setLevel(logging.ERROR)  # hides: ".h5 is a legacy format"
    try:
        model.save(part)
        whole_model(part, root)
    except (ValueError, NotImplementedError, TypeError, DataError) as error:
        line = first_line(error).removeprefix(f"{part}: ")
        raise ParamsError(
            f"--format: this model can't be a {kind} file: {line}; expected another format"
        ) from None
