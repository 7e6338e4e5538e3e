"""PNG files of a data card, drawn by Pillow: the same values give the same bytes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lockstep.data.card.naming import shortened

CELL, GAP, LINE = 64, 4, 14  # pixels: a thumbnail, the space between two, a line of text
BARS, ACROSS = (160, 60), 4  # size of a histogram, and how many there are in a row
MARGIN = 110  # for the names of rows
PAPER, INK, FILL = "white", "black", "#4477aa"
LETTERS = 18  # of a name that fit


def draw_grid(rows: Sequence[tuple[str, Sequence[np.ndarray]]], path: Path) -> None:
    """Draw rows of pictures, each (height, width) or (height, width, 3) of bytes, with names."""
    margin = MARGIN if any(name for name, _ in rows) else GAP
    most = max(len(pictures) for _, pictures in rows)
    step = CELL + GAP
    image = Image.new("RGB", (margin + most * step, GAP + len(rows) * step), PAPER)
    for row, (name, pictures) in enumerate(rows):
        top = GAP + row * step
        _write(image, (GAP, top + (CELL - LINE) // 2), name)
        for column, picture in enumerate(pictures):
            image.paste(_thumbnail(picture), (margin + column * step, top))
    image.save(path, "PNG")


def draw_histograms(named: Sequence[tuple[str, Sequence[int]]], path: Path) -> None:
    """Draw a histogram for each name."""
    width, height = BARS[0] + 2 * GAP, BARS[1] + LINE + 2 * GAP
    size = min(len(named), ACROSS) * width, -(-len(named) // ACROSS) * height
    image = Image.new("RGB", size, PAPER)
    for number, (name, counts) in enumerate(named):
        left, top = number % ACROSS * width + GAP, number // ACROSS * height + GAP
        _write(image, (left, top), name)
        _draw_bars(image, left, top + LINE, counts)
    image.save(path, "PNG")


def _draw_bars(image: Image.Image, left: int, top: int, counts: Sequence[int]) -> None:
    draw, (width, height), most = ImageDraw.Draw(image), BARS, max(*counts, 1)
    bottom = top + height
    for number, count in enumerate(counts):
        start, end = (left + each * width // len(counts) for each in (number, number + 1))
        if count:
            high = max(1, round(count / most * height))
            draw.rectangle((start, bottom - high, end - 2, bottom), FILL)
    draw.line((left, bottom, left + width, bottom), INK)


def _write(image: Image.Image, place: tuple[int, int], name: str) -> None:
    # The font that Pillow contains has letters of Latin only.
    plain = ascii(shortened(name, LETTERS).replace("…", "..."))[1:-1]
    ImageDraw.Draw(image).text(place, plain, INK, ImageFont.load_default(11))


def _thumbnail(picture: np.ndarray) -> Image.Image:
    """The picture as large as fits: small ones with visible pixels, large ones smoothed."""
    found = Image.fromarray(picture)
    scale = CELL / max(found.size)
    size = tuple(max(1, round(each * scale)) for each in found.size)
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    return found.resize(size, how)  # type: ignore[arg-type]
