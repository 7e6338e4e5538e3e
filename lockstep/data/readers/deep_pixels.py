"""Levels of more than 8 bits, of which Pillow itself keeps only 8 where an image has colours."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, PLANAR_CONFIGURATION, SAMPLEFORMAT

from lockstep.data.readers.unreadable import UnreadableError

LEVELS_16, FLOAT = "uint16", "float32"
MAX_16, MAX_8 = 2**16 - 1, 255
EXACT = 2**24  # float32 has all whole numbers up to it
COLOURS = re.compile(r"(RGB|RGBA|RGBX|RGBa|LA);16([BLN])")
OTHER_BYTE = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def depth_of(image: Image.Image, path: Path) -> str | None:
    """Return uint16 or float32, None for 8 bits; raises DataError if levels can't be kept."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return LEVELS_16
    if image.mode in ("F", "I"):
        return FLOAT
    if COLOURS.fullmatch(_rawmode(image)) and not _in_planes(image):
        return LEVELS_16
    bits = getattr(image, "tag_v2", {}).get(BITSPERSAMPLE, ())
    if max(bits, default=8) > 8:
        raise UnreadableError(
            f"{path}: {image.mode} of {max(bits)} bits in a layout whose levels can't be kept, "
            "save it as a PNG of 16 bits"
        )
    return None


def levels(image: Image.Image, path: Path, background: tuple[int, ...]) -> np.ndarray:
    """Return an image's levels, (height, width, channels), without alpha."""
    raw = COLOURS.fullmatch(_rawmode(image))
    if raw:
        return _colours(image, path, raw[1], raw[2], background)
    found = np.asarray(image)[..., None]
    if getattr(image, "tag_v2", {}).get(SAMPLEFORMAT, (1,))[0] == 1 and found.dtype == np.int32:
        found = found.view(np.uint32)  # Pillow has no such mode
    _check_finite(found, path)
    if found.dtype.kind in "iu" and np.abs(found.astype(np.int64)).max() > EXACT:
        raise UnreadableError(f"{path}: levels above 2**24, which float32 can't hold; rescale them")
    return _without_transparent(found, image.info.get("transparency"), background)


def _check_finite(found: np.ndarray, path: Path) -> None:
    good = np.isfinite(found)
    if not good.all():
        row, column, _ = (int(each) for each in np.argwhere(~good)[0])
        level = found[row, column, 0]
        raise UnreadableError(f"{path}: the level {level} at row {row}, column {column}; repair it")


def _colours(
    image: Image.Image, path: Path, layout: str, order: str, background: tuple[int, ...]
) -> np.ndarray:
    if layout == "LA":
        found = _bytes(path, "RGBA").astype(np.uint16)  # which has four bytes, as LA of 16 bits
        grey_alpha = found[..., 0::2] << 8 | found[..., 1::2]
        return _over(grey_alpha[..., :1], grey_alpha[..., 1:], background)
    # RGBa is RGB times alpha, which Pillow would divide at 8 bits.
    plain = layout.replace("RGBa", "RGBA")
    high = _bytes(path, f"{plain};16{order}").astype(np.uint16)
    both = high << 8 | _bytes(path, f"{plain};16{OTHER_BYTE[order]}")
    if image.mode == "RGBA":
        premultiplied = layout == "RGBa"
        return _over(both[..., :3], both[..., 3:], background, premultiplied=premultiplied)
    return _without_transparent(both, image.info.get("transparency"), background)


def is_grey(image: Image.Image) -> bool:
    """Return whether an image has no colours, though Pillow opens it as RGBA."""
    return _rawmode(image).startswith("LA;16")


def _bytes(path: Path, rawmode: str) -> np.ndarray:
    """Decode a file with another rawmode, which says which byte of a sample becomes a pixel's."""
    with path.open("rb") as file, Image.open(file) as image:
        image.tile = [each._replace(args=_with(each.args, rawmode)) for each in image.tile]
        return np.asarray(image)


def _with(arguments: Any, rawmode: str) -> Any:
    return rawmode if isinstance(arguments, str) else (rawmode, *arguments[1:])


def _rawmode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", None) or [(None, None, None, "")]
    arguments = tiles[0][3]
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _in_planes(image: Image.Image) -> bool:
    return getattr(image, "tag_v2", {}).get(PLANAR_CONFIGURATION, 1) == 2


def _without_transparent(found: np.ndarray, colour: Any, background: tuple[int, ...]) -> np.ndarray:
    """Replace pixels of the one colour that a PNG declares transparent."""
    if colour is None or isinstance(colour, bytes):
        return found
    opaque = (found != np.array(colour)).any(axis=-1, keepdims=True)
    return _over(found.astype(np.uint16), np.where(opaque, MAX_16, 0), background)


def _over(
    colours: np.ndarray,
    alpha: np.ndarray,
    background: tuple[int, ...],
    *,
    premultiplied: bool = False,
) -> np.ndarray:
    """Return colours of 16 bits as they look on the background."""
    below = np.array(background, np.uint32) * (MAX_16 // MAX_8)
    cover = alpha.astype(np.uint32)
    own = colours.astype(np.uint32)
    own = np.minimum(own, cover) * MAX_16 if premultiplied else own * cover
    return (own + below * (MAX_16 - cover) + MAX_16 // 2) // MAX_16
