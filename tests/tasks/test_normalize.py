"""data/ready is checked, uses small dtypes, and has statistics of the training split only."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lockstep.config.schema import Params
from lockstep.data.readers import idx
from lockstep.data.spec import Spec, load_examples, read_spec
from lockstep.errors import DataError
from tasks import datasets, normalize
from tests.support.workspaces import change_params

IMAGES = np.arange(20 * 4 * 4).reshape(20, 4, 4)
LABELS = np.arange(20) % 2


@pytest.fixture
def normalized(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that normalizes arrays in a workspace and returns the spec."""

    def act(
        x: Any = IMAGES,
        y: Any = LABELS,
        task: str = "classification",
        test: tuple[Any, ...] | None = None,
        weights: Any = None,
        names: tuple[str, ...] = ("even", "odd"),
        **changes: Any,
    ) -> Spec:
        train = (np.array(x), np.array(y), *([] if weights is None else [np.array(weights)]))
        splits = {"train": train, "test": test or tuple(array[:6] for array in train)}
        dataset = SimpleNamespace(TARGET_KIND=task, CLASSES=names, read=lambda folder: splits)
        monkeypatch.setattr(datasets, "find", lambda name: dataset)
        act.root = workspace  # type: ignore[attr-defined]
        normalize.normalize(with_changes(workspace, changes), workspace)
        return read_spec(workspace)

    return act


def with_changes(root: Path, changes: dict[str, Any]) -> Params:
    named = {"validation": "data.validation_split", "method": "normalize.method", "seed": "seed"}
    return change_params(root, {named[key]: value for key, value in changes.items()})


