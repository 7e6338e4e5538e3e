"""Shows the progress of training: step, loss, metrics, examples per second, time left."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from lockstep.process import console
from lockstep.process.classwise import summarized

Logs = dict[str, Any] | None
_listeners: list[Callable[[], object]] = []


@contextmanager
def at_epoch_ends(function: Callable[[], object]) -> Iterator[None]:
    """Also call a function when an epoch's results are written; it may raise to stop training."""
    _listeners.append(function)
    try:
        yield
    finally:
        _listeners.remove(function)


class ShowProgress(keras.callbacks.Callback):
    """A progress bar over all steps on a terminal, and one line per epoch."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.bar = ExitStack()

    def on_train_begin(self, logs: Logs = None) -> None:
        """Open the progress bar."""
        total = self.params["epochs"] * self.params["steps"]
        self.update = self.bar.enter_context(console.steps_bar(total))
        self.started = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start measuring the epoch's speed."""
        self.epoch, self.epoch_started, self.steps, self.speed = epoch, time.monotonic(), 0, 0.0

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Advance the bar; `batch` is the index in the epoch of the last step of a chunk."""
        self.steps = batch + 1
        self.speed = self.steps * self.batch_size / (time.monotonic() - self.epoch_started)
        self.update(self.epoch * self.params["steps"] + self.steps, self._text(logs))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Print the epoch's line."""
        console.say(self._text(logs))
        for listener in _listeners:
            listener()

    def on_train_end(self, logs: Logs = None) -> None:
        """Close the progress bar."""
        self.bar.close()

    def _text(self, logs: Logs) -> str:
        epoch = f"epoch {self.epoch + 1}/{self.params['epochs']}"
        return f"{epoch}  {summarized(logs or {})}  {self.speed:,.0f} examples/s"
