"""What a model costs to compute."""

import keras
import tensorflow as tf


def of_example(model: keras.Model, input_shape: tuple[int, ...]) -> int:
    """Count the floating-point operations of a forward pass of one example.

    TensorFlow counts a loop's body once: a recurrent layer takes it for each row of the input.
    """
    one = tf.TensorSpec((1, *input_shape), tf.float32)
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(one).graph
    profiler = tf.compat.v1.profiler
    options = (
        profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
        .with_empty_output()
        .build()
    )
    layers = model._flatten_layers(include_self=False)
    rounds = input_shape[0] if any(isinstance(each, keras.layers.RNN) for each in layers) else 1
    return int(profiler.profile(graph, options=options).total_float_ops) * rounds
