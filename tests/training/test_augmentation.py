"""Each Keras augmentation layer affects training in the graph loop, and not evaluation."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.config import keras_names
from lockstep.data.spec import Examples, Spec, Target, load_examples, read_spec
from lockstep.errors import ParamsError
from tests.support.loops import SPEC, Watch, assert_close, assert_equal, spec_of, weights
from tests.support.workspaces import REPOSITORY, change_params, run_stages, with_values

UNIT = {"value_range": [0.0, 1.0]}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "AugMix": UNIT,
    "AutoContrast": UNIT,
    "ContrastLimitedAdaptiveHistogramEqualization": UNIT,
    "GaussianDropout": {"rate": 0.5},
    "GaussianNoise": {"stddev": 0.1},
    "RandAugment": UNIT,
    "RandomBrightness": {"factor": 0.5, **UNIT},
    "RandomColorDegeneration": {"factor": 0.5, **UNIT},
    "RandomColorJitter": {"hue_factor": 0.5, "contrast_factor": 0.5, **UNIT},
    "RandomContrast": {"factor": 0.5, **UNIT},
    "RandomElasticTransform": {"factor": 1.0, **UNIT},
    "RandomErasing": {"factor": 1.0, **UNIT},
    "RandomFlip": {"mode": "horizontal"},
    "RandomGaussianBlur": {"factor": 1.0, **UNIT},
    "RandomGrayscale": {"factor": 1.0},
    "RandomHue": {"factor": 0.5, **UNIT},
    "RandomInvert": {"factor": 1.0, **UNIT},
    "RandomPerspective": {"factor": 1.0},
    "RandomPosterization": {"factor": 2, **UNIT},
    "RandomRotation": {"factor": 0.1, "fill_mode": "constant"},
    "RandomSaturation": {"factor": 0.5, **UNIT},
    "RandomSharpness": {"factor": 0.5, **UNIT},
    "RandomShear": {"x_factor": 0.5},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RandomZoom": {"height_factor": 0.3},
    "Solarization": {"threshold_factor": 0.5, **UNIT},
}
FOR_COLOURS = (
    "RandomColorDegeneration", "RandomColorJitter", "RandomGrayscale", "RandomHue",
    "RandomSaturation",
)  # fmt: skip
CHAIN = ["RandomFlip", "RandomRotation", "RandomErasing", "GaussianNoise"]
RANDOM = np.random.default_rng(0)


def images(channels: int) -> tuple[Examples, Spec]:
    """Small images, grey or in colour, and their spec."""
    shape = [8, 8] if channels == 1 else [8, 8, channels]
    x = RANDOM.integers(0, 256, (24, *shape), np.uint8)
    statistics = {"minimum": 0.0, "maximum": 255.0, "mean": 128.0, "deviation": 70.0}
    return Examples(x, RANDOM.integers(0, 3, 24).astype(np.uint8)), spec_of(
        shape, "abc", statistics=statistics
    )


GREY, COLOURED = images(1), images(3)


@pytest.fixture
def make_augmented(tensorflow: Any) -> Callable[..., Any]:
    """Return a function that makes a loop with augmentation layers of these names."""
    import keras

    from lockstep.modeling import preprocessing
    from lockstep.runtime.strategy import start_runtime
    from lockstep.training import augmentation
    from lockstep.training.loop import Loop
    from lockstep.training.steps import Steps

    def make(names: list[str], spec: Spec, replicas: int = 1) -> Any:
        strategy = start_runtime(0, replicas)
        configs = [{"name": name, **ARGUMENTS[name]} for name in names]
        with strategy.scope():
            flat = [keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
            model = keras.Sequential([keras.Input(spec.input_shape), *flat])
            model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
            augment = augmentation.layers(
                with_values({"train.augmentation": configs}), spec, REPOSITORY
            )
        made = Steps(model, strategy, preprocessing.layers(spec), augment=augment)
        return Loop(made, 8, 0)

    return make


def test_a_layer_that_draws_random_numbers_of_python_is_refused(make_augmented: Any) -> None:
    examples, spec = GREY
    with pytest.raises(ParamsError, match=r"train\.augmentation draws Python's random numbers"):
        make_augmented(["AugMix"], spec).fit(examples, None, [], steps=1)


@pytest.mark.parametrize("name", [each for each in keras_names.AUGMENTATIONS if each != "AugMix"])
def test_a_layer_varies_training(make_augmented: Any, name: str) -> None:
    examples, spec = COLOURED if name in FOR_COLOURS else GREY
    loop = make_augmented([name], spec)
    x = loop.steps.preprocess(examples.x)
    varied = loop.steps.augment(x, training=True).numpy()
    assert varied.shape == x.shape
    assert np.abs(varied - x).max() > 1e-3
    if "value_range" in ARGUMENTS[name]:
        assert -1e-5 <= varied.min() <= varied.max() <= 1 + 1e-5
    first = weights(loop)
    loop.fit(examples, None, [], steps=1)
    assert np.isfinite(loop.predict(examples)["y"]).all()
    assert (weights(loop)[0] != first[0]).any()


@pytest.mark.parametrize("replicas", [1, 2])
def test_augmented_training_has_the_same_bits_twice(make_augmented: Any, replicas: int) -> None:
    examples, spec = GREY
    first, second, plain = (make_augmented(names, spec, replicas) for names in (CHAIN, CHAIN, []))
    for loop in (first, second, plain):
        loop.fit(examples, None, [], epochs=2)
    assert_equal(weights(first), weights(second))
    assert (weights(first)[0] != weights(plain)[0]).any()


def test_each_step_is_augmented_differently(make_augmented: Any) -> None:
    examples, spec = GREY
    loop = make_augmented(CHAIN, spec)
    x = loop.steps.preprocess(examples.x)
    assert (
        (loop.steps.augment(x, training=True) != loop.steps.augment(x, training=True)).numpy().any()
    )


def test_evaluation_is_not_augmented(make_augmented: Any) -> None:
    examples, spec = GREY
    loop, plain, watch = make_augmented(CHAIN, spec), make_augmented([], spec), Watch()
    assert loop.evaluate(examples) == plain.evaluate(examples)
    loop.fit(examples, examples, [watch], epochs=1)
    plain.model.set_weights(loop.model.get_weights())
    assert watch.epochs[0]["val_loss"] == pytest.approx(plain.evaluate(examples)["loss"], abs=1e-6)
    assert_close([loop.predict(examples)["y"]], [plain.predict(examples)["y"]], 1e-6)


@pytest.mark.parametrize("name", ["RandomHue", "RandomColorDegeneration"])
def test_a_layer_that_cannot_take_grey_images_is_bad_parameters(
    make_augmented: Any, name: str
) -> None:
    with pytest.raises(ParamsError, match=rf"^train\.augmentation: {name}: can't take .*\b3\b"):
        make_augmented([name], GREY[1])


def test_a_layer_for_images_cannot_take_a_table(make_augmented: Any) -> None:
    line = r"^train\.augmentation: RandomFlip: can't take examples of shape \(6,\): [^\n]*rank 3"
    with pytest.raises(ParamsError, match=line):
        make_augmented(["RandomFlip"], SPEC)


def test_pixels_arent_moved_where_targets_wouldnt_follow(make_augmented: Any) -> None:
    masks = {"y": Target("mask", ["sky", "ground"], [8, 8])}
    spec = dataclasses.replace(GREY[1], targets=masks)
    with pytest.raises(ParamsError, match="RandomFlip: moves the pixels of an example, but not"):
        make_augmented(["RandomFlip"], spec)
    assert make_augmented(["GaussianNoise"], spec).steps.augment


CROPS: dict[str, list[dict[str, Any]]] = {
    "random": [{"name": "RandomCrop", "height": 6, "width": 5}],
    "middle": [{"name": "CenterCrop", "height": 6, "width": 5}],
    "larger": [{"name": "Resizing", "height": 12, "width": 10}, "RandomFlip"],
    "both": [
        {"name": "Resizing", "height": 12, "width": 12},
        {"name": "RandomCrop", "height": 6, "width": 5},
    ],
}


@pytest.fixture
def resized(tensorflow: Any) -> Callable[..., Any]:
    """Return a function that makes the parameters, the description and its preprocessing."""
    from lockstep.modeling.model_file import as_asked

    def make(name: str) -> tuple[Any, Spec]:
        values = with_values({"train.augmentation": CROPS[name]})
        return values, as_asked(values, COLOURED[1])

    return make


@pytest.mark.parametrize("name", CROPS)
def test_the_model_gets_the_size_in_training_and_evaluation(resized: Any, name: str) -> None:
    from lockstep.modeling import preprocessing
    from lockstep.training import augmentation

    values, spec = resized(name)
    size = (12, 10, 3) if name == "larger" else (6, 5, 3)
    assert spec.input_shape == size
    stored = preprocessing.layers(spec, sized=False)(COLOURED[0].x)
    trained = augmentation.layers(values, spec, REPOSITORY)(stored, training=True)
    evaluated = preprocessing.layers(spec)(COLOURED[0].x)
    assert trained.shape == evaluated.shape == (24, *size)
    np.testing.assert_array_equal(preprocessing.sizing(spec)(stored), evaluated)


def test_evaluation_sees_the_part_in_the_middle(resized: Any) -> None:
    import keras

    from lockstep.modeling import preprocessing

    _, spec = resized("random")
    x = preprocessing.layers(spec, sized=False)(COLOURED[0].x)
    largest = x[:, :, 1:7]  # of 8 x 8 in the proportions of 6 x 5
    expected = keras.ops.image.resize(largest, (6, 5))
    np.testing.assert_allclose(preprocessing.layers(spec)(COLOURED[0].x), expected, atol=1e-6)


def test_a_random_crop_is_a_part_of_the_picture(resized: Any) -> None:
    from lockstep.modeling import preprocessing
    from lockstep.training import augmentation

    values, spec = resized("random")
    x = preprocessing.layers(spec, sized=False)(COLOURED[0].x).numpy()
    crops = augmentation.layers(values, spec, REPOSITORY)
    found = {tuple(_place(crops(x, training=True).numpy(), x)) for _ in range(20)}
    assert len(found) > 1


def _place(crop: np.ndarray, whole: np.ndarray) -> tuple[int, int]:
    places = [
        (top, left)
        for top in range(3)
        for left in range(4)
        if (whole[:, top : top + 6, left : left + 5] == crop).all()
    ]
    (place,) = places
    return place


@pytest.mark.parametrize(
    "sizes", [{"height": 6}, {"height": 0, "width": 5}, {"height": 6.5, "width": 5}]
)
def test_a_size_is_two_whole_numbers(sizes: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match=r"RandomCrop: got height .*, expected whole numbers"):
        with_values({"train.augmentation": [{"name": "RandomCrop", **sizes}]})


@pytest.mark.system
def test_cropped_pictures_are_trained_evaluated_and_served(ready: Path) -> None:
    from lockstep.serving.serving_model import serving_model

    crop = {"name": "RandomCrop", "height": 6, "width": 6}
    changes = {"train.augmentation": [crop], "model.name": "cnn", "train.epochs": 2}
    params = change_params(ready, {**changes, "model.cnn.filters": [4]})
    run_stages(ready, "build", "train", "evaluate")
    examples, spec = load_examples(ready, "test"), read_spec(ready)
    weights_file = ready / "weights" / "best.weights.h5"
    served = serving_model(params, spec, weights_file)(np.asarray(examples.x))
    outputs = np.load(ready / "report" / "outputs.npy")
    np.testing.assert_allclose(served, outputs, atol=1e-5)
    build = json.loads((ready / "report" / "model.json").read_text())
    assert build["parameters"] == serving_model(params, spec, weights_file).count_params()


def test_layers_for_images_are_refused_for_series(make_augmented: Any) -> None:
    series = spec_of([24, 3], "abc", statistics=GREY[1].inputs["x"].statistics)
    series = dataclasses.replace(
        series, inputs={"x": dataclasses.replace(series.inputs["x"], kind="series")}
    )
    with pytest.raises(
        ParamsError, match="RandomFlip: is for images, got series; expected Gaussian"
    ):
        make_augmented(["RandomFlip"], series)
    assert make_augmented(["GaussianNoise"], series).steps.augment
