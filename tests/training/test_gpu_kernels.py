"""Each operation of the loop has a GPU kernel, and nearly no value leaves a GPU's memory.

TensorFlow's registry tells it without a GPU.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from lockstep.config import keras_names
from lockstep.data.spec import Examples, Input, Spec, Target
from lockstep.data.spec.columns import Column
from lockstep.modeling.target_forms import LOSSES, METRICS, accepted
from tests.support.keras_in_numpy import ARGUMENTS
from tests.support.loops import SPEC, TRAIN, WEIGHTS, X, Y, placed, spec_of
from tests.support.workspaces import with_values

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 255, (64, 28, 28), np.uint8)
COLORS = RANDOM.integers(0, 255, (64, 16, 16, 3), np.uint8)
NUMBERS = RANDOM.normal(size=70).astype(np.float32)
UNIT = {"minimum": 0.0, "maximum": 255.0, "mean": 99.0, "deviation": 9.0}
DIGITS = spec_of([28, 28], "0123456789", statistics=UNIT)
IMAGE_MODELS = (
    "cnn", "cnn_functional", "cnn_subclassed", "custom_layer", "linear", "linear_subclassed", "mlp",
    "mlp_functional", "mlp_subclassed", "naive", "residual",
)  # fmt: skip
# What Keras's own layers and metrics copy between host and device in each step:
# a seed to the host for each random operation, and its key and counter back.
RANDOM_NUMBERS = 3
# Classes with the highest output: Keras compares bits as int32, which TensorFlow does on the host.
ARGMAX = 3
COPIES = {
    "Accuracy": ARGMAX, "SparseCategoricalAccuracy": ARGMAX, "CategoricalAccuracy": 2 * ARGMAX,
    "TopKCategoricalAccuracy": ARGMAX + 1, "SparseTopKCategoricalAccuracy": 1,
    "OneHotIoU": 2 * ARGMAX + 1, "OneHotMeanIoU": 2 * ARGMAX + 1,
    "IoU": ARGMAX + 1, "MeanIoU": ARGMAX + 1, "BinaryIoU": 1,
    # Shapes and offsets that these layers compute anew in each step.
    "AutoContrast": 0, "ContrastLimitedAdaptiveHistogramEqualization": 15,
    "RandomElasticTransform": 1313, "RandomErasing": 18,
    "RandomGaussianBlur": 9, "RandomHue": 6, "RandomInvert": 6, "RandomPerspective": 10,
    "RandomPosterization": 5, "RandomRotation": 4, "RandomShear": 10, "RandomTranslation": 7,
    "RandomZoom": 4, "Solarization": 6,
}  # fmt: skip
# Keras chooses at random what these do when they are traced.
CHANGING = ("AugMix", "RandAugment")
# Without a GPU kernel: the layer gathers by int32 indices in a form that TensorFlow lacks.
WITHOUT_KERNEL = {"RandomElasticTransform": {"GatherNd"}}
FACTORS = {
    "RandomRotation": {"factor": 0.1}, "RandomZoom": {"height_factor": 0.1},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
    "RandomBrightness": {"factor": 0.1}, "RandomContrast": {"factor": 0.1},
    "GaussianDropout": {"rate": 0.1}, "GaussianNoise": {"stddev": 0.1},
    "RandomShear": {"x_factor": 0.1}, "RandomHue": {"factor": 0.1},
    "RandomSaturation": {"factor": 0.1}, "RandomSharpness": {"factor": 0.1},
    "RandomColorDegeneration": {"factor": 0.1}, "RandomPosterization": {"factor": 4},
    "RandomGrayscale": {"factor": 0.1}, "RandomColorJitter": {"brightness_factor": 0.1},
}  # fmt: skip


def kinds(found: Any) -> set[str]:
    return {each.type for each in found.without_kernel}


def assert_on_device(found: Any, copies: int = 0) -> None:
    assert found.operations
    assert kinds(found) == set()
    assert len(found.copies) == copies, found.copies


def one_output(activation: str) -> Callable[[], Any]:
    import keras

    return lambda: keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, activation)])


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_the_models_of_images(make_loop: Any, name: str, replicas: int) -> None:
    from lockstep.modeling import preprocessing

    loop = make_loop(
        replicas,
        model=lambda: import_module(f"models.{name}").build((28, 28, 1), 10, "softmax"),
        preprocess=lambda: preprocessing.layers(DIGITS),
    )
    for steps in ("train", "test"):
        found = placed(loop, Examples(IMAGES, Y[:64]), steps)
        assert_on_device(found, replicas * ARGMAX)


@pytest.mark.system
@pytest.mark.parametrize(
    "name", ["MobileNetV3Small", "EfficientNetV2B0", "ConvNeXtTiny", "ResNet50"]
)
def test_pretrained_networks(make_loop: Any, name: str) -> None:
    from lockstep.modeling import preprocessing
    from lockstep.training import gpu_checks

    arguments: dict[str, Any] = {"name": name, "image_size": [32, 32], "weights": "imagenet"}
    loop = make_loop(
        model=lambda: import_module("models.backbone").build(
            (28, 28, 1), 10, "softmax", DIGITS, **arguments
        ),
        preprocess=lambda: preprocessing.layers(DIGITS),
    )
    for steps, copies in (("train", ARGMAX + RANDOM_NUMBERS), ("test", ARGMAX)):
        found = placed(loop, Examples(IMAGES, Y[:64]), steps)
        assert_on_device(found, copies)
        refused = [each for each in found.operations if each.type in gpu_checks.REFUSED]
        assert not any(map(gpu_checks._is_refused, refused))


@pytest.mark.parametrize("replicas", [1, 2])
def test_all_gradients_are_reduced_at_once(make_loop: Any, replicas: int) -> None:
    found = placed(make_loop(replicas), TRAIN)
    reduced = [each for each in found.operations if each.type.startswith("Collective")]
    # One for each replica: neither metrics nor batch statistics are reduced in a step.
    assert len(reduced) == (replicas if replicas > 1 else 0)
    size = sum(weight.size for weight in make_loop().model.get_weights())
    assert {each.inputs[0].shape.num_elements() for each in reduced} <= {size}


def test_text(make_loop: Any) -> None:
    from lockstep.modeling import preprocessing

    words = [str(each) for each in range(20)]
    texts = {"x": Input("text", [5], "uint16", {}, words=words)}
    spec = Spec("x", texts, {"y": Target("classification", ["a", "b"])}, {}, "none")
    loop = make_loop(
        model=lambda: import_module("models.lstm").build((5,), 1, "sigmoid", spec),
        preprocess=lambda: preprocessing.layers(spec),
        parts=lambda: {"loss": "binary_crossentropy", "metrics": []},
    )
    ids = RANDOM.integers(0, 20, (70, 5)).astype(np.uint16)
    # Keras reshapes int32 ids and compares the LSTM's counters on the host.
    assert_on_device(placed(loop, Examples(ids, Y)), 15)


def test_a_table_with_columns_of_text(make_loop: Any) -> None:
    import keras

    from lockstep.modeling import preprocessing

    statistics = {name: [0.0, 1.0] for name in UNIT} | {"maximum": [9.0, 2.0]}
    columns = {
        "rooms": Column("number", missing=True, fill=1.0),
        "color": Column("category", ["", "red", "blue"]),
    }
    table = {"x": Input("table", [2], "float32", statistics, columns=columns)}
    spec = Spec("x", table, {"y": Target("regression", [])}, {}, "unit")
    loop = make_loop(
        model=lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]),
        preprocess=lambda: preprocessing.layers(spec),
        parts=lambda: {"loss": "mse", "metrics": ["mae"]},
    )
    assert_on_device(placed(loop, Examples(RANDOM.random((70, 2), np.float32), NUMBERS)))


@pytest.mark.parametrize("replicas", [1, 2])
def test_any_mix_of_inputs(make_loop: Any, replicas: int) -> None:
    from lockstep.modeling import preprocessing
    from tests.modeling.test_any import INPUTS, PRICES, STORED

    target = Target("regression", statistics={"mean": 1.0, "deviation": 2.0})
    spec = Spec("x", INPUTS, {"y": target}, {}, "unit")
    loop = make_loop(
        replicas,
        model=lambda: import_module("models.any").build(None, None, None, spec),
        preprocess=lambda: preprocessing.layers(spec),
        parts=lambda: {"loss": "mse", "metrics": ["mae"]},
    )
    found = placed(loop, Examples(STORED, PRICES))
    assert found.operations
    assert kinds(found) == set()


@pytest.mark.parametrize("replicas", [1, 2])
def test_several_inputs_and_targets(make_loop: Any, replicas: int) -> None:
    from lockstep.modeling import preprocessing

    inputs = {
        "image": Input("image", [8, 8], "uint8", UNIT),
        "rows": Input("image", [8], "uint16", UNIT),
    }
    kinds = {"digit": list("0123456789"), "parity": ["even", "odd"]}
    targets = {name: Target("classification", classes) for name, classes in kinds.items()}
    spec = Spec("x", inputs, targets, {}, "unit")
    losses = {"digit": "sparse_categorical_crossentropy", "parity": "binary_crossentropy"}
    loop = make_loop(
        replicas,
        model=lambda: import_module("models.two_views").build(
            spec.input_shape, spec.outputs, spec.activation
        ),
        preprocess=lambda: preprocessing.layers(spec),
        parts=lambda: {"loss": losses, "metrics": {"digit": ["accuracy"], "parity": ["accuracy"]}},
    )
    x = {"image": IMAGES[:, :8, :8], "rows": IMAGES[:, 0, :8].astype(np.uint16)}
    y = {"digit": Y[:64], "parity": Y[:64] % 2}
    assert_on_device(placed(loop, Examples(x, y)), replicas * ARGMAX)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "bool"]
)
def test_each_stored_type(make_loop: Any, dtype: str) -> None:
    loop = make_loop(model=one_output("linear"), parts=lambda: {"loss": "mse", "metrics": ["mae"]})
    examples = Examples(X.astype(dtype), (Y > 0).astype(dtype), WEIGHTS)
    for steps in ("train", "test"):
        assert_on_device(placed(loop, examples, steps))


def test_class_weights_and_one_hot_labels(make_loop: Any) -> None:
    weights = np.array([1, 2, 3], np.float32)
    loop = make_loop(
        steps={"class_weight": weights},
        values=with_values({"train.loss": "CategoricalCrossentropy", "train.metrics": []}),
    )
    assert_on_device(placed(loop, TRAIN))


def test_a_train_step_of_ones_own(make_loop: Any) -> None:
    import keras
    import tensorflow as tf

    class Own(keras.Sequential):
        def train_step(self, data: Any) -> Any:
            x, y, *_ = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            self.optimizer.apply(tape.gradient(loss, self.trainable_weights))
            return {"loss": loss}

    loop = make_loop(
        model=lambda: Own([keras.Input((6,)), keras.layers.Dense(3, "softmax")]),
        parts=lambda: {"metrics": []},
    )
    assert_on_device(placed(loop, TRAIN))


def test_prediction(make_loop: Any) -> None:
    import tensorflow as tf

    from lockstep.runtime.gpu_kernels import placement

    graph = make_loop().steps._predict.get_concrete_function(tf.constant(X)).graph
    assert_on_device(placement(graph, whole=True))


@pytest.mark.system
@pytest.mark.parametrize("name", keras_names.OPTIMIZERS)
def test_optimizers(make_loop: Any, name: str) -> None:
    import keras

    loop = make_loop(parts=lambda: {"optimizer": getattr(keras.optimizers, name)(), "metrics": []})
    assert_on_device(placed(loop, TRAIN))


@pytest.mark.system
@pytest.mark.parametrize("name", keras_names.SCHEDULES)
def test_schedules(make_loop: Any, name: str) -> None:
    import keras

    arguments = {
        "CosineDecayRestarts": {"first_decay_steps": 5},
        "ExponentialDecay": {"decay_steps": 5, "decay_rate": 0.5},
        "InverseTimeDecay": {"decay_steps": 5, "decay_rate": 0.5},
        "PiecewiseConstantDecay": {"boundaries": [5], "values": [0.1, 0.01]},
    }.get(name, {"decay_steps": 5})
    if name != "PiecewiseConstantDecay":
        arguments["initial_learning_rate"] = 0.1
    rate = getattr(keras.optimizers.schedules, name)
    loop = make_loop(
        parts=lambda: {"optimizer": keras.optimizers.SGD(rate(**arguments)), "metrics": []}
    )
    assert_on_device(placed(loop, TRAIN))


@pytest.mark.system
@pytest.mark.parametrize("name", sorted({*LOSSES} - {"Circle"}))
def test_losses(make_loop: Any, name: str) -> None:
    loop = make_loop(values=with_values({"train.loss": name, "train.metrics": []}))
    assert_on_device(placed(loop, TRAIN), COPIES.get(name, 0))


TWO_CLASSES = Spec("x", SPEC.inputs, {"y": Target("classification", ["a", "b"])}, {}, "unit")
THREE_NUMBERS = Spec("x", SPEC.inputs, {"y": Target("regression", [], [3])}, {}, "unit")


@pytest.mark.system
@pytest.mark.parametrize("name", METRICS)
def test_metrics(make_loop: Any, name: str) -> None:
    import keras

    values = with_values({"train.metrics": [{"name": name, **ARGUMENTS.get(name, {})}]})
    if accepted(METRICS, name, SPEC.targets["y"]):
        loop, y = make_loop(values=values), Y
    elif accepted(METRICS, name, TWO_CLASSES.targets["y"]):
        loop = make_loop(values=values, spec=TWO_CLASSES, model=one_output("sigmoid"))
        y = (Y > 0).astype(np.uint8)
    else:
        linear = lambda: keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])  # noqa: E731
        loop = make_loop(values=values, spec=THREE_NUMBERS, model=linear)
        y = RANDOM.normal(size=(70, 3)).astype(np.float32)
    assert_on_device(placed(loop, Examples(X, y), "test"), COPIES.get(name, 0))


@pytest.mark.system
@pytest.mark.parametrize("name", keras_names.AUGMENTATIONS)
def test_augmentations(make_loop: Any, name: str) -> None:
    import inspect

    import keras

    layer_class = getattr(keras.layers, name)
    ranged = "value_range" in inspect.signature(layer_class).parameters
    arguments = FACTORS.get(name, {}) | ({"value_range": (0, 1)} if ranged else {})
    shape = keras.Input((16, 16, 3))
    augment = keras.Sequential([shape, layer_class(**arguments, dtype="float32")])
    loop = make_loop(
        model=lambda: keras.Sequential(
            [shape, keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
        ),
        preprocess=lambda: keras.Sequential([shape, keras.layers.Rescaling(1 / 255)]),
        parts=lambda: {"metrics": []},
        steps={"augment": augment},
    )
    found = placed(loop, Examples(COLORS, Y[:64]))
    assert kinds(found) == WITHOUT_KERNEL.get(name, set())
    if name not in CHANGING:
        assert len(found.copies) == COPIES.get(name, RANDOM_NUMBERS)


def test_a_gather_of_bytes_is_found(make_loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    loop = make_loop()
    monkeypatch.setattr(
        loop.steps, "_batch", lambda rows, data, _: (tf.gather(tf.constant(X), rows), Y[:8])
    )
    assert kinds(placed(loop, TRAIN)) == {"GatherV2"}


def test_a_slice_of_int32_on_the_device_is_found(make_loop: Any) -> None:
    loop = make_loop()
    loop.order_of = lambda count, epoch: np.zeros((2, 8), np.int32)
    # The indices come from host memory in each step.
    assert len(placed(loop, TRAIN).copies) == ARGMAX + len(TRAIN.arrays)
