"""TensorBoard without the lines that TensorFlow prints when it starts."""

import os

from lockstep.runtime.tensorflow_import import load_tensorflow


def serve() -> None:
    """Run TensorBoard with the command line's options."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    load_tensorflow()
    from tensorboard.main import run_main

    run_main()


if __name__ == "__main__":
    serve()
