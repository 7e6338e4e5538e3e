"""models/backbone.py is the published network: its weights, its scale of pixels, its statistics."""

import hashlib
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Input, Spec, Target, write_spec
from lockstep.errors import DataError, ParamsError
from lockstep.storage import layout
from models import backbone
from tasks import build
from tests.support.published_weights import SMALL_NETWORK, network, write_published
from tests.support.workspaces import change_params, with_values

RANDOM = np.random.default_rng(0)
STATISTICS = {"minimum": 3.0, "maximum": 251.0, "mean": 99.0, "deviation": 71.3}
BY_CHANNEL = {name: [each, each - 1, each - 2] for name, each in STATISTICS.items()}
TARGET = Target("classification", list("abc"))
MODULES = {
    "MobileNetV3Small": "mobilenet_v3", "EfficientNetV2B0": "efficientnet_v2",
    "EfficientNetV2S": "efficientnet_v2", "ConvNeXtTiny": "convnext", "ResNet50": "resnet",
    "ResNet50V2": "resnet_v2",
}  # fmt: skip
MODES = {"MobileNetV3Small": "tf", "EfficientNetV2B0": "torch", "ConvNeXtTiny": "torch",
         "ResNet50": "caffe", "ResNet50V2": "tf"}  # fmt: skip


def spec_of(*shape: int, method: str = "unit", dtype: str = "uint8", **more: Any) -> Spec:
    statistics = more.pop("statistics", STATISTICS)
    inputs = {"x": Input("image", list(shape), dtype, statistics, **more)}
    return Spec("x", inputs, {"y": TARGET}, {"train": 4, "test": 4}, method)


def made(spec: Spec, **arguments: Any) -> Any:
    from lockstep.modeling.model import make_model

    values = {"model.name": "backbone", "model.backbone": arguments}
    return make_model(with_values(values), spec)


def reached(model: Any, spec: Spec, pixels: np.ndarray, where: str = "input") -> np.ndarray:
    """The input or output of the layer `backbone` for stored pixels."""
    import keras

    from lockstep.modeling import preprocessing

    # The tensors inside this model, not those that the layer was made with.
    node = model.get_layer("backbone")._inbound_nodes[-1]
    (tensor,) = node.input_tensors if where == "input" else node.outputs
    return keras.Model(model.input, tensor)(preprocessing.layers(spec)(pixels)).numpy()


def assert_near(one: np.ndarray, other: np.ndarray) -> None:
    assert np.abs(other).max() > 1e-6
    assert np.abs(one - other).max() <= 1e-5 * np.abs(other).max()


@pytest.fixture(scope="module")
def published(tensorflow: Any) -> Any:
    return network()


