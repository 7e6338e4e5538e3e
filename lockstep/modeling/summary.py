"""Keras's summary of a model, as text that is the same on each machine."""

import contextlib
import io
import os
from collections.abc import Iterator

import keras

WIDTH = 110  # holds the heading of each column


def summary(model: keras.Model) -> str:
    """Return the summary of a model with the shape, parameters and `trainable` of each layer."""
    lines: list[str] = []
    with _no_terminal():
        model.summary(
            line_length=WIDTH, print_fn=lambda line, **_: lines.append(line), show_trainable=True
        )
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def _no_terminal() -> Iterator[None]:
    """Keep rich, with which Keras draws the table, from asking the terminal.

    It cuts the table at the terminal's width, and draws its lines in the terminal's encoding.
    """
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(WIDTH)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
