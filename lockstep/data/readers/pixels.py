"""The pixels of an opened image, whatever its format: grey or RGB levels without alpha."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from lockstep.data.readers import deep_pixels
from lockstep.data.readers.deep_pixels import FLOAT, LEVELS_16
from lockstep.data.readers.unreadable import UnreadableError
from lockstep.errors import DataError

GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
COLOUR = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
LEVELS_8 = "uint8"
MAX_LEVEL = 255
DEPTHS = {LEVELS_8: "8 bits", LEVELS_16: "16 bits", FLOAT: "float levels"}


class PictureFormat(NamedTuple):
    """How all pictures of a data set are stored."""

    mode: str  # L or RGB
    depth: str = LEVELS_8  # the dtype of their levels, as in the files
    background: tuple[int, ...] = (MAX_LEVEL,)  # 0 to 255, below pixels that aren't opaque

    @property
    def stored(self) -> dict[str, Any]:
        """What spec.json says of it, besides the mode: nothing of what is usual."""
        if (self.depth, self.background) == (LEVELS_8, (MAX_LEVEL,)):
            return {}
        return {"depth": self.depth, "background": list(self.background)}


def mode_of(image: Image.Image, path: Path, background: tuple[int, ...]) -> str:
    """Return L or RGB; a grey picture with alpha has the colour of the background."""
    if image.mode not in (*GREY, *COLOUR):
        raise UnreadableError(
            f"{path}: pixels of the kind {image.mode}, expected grey, RGB, palette or CMYK; save "
            "it as PNG"
        )
    tinted = image.has_transparency_data and len(set(background)) > 1
    coloured = image.mode in COLOUR and not deep_pixels.is_grey(image)
    return "RGB" if coloured or tinted else "L"


def depth_of(image: Image.Image, path: Path) -> str:
    """Return the dtype that holds a file's levels, by its header alone."""
    return deep_pixels.depth_of(image, path) or LEVELS_8


def bands(image: Image.Image, path: Path, wanted: PictureFormat) -> list[Image.Image]:
    """Return one picture of 8 bits, or for other depths one of floats for each channel.

    Raises DataError for another depth than the data set's.
    """
    mode, depth = mode_of(image, path, wanted.background), depth_of(image, path)
    if depth != wanted.depth:
        raise DataError(
            f"{path}: a picture of {DEPTHS[depth]}, expected {DEPTHS[wanted.depth]} as in the data "
            "set; convert it"
        )
    if depth == LEVELS_8:
        return [_over(image, mode, wanted.background).convert(wanted.mode)]
    levels = deep_pixels.levels(image, path, wanted.background)
    if wanted.mode == "L" and levels.shape[-1] > 1:
        raise DataError(f"{path}: colours of {DEPTHS[depth]}, expected grey as in the data set")
    channels = np.moveaxis(levels.astype(np.float32), -1, 0)
    grey_as_colour = 3 if wanted.mode == "RGB" and len(channels) == 1 else 1
    return [Image.fromarray(channel) for channel in (*channels,) * grey_as_colour]


def as_array(pictures: list[Image.Image], depth: str) -> np.ndarray:
    """Return the levels, (height, width) or (height, width, 3)."""
    if depth == LEVELS_8:
        return np.asarray(pictures[0])
    levels = np.stack([np.asarray(each) for each in pictures], axis=-1)
    levels = levels[..., 0] if len(pictures) == 1 else levels
    return np.rint(levels).astype(np.uint16) if depth == LEVELS_16 else levels


def _over(image: Image.Image, mode: str, background: tuple[int, ...]) -> Image.Image:
    """Return an image as it looks on the background; an opaque one as it is."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    below = Image.new(mode, image.size, _colour(mode, background))
    below.paste(image.convert(mode), mask=image.getchannel("A"))
    return below


def _colour(mode: str, background: tuple[int, ...]) -> int | tuple[int, ...]:
    if mode == "L":
        return background[0]
    levels = tuple(background)
    return levels if len(levels) > 1 else levels * 3
