"""Read an image file as an array: upright, grey or RGB, and of a given size."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from lockstep.data.readers.html_pages import refuse_page
from lockstep.errors import DataError

# Without formats for which Pillow runs other programs.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


def load_image(path: Path, mode: str, size: Iterable[int], *, resize: bool = True) -> np.ndarray:
    """Return an image in mode L or RGB, of `size` (height, width).

    Raises DataError if it can't be read, or has another size and `resize` is false.
    """
    height, width = size
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image).convert(mode)
        if upright.size != (width, height):
            if not resize:
                raise DataError(
                    f"{path}: {upright.height}x{upright.width} pixels, expected {height}x{width} "
                    "as in the first image; normalize.image_size resizes them"
                )
            upright = upright.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(upright)


def mode_and_size(path: Path) -> tuple[str, list[int]]:
    """Return an image's mode, such as L or RGB, and its height and width."""
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        return image.mode, [upright.height, upright.width]


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    if not path.is_file():
        raise DataError(f"{path}: not a file, expected an image")
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield image
    except UnidentifiedImageError:
        refuse_page(path)
        raise DataError(f"{path}: not an image ({', '.join(FORMATS)}), remove it") from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise DataError(f"{path}: not a whole image ({error}), remove or repair it") from None
