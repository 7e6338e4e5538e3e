"""Plots of the evaluation, as PNG files: the same arrays give the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lockstep.evaluation.scores import ClassScore
from lockstep.process import classwise
from lockstep.storage import atomic_files

mpl.use("Agg")
STYLE = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "text.parse_math": False,  # a class may be called $5
}
WORST = 25
MANY_CLASSES = 40  # of more, a confusion matrix shows neither names nor counts
NAME_LENGTH = 60
GREY, RGB = 2, 3


def use_style() -> None:
    """Undo what a matplotlibrc or a callback has set: it would draw other pictures."""
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)


use_style()


def curves(history: dict[str, np.ndarray], path: Path) -> None:
    """Draw each quantity of the history over the epochs, training and validation together.

    Of a metric with a value for each class, draw the mean and the worst five classes.
    """
    groups = classwise.grouped(name for name in history if name != "epoch")
    names = [name for name in groups if not name.startswith("val_")]
    figure = Figure(figsize=(3.6 * len(names), 3), layout="constrained")
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        for prefix, label in (("", "training"), ("val_", "validation")):
            if prefix + name in groups:
                _curve(axes, history, groups[prefix + name], label)
        if len(axes.lines) > 1:
            axes.legend(fontsize=8)
        axes.set(title=name.replace("_", " "), xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    _save(figure, path)


def _curve(axes: Any, history: dict[str, np.ndarray], names: list[str], label: str) -> None:
    values = {name: history[name] for name in names}
    if len(values) == 1:
        axes.plot(history["epoch"], *values.values(), marker=".", label=label)
        return
    mean = np.mean(list(values.values()), axis=0)
    axes.plot(history["epoch"], mean, marker=".", label=f"{label}, mean")
    if label == "validation":
        for name in classwise.worst({name: float(each[-1]) for name, each in values.items()}):
            number = name.rpartition("_")[2]
            axes.plot(history["epoch"], values[name], linewidth=0.8, label=f"class {number}")


def confusion(counts: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix, coloured by the share of each actual class."""
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="actual", title="Test examples")
    few = len(names) <= MANY_CLASSES
    if few:
        shown = [shown_name(name) for name in names]
        axes.set_xticks(range(len(names)), shown, rotation=45, ha="right")
        axes.set_yticks(range(len(names)), shown)
    for (row, column), count in np.ndenumerate(counts) if few else ():
        if count:
            colour = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    _save(figure, path)


def labels(scores: Sequence[ClassScore], path: Path) -> None:
    """Draw precision and recall of each label, of very many those with the lowest F1."""
    shown = sorted(scores, key=lambda each: each.f1)[:MANY_CLASSES]
    figure = Figure(figsize=(7, 0.35 * len(shown) + 1.2), layout="constrained")
    axes, places = figure.subplots(), np.arange(len(shown))
    axes.barh(places - 0.2, [each.precision for each in shown], 0.4, label="precision")
    axes.barh(places + 0.2, [each.recall for each in shown], 0.4, label="recall")
    axes.set_yticks(places, [shown_name(each.name) for each in shown])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), title="Test examples by label")
    axes.legend()
    _save(figure, path)


def residuals(targets: np.ndarray, predicted: np.ndarray, path: Path) -> None:
    """Draw predictions and residuals against the targets."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.scatter(targets, predicted, s=8)
    left.axline((float(targets.mean()), float(targets.mean())), slope=1, color="grey", linewidth=1)
    left.set(xlabel="actual", ylabel="predicted", title="Predictions")
    right.scatter(targets, targets - predicted, s=8)
    right.axhline(0, color="grey", linewidth=1)
    right.set(xlabel="actual", ylabel="actual - predicted", title="Residuals")
    _save(figure, path)


def worst_images(images: np.ndarray, captions: Sequence[str], path: Path) -> None:
    """Draw the images with the worst mistakes, worst first."""
    columns = 5
    rows = max(-(-len(images) // columns), 1)
    figure = Figure(figsize=(1.7 * columns + 1, 1.9 * rows + 0.4), layout="constrained")
    figure.suptitle("Worst mistakes" if len(images) else "No mistakes")
    grid = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, image, caption in zip(grid, images, captions, strict=False):
        axes.imshow(as_picture(image), cmap="gray_r")
        axes.set_title(shown_name(caption), fontsize=8)
    _save(figure, path)


def panels(
    inputs: np.ndarray | None,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    captions: Sequence[str],
    path: Path,
) -> None:
    """Draw for each of the worst examples the input, what was expected and what was given."""
    titles = ["input", "expected", "given"][0 if inputs is not None else 1 :]
    rows = max(len(pairs), 1)
    figure = Figure(figsize=(2 * len(titles), 1.8 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, len(titles), squeeze=False)
    for number, (pair, caption) in enumerate(zip(pairs, captions, strict=True)):
        pictures = [*([] if inputs is None else [inputs[number]]), *pair]
        for axes, picture, title in zip(grid[number], pictures, titles, strict=True):
            axes.imshow(as_picture(picture), cmap="gray")
            axes.set_title(title if number else f"{title}", fontsize=8)
            axes.axis("off")
        grid[number][0].set_title(caption, fontsize=8)
    _save(figure, path)


def as_picture(image: np.ndarray) -> np.ndarray:
    """Return an image as it can be drawn: grey or RGB; of other channels their mean."""
    if image.ndim == GREY or image.shape[-1] == 1:
        return image.reshape(image.shape[:2])
    if image.shape[-1] != RGB:
        return image.mean(axis=-1)
    if image.dtype == np.uint8:
        return image
    low, high = float(image.min()), float(image.max())
    return (image - low) / ((high - low) or 1)


def shown_name(name: str) -> str:
    """Return a name as the font can draw it, shortened if it is very long."""
    known = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    short = name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"
    return "".join(
        each if ord(each) in known and each.isprintable() else ascii(each)[1:-1] for each in short
    )


def worst_rows(captions: Sequence[str], errors: np.ndarray, path: Path) -> None:
    """Draw the errors of the worst predictions, worst first."""
    figure = Figure(figsize=(7, 0.28 * len(captions) + 1.2), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(captions))
    axes.barh(places, errors)
    axes.set_yticks(places, [shown_name(each) for each in captions])
    axes.invert_yaxis()
    axes.set(title="Worst mistakes", xlabel="error")
    _save(figure, path)


def message(text: str, path: Path) -> None:
    """Draw a line of text only."""
    figure = Figure(figsize=(5, 1.5))
    figure.text(0.5, 0.5, text, ha="center", va="center")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_files.whole_file(path) as part:
        figure.savefig(part, dpi=120)
