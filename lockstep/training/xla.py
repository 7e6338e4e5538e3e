"""Fixed rules for `jit_compile: auto` and `steps_per_execution: auto`.

Choosing by timing could give other results on each run. The figures are in docs/performance.md.
"""

import keras
import tensorflow as tf

# Operations of models that XLA may compile. On a CPU, XLA made such models 1.3 to 4 times faster
# (naive with 512 units, mlp with 100), and convolutions 50 times slower. Loops, lookups, slices and
# random numbers other than dropout's were never measured.
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
# Methods with which a model does more in a step than its forward pass tells.
OWN_STEPS = ("train_step", "compute_loss", "compute_metrics")
# About one second on two cores: progress, signals and batch callbacks wait for a call to end.
FLOPS_PER_EXECUTION = {"CPU": 2e11, "GPU": 2e12}
# Forward and backward pass together cost about as much as three forward passes.
FORWARD_PASSES_PER_STEP = 3
MAX_STEPS = 1000


def jit_compile(model: keras.Model, replicas: int, kind: str, *, augmented: bool) -> bool:
    """Return whether XLA compiles the steps: only for a dense model on one CPU device.

    `kind` is CPU or GPU. A model is dense if its traced forward pass has only DENSE operations;
    one with a custom train_step or loss, or never called on a `keras.Input`, doesn't count as
    dense.
    """
    if kind != "CPU" or replicas > 1 or augmented:
        return False
    if any(getattr(type(model), name) is not getattr(keras.Model, name) for name in OWN_STEPS):
        return False
    return _operations(model) <= DENSE


def _operations(model: keras.Model) -> set[str]:
    """Return the operation types of a forward pass in training mode."""
    try:
        inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    except AttributeError:
        return {"unknown"}
    # A fixed batch size: otherwise layers add operations that read their input's shape.
    examples = keras.tree.map_structure(
        lambda each: tf.TensorSpec((2, *each.shape[1:]), each.dtype), inputs
    )
    forward = tf.function(lambda x: model(x, training=True))
    graph = forward.get_concrete_function(examples).graph
    return {operation.type for operation in graph.get_operations()}


def steps_per_execution(flops: int, batch_size: int, kind: str) -> int:
    """Return the number of steps per graph call; `flops` are per example and forward pass."""
    step = max(flops, 1) * FORWARD_PASSES_PER_STEP * batch_size
    return max(1, min(MAX_STEPS, int(FLOPS_PER_EXECUTION[kind] / step)))
