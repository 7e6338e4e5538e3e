"""Settings of Keras, TensorFlow and NumPy that hold for a process; stages begin with the defaults.

A model's file may change them, also where it is imported, which a stage may do before it starts
TensorFlow. Where a process runs several stages or trials, each of them begins with the same ones,
as in a process of its own.
"""

from lockstep.runtime.tensorflow_import import imported


def reset() -> None:
    """Set all as in a new process; call it before a stage imports any of the project's own files.

    What this process hasn't imported is left alone.
    """
    if np := imported("numpy"):
        np.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
    keras, tf = imported("keras"), imported("tensorflow")
    if keras is None or tf is None:
        return
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    tf.config.run_functions_eagerly(run_eagerly=False)
    tf.config.experimental.enable_tensor_float_32_execution(enabled=True)
    if tf.config.optimizer.get_jit():
        tf.config.optimizer.set_jit(enabled=False)
