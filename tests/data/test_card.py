"""The data card says how data were taken, and why; the same data give the same bytes."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lockstep.data import blocks
from lockstep.data.card import values
from lockstep.data.card.content import describe
from lockstep.data.card.drawing import CELL, GAP, MARGIN
from lockstep.data.card.findings import Findings
from lockstep.data.spec import load_examples, read_spec
from tasks import download, normalize
from tests.data.test_user_files import normalized
from tests.support.workspaces import change_params

COUNT = 60
TABLE = (
    ("id", lambda n: f"id{n}", "drop"),
    ("age", lambda n: "" if n % 5 == 0 else n + 20, None),
    ("city", lambda n: ("Bonn", "a|b", "<b>x</b>")[n % 3] if n % 4 else "", None),
    ("day", lambda n: f"2024-02-{n % 28 + 1:02}", None),
    ("member", lambda n: ("yes", "no")[n % 2], None),
    ("seconds", lambda n: 1_700_000_000 + n, None),
    ("note", lambda n: f"word{n} twice twice", "text"),
    ("empty", lambda n: "", None),
    ("price", lambda n: n / 7, None),
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV with a column of each kind."""
    path = tmp_path_factory.mktemp("mine") / "rows.csv"
    lines = [",".join(name for name, _, _ in TABLE)]
    lines += [",".join(str(cell(n)) for _, cell, _ in TABLE) for n in range(COUNT)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def root(make_linked: Callable[[], Path], rows: Path) -> Path:
    """A workspace with these rows, normalized, which tests don't change."""
    return with_rows(make_linked(), rows)


def with_rows(root: Path, rows: Path) -> Path:
    change_params(root, {"normalize.missing": "mean"})
    given = {name: kind for name, _, kind in TABLE if kind}
    normalized(root, rows, columns=given, validation_split=0.0)
    return root


@pytest.fixture(scope="module")
def card(root: Path) -> dict[str, Any]:
    return dict(card_of(root))


def card_of(root: Path) -> Any:
    return json.loads((root / "report" / "data.json").read_text())


def digests(root: Path) -> dict[str, str]:
    files = [file for file in sorted((root / "report").rglob("*")) if file.is_file()]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def picture(root: Path, name: str) -> np.ndarray:
    with Image.open(root / "report" / "data" / f"{name}.png") as image:
        return np.asarray(image)


def column(card: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [each for each in card["columns"] if each["name"] == name]
    return dict(found)


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [
        ("id", "drop", "as data.columns says"),
        ("age", "number", "all cells are numbers"),
        ("city", "category", "3 different texts"),
        ("day", "date", "all cells are ISO dates"),
        ("member", "boolean", "all cells are true or false"),
        ("note", "text", "as data.columns says"),
        ("empty", "drop", "all cells are missing"),
    ],
)
def test_a_column_has_its_kind_and_why(card: Any, name: str, kind: str, why: str) -> None:
    assert [each["name"] for each in card["columns"]] == [name for name, _, _ in TABLE][:-1]
    assert (column(card, name)["kind"], column(card, name)["why"]) == (kind, why)


def test_ranges_and_values_are_those_of_the_file(card: Any) -> None:
    assert column(card, "seconds")["minimum"] >= 1_700_000_000
    assert column(card, "seconds")["maximum"] <= 1_700_000_059
    assert column(card, "day")["minimum"] == "2024-02-01"
    assert {value for value, _ in column(card, "city")["frequent"]} == {"Bonn", "a|b", "<b>x</b>"}
    assert {value for value, _ in column(card, "member")["frequent"]} == {True, False}
    assert sum(column(card, "age")["histogram"]) < card["examples"]["train"]


def test_missing_cells_are_counted(card: Any, root: Path) -> None:
    x = np.asarray(load_examples(root, "train").x["x"])
    assert column(card, "age")["missing"] == round(float(np.isnan(x[:, 0]).mean()), 4)
    assert 0.1 < column(card, "city")["missing"] < 0.4
    assert column(card, "day")["missing"] == 0


def test_a_text_has_lengths_samples_and_unknown_words(card: Any) -> None:
    (note,) = [each for each in card["inputs"] if each["name"] == "note"]
    assert (note["minimum"], note["maximum"]) == (3, 3)
    assert all(text.endswith("twice twice") for text in note["samples"])
    assert note["unknown"] == {"train": 0, "test": round(1 / 3, 4)}


def test_notes_have_no_folders(card: Any, root: Path, rows: Path) -> None:
    assert "column 'empty' is left out: all cells are missing" in card["notes"]
    assert any(note.startswith("targets of rows.csv: regression") for note in card["notes"])
    for file in ("data.json", "data.md"):
        text = (root / "report" / file).read_text()
        assert str(rows.parent) not in text
        assert str(root) not in text


def test_markdown_shows_cells_as_they_are(root: Path) -> None:
    text = (root / "report" / "data.md").read_text()
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert "a\\|b" in text
    assert "![Picture: histograms](data/histograms.png)" in text
    assert picture(root, "histograms").ndim == 3


def test_the_same_data_elsewhere_give_the_same_bytes(
    root: Path, workspace: Path, rows: Path, tmp_path: Path
) -> None:
    first = digests(root)
    assert set(first) == {"data.json", "data.md", "histograms.png", "targets.csv"}
    moved = shutil.copy(rows, tmp_path)
    assert digests(with_rows(workspace, Path(moved))) == first


def test_arrays_read_in_blocks_give_the_same_card(
    card: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BYTES", 7 * 4 * 5)  # seven rows
    spec = read_spec(root)
    again = describe(spec, {split: load_examples(root, split) for split in spec.splits}, Findings())
    assert again["target_values"] == card["target_values"]
    assert column(again, "age")["missing"] == column(card, "age")["missing"]


@pytest.fixture
def stored(workspace: Path, tmp_path: Path) -> Callable[..., Any]:
    """Normalizes arrays of one's own, and returns the card."""

    def make(kind: str = "auto", **arrays: np.ndarray) -> Any:
        np.savez(tmp_path / "arrays.npz", **arrays)  # type: ignore[arg-type]
        normalized(workspace, tmp_path / "arrays.npz", target_kind=kind)
        return card_of(workspace)

    return make


def test_classes_are_counted_in_each_split(stored: Any, workspace: Path) -> None:
    x = np.arange(50 * 36, dtype=np.uint8).reshape(50, 6, 6)
    card = stored(x=x, y=np.array(["cat", "dog"])[np.arange(50) % 2])
    for split in ("train", "validation", "test"):
        counts = np.bincount(np.asarray(load_examples(workspace, split).y))
        assert [each[split] for each in card["target_values"]] == counts.tolist()
    assert [each["value"] for each in card["target_values"]] == ["cat", "dog"]


def test_repeated_examples_are_counted(stored: Any) -> None:
    x = np.repeat(np.arange(5.0), 10)[:, None] / 3
    card = stored(x=x, y=np.arange(50) % 2)
    assert card["test_examples_in_train"] == card["examples"]["test"] == 10
    assert "10 of 10 test examples are in the training split too" in card["notes"]


def test_samples_are_drawn_in_rows_by_class(stored: Any, workspace: Path) -> None:
    labels = np.arange(40) % 2
    x = np.zeros((40, 5, 5, 3), np.uint8) + labels[:, None, None, None].astype(np.uint8) * 9
    stored(x=x, y=labels)
    drawn = picture(workspace, "samples")
    middle = GAP + CELL // 2, MARGIN + CELL // 2
    assert drawn[middle].tolist() == [0, 0, 0]  # the least level of all
    assert drawn[middle[0] + CELL + GAP, middle[1]].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("kind", "y", "count"),
    [
        ("multilabel", np.arange(80).reshape(40, 2) % 2, 2),
        ("mask", np.arange(40 * 16).reshape(40, 4, 4) % 3, 3),
        ("image", np.arange(40 * 16).reshape(40, 4, 4, 1) / 7, values.BINS),
        ("regression", np.arange(40) / 7, values.BINS),
    ],
)
def test_targets_of_each_kind_are_counted(stored: Any, kind: str, y: Any, count: int) -> None:
    card = stored(kind, x=np.arange(40 * 16, dtype=np.uint16).reshape(40, 4, 4), y=y)
    assert len(card["target_values"]) == count
    found = sum(each["train"] for each in card["target_values"])
    size = card["examples"]["train"] * int(np.prod(y.shape[1:]))
    assert found == (
        int(y.sum() * card["examples"]["train"] / 40) if kind == "multilabel" else size
    )


def test_data_without_targets_have_a_card(stored: Any) -> None:
    card = stored(x=np.arange(40 * 16, dtype=np.uint8).reshape(40, 4, 4))
    assert (card["targets"], card["target_values"]) == ([], [])


def test_a_published_data_set_has_a_card(workspace: Path) -> None:
    params = change_params(workspace, {"data.name": "two_views"})
    download.download(params, workspace)
    normalize.normalize(params, workspace)
    card = card_of(workspace)
    assert [each["kind"] for each in card["inputs"]] == ["image", "table"]
    assert card["targets"][0]["why"] == "as tasks/datasets/two_views.py declares"
    assert [each["name"] for each in card["columns"]][:2] == ["rows[0]", "rows[1]"]
    assert {each["target"] for each in card["target_values"]} == {"digit", "parity"}
