"""Labels of pictures in a CSV: what names which file, and what is said of rows that don't fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lockstep.data.readers.picture_labels import as_labels, find_labelled
from lockstep.data.spec import load_examples, read_spec
from lockstep.errors import DataError, ParamsError
from lockstep.process import console
from tasks import datasets, download, normalize
from tasks.datasets import folder
from tests.support.workspaces import change_params, with_values

Read = Callable[..., dict[str, tuple[np.ndarray, np.ndarray]]]
COUNT = 20
LABELS = [f"{'cat' if number % 2 else 'dog'}" for number in range(COUNT)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twenty pictures; the level of each is its number, and its label is by whether it is odd."""
    (tmp_path / "all" / "images").mkdir(parents=True)
    for number in range(COUNT):
        Image.new("L", (4, 3), number).save(tmp_path / "all" / "images" / f"p{number}.png")
    return tmp_path / "all"


@pytest.fixture
def lines() -> Any:
    said: list[str] = []
    with console.forwarding_to(said.append, lambda share: None):
        yield said


def write(root: Path, rows: list[str]) -> None:
    (root / "labels.csv").write_text("\n".join(rows) + "\n")


def read(root: Path, **options: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    scratch = root.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    keys = {key: f"data.{key}" for key in ("skip_unreadable",)}
    changes = {keys[key]: value for key, value in options.items()}
    labelled = {"data.name": "folder", "data.labels_file": "labels.csv"}
    return folder.read(root, with_values({**labelled, **changes}), scratch)


@pytest.mark.parametrize(
    "row",
    ["images/p{}.png,{}", "p{}.png,{}", "p{};{}", "p{}.png\t{}"],
    ids=["paths", "names", "stems", "tabs"],
)
@pytest.mark.parametrize("header", [[], ["file,label"]])
def test_a_csv_of_labels(root: Path, row: str, header: list[str]) -> None:
    delimiter = row[-3]
    header = [each.replace(",", delimiter) for each in header]
    write(root, [*header, *(row.format(n, label) for n, label in enumerate(LABELS))])
    found = read(root)
    assert {split: len(y) for split, (_, y) in found.items()} == {"train": 20}
    for x, y in found.values():
        np.testing.assert_array_equal(np.where(x[:, 0, 0] % 2, "cat", "dog"), y)
    data = with_values({"data.name": "folder", "data.labels_file": "labels.csv"}).data
    assert folder.count_examples(root, data) == {"train": 20}


def test_the_column_of_files_is_found(root: Path) -> None:
    write(root, ["label,file", *(f"{label},p{n}.png" for n, label in enumerate(LABELS))])
    assert set(read(root)["train"][1]) == {"cat", "dog"}


def test_a_header_is_said(root: Path, lines: list[str]) -> None:
    write(root, ["file,label", *(f"p{n}.png,{label}" for n, label in enumerate(LABELS))])
    read(root)
    assert lines == ["labels.csv: file, label is taken for a header, since no file is file"]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["p98.png,cat", "p99.png,cat"], r"no file for 2 files: p98\.png, p99\.png; add them"),
        (["p1.png,dog"], r"more than one row for 1 files: images/p1\.png; keep one for each"),
        (["p1.png"], r"row 21 is \['p1\.png'\], expected a file name and a label"),
        (["p1.png,"], r"row 21 is \['p1\.png', ''\], expected a file name and a label"),
    ],
    ids=["missing", "twice", "short", "empty"],
)
def test_rows_that_do_not_fit_are_one_line(root: Path, more: list[str], line: str) -> None:
    write(root, [*(f"p{n}.png,{label}" for n, label in enumerate(LABELS)), *more])
    with pytest.raises(DataError, match=f"{root}/labels.csv: {line}"):
        read(root)


def test_a_first_row_without_a_file_is_no_header(root: Path) -> None:
    write(root, ["gone.png,cat", *(f"p{n}.png,{label}" for n, label in enumerate(LABELS))])
    with pytest.raises(DataError, match=r"no file for 1 files: gone\.png"):
        read(root)


def test_pictures_without_a_label_are_left_out_and_said(root: Path, lines: list[str]) -> None:
    write(root, [f"p{n}.png,{label}" for n, label in enumerate(LABELS[:18])])
    assert len(read(root)["train"][1]) == 18
    assert lines == ["left out, without a label in labels.csv: 2 files: p18.png, p19.png"]


def test_a_name_of_two_files_is_refused(root: Path) -> None:
    (root / "more").mkdir()
    Image.new("L", (4, 3)).save(root / "more" / "p0.png")
    write(root, [f"p{n}.png,{label}" for n, label in enumerate(LABELS)])
    with pytest.raises(DataError, match=r"p0\.png is .*p0\.png and .*expected paths from the CSV"):
        read(root)


def test_columns_of_which_none_names_files_are_refused(root: Path) -> None:
    write(root, [f"{n},{label}" for n, label in enumerate(LABELS)])
    with pytest.raises(DataError, match="0 cells of each column are names of files"):
        read(root)


@settings(
    derandomize=True, database=None, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(content=st.one_of(st.binary(max_size=60), st.text('p0.png1,;"\n\t', max_size=60)))
def test_any_csv_gives_labels_or_one_line(root: Path, content: bytes | str) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    (root / "labels.csv").write_bytes(raw)
    fault = ""
    try:
        assert find_labelled(root, "labels.csv").splits["train"]
    except DataError as error:
        fault = str(error)
    assert "\n" not in fault


def test_a_missing_csv_is_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"data\.labels_file: .*labels\.csv: no such file"):
        read(root)


@pytest.mark.parametrize(
    ("texts", "kind"),
    [(["1", "10", "2"], "i"), (["0.5", "2"], "f"), (["007", "010"], "U"), (["a", "1"], "U"),
     (["nan", "1"], "U"), (["9" * 30, "1"], "U")],
)  # fmt: skip
def test_labels_are_numbers_only_where_nothing_is_lost(texts: list[str], kind: str) -> None:
    found = as_labels(texts)
    assert found.dtype.kind == kind
    assert kind == "f" or found.astype(str).tolist() == texts


def test_numbers_are_a_regression(workspace: Path, root: Path) -> None:
    write(root, [f"p{n}.png,{n / 8}" for n in range(COUNT)])
    changes = {
        "data.name": "folder", "data.path": str(root), "data.labels_file": "labels.csv",
        "data.validation_split": 0.0,
    }  # fmt: skip
    params = change_params(workspace, changes)
    datasets.check_batch_size(change_params(workspace, {"train.batch_size": 16}), workspace)
    download.download(params, workspace)
    normalize.normalize(params, workspace)
    spec = read_spec(workspace)
    assert (spec.targets["y"].kind, spec.splits) == ("regression", {"train": 16, "test": 4})
    examples = load_examples(workspace, "train")
    np.testing.assert_array_equal(np.asarray(examples.x)[:, 0, 0] / 8, examples.y)


@pytest.mark.parametrize(
    "changes",
    [
        {"data.labels_file": "labels.csv"},
        {"data.name": "folder", "data.labels_file": "../labels.csv"},
        {"data.name": "folder", "data.labels_file": "/labels.csv"},
    ],
)
def test_labels_outside_of_the_folder_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(
        ParamsError, match=r"got labels_file .* expected null, or for the data set f"
    ):
        with_values(changes)
