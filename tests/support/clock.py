"""A callback under which the clock jumps: a file for train.custom_objects_file."""

import time

import keras


class Jump(keras.callbacks.Callback):
    """Sets the clock of this process forth or back by a number of seconds, after an epoch."""

    def __init__(self, epoch: int, seconds: float) -> None:
        super().__init__()
        self.epoch, self.seconds = epoch, seconds

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        if epoch == self.epoch:
            clock, nanoseconds = time.time, time.time_ns
            time.time = lambda: clock() + self.seconds
            time.time_ns = lambda: nanoseconds() + int(self.seconds * 1e9)
