"""Every model in models/ builds, has the published parameter count, and initialises repeatably."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from lockstep.config.model_kinds import INPUTS, TARGETS, kinds_of
from lockstep.config.surface import known_models
from lockstep.data.spec import inputs, target_kinds, write_spec
from lockstep.errors import ParamsError
from lockstep.storage.atomic_files import read_json
from tasks import build
from tests.support.loops import spec_of
from tests.support.workspaces import REPOSITORY, change_params

STATISTICS = {"minimum": 0.0, "maximum": 16.0, "mean": 4.0, "deviation": 6.0}


def describe(root: Path, shape: list[int], classes: int) -> None:
    (root / "data" / "ready").mkdir(parents=True, exist_ok=True)
    names = [str(each) for each in range(classes)]
    spec = spec_of(shape, names, statistics=STATISTICS, splits={"train": 1, "test": 1})
    write_spec(spec, root / "data" / "ready")


def built(root: Path, shape: list[int], classes: int, **changes: Any) -> dict[str, int]:
    describe(root, shape, classes)
    build.build(change_params(root, changes), root)
    return read_json(root / "report" / "model.json")


# They need text, series, several inputs, a target for each pixel, or larger images.
FOR_OTHERS = {"lstm", "gru", "two_views", "unet", "backbone"}
FOR_IMAGES = sorted({*known_models(REPOSITORY)} - FOR_OTHERS)


def test_every_model_says_what_it_takes() -> None:
    for name in known_models(REPOSITORY):
        assert set(kinds_of(REPOSITORY, name, INPUTS) or ()) <= set(inputs.KINDS)
        assert set(kinds_of(REPOSITORY, name, TARGETS) or ()) <= set(target_kinds.KINDS)
        assert ("image" in (kinds_of(REPOSITORY, name, INPUTS) or ())) == (
            name in FOR_IMAGES or name in {"unet", "backbone"}
        )


@pytest.mark.parametrize("name", FOR_IMAGES)
@pytest.mark.parametrize("classes", [10, 0], ids=["classification", "regression"])
def test_every_model_builds_for_images(
    workspace: Path, tensorflow: Any, name: str, classes: int
) -> None:
    size = built(workspace, [28, 28], classes, **{"model.name": name})
    assert size["parameters"] > 0
    assert size["flops"] > 0
    assert f"{size['parameters']:,}" in (workspace / "report" / "summary.txt").read_text()


@pytest.mark.parametrize(
    ("name", "arguments", "parameters"),
    [
        ("linear", {}, 784 * 10 + 10),
        ("mlp", {"units": [32]}, 25_450),
        ("mlp", {"units": [64, 128]}, 59_850),
        ("mlp", {"units": 32}, 25_450),
        ("mlp_functional", {"units": [32]}, 25_450),
        ("mlp_subclassed", {"units": [64, 128]}, 59_850),
        ("naive", {"units": 32}, 25_450),
        ("custom_layer", {"units": 32}, 784 * 32 + 32 * 10),
        ("linear_subclassed", {}, 7_850),
        ("cnn_functional", {}, 121_930),
        ("cnn_subclassed", {}, 49_678),
    ],
)
def test_parameters_count_as_published(
    workspace: Path, tensorflow: Any, name: str, arguments: dict[str, Any], parameters: int
) -> None:
    changes = {"model.name": name, f"model.{name}": arguments}
    assert built(workspace, [28, 28], 10, **changes)["parameters"] == parameters


def test_a_dense_layer_counts_two_flops_per_weight(workspace: Path, tensorflow: Any) -> None:
    size = built(workspace, [28, 28], 10, **{"model.name": "linear"})
    assert 2 * 784 * 10 <= size["flops"] <= 2 * 784 * 10 + 100


@pytest.mark.parametrize("name", FOR_IMAGES)
def test_initial_weights_are_the_same_bytes_twice(
    workspace: Path, tensorflow: Any, name: str
) -> None:
    weights = workspace / "weights" / "initial.weights.h5"
    built(workspace, [12, 12], 10, **{"model.name": name})
    first = weights.read_bytes()
    built(workspace, [12, 12], 10, **{"model.name": name})
    assert weights.read_bytes() == first
    built(workspace, [12, 12], 10, **{"model.name": name, "seed": 1})
    assert weights.read_bytes() != first


def test_an_argument_that_keras_refuses_is_told_with_the_line(
    workspace: Path, tensorflow: Any
) -> None:
    with pytest.raises(ParamsError, match=r"^models/mlp\.py, line \d+: ValueError: .*-3"):
        built(workspace, [8, 8], 10, **{"model.mlp.units": [-3]})


def test_a_model_is_one_new_file(
    workspace: Path, tensorflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (workspace / "models" / "linear.py").read_text()
    source = source.replace("activation: str)", "activation: str, *, bias: bool = True)")
    source = source.replace("activation=activation", "activation=activation, use_bias=bias")
    (workspace / "models" / "mine.py").write_text(source)
    monkeypatch.setattr(models, "__path__", [str(workspace / "models")])
    chosen = {"model.name": "mine", "model.mine": {"bias": False}}
    assert built(workspace, [8, 8], 10, **chosen)["parameters"] == 640
    with pytest.raises(ParamsError) as caught:
        change_params(workspace, {"model.mine": {"bais": False}})
    assert str(caught.value) == (
        "params.yaml: model.mine.bais: unknown key, expected one of bias; did you mean bias?"
    )


def test_preprocessing_follows_the_method(tensorflow: Any) -> None:
    from lockstep.modeling import preprocessing

    x = np.arange(0, 17, 4, dtype=np.uint8).repeat(2).reshape(5, 2, 1)
    for method, expected in {
        "unit": x / 16.0,
        "standard": (x - 4.0) / 6.0,
        "none": x.astype(float),
    }.items():
        spec = spec_of([2, 1], "a", method=method, statistics=STATISTICS)
        found = preprocessing.layers(spec)(x).numpy()
        assert found.shape == (5, 2, 1, 1)
        assert found.dtype == np.float32
        assert found[..., 0] == pytest.approx(expected, abs=1e-6)


def test_a_constant_column_does_not_divide_by_zero(tensorflow: Any) -> None:
    from lockstep.modeling import preprocessing

    same = {
        "minimum": [0.0, 3.0],
        "maximum": [2.0, 3.0],
        "mean": [1.0, 3.0],
        "deviation": [1.0, 0.0],
    }
    for method in ("unit", "standard"):
        spec = spec_of([2], dtype="float32", method=method, statistics=same)
        found = preprocessing.layers(spec)(np.array([[1.0, 3.0]], np.float32)).numpy()
        assert np.isfinite(found).all()
        assert found[0, 1] == 0


MISTAKES = {
    "keras.layers.AveragePooling2D()": r"line 5: TypeError: .*missing 1 required positional",
    "keras.layers.Densse(3)": r"line 5: AttributeError: .*Densse",
    "undefined + 1": r"line 5: NameError: name 'undefined' is not defined",
}


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_a_mistake_in_a_models_file_is_told_with_its_line(
    workspace: Path, tensorflow: Any, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    name = f"mistaken_{list(MISTAKES).index(mistake)}"
    code = f"import keras\n\n\ndef build(input_shape, outputs, activation):\n    {mistake}\n"
    (workspace / "models" / f"{name}.py").write_text(code)
    monkeypatch.setattr("models.__path__", [str(workspace / "models")])
    with pytest.raises(ParamsError, match=rf"^models/{name}\.py, {MISTAKES[mistake]}"):
        built(workspace, [8, 8], 10, **{"model.name": name, f"model.{name}": {}})