@pytest.fixture(scope="module")
def file(published: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_published(published, tmp_path_factory.mktemp("published") / "notop.h5")


def digest(path: Path, kind: str = "sha256") -> str:
    return hashlib.new(kind, path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def root(project: Path) -> Path:
    (project / layout.READY).mkdir(parents=True)
    write_spec(spec_of(32, 32, 3), project / layout.READY)
    return project


@pytest.fixture(scope="module")
def model(tensorflow: Any) -> Any:
    """A model that tests load weights into."""
    return made(spec_of(32, 32, 3))


def built(root: Path, **arguments: Any) -> bytes:
    build.build(change_params(root, {"model.name": "backbone", "model.backbone": arguments}), root)
    return (root / layout.INITIAL_WEIGHTS).read_bytes()


def test_the_published_files_are_those_of_keras(tensorflow: Any) -> None:
    from keras.src.applications import convnext, efficientnet_v2, mobilenet_v3, resnet

    hashes = {
        f"{module.BASE_WEIGHT_PATH}weights_mobilenet_v3_{name}_no_top_v2.h5": each
        for module in [mobilenet_v3]
        for name, (_, each) in module.WEIGHTS_HASHES.items()
    }
    for module, file in (
        (efficientnet_v2, lambda name: f"efficientnetv2-{name.strip('-')}_notop.h5"),
        (convnext, lambda name: f"{name}_notop.h5"),
        (resnet, lambda name: f"{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ):
        for name, (_, each) in module.WEIGHTS_HASHES.items():
            hashes[module.BASE_WEIGHTS_PATH + file(name)] = each
    for name in backbone.PUBLISHED:
        found = backbone.pretrained(name=name, weights="imagenet")
        assert hashes[found.address + found.file] == found.digest
    assert list(backbone.PUBLISHED) == list(backbone.Name.__args__)


@pytest.mark.system
@pytest.mark.filterwarnings("ignore:`input_shape` is undefined")
@pytest.mark.parametrize("name", MODULES)
def test_keras_itself_asks_for_that_file(
    tensorflow: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.src.utils import file_utils

    class Asked(Exception):
        pass

    def get_file(fname: str, origin: str, file_hash: str, **_: Any) -> None:
        raise Asked(origin, file_hash)

    monkeypatch.setattr(file_utils, "get_file", get_file)
    with pytest.raises(Asked) as asked:
        network(name, weights="imagenet")
    found = backbone.pretrained(name=name, weights="imagenet")
    assert asked.value.args == (found.address + found.file, found.digest)


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("method", ["unit", "standard", "none"])
@pytest.mark.parametrize("statistics", [STATISTICS, BY_CHANNEL], ids=["alike", "by channel"])
def test_pixels_are_on_the_scale_of_the_network(
    tensorflow: Any, name: str, method: str, statistics: Any
) -> None:
    import keras

    from lockstep.modeling import pictures, preprocessing

    spec = spec_of(4, 4, 3, method=method, statistics=statistics)
    x = keras.Input((4, 4, 3))
    scaling = backbone.PUBLISHED[name][0].scaling
    ready = pictures.rescaled(x, spec.inputs["x"], method, scaling, None)
    pixels = RANDOM.integers(0, 256, (5, 4, 4, 3), np.uint8)
    preprocess = keras.applications.imagenet_utils.preprocess_input
    assert_near(
        keras.Model(x, ready)(preprocessing.layers(spec)(pixels)).numpy(),
        preprocess(pixels.astype(np.float32), mode=MODES[name]),
    )


@pytest.mark.system
@pytest.mark.parametrize("name", MODULES)
def test_the_network_gives_what_plain_keras_gives(tensorflow: Any, name: str) -> None:
    import keras

    spec = spec_of(40, 40, 3)
    plain = network(name, size=40)
    model = made(spec, name=name)
    model.get_layer("backbone").set_weights(plain.get_weights())
    pixels = RANDOM.integers(0, 256, (4, 40, 40, 3), np.uint8)
    preprocess = getattr(keras.applications, MODULES[name]).preprocess_input
    expected = plain(preprocess(pixels.astype(np.float32))).numpy()
    assert_near(reached(model, spec, pixels, "output"), expected)


@pytest.fixture
def mirrored(root: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a mirror that has our weights, in place of those that Keras knows."""
    known = import_module("models.backbone").PUBLISHED  # stages import it anew
    family, variant, _ = known[SMALL_NETWORK]
    there = root / "mirror" / "keras-applications" / family.file.format(variant)
    there.parent.mkdir(parents=True)
    there.write_bytes(file.read_bytes())
    ours = (family, variant, digest(file, "md5"))
    monkeypatch.setitem(known, SMALL_NETWORK, ours)
    change_params(root, {"data.mirror": "mirror"})
    return root


def test_published_weights_are_the_initial_ones(mirrored: Path, published: Any) -> None:
    spec = spec_of(32, 32, 3)
    built(mirrored, weights="imagenet")
    model = made(spec, weights="imagenet")
    model.load_weights(mirrored / layout.INITIAL_WEIGHTS)
    pixels = RANDOM.integers(0, 256, (4, 32, 32, 3), np.uint8)
    expected = published(pixels.astype(np.float32)).numpy()
    assert_near(reached(model, spec, pixels, "output"), expected)


@pytest.mark.system
def test_initial_weights_are_the_same_bytes_twice(mirrored: Path) -> None:
    first = built(mirrored, weights="imagenet")
    shutil.rmtree(mirrored / "mirror")
    assert built(mirrored, weights="imagenet") == first


def test_a_file_of_weights_needs_its_hash(root: Path, file: Path) -> None:
    change_params(root, {"model.name": "backbone"})
    for sha256, error, line in (
        (None, ParamsError, f"model.backbone.sha256: got null, .* which is {digest(file)}"),
        ("0" * 64, DataError, f"has sha256 {digest(file)}, expected 000"),
    ):
        params = change_params(root, {"model.backbone": {"weights": str(file), "sha256": sha256}})
        found = backbone.pretrained(**params.model.arguments)
        with pytest.raises(error, match=line):
            build._pretrained_file(found, params, root)
    with pytest.raises(DataError, match="nowhere: no such file of weights"):
        build._pretrained_file(found._replace(file="nowhere"), params, root)


def test_weights_in_either_format(model: Any, published: Any, file: Path, tmp_path: Path) -> None:
    from lockstep.modeling.pretrained import load_pretrained

    start = model.get_weights()
    published.save_weights(tmp_path / "now.weights.h5")
    for path in (file, tmp_path / "now.weights.h5"):
        model.set_weights(start)
        load_pretrained(model, "backbone", path)
        for mine, theirs in zip(
            model.get_layer("backbone").get_weights(), published.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


def test_a_file_with_other_weights(model: Any, tmp_path: Path) -> None:
    import keras

    from lockstep.modeling.pretrained import load_pretrained

    other = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(3, 3, name="conv")])
    other.save_weights(tmp_path / "now.weights.h5")
    write_published(other, tmp_path / "old.h5")
    (tmp_path / "page.h5").write_text("<html>")
    (tmp_path / "x.npz").write_text("")
    for name in ("now.weights.h5", "old.h5"):
        with pytest.raises(DataError, match=rf"{name}: .*expected weights of the layer backbone"):
            load_pretrained(model, "backbone", tmp_path / name)
    with pytest.raises(DataError, match=r"page\.h5: .* isn't a file of weights that Keras wrote"):
        load_pretrained(model, "backbone", tmp_path / "page.h5")
    with pytest.raises(DataError, match="expected a file of weights"):
        load_pretrained(model, "backbone", tmp_path / "x.npz")


def test_grey_pictures_are_colored(tensorflow: Any) -> None:
    grey = RANDOM.integers(0, 256, (3, 32, 32), np.uint8)
    spec = spec_of(32, 32)
    found = reached(made(spec, weights="x.h5"), spec, grey)
    assert_near(found, np.repeat(grey[..., None] / 127.5 - 1, 3, axis=-1))


def test_small_pictures_are_refused(tensorflow: Any) -> None:
    with pytest.raises(ParamsError) as caught:
        made(spec_of(8, 6))
    assert str(caught.value) == (
        "model.backbone: got pictures of 8 x 6 pixels, expected at least 32 x 32: set "
        "model.backbone.image_size, or for data.name folder normalize.image_size"
    )


@pytest.mark.system
def test_small_pictures_are_resized_if_asked(tensorflow: Any) -> None:
    spec = spec_of(8, 6)
    model = made(spec, image_size=[32, 48])
    assert reached(model, spec, np.zeros((2, 8, 6), np.uint8)).shape == (2, 32, 48, 3)


def test_pretrained_networks_refuse_other_channels(tensorflow: Any) -> None:
    with pytest.raises(ParamsError, match="got 5 channels, expected 1 or 3 with pretrained"):
        made(spec_of(32, 32, 5), weights="imagenet")


@pytest.mark.system
def test_random_networks_take_other_channels(tensorflow: Any) -> None:
    spec = spec_of(32, 32, 5)
    pixels = RANDOM.integers(0, 256, (2, 32, 32, 5), np.uint8)
    assert_near(reached(made(spec), spec, pixels), pixels / 127.5 - 1)


def test_pixels_of_an_unknown_range_are_refused(tensorflow: Any) -> None:
    spec = spec_of(32, 32, 3, dtype="float32")
    with pytest.raises(ParamsError, match=r"float32 from 3 to 251, expected uint8 or uint16; set"):
        made(spec)
    for wrong in ([1, 1], [0]):
        with pytest.raises(ParamsError, match=r"pixel_range: got .*values of black and white"):
            made(spec, pixel_range=wrong)


@pytest.mark.system
def test_pixels_of_a_given_range(tensorflow: Any) -> None:
    spec = spec_of(32, 32, 3, dtype="float32")
    pixels = RANDOM.random((2, 32, 32, 3), np.float32)
    assert_near(reached(made(spec, pixel_range=[0, 1]), spec, pixels), pixels * 2 - 1)


@pytest.mark.parametrize(("depth", "white"), [("uint16", 65535), ("uint8", 255)])
def test_white_is_that_of_the_files(tensorflow: Any, depth: str, white: int) -> None:
    from lockstep.modeling import pictures

    dark = Input("image", [4, 4], "uint8", STATISTICS, files={"depth": depth})
    assert pictures._levels(dark, None) == [0, white]


def changed(model: Any, *shape: int) -> int:
    """How many arrays of the layer `backbone` a forward pass in training changes."""
    layer = model.get_layer("backbone")
    before = [each.numpy().copy() for each in layer.non_trainable_variables]
    model(RANDOM.random((4, *shape), np.float32), training=True)
    after = [each.numpy() for each in layer.non_trainable_variables]
    return sum(not np.array_equal(one, two) for one, two in zip(before, after, strict=True))


def test_a_pretrained_network_keeps_its_statistics(tensorflow: Any) -> None:
    assert changed(made(spec_of(32, 32, 3), weights="imagenet"), 32, 32, 3) == 0


def test_a_random_network_has_the_statistics_of_its_data(model: Any) -> None:
    assert changed(model, 32, 32, 3) > 0


@pytest.mark.system
def test_a_saved_network_keeps_its_statistics(tensorflow: Any, tmp_path: Path) -> None:
    import keras

    made(spec_of(32, 32, 3), weights="imagenet").save(tmp_path / "saved.keras")
    assert changed(keras.models.load_model(tmp_path / "saved.keras"), 32, 32, 3) == 0


def test_freezing_leaves_the_last_layer(model: Any) -> None:
    from lockstep.training import warm_start

    warm_start.freeze(model, ["backbone"])
    assert [each.shape for each in model.trainable_weights] == [(576, 3), (3,)]
    model.trainable = True
