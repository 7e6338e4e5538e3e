"""Count a model's floating-point operations."""

import keras
import tensorflow as tf


def count_flops(model: keras.Model, preprocess: keras.Model) -> int:
    """Count the floating-point operations of a forward pass of one preprocessed example.

    TensorFlow counts a loop's body once, so with recurrent layers the total is multiplied by the
    number of time steps.
    """
    one = tf.nest.map_structure(
        lambda each: tf.TensorSpec((1, *each.shape[1:]), each.dtype), preprocess.output
    )
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(one).graph
    profiler = tf.compat.v1.profiler
    options = (
        profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
        .with_empty_output()
        .build()
    )
    layers = model._flatten_layers(include_self=False)
    recurrent = any(isinstance(each, keras.layers.RNN) for each in layers)
    time_steps = max(each.shape[1] for each in tf.nest.flatten(one)) if recurrent else 1
    return int(profiler.profile(graph, options=options).total_float_ops) * time_steps
