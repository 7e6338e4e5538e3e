"""Load a saved model of any format as a function from raw examples to outputs."""

import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import keras
import tensorflow as tf

from lockstep.config.reading import check_params
from lockstep.config.schema import Params
from lockstep.config.surface import known_models
from lockstep.config.yaml_files import read_yaml
from lockstep.data.spec import Spec
from lockstep.errors import DataError, ParamsError
from lockstep.messages import first_line
from lockstep.modeling.model import make_model
from lockstep.modeling.model_file import as_asked
from lockstep.modeling.weight_files import check_weights
from lockstep.runtime.strategy import start_runtime
from lockstep.serving.locate import WEIGHTS_ONLY, Saved
from lockstep.serving.serving_model import ignore_unnamed_columns, with_preprocessing
from lockstep.storage import layout
from lockstep.versioning.recorded import recorded_params

OF_OUTPUTS = ("loss", "augmentation")  # parameters of the training that the served outputs follow


def restore(saved: Saved, params: Params, spec: Spec, root: Path) -> Callable[[Any], Any]:
    """Return a function from a batch of raw examples to the model's outputs.

    Files with weights only are loaded into the model that the parameters name. Raises DataError
    for a broken file.
    """
    start_runtime(params.seed)
    if saved.format == "savedmodel":
        return _saved_model(saved.path)
    if saved.format in WEIGHTS_ONLY:
        params = as_trained(saved, params, root)
        model = model_with_weights(saved, params, spec)
        model = with_preprocessing(model, as_asked(params, spec))
    else:
        model = whole_model(saved.path, root)
    call: Callable[[Any], Any] = tf.function(lambda raw: model(raw, training=False))
    return call


def as_trained(saved: Saved, params: Params, root: Path) -> Params:
    """Return the parameters with those of the training that the workspace's weights come from.

    Their files don't say whether outputs are scores, nor which size images had, and params.yaml may
    have changed since.
    """
    recorded = recorded_params(root, "train")
    if not recorded or not saved.path.is_relative_to(root / layout.WEIGHTS):
        return params
    raw = read_yaml(root / layout.PARAMS)
    trained = {key: recorded.get(f"train.{key}", raw["train"][key]) for key in OF_OUTPUTS}
    then = check_params({**raw, "train": {**raw["train"], **trained}}, root, str(layout.LOCK))
    train = params.train.model_copy(
        update={"loss": then.train.loss, "augmentation": then.train.augmentation}
    )
    return params.model_copy(update={"train": train})


def model_with_weights(saved: Saved, params: Params, spec: Spec) -> keras.Model:
    """Return the model that the parameters name with the saved weights.

    Raises ParamsError if they don't fit the model, DataError if the file is broken.
    """
    model = make_model(params, spec)
    try:
        if saved.format == "weights":
            check_weights(saved.path)
            model.load_weights(saved.path)
        else:
            _restore_checkpoint(model, saved.path)
    except (ValueError, AssertionError) as error:
        raise ParamsError(
            f"model.{params.model.name}: {saved.path} doesn't fit it ({first_line(error)}), "
            "expected the parameters it was trained with"
        ) from None
    except (OSError, KeyError, tf.errors.OpError) as error:
        raise DataError(f"{saved.path}: incomplete or broken ({first_line(error)})") from None
    return model


def _restore_checkpoint(model: keras.Model, folder: Path) -> None:
    newest = tf.train.latest_checkpoint(folder)
    if newest is None or Path(newest).parent.resolve() != folder.resolve():
        raise DataError(f"{folder}: its file `checkpoint` names no checkpoint that is there")
    status = tf.train.Checkpoint(model=model).restore(newest)
    status.assert_existing_objects_matched().expect_partial()


def whole_model(path: Path, root: Path) -> keras.Model:
    """Load a .keras or legacy .h5 file without running code stored in it.

    Custom classes are found in models/ of the project at `root`. Raises DataError, also for any
    Lambda layer.
    """
    if "Lambda" in _class_names(_config(path)):
        raise DataError(f"{path}: has a Lambda layer, which may run any code, expected none")
    for name in known_models(root):
        import_module(f"models.{name}")
    try:
        with warnings.catch_warnings():
            ignore_unnamed_columns()
            model: keras.Model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged or foreign file can raise anything in Keras
        raise DataError(f"{path}: can't be loaded ({first_line(error)})") from None
    return model


def _config(path: Path) -> Any:
    """Return the model config that a file stores."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        with h5py.File(path) as file:
            return json.loads(file.attrs["model_config"])
    except (OSError, KeyError, ValueError, TypeError, RecursionError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a complete Keras model file ({error})") from None


def _class_names(config: Any) -> Iterator[str]:
    """Yield the class name of each object in a config, at any depth."""
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield str(value.get("class_name"))
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def _saved_model(path: Path) -> Callable[[Any], Any]:
    try:
        loaded = tf.saved_model.load(path)
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise DataError(f"{path}: not a complete SavedModel ({first_line(error)})") from None
    if not hasattr(loaded, "serve"):
        raise DataError(f"{path}: has no endpoint `serve`, expected a SavedModel that Keras wrote")

    def serve(raw: Any) -> Any:  # unlike loaded.serve, it keeps the variables alive
        return loaded.serve(raw)

    return serve
