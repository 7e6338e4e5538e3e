"""Plots of the evaluation, as PNG files: the same arrays give the same bytes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lockstep.storage import atomic_files

mpl.use("Agg")
mpl.rcParams.update(
    {
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 11,
        "axes.labelsize": 10,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
    }
)
WORST = 25


def curves(history: dict[str, np.ndarray], path: Path) -> None:
    """Draw each quantity of the history over the epochs, training and validation together."""
    names = [name for name in history if name != "epoch" and not name.startswith("val_")]
    figure = Figure(figsize=(3.6 * len(names), 3), layout="constrained")
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        axes.plot(history["epoch"], history[name], marker=".", label="training")
        if f"val_{name}" in history:
            axes.plot(history["epoch"], history[f"val_{name}"], marker=".", label="validation")
            axes.legend()
        axes.set(title=name.replace("_", " "), xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    _save(figure, path)


def confusion(counts: np.ndarray, names: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix, coloured by the share of each actual class."""
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="actual", title="Test examples")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
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
        axes.imshow(image, cmap="gray_r")
        axes.set_title(caption, fontsize=8)
    _save(figure, path)


def worst_rows(captions: Sequence[str], errors: np.ndarray, path: Path) -> None:
    """Draw the errors of the worst predictions, worst first."""
    figure = Figure(figsize=(7, 0.28 * len(captions) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh(captions, errors)
    axes.invert_yaxis()
    axes.set(title="Worst mistakes", xlabel="error")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_files.whole_file(path) as part:
        figure.savefig(part, dpi=120)
