"""A network of keras.applications, pretrained or not, below an output layer of its own.

The published weights and hashes are those of Keras's own tables.
"""

import warnings
from typing import Any, Literal, NamedTuple

import keras

from lockstep.data.spec import Input, Spec, unwrap_single
from lockstep.modeling import pictures
from lockstep.modeling.pictures import COLORS, Scaling
from lockstep.modeling.pretrained import PretrainedWeights

INPUT_KINDS = ("image",)
TARGET_KINDS = ("classification", "multilabel", "regression")
Name = Literal[
    "MobileNetV3Small", "MobileNetV3Large",
    "EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3",
    "EfficientNetV2S", "EfficientNetV2M", "EfficientNetV2L",
    "ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge",
    "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2",
]  # fmt: skip
LEAST = 32  # pixels, of height and width


class Family(NamedTuple):
    """Networks with alike names of files, and the same scale of inputs."""

    folder: str  # at the publisher
    file: str  # with the variant's name for {}
    scaling: Scaling


TO_ONE = Scaling(127.5, [1.0])  # -1 to 1
OF_IMAGENET = Scaling(255.0, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
BLUE_FIRST = Scaling(1.0, [123.68, 116.779, 103.939], blue_first=True)
KERNELS = "{}_weights_tf_dim_ordering_tf_kernels_notop.h5"
MOBILENET = Family("mobilenet_v3", "weights_mobilenet_v3_{}_224_1.0_float_no_top_v2.h5", TO_ONE)
EFFICIENTNET = Family("efficientnet_v2", "efficientnetv2-{}_notop.h5", Scaling(128.0, [1.0]))
EFFICIENTNET_B = EFFICIENTNET._replace(scaling=OF_IMAGENET)
CONVNEXT = Family("convnext", "convnext_{}_notop.h5", OF_IMAGENET)
RESNET = Family("resnet", KERNELS, BLUE_FIRST)
RESNET_V2 = Family("resnet", KERNELS, TO_ONE)
ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/"
PUBLISHED = {  # md5, of ConvNeXt sha256
    "MobileNetV3Small": (MOBILENET, "small", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "MobileNetV3Large": (MOBILENET, "large", "07fb09a5933dd0c8eaafa16978110389"),
    "EfficientNetV2B0": (EFFICIENTNET_B, "b0", "893217f2bb855e2983157299931e43ff"),
    "EfficientNetV2B1": (EFFICIENTNET_B, "b1", "0e80663031ca32d657f9caa404b6ec37"),
    "EfficientNetV2B2": (EFFICIENTNET_B, "b2", "1dfe2e7a5d45b6632553a8961ea609eb"),
    "EfficientNetV2B3": (EFFICIENTNET_B, "b3", "f6abf7b5849ac99a89b50dd3fd532856"),
    "EfficientNetV2S": (EFFICIENTNET, "s", "af0682fb74e8c54910f2d4393339c070"),
    "EfficientNetV2M": (EFFICIENTNET, "m", "1b8dc055df72dde80d614482840fe342"),
    "EfficientNetV2L": (EFFICIENTNET, "l", "b0b66b5c863aef5b46e8608fe1711615"),
    "ConvNeXtTiny": (
        CONVNEXT, "tiny", "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    "ConvNeXtSmall": (
        CONVNEXT, "small", "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    "ConvNeXtBase": (
        CONVNEXT, "base", "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    "ConvNeXtLarge": (
        CONVNEXT, "large", "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    "ConvNeXtXLarge": (
        CONVNEXT, "xlarge", "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
    "ResNet50": (RESNET, "resnet50", "4d473c1dd8becc155b73f8504c6f6626"),
    "ResNet101": (RESNET, "resnet101", "88cf7a10940856eca736dc7b7e228a21"),
    "ResNet152": (RESNET, "resnet152", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "ResNet50V2": (RESNET_V2, "resnet50v2", "fac2f116257151a9d068a22e544a4917"),
    "ResNet101V2": (RESNET_V2, "resnet101v2", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "ResNet152V2": (RESNET_V2, "resnet152v2", "ed17cf2e0169df9d443503ef94b23b33"),
}  # fmt: skip


@keras.saving.register_keras_serializable(package="lockstep")
class InferenceMode(keras.Model):
    """A network whose batch normalization and dropout act as in prediction, while training too.

    Calling a network with training=False isn't enough: a functional model replaces the argument.
    """

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Return the outputs in inference mode."""
        return super().call(inputs, training=False, mask=mask)


def build(
    input_shape: Any,
    outputs: Any,
    activation: Any,
    spec: Spec,
    *,
    name: Name = "MobileNetV3Small",
    weights: str | None = None,
    sha256: str | None = None,
    image_size: list[int] | None = None,
    pixel_range: list[float] | None = None,
    inference_mode: bool | Literal["auto"] = "auto",
    dropout: float = 0.2,
) -> keras.Model:
    """Return the network, average pooling, dropout and an output layer for each target.

    `weights` and `sha256` are for `pretrained`.
    """
    given = _only_input(spec)
    pixels = keras.Input(given.model_shape, name="pixels")
    x = pictures.in_color(pictures.resized(pixels, image_size))
    _check_shape(x.shape[1:], weights)
    scaling = PUBLISHED[name][0].scaling if x.shape[-1] == COLORS else TO_ONE
    x = pictures.rescaled(x, given, spec.method, scaling, pixel_range)
    always = weights is not None if inference_mode == "auto" else inference_mode
    x = _network(name, x.shape[1:], InferenceMode if always else keras.Model)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(dropout)(x)
    heads = {
        target: keras.layers.Dense(each.outputs, each.activation, dtype="float32")(x)
        for target, each in spec.targets.items()
    }
    return keras.Model(pixels, unwrap_single(heads), name="backbone_model")


def pretrained(
    *, name: Name = "MobileNetV3Small", weights: str | None = None, sha256: str | None = None,
    **others: Any,
) -> PretrainedWeights | None:  # fmt: skip
    """Return which file has the weights of the layer `backbone`."""
    if weights is None:
        return None
    if weights != "imagenet":
        return PretrainedWeights("backbone", weights, sha256)
    family, variant, digest = PUBLISHED[name]
    address, file = f"{ADDRESS}{family.folder}/", family.file.format(variant)
    return PretrainedWeights("backbone", file, digest, address, "keras-applications")


def _only_input(spec: Spec) -> Input:
    if len(spec.inputs) > 1:
        raise ValueError(f"got the inputs {', '.join(spec.inputs)}, expected one: pictures")
    return next(iter(spec.inputs.values()))


def _check_shape(shape: tuple[int, ...], weights: str | None) -> None:
    height, width, channels = shape
    if min(height, width) < LEAST:
        raise ValueError(
            f"got pictures of {height} x {width} pixels, expected at least {LEAST} x {LEAST}: set "
            "model.backbone.image_size, or for data.name folder normalize.image_size"
        )
    if weights is not None and channels != COLORS:
        raise ValueError(f"got {channels} channels, expected 1 or {COLORS} with pretrained weights")


def _network(name: str, shape: tuple[int, ...], kind: type) -> keras.Model:
    """Return the network without its output layer, with random weights."""
    # Its own preprocessing would be done in 16 bits under mixed precision.
    plain = {} if name.startswith("ResNet") else {"include_preprocessing": False}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This model usually expects 1 or 3 input channels")
        made = getattr(keras.applications, name)(
            include_top=False, weights=None, input_shape=shape, **plain
        )
    return kind(made.input, made.output, name="backbone")
