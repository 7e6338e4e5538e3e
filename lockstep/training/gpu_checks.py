"""What a person is told about a training on GPUs before its first step."""

import keras
import tensorflow as tf

from lockstep.errors import ParamsError
from lockstep.process import console
from lockstep.runtime.gpu_kernels import placement
from lockstep.training.operation_places import layer_names, place_of

# Operations that TensorFlow refuses on a GPU while deterministic operations are enabled, and what
# to use instead. From the error messages in the library of TensorFlow 2.21.0; a test reads them
# again, and fails if there are others. Those left out here depend on more than the operation.
REFUSED = {
    "AdjustContrast": "the augmentation RandomContrast",
    "AdjustContrastv2": "the augmentation RandomContrast",
    "Bincount": "no weights, or one_hot and a sum",
    "CropAndResizeGradBoxes": "boxes without gradient",
    "CropAndResizeGradImage": "a Resizing layer before the trained layers",
    "DenseBincount": "no weights, or one_hot and a sum",
    "Dilation2DBackpropFilter": "MaxPooling2D",
    "Dilation2DBackpropInput": "MaxPooling2D",
    "FakeQuantWithMinMaxVarsGradient": "quantization after training",
    "FakeQuantWithMinMaxVarsPerChannelGradient": "quantization after training",
    "FusedBatchNormGrad": "BatchNormalization that is trained",
    "FusedBatchNormGradV2": "BatchNormalization that is trained",
    "FusedBatchNormGradV3": "BatchNormalization that is trained",
    "MaxPoolGradWithArgmax": "MaxPooling2D",
    "ResizeNearestNeighborGrad": "interpolation='bilinear', or UpSampling2D",
    "SparseTensorDenseMatMul": "a dense matrix",
}


def check(graph: tf.Graph, model: keras.Model, *, deterministic: bool) -> None:
    """Say which operations of a traced loop a GPU leaves to the CPU.

    Raises ParamsError for one that has no deterministic GPU kernel, if `deterministic`.
    """
    found, layers = placement(graph), layer_names(model)
    for operation in found.operations if deterministic else []:
        if operation.type in REFUSED and _is_refused(operation):
            raise ParamsError(
                f"train.deterministic: got true, but {place_of(operation, layers)} needs "
                f"{operation.type}, which TensorFlow {tf.__version__} can't run deterministically "
                f"on a GPU; use {REFUSED[operation.type]}, or set train.deterministic false"
            )
    lines = (
        f"{place_of(each, layers)}: {each.type} of {_dtypes(each)} has no GPU kernel, so the CPU "
        "computes it in each step"
        for each in found.without_kernel
    )
    for line in dict.fromkeys(lines):
        console.say(line)


def _is_refused(operation: tf.Operation) -> bool:
    if operation.type.startswith("FusedBatchNormGrad"):
        return not operation.get_attr("is_training")
    if operation.type in ("Bincount", "DenseBincount"):
        weights = operation.inputs[2]
        return weights.shape.num_elements() != 0
    return True


def _dtypes(operation: tf.Operation) -> str:
    return " and ".join(dict.fromkeys(each.dtype.name for each in operation.inputs))
