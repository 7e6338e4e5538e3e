"""A subset of the training data, by the parameter data.limit."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import load_examples, read_spec
from lockstep.errors import ParamsError
from tasks import datasets, download, normalize
from tests.data.test_splits import LABELS, examples_in, save
from tests.data.test_user_files import normalized
from tests.support.workspaces import change_params, with_values


def digits(root: Path, **changes: Any) -> dict[str, int]:
    params = change_params(root, {key.replace("_", ".", 1): v for key, v in changes.items()})
    download.download(params, root)
    normalize.normalize(params, root)
    return read_spec(root).splits


def digest(root: Path, name: str) -> str:
    return hashlib.sha256((root / "data" / "ready" / name).read_bytes()).hexdigest()


def test_a_published_data_set_is_limited_and_its_test_split_stays(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, test = digits(workspace)["test"], digest(workspace, "test_x.npy")
    assert digits(workspace, data_limit=300) == {"train": 270, "validation": 30, "test": whole}
    line = "training examples, drawn by the seed, with each class's share\n"
    assert line in capsys.readouterr().err
    assert digest(workspace, "test_x.npy") == test


def test_a_subset_is_drawn_by_the_seed(workspace: Path) -> None:
    found = []
    for seed in (0, 1, 0):
        change_params(workspace, {"seed": seed})
        digits(workspace, data_limit=100, data_validation_split=0)
        found.append(digest(workspace, "train_x.npy"))
    assert found[0] == found[2] != found[1]


def test_each_class_keeps_its_share(workspace: Path, tmp_path: Path) -> None:
    path = save(tmp_path, LABELS)
    whole = normalized(workspace, path) and examples_in(workspace, "test")
    spec = normalized(workspace, path, limit=40, validation_split=0.25)
    assert spec.splits == {"train": 30, "validation": 10, "test": 20}
    counts = [
        int(np.asarray(load_examples(workspace, split).y).sum())
        for split in ("train", "validation")
    ]
    assert counts == [3, 1]
    assert examples_in(workspace, "test") == whole
    assert not whole & (examples_in(workspace, "train") | examples_in(workspace, "validation"))


def test_numbers_and_a_validation_split_of_ones_own(workspace: Path, tmp_path: Path) -> None:
    more = {"x_val": np.arange(200, 207)[:, None], "y_val": np.arange(7) / 7}
    x = np.arange(100)[:, None]
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=np.arange(100) / 7, **more)
    spec = normalized(workspace, tmp_path / "mine.npz", limit=10)
    assert spec.splits == {"train": 10, "validation": 7, "test": 20}


@pytest.mark.parametrize(
    ("limit", "expected"), [(81, "for 80 training examples, expected at most 80"),
                            (1, "for 2 classes, expected at least 2")],
)  # fmt: skip
def test_a_limit_that_is_none(workspace: Path, tmp_path: Path, limit: int, expected: str) -> None:
    with pytest.raises(ParamsError, match=f"data.limit: got {limit} {expected}"):
        normalized(workspace, save(tmp_path, LABELS), limit=limit)


def test_what_is_known_is_refused_before_any_stage(workspace: Path) -> None:
    params = change_params(workspace, {"data.limit": 100_000})
    with pytest.raises(ParamsError, match=r"data\.limit: got 100000 for 1\d+ training examples"):
        datasets.check_batch_size(params, workspace)
    window = {"data.name": "csv", "data.time": "t", "data.window": 2, "data.limit": 9}
    with pytest.raises(ParamsError, match="got limit 9 and window 2, expected null for one"):
        with_values(window)
