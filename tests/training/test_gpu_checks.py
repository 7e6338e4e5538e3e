"""What is refused or said before a training on a GPU, found in the traced graph."""

import mmap
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples
from lockstep.errors import ParamsError
from tests.support.loops import TRAIN, Y

IMAGES = np.zeros((64, 8, 8, 1), np.uint8)


@pytest.fixture
def fit(make_loop: Any) -> Callable[..., Any]:
    """Return a function that trains a layer between two others, checked as on a GPU."""
    import keras

    from lockstep.training.gpu_checks import check

    shape = keras.Input((8, 8, 1))

    def of(*layers: Any, deterministic: bool = True, nested: bool = False) -> Any:
        def model() -> Any:
            first = keras.layers.Conv2D(2, 3)
            inner = [keras.Sequential(list(layers), name="inner")] if nested else layers
            last = [keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
            return keras.Sequential([shape, first, *inner, *last])

        loop = make_loop(
            model=model,
            preprocess=lambda: keras.Sequential([shape, keras.layers.Rescaling(1 / 255)]),
        )
        loop.check_graph = partial(check, model=loop.model, deterministic=deterministic)
        loop.fit(Examples(IMAGES, Y[:64]), None, [], epochs=1)
        return loop

    return of


def nearest(name: str = "resizing") -> Any:
    import keras

    return keras.layers.Resizing(12, 12, interpolation="nearest", name=name)


@pytest.mark.parametrize("nested", [False, True])
def test_a_layer_without_a_deterministic_gradient(fit: Any, nested: bool) -> None:
    with pytest.raises(ParamsError) as caught:
        fit(nearest("twice"), nested=nested)
    assert re.fullmatch(
        r"train\.deterministic: got true, but the layer twice needs ResizeNearestNeighborGrad, "
        r"which TensorFlow [\d.]+ can't run deterministically on a GPU; use "
        r"interpolation='bilinear', or UpSampling2D, or set train.deterministic false",
        str(caught.value),
    )


def test_nothing_is_trained_before_it_is_refused(fit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from lockstep.training.loop import Loop

    monkeypatch.setattr(Loop, "_train_epoch", lambda *_: pytest.fail("it was trained"))
    with pytest.raises(ParamsError):
        fit(nearest())


def test_what_the_message_says_to_use_is_taken(fit: Any) -> None:
    import keras

    fit(keras.layers.Resizing(12, 12, interpolation="bilinear"))
    fit(keras.layers.UpSampling2D())
    fit(nearest(), deterministic=False)


def test_frozen_and_trained_batch_normalization(fit: Any) -> None:
    import keras

    fit(keras.layers.BatchNormalization())
    fit(keras.layers.BatchNormalization(trainable=False))


def test_a_layer_that_the_cpu_computes_is_said_once(
    make_loop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras
    import tensorflow as tf

    from lockstep.training.gpu_checks import check

    class Bytes(keras.Layer):
        def call(self, x: Any) -> Any:
            last_two = tf.gather(tf.cast(x, tf.uint8), [5, 4], axis=1)
            return tf.cast(tf.gather(last_two, [0], axis=1), tf.float32)

    model = partial(
        keras.Sequential,
        [keras.Input((6,)), Bytes(name="bytes"), keras.layers.Dense(3, "softmax")],
    )
    loop = make_loop(model=model)
    loop.check_graph = partial(check, model=loop.model, deterministic=True)
    loop.fit(TRAIN, None, [], steps=1)
    line = (
        "the layer bytes: GatherV2 of uint8 and int32 has no GPU kernel, so the CPU computes it in "
        "each step"
    )
    assert capsys.readouterr().err.count(line) == 1


# What the messages name in other words than the operation's type.
ALIASES = {
    "SparseTensorDenseMatmulOp": "SparseTensorDenseMatMul",
    "fused batch-norm": "FusedBatchNormGradV3",
    "CropAndResizeBackpropBoxes": "CropAndResizeGradBoxes",
    "CropAndResizeBackpropImage": "CropAndResizeGradImage",
}
LEFT_OUT = (
    "DepthwiseConvBackpropFilter",  # only with a cuDNN older than the one TensorFlow needs
    "DebugNumericSummaryV2",  # TensorFlow's debugger
    "SVD of matrices with 1 column",  # depends on a shape
    "Scatter ops with ref inputs",  # not in TensorFlow 2
    # For some types and reductions only. During training the message itself is shown.
    "sorted segment reduction",
    "unsorted segment reduction",
)


@pytest.mark.system
def test_the_refused_operations_are_those_of_the_library(tensorflow: Any) -> None:
    """TensorFlow's messages are in its library: after an upgrade this reads them again."""
    from lockstep.training.gpu_checks import REFUSED

    library = Path(tensorflow.sysconfig.get_lib()) / "libtensorflow_cc.so.2"
    told = messages(library, b"eterminism is not yet") | messages(library, b"eterministic GPU")
    told = {each for each in told if "not" in each and "Softmax" not in each}
    assert len(told) > 15
    known = (*REFUSED, *ALIASES, *LEFT_OUT)
    assert [each for each in told if not any(name in each for name in known)] == []
    assert set(ALIASES.values()) < set(REFUSED)


def messages(library: Path, part: bytes) -> set[str]:
    """The texts in a binary file that contain `part`."""
    found = set()
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(part)
        while at != -1:
            end = data.find(b"\0", at)
            found.add(data[data.rfind(b"\0", 0, at) + 1 : end].decode("ascii", "replace"))
            at = data.find(part, end)
    return found


def test_what_tensorflow_refuses_itself_is_one_line(tensorflow: Any) -> None:
    from lockstep.training.tensorflow_errors import explain_nondeterminism

    message = "2 root error(s) found.\n (0) Determinism is not yet supported for X.\n [[node]]"
    with pytest.raises(ParamsError) as caught, explain_nondeterminism():
        raise tensorflow.errors.UnimplementedError(None, None, message)
    assert str(caught.value) == (
        "train.deterministic: got true, but TensorFlow says: Determinism is not yet supported for "
        "X; expected another layer, loss or metric, or train.deterministic false"
    )
    with pytest.raises(tensorflow.errors.UnimplementedError), explain_nondeterminism():
        raise tensorflow.errors.UnimplementedError(None, None, "no such kernel")
