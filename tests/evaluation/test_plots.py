"""Plots of names of any kind, of many classes, and of images with any number of channels."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lockstep.evaluation import plots
from lockstep.process import classwise

NAMES = [
    ">50K",
    "C++",
    "$5",
    "a_$5$",
    r"\alphaz",
    r"a\b",
    "a,b",
    "😀",
    "语",
    "x" * 300,
    "a\nb",
    "%",
]


def drawn(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.size


def test_a_name_of_any_kind_is_drawn_as_it_is(tmp_path: Path) -> None:
    counts = np.eye(len(NAMES), dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that of a glyph that the font doesn't have
        plots.confusion(counts, NAMES, tmp_path / "one.png")
        plots.worst_images(np.zeros((12, 4, 4)), NAMES, tmp_path / "two.png")
        plots.worst_rows(NAMES, np.arange(12.0), tmp_path / "three.png")
    for name in ("one", "two", "three"):
        assert max(drawn(tmp_path / f"{name}.png")) < 3000


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("$5", "$5"), (r"\alphaz", r"\alphaz"), ("语", r"\u8bed"), ("a\nb", r"a\nb"),
        ("x" * 300, "x" * 59 + "…"),
    ],
)  # fmt: skip
def test_a_name_that_the_font_lacks_is_escaped(name: str, shown: str) -> None:
    assert plots.shown_name(name) == shown


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_an_image_of_any_number_of_channels_is_drawn(tmp_path: Path, channels: int) -> None:
    images = np.random.default_rng(0).normal(size=(3, 4, 5, channels))
    plots.worst_images(images, ["a", "b", "c"], tmp_path / "mistakes.png")
    assert drawn(tmp_path / "mistakes.png")


def test_many_classes_have_one_curve_and_the_worst_five(tmp_path: Path) -> None:
    history = {"epoch": np.arange(3.0), "loss": np.ones(3)}
    history |= {f"{p}f1_score_{n}": np.full(3, n / 160) for n in range(160) for p in ("", "val_")}
    plots.curves(history, tmp_path / "curves.png")
    assert drawn(tmp_path / "curves.png")[0] == 2 * 3.6 * 120
    plots.confusion(np.eye(160, dtype=int), [str(n) for n in range(160)], tmp_path / "big.png")
    assert drawn(tmp_path / "big.png")


def test_the_terminal_shows_the_mean_and_the_worst_five() -> None:
    logs = {"loss": 0.5} | {f"f1_score_{n}": n / 10 for n in range(10)}
    assert classwise.summarized(logs) == (
        "loss 0.5000  f1_score 0.4500 (worst 0: 0.00, 1: 0.10, 2: 0.20, 3: 0.30, 4: 0.40)"
    )
    assert classwise.summarized({"loss": 1.0, "top_2": 0.5}) == "loss 1.0000  top_2 0.5000"


def test_two_metrics_of_one_class_are_not_taken_for_classes() -> None:
    assert classwise.summarized({"auc": 0.5, "auc_1": 0.7}) == "auc 0.5000  auc_1 0.7000"
