"""Labels of pictures in a CSV: what names which file, and what is said of rows that don't fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lockstep.data.readers.file_labels import as_labels, find_labelled
from lockstep.data.spec import load_examples, read_spec
from lockstep.errors import DataError, LockstepError, ParamsError
from lockstep.process import console
from tasks import datasets, download, normalize
from tasks.datasets import folder
from tests.data.test_user_files import normalized
from tests.support.workspaces import change_params, with_values

Read = Callable[..., dict[str, tuple[np.ndarray, np.ndarray]]]
COUNT = 20
LABELLED = {"data.name": "folder", "data.labels_file": "labels.csv"}
DATA = with_values(LABELLED).data
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
    return dict(folder.read(root, with_values({**LABELLED, **changes}), scratch).splits)


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
    assert folder.count_examples(root, DATA) == {"train": 20}


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
        assert find_labelled(root, DATA).splits["train"]
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
    datasets.check_batch_size(
        change_params(workspace, {"train.batch_size": 16, "train.last_batch": "drop"}), workspace
    )
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
        ParamsError, match=r"got labels_file .* expected null, or for the data sets"
    ):
        with_values(changes)


def examples_of(workspace: Path, path: Path, rows: list[str], **changes: Any) -> dict[str, Any]:
    """Write the CSV of labels, and return the splits of the stage normalize."""
    write(path, rows)
    data = {"labels_file": "labels.csv", "name": "folder", "validation_split": 0.25} | changes
    spec = normalized(workspace, path, **data)
    return {split: load_examples(workspace, split) for split in spec.splits}


WITH_PATIENTS = [
    "name,kind,patient,share,day",
    *(f"p{n}.png,{LABELS[n]},m{n // 2 % 5},{n / 4},2024-01-{n + 1:02}" for n in range(COUNT)),
]


def numbers_in(examples: Any) -> list[int]:
    return sorted(np.asarray(examples.x)[:, 0, 0].tolist())


def test_a_group_of_pictures_is_in_one_split_only(workspace: Path, root: Path) -> None:
    more = {"group": "patient", "sample_weight": "share", "target": "kind"}
    found = examples_of(workspace, root, WITH_PATIENTS, **more)
    patients = [{n // 2 % 5 for n in numbers_in(each)} for each in found.values()]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 5
    assert len(patients) == 3
    for each in found.values():
        np.testing.assert_array_equal(np.asarray(each.x)[:, 0, 0] / 4, each.sample_weight)
        np.testing.assert_array_equal(np.asarray(each.x)[:, 0, 0] % 2 == 0, each.y)


def test_the_latest_pictures_are_for_testing(workspace: Path, root: Path, lines: Any) -> None:
    rows = [row.replace("kind,patient,share,day", "a,b,kind,day") for row in WITH_PATIENTS]
    found = examples_of(workspace, root, rows, time="day", target_kind="regression")
    assert numbers_in(found["test"]) == [16, 17, 18, 19]
    assert (
        "the target is column 'kind', the last that isn't data.time; data.target names"
        in "".join(lines)
    )
    assert np.asarray(found["test"].y).max() == 19 / 4


def test_keys_stay_with_their_pictures_if_some_are_left_out(workspace: Path, root: Path) -> None:
    (root / "images" / "p3.png").write_bytes(b"broken")
    more = {"group": "patient", "sample_weight": "share", "target": "kind"}
    found = examples_of(workspace, root, WITH_PATIENTS, skip_unreadable=True, **more)
    assert sum(each.size for each in found.values()) == COUNT - 1
    for each in found.values():
        np.testing.assert_array_equal(np.asarray(each.x)[:, 0, 0] / 4, each.sample_weight)


def test_groups_of_texts(workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number}.txt").write_text(f"letter {number}", encoding="utf-8")
    rows = ["file,writer,kind", *(f"{n}.txt,w{n % 5},{LABELS[n]}" for n in range(COUNT))]
    found = examples_of(workspace, folder, rows, name="texts", group="writer")
    assert {split: each.size for split, each in found.items()} == {
        "train": 12, "validation": 4, "test": 4,
    }  # fmt: skip
    assert np.asarray(found["test"].y).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("cell", "changes", "line"),
    [
        (("patient", ""), {"group": "patient"}, "csv: row 9: column 'patient' is missing"),
        (("share", "x"), {"sample_weight": "share"}, "csv: row 9: column 'share' is 'x', exp"),
        (("share", "-1"), {"sample_weight": "share"}, r"csv: row 9: sample weight is -1\.0"),
        (("share", "1"), {"group": "doctor"}, r"data\.group: got 'doctor', expected one of"),
        (("share", "1"), {"target": ["kind", "day"]}, r"got \['kind', 'day'\] for a labels"),
        (("kind", ""), {"target": "kind"}, r"row 9 is \['p7\.png', '', .*expected a file"),
    ],
)  # fmt: skip
def test_a_column_that_cant_be_that_names_its_row(
    workspace: Path, root: Path, cell: tuple[str, str], changes: dict[str, Any], line: str
) -> None:
    rows = [row.split(",") for row in WITH_PATIENTS]
    rows[8][rows[0].index(cell[0])] = cell[1]
    changes = {"target": "kind"} | changes
    with pytest.raises(LockstepError, match=line):
        examples_of(workspace, root, [",".join(row) for row in rows], **changes)
