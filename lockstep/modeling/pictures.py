"""Pictures as published networks take them: their size, three channels, and the scale."""

from typing import Any, NamedTuple

import keras
import numpy as np

from lockstep.data.spec import Input
from lockstep.modeling.preprocessing import scale_and_offset

COLORS = 3
LEVELS = {"uint8": 255, "uint16": 65535}  # white, by the type of the stored pixels


class Scaling(NamedTuple):
    """What a network makes of pixels from 0 to 255: (pixel / divisor - mean) / deviation.

    `mean` and `deviation` are for red, green and blue, or for all.
    """

    divisor: float
    mean: list[float]
    deviation: list[float] = [1.0]  # noqa: RUF012  # read only
    blue_first: bool = False


def resized(x: Any, size: list[int] | None) -> Any:
    """Return pictures of this height and width, or as they are if it is None."""
    if size is None:
        return x
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"image_size: got {size}, expected height and width in pixels")
    return keras.layers.Resizing(*size, dtype="float32")(x)


def in_color(x: Any) -> Any:
    """Return grey pictures with three equal channels, others as they are."""
    return keras.layers.Concatenate(dtype="float32")([x] * COLORS) if x.shape[-1] == 1 else x


def rescaled(
    x: Any, given: Input, method: str, scaling: Scaling, pixel_range: list[float] | None
) -> Any:
    """Return pictures as a network takes them, of those that preprocessing has scaled.

    The stored values of black and white are `pixel_range`, or those of the stored type; they become
    the 0 and 255 of the pictures that the network was trained with. Raises ValueError if they
    aren't known.
    """
    scale, offset = (np.array(each) for each in scale_and_offset(given.statistics, method))
    black, white = _levels(given, pixel_range)
    to_pixels = 255 / (white - black)
    mean, deviation = np.array(scaling.mean), np.array(scaling.deviation)
    factor = to_pixels / scale / scaling.divisor / deviation
    zero = (-offset / scale - black) * to_pixels / scaling.divisor
    both = (
        np.broadcast_to(each, x.shape[-1]).tolist() for each in (factor, (zero - mean) / deviation)
    )
    # float32 even under mixed precision: 16 bits can't keep 256 levels apart.
    x = keras.layers.Rescaling(*both, dtype="float32")(x)
    return keras.ops.flip(x, axis=-1) if scaling.blue_first else x


def _levels(given: Input, pixel_range: list[float] | None) -> list[float]:
    """Return the stored values of black and white."""
    stored = given.files.get("depth", given.dtype)
    if pixel_range is None and stored in LEVELS:
        return [0, LEVELS[stored]]
    if pixel_range is None:
        low, high = (np.max(given.statistics[name]) for name in ("minimum", "maximum"))
        raise ValueError(
            f"got pixels of the type {stored} from {low:g} to {high:g}, expected uint8 or uint16; "
            "set pixel_range to the values of black and white"
        )
    if len(pixel_range) != 2 or pixel_range[0] == pixel_range[1]:
        raise ValueError(f"pixel_range: got {pixel_range}, expected the values of black and white")
    return pixel_range
