"""How the loop is compiled and cut into graph calls: by fixed rules, never by timing.

Timing would let the weather decide about the bits. The figures are in docs/performance.md.
"""

import keras
import tensorflow as tf

# What a model may consist of: XLA made such ones 1.3 to 4 times faster on a CPU (naive with 512
# units, mlp with 100), and convolutions 50 times slower. Loops, lookups, slices and random numbers
# other than dropout's were never measured.
DENSE = {
    "Abs", "AddN", "AddV2", "BiasAdd", "Cast", "ConcatV2", "Const", "Elu", "Erf", "Erfc", "Exp",
    "Expm1", "FloorMod", "Greater", "GreaterEqual", "Identity", "IdentityN", "LeakyRelu", "Less",
    "LessEqual", "Log", "LogSoftmax", "MatMul", "Max", "Maximum", "Mean", "Minimum", "Mul", "Neg",
    "NoOp", "Placeholder", "Pow", "RealDiv", "Relu", "Relu6", "Reshape", "Rsqrt", "SelectV2",
    "Selu", "Sigmoid", "Softmax", "Softplus", "Softsign", "Sqrt", "Square", "SquaredDifference",
    "Squeeze", "StopGradient", "Sub", "Sum", "Tanh", "ZerosLike",
    # weights, batch statistics and the seeds of dropout
    "AssignAddVariableOp", "AssignVariableOp", "ReadVariableOp",
    # dropout
    "StatelessRandomGetKeyCounter", "StatelessRandomUniformV2",
}  # fmt: skip
# About a second on two cores: progress, signals and batch hooks wait for as long as a call takes.
FLOPS_PER_CALL = {"CPU": 2e11, "GPU": 2e12}
# Forward and backward pass cost about three forward ones.
PASSES = 3
MOST_STEPS = 1000


def jit_compile(model: keras.Model, replicas: int, kind: str, *, augmented: bool) -> bool:
    """Say whether XLA compiles the steps: of a dense model on one CPU device.

    `kind` is CPU or GPU. The traced operations decide, whoever calls the layers; of a model with a
    train_step of its own, or one never called on a `keras.Input`, nothing is known.
    """
    if kind != "CPU" or replicas > 1 or augmented:
        return False
    if type(model).train_step is not keras.Model.train_step:
        return False
    return _operations(model) <= DENSE


def _operations(model: keras.Model) -> set[str]:
    """The kinds of operations of a forward pass in training."""
    try:
        declared = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    except AttributeError:
        return {"unknown"}
    # With a size for the batch, or layers would ask for their input's shape, by other operations.
    examples = keras.tree.map_structure(
        lambda each: tf.TensorSpec((2, *each.shape[1:]), each.dtype), declared
    )
    forward = tf.function(lambda x: model(x, training=True))
    graph = forward.get_concrete_function(examples).graph
    return {operation.type for operation in graph.get_operations()}


def steps_per_call(flops: int, batch_size: int, kind: str) -> int:
    """Return how many steps one graph call takes, from a forward pass's operations an example."""
    step = max(flops, 1) * PASSES * batch_size
    return max(1, min(MOST_STEPS, int(FLOPS_PER_CALL[kind] / step)))