def test_arrays_are_stored_in_their_smallest_dtype(normalized: Any) -> None:
    spec = normalized(x=IMAGES.astype(float), y=LABELS.astype(np.int64))
    train = load_examples(normalized.root, "train")
    assert (train.x.dtype, train.y.dtype) == (np.uint16, np.uint8)
    assert spec.inputs["x"].dtype == "uint16"
    assert normalized(x=IMAGES // 2).inputs["x"].dtype == "uint8"
    assert normalized(x=IMAGES // 2 - 100).inputs["x"].dtype == "int8"
    assert normalized(x=IMAGES / 3).inputs["x"].dtype == "float32"


def test_one_dtype_holds_every_split(normalized: Any) -> None:
    spec = normalized(x=IMAGES // 2, test=(IMAGES[:3] + 500, LABELS[:3]))
    assert spec.inputs["x"].dtype == "uint16"
    assert load_examples(normalized.root, "test").x.max() > 500


def test_the_validation_split_is_seeded_and_takes_each_example_once(normalized: Any) -> None:
    spec = normalized(validation=0.25, seed=1)
    assert spec.splits == {"train": 15, "validation": 5, "test": 6}
    train, apart = (load_examples(normalized.root, name) for name in ("train", "validation"))
    both = np.concatenate([train.x, apart.x])
    assert sorted(both[:, 0, 0].tolist()) == IMAGES[:, 0, 0].tolist()
    first = apart.x[:, 0, 0].tolist()
    normalized(validation=0.25, seed=2)
    assert load_examples(normalized.root, "validation").x[:, 0, 0].tolist() != first
    normalized(validation=0.25, seed=1)
    assert load_examples(normalized.root, "validation").x[:, 0, 0].tolist() == first


def test_a_validation_share_of_zero_gives_no_split(normalized: Any) -> None:
    assert normalized(validation=0.0).splits == {"train": 20, "test": 6}


def test_statistics_come_from_the_training_split_only(normalized: Any) -> None:
    spec = normalized(validation=0.25, test=(IMAGES[:3] + 60000, LABELS[:3]))
    train = np.asarray(load_examples(normalized.root, "train").x, float)
    assert spec.inputs["x"].statistics == pytest.approx(
        {
            "minimum": train.min(),
            "maximum": train.max(),
            "mean": train.mean(),
            "deviation": train.std(),
        }
    )


def test_a_table_has_statistics_of_each_column(normalized: Any) -> None:
    rows = np.arange(40.0).reshape(20, 2) / 7
    spec = normalized(x=rows, y=rows[:, 0], task="regression", validation=0.0)
    assert (spec.inputs["x"].kind, spec.targets["y"].kind, spec.outputs) == (
        "table",
        "regression",
        1,
    )
    assert spec.inputs["x"].statistics["mean"] == pytest.approx(rows.mean(0), abs=1e-5)


def test_weights_are_kept_and_split_with_their_examples(normalized: Any) -> None:
    normalized(weights=IMAGES[:, 0, 0] / 16, validation=0.25)
    for name, count in (("train", 15), ("validation", 5), ("test", 6)):
        split = load_examples(normalized.root, name)
        assert split.sample_weight is not None
        assert (split.sample_weight.dtype, len(split.sample_weight)) == (np.float32, count)
        np.testing.assert_array_equal(split.sample_weight, split.x[:, 0, 0] / np.float32(16))


def test_without_weights_there_is_no_weights_file(normalized: Any) -> None:
    normalized(validation=0.25)
    names = {file.name for file in (normalized.root / "data" / "ready").iterdir()}
    splits = ("train", "validation", "test")
    assert names == {"spec.json", *(f"{name}_{part}.npy" for name in splits for part in "xy")}


def test_weights_of_only_one_split_are_kept(normalized: Any) -> None:
    normalized(weights=np.ones(20), test=(IMAGES[:3], LABELS[:3]), validation=0.25)
    assert load_examples(normalized.root, "validation").sample_weight is not None
    assert load_examples(normalized.root, "test").sample_weight is None


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ({"y": np.where(np.arange(20) == 7, 2, LABELS)}, "label of example 7 is 2, .* 0 to 1"),
        ({"y": np.where(np.arange(20) == 3, -1, LABELS)}, "label of example 3 is -1"),
        ({"y": LABELS + 0.5}, r"label of example 0 is 0\.5"),
        ({"y": LABELS[:-1]}, r"targets of shape \(19,\), expected \(20, \.\.\.\)"),
        ({"x": np.where(IMAGES == 37, np.nan, IMAGES)}, r"input of example 2 is nan at \[1, 1\]"),
        ({"x": np.where(IMAGES == 16, np.inf, IMAGES)}, r"input of example 1 is inf at \[0, 0\]"),
        ({"x": IMAGES[:0], "y": LABELS[:0]}, "train split: empty"),
        ({"test": (IMAGES[:0], LABELS[:0])}, "test split: empty"),
        ({"test": (IMAGES[:3, :2], LABELS[:3])}, r"examples of shape \(2, 4\), expected \(4, 4\)"),
        ({"x": IMAGES[:, 0, 0]}, r"of shape \(20,\), expected numbers"),
        ({"x": IMAGES.astype(str)}, "expected numbers"),
        ({"validation": 0.01}, "leaves the validation split empty"),
        ({"validation": 0.99}, "leaves the training split empty"),
        ({"y": [np.nan] * 20, "task": "regression"}, "target of example 0 is nan"),
        ({"weights": np.ones(19)}, r"weights of shape \(19,\), expected \(20,\) like the inputs"),
        ({"weights": np.ones((20, 1))}, r"sample weights of shape \(20, 1\), expected \(20,\)"),
        ({"weights": -np.arange(20.0)}, r"weight of example 1 is -1\.0, expected at least 0"),
        ({"weights": np.where(np.arange(20) == 7, np.nan, 1)}, "sample weight of example 7 is nan"),
        ({"task": "segmentation"}, "TARGET_KIND is 'segmentation', expected one of classification"),
        ({"names": ()}, "no CLASSES for the target y, expected the names"),
    ],
)  # fmt: skip
def test_a_fault_is_refused_with_its_position(
    normalized: Any, fault: dict[str, Any], line: str
) -> None:
    with pytest.raises(DataError, match=line) as caught:
        normalized(**fault)
    assert caught.value.exit_code == 3
    assert not (normalized.root / "data" / "ready").exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"not gzip", "not a whole gzip file"),
        (b"", "starts with nothing, expected IDX"),
    ],
)
def test_a_broken_idx_file_is_refused(tmp_path: Path, content: bytes, line: str) -> None:
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(DataError, match=line):
        idx.read(tmp_path / "x.gz")


def test_an_idx_file_of_another_length_is_refused(tmp_path: Path) -> None:
    import gzip
    import struct

    header = struct.pack(">HBBI", 0, 8, 1, 10)
    (tmp_path / "x.gz").write_bytes(gzip.compress(header + bytes(9)))
    with pytest.raises(DataError, match="17 bytes, expected 18"):
        idx.read(tmp_path / "x.gz")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_published_files_are_read(test_data: Path, name: str) -> None:
    dataset = datasets.find(name)
    splits = dataset.read(test_data / dataset.FOLDER)
    assert {split: x.shape for split, (x, _) in splits.items()} == {
        "train": (60000, 28, 28),
        "test": (10000, 28, 28),
    }
    assert all(set(np.unique(y)) == set(range(10)) for _, y in splits.values())
    assert len(dataset.CLASSES) == 10
