"""How the loop is compiled and cut into graph calls: by fixed rules, never by timing.

Timing would let the weather decide about the bits. The figures are in docs/performance.md.
"""

import keras

# XLA made dense models 4 times faster on a CPU, and convolutions 50 times slower.
DENSE = {
    "Activation", "Add", "BatchNormalization", "Concatenate", "Dense", "Dropout", "ELU", "Flatten",
    "Functional", "GaussianNoise", "InputLayer", "LayerNormalization", "LeakyReLU", "Multiply",
    "ReLU", "Rescaling", "Reshape", "Sequential", "Softmax", "Subtract",
}  # fmt: skip
# About a second on two cores: progress, signals and batch hooks wait for as long as a call takes.
FLOPS_PER_CALL = {"CPU": 2e11, "GPU": 2e12}
# Forward and backward pass cost about three forward ones.
PASSES = 3
MOST_STEPS = 1000


def jit_compile(model: keras.Model, replicas: int, kind: str, *, augmented: bool) -> bool:
    """Say whether XLA compiles the steps: of a dense model as Keras made it, on one CPU device.

    `kind` is CPU or GPU. Layers that a model's own code calls can't be seen from outside.
    """
    declared = type(model).__name__ in ("Functional", "Sequential")
    kinds = {type(layer).__name__ for layer in model._flatten_layers(include_self=False)}
    return kind == "CPU" and replicas == 1 and not augmented and declared and kinds <= DENSE


def steps_per_call(flops: int, batch_size: int, kind: str) -> int:
    """Return how many steps one graph call takes, from a forward pass's operations an example."""
    step = max(flops, 1) * PASSES * batch_size
    return max(1, min(MOST_STEPS, int(FLOPS_PER_CALL[kind] / step)))
