"""The stage that builds the model, saves its initial weights and measures its size."""

from pathlib import Path

from lockstep.config.schema import Params
from lockstep.data.published_files import fetch_published
from lockstep.data.spec import read_spec
from lockstep.errors import DataError, ParamsError
from lockstep.modeling import outputs, preprocessing
from lockstep.modeling.flops import count_flops
from lockstep.modeling.model import make_model, pretrained_weights
from lockstep.modeling.model_file import as_asked
from lockstep.modeling.pretrained import PretrainedWeights, load_pretrained
from lockstep.modeling.summary import summary
from lockstep.modeling.weights import save_weights
from lockstep.runtime.strategy import start_runtime
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout


def build(params: Params, root: Path) -> None:
    """Write weights/initial.weights.h5, report/summary.txt and report/model.json.

    The initial weights are random, or pretrained if the model's file says so. report/model.json has
    the number of parameters, and of floating-point operations per example.
    """
    spec = read_spec(root)
    start_runtime(params.seed)
    model = make_model(params, spec)
    spec = as_asked(params, spec)
    outputs.given_by(model, spec)  # checks the outputs' shapes
    found = pretrained_weights(params)
    if found:
        load_pretrained(model, found.layer, _pretrained_file(found, params, root))
    save_weights(model, root / layout.INITIAL_WEIGHTS)
    atomic_files.write_text(root / layout.SUMMARY, summary(model))
    preprocess = preprocessing.layers(spec)
    atomic_files.write_json(
        root / layout.MODEL_SIZE,
        {"parameters": model.count_params(), "flops": count_flops(model, preprocess)},
    )


def _pretrained_file(found: PretrainedWeights, params: Params, root: Path) -> Path:
    """Return the path of a file of weights that has the expected hash; download a published one."""
    if found.address and found.digest:
        mirror = params.data.mirror
        return fetch_published(found.file, found.digest, found.address, mirror, found.folder, root)
    path, key = main_checkout(root) / found.file, f"model.{params.model.name}.sha256"
    if not path.is_file():
        raise DataError(f"model.{params.model.name}: {path}: no such file of weights")
    sha256 = atomic_files.sha256(path)
    if found.digest is None:
        raise ParamsError(f"{key}: got null, expected the sha256 of {path}, which is {sha256}")
    if sha256 != found.digest:
        raise DataError(f"{key}: {path} has sha256 {sha256}, expected {found.digest}")
    return path
