"""Read an image file as an array: upright, grey or RGB, of its own depth and of a given size."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from lockstep.data.readers import pixels
from lockstep.data.readers.html_pages import refuse_page
from lockstep.data.readers.pixels import PictureFormat
from lockstep.data.readers.unreadable import UnreadableError
from lockstep.errors import DataError

# Without formats for which Pillow runs other programs.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# A header of a few bytes may declare any size, and pixels take memory before they are decoded.
MAX_PIXELS = 2**30
MAX_RATIO = 2**12  # pixels per byte of the file
# Bytes in memory of a file of any size: a blank A3 page at 600 dpi is 2**26 pixels in 5,000 bytes.
SMALL = 2**27
TURN = Image.Transpose
TURNS = dict(
    enumerate(
        (
            TURN.FLIP_LEFT_RIGHT, TURN.ROTATE_180, TURN.FLIP_TOP_BOTTOM, TURN.TRANSPOSE,
            TURN.ROTATE_270, TURN.TRANSVERSE, TURN.ROTATE_90,
        ),
        2,
    )
)  # fmt: skip


class Look(NamedTuple):
    """What an image file's header says."""

    mode: str  # L or RGB
    depth: str  # uint8, uint16 or float32
    has_frames: bool  # more than one


def load_image(
    path: Path, picture_format: PictureFormat, size: Iterable[int] | None, *, resize: bool = True
) -> np.ndarray:
    """Return a file's first picture, upright, of `size` (height, width) or its own.

    Raises DataError if it can't be read, or has another depth, or another size and no `resize`.
    """
    with _opened(path) as image:
        bands = pixels.bands(image, path, picture_format)
        turn = _turn(image)
        bands = [band.transpose(turn) for band in bands] if turn is not None else bands
        if size is not None:
            bands = _of_size(path, bands, size, resize=resize)
        return pixels.as_array(bands, picture_format.depth)


def look(path: Path, background: tuple[int, ...]) -> Look:
    """Return what a file's header says of its pixels; raises DataError if it can't be read."""
    with _opened(path) as image:
        mode = pixels.mode_of(image, path, background)
        depth = pixels.depth_of(image, path)
        return Look(mode, depth, bool(getattr(image, "is_animated", False)))


def _of_size(
    path: Path, bands: list[Image.Image], size: Iterable[int], *, resize: bool
) -> list[Image.Image]:
    height, width = size
    if bands[0].size == (width, height):
        return bands
    if not resize:
        raise DataError(
            f"{path}: {bands[0].height}x{bands[0].width} pixels, expected {height}x{width} "
            "as in the first image; normalize.image_size resizes them"
        )
    return [band.resize((width, height), Image.Resampling.BILINEAR) for band in bands]


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How a camera was held, by its EXIF; Pillow turns TIFF itself when it loads the pixels."""
    image.load()
    try:
        return TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # whatever a camera or an editor wrote: the pixels are good without it
        return None


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    if not path.is_file():
        raise UnreadableError(f"{path}: not a file, expected an image")
    try:
        # By a path, Pillow would map a TIFF into memory, and mistake the rows of a turned one.
        with _own_limit(), path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            size = path.stat().st_size
            most = min(MAX_PIXELS, max(SMALL // _bytes_of_pixel(image), MAX_RATIO * size))
            if image.width * image.height > most:
                raise UnreadableError(
                    f"{path}: {image.height}x{image.width} pixels by its header, expected at most "
                    f"{most:,} in a file of {size:,} bytes"
                )
            yield image
    except (DataError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise UnreadableError(_not_an_image(path)) from None
    except Exception as error:  # Pillow's decoders raise errors of many classes for broken files
        raise UnreadableError(f"{path}: not a whole image ({error}), remove or repair it") from None


def _bytes_of_pixel(image: Image.Image) -> int:
    """Return what Pillow's memory takes: colours and alpha as four channels, or one of floats."""
    return 1 if image.mode in ("1", "L") and not image.has_transparency_data else 4


def _not_an_image(path: Path) -> str:
    try:
        refuse_page(path)
    except DataError as error:
        return str(error)
    return f"{path}: not an image ({', '.join(FORMATS)}), remove it"


@contextmanager
def _own_limit() -> Iterator[None]:
    """Replace Pillow's limit, which refuses scans and maps, and its warnings of odd headers."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
