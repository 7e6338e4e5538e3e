"""The user's own data (a folder of images, a CSV, an .npz), read by setting parameters only."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lockstep.data.arrays import store_numbers
from lockstep.data.readers.images import load_image
from lockstep.data.readers.pixels import PictureFormat
from lockstep.data.spec import Spec, load_examples, read_spec
from lockstep.errors import DataError, LockstepError
from tasks import download, normalize
from tasks.datasets import npz
from tests.support.workspaces import SMALL, champion, change_params, run, run_stages, with_values

RANDOM = np.random.default_rng(0)
CITIES = ("Bonn", "Oslo", "Rome")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten images of two classes: bright and dark ones."""
    directory = tmp_path / "pictures"
    for name, low in (("bright", 150), ("dark", 0)):
        (directory / name).mkdir(parents=True)
        for number in range(5):
            pixels = RANDOM.integers(low, low + 100, (6, 8), np.uint8)
            Image.fromarray(pixels).save(directory / name / f"{number}.png")
    return directory


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """A CSV of numbers and text that determine the price."""
    path = tmp_path / "houses.csv"
    lines = ["rooms,city,area,price"]
    for number in range(60):
        rooms, city = number % 12 + 1, CITIES[number % 3]
        lines.append(f"{rooms},{city},{number / 2},{rooms * 10 + len(city) + number / 4}")
    path.write_text("\n".join(lines) + "\n")
    return path


def normalized(root: Path, path: Path, **changes: Any) -> Spec:
    names = {"name": path.suffix[1:] or "folder", "path": str(path)} | changes
    keys = {"size": "normalize.image_size"}
    params = change_params(root, {keys.get(key, f"data.{key}"): v for key, v in names.items()})
    download.download(params, root)
    normalize.normalize(params, root)
    return read_spec(root)


def test_sub_folders_are_classes(workspace: Path, pictures: Path) -> None:
    spec = normalized(workspace, pictures)
    assert (spec.inputs["x"].kind, spec.inputs["x"].shape) == ("image", [6, 8])
    assert (spec.targets["y"].classes, spec.splits["test"]) == (["bright", "dark"], 2)
    train = load_examples(workspace, "train")
    brightness = np.asarray(train.x).mean(axis=(1, 2))
    np.testing.assert_array_equal(brightness < 125, train.y)


def test_a_test_folder_is_the_test_split(workspace: Path, pictures: Path) -> None:
    (pictures / "train").mkdir()
    for name in ("bright", "dark"):
        (pictures / name).rename(pictures / "train" / name)
    shutil.copytree(pictures / "train", pictures / "test")
    assert normalized(workspace, pictures, validation_split=0.0).splits == {"train": 10, "test": 10}


def test_images_are_resized_and_are_rgb_if_any_is(workspace: Path, pictures: Path) -> None:
    Image.new("RGB", (20, 30), "red").save(pictures / "dark" / "red.jpg")
    spec = normalized(workspace, pictures, size=[4, 5])
    assert spec.inputs["x"].shape == [4, 5, 3]


@pytest.mark.parametrize("content", [b"a text", b"", b"\x89PNG\r\n\x1a\n", "cut"])
def test_a_broken_image_is_reported_with_its_path(
    workspace: Path, pictures: Path, content: bytes | str
) -> None:
    whole = (pictures / "dark" / "0.png").read_bytes()
    odd = whole[:-30] if content == "cut" else content
    (pictures / "dark" / "odd.png").write_bytes(odd)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"dark/odd\.png: (not an image|not a whole image)"):
        normalized(workspace, pictures)
    assert not (workspace / "data" / "ready").exists()


@pytest.mark.parametrize(
    ("odd", "line"),
    [
        (
            lambda directory: (directory / "notes.csv").write_text("x"),
            "notes.csv: a file, expected only",
        ),
        (
            lambda directory: (directory / "empty").mkdir(),
            "expected sub-folders|empty, expected files",
        ),
        (lambda directory: (directory / "dark" / "deep.txt").write_text("x"), "deep.txt: not an"),
        (lambda directory: shutil.rmtree(directory / "dark"), "two classes or more"),
        (
            lambda directory: (directory / "dark" / "out").symlink_to("/etc/hostname"),
            "links to /etc",
        ),
        (
            lambda directory: os.mkfifo(directory / "dark" / "pipe"),
            "pipe: neither a file nor a folder",
        ),
        (
            lambda directory: Image.new("L", (3, 3)).save(directory / "dark" / "z.png"),
            "z.png: 3x3 pixels, expected 6x8",
        ),
    ],
    ids=["beside", "empty", "deep", "one-class", "symlink", "pipe", "size"],
)
def test_an_unexpected_entry_in_a_folder_is_reported_with_its_path(
    workspace: Path, pictures: Path, odd: Callable[[Path], Any], line: str
) -> None:
    odd(pictures)
    with pytest.raises(DataError, match=line) as caught:
        normalized(workspace, pictures)
    assert caught.value.exit_code == 3


def test_hidden_files_are_left_out(workspace: Path, pictures: Path) -> None:
    (pictures / ".DS_Store").write_text("x")
    assert sum(normalized(workspace, pictures).splits.values()) == 10


def test_a_table_of_numbers_and_text(workspace: Path, houses: Path) -> None:
    spec = normalized(workspace, houses)
    columns = spec.inputs["x"].columns
    assert [each.kind for each in columns.values()] == ["number", "category", "number"]
    assert columns["city"].categories == ["", *CITIES]
    assert (spec.input_shape, spec.targets["y"].kind) == ((6,), "regression")
    table = np.asarray(load_examples(workspace, "test").x)
    numbers = 2 * table[:, 2]
    np.testing.assert_array_equal(table[:, 0], numbers % 12 + 1)
    np.testing.assert_array_equal(table[:, 1], numbers % 3 + 1)


def test_categories_are_one_hot_encoded_and_numbers_scaled(
    workspace: Path, houses: Path, tensorflow: Any
) -> None:
    from lockstep.modeling import preprocessing

    spec = normalized(workspace, houses)
    found = preprocessing.layers(spec)(np.array([[12, 3, 29.5], [1, 0, 0.5]], np.float32)).numpy()
    np.testing.assert_allclose(found[:, :5], [[1, 0, 0, 0, 1], [0, 1, 0, 0, 0]], atol=1e-5)
    low, high = (spec.inputs["x"].statistics[name][2] for name in ("minimum", "maximum"))
    np.testing.assert_allclose(found[:, 5], (np.array([29.5, 0.5]) - low) / (high - low), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "kind", "classes"),
    [
        ({"target": "city"}, "classification", list(CITIES)),
        ({"target": "rooms"}, "classification", [str(each) for each in range(1, 13)]),
        ({"target": "rooms", "target_kind": "regression"}, "regression", []),
    ],
)
def test_the_target_is_chosen_by_name(
    workspace: Path, houses: Path, changes: dict[str, Any], kind: str, classes: list[str]
) -> None:
    target = normalized(workspace, houses, **changes).targets["y"]
    assert (target.kind, target.classes) == (kind, classes)


def test_files_of_both_splits(workspace: Path, houses: Path, tmp_path: Path) -> None:
    directory = tmp_path / "tables"
    directory.mkdir()
    for name in ("train", "test"):
        shutil.copy(houses, directory / f"{name}.csv")
    spec = normalized(workspace, directory, name="csv", validation_split=0.0)
    assert spec.splits == {"train": 60, "test": 60}


def test_a_column_missing_in_the_test_file_is_reported(workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "train.csv").write_text("a,b\n" + "".join(f"{n / 3},{n / 2}\n" for n in range(20)))
    (folder / "test.csv").write_text("a,c\n1,2\n3,4\n")
    with pytest.raises(DataError, match="test split: no column 'b', expected it as in train"):
        normalized(workspace, folder, name="csv")


def test_a_class_missing_in_the_training_file_is_reported(workspace: Path, tmp_path: Path) -> None:
    directory = tmp_path / "tables"
    directory.mkdir()
    (directory / "train.csv").write_text("a,b\n1,x\n2,y\n")
    (directory / "test.csv").write_text("a,b\n1,z\n")
    with pytest.raises(DataError, match=r"test\.csv: row 2: label is 'z', expected one of x"):
        normalized(workspace, directory, name="csv", validation_split=0.0)


def test_a_missing_target_column_is_reported(workspace: Path, houses: Path) -> None:
    with pytest.raises(LockstepError, match=r"data\.target: got 'prize', .* did you mean price"):
        normalized(workspace, houses, target="prize")


def test_arrays_with_and_without_a_test_split(workspace: Path, tmp_path: Path) -> None:
    x, y = RANDOM.random((10, 3)), np.array(["a", "b"] * 5)
    np.savez(tmp_path / "whole.npz", x=x, y=y)
    spec = normalized(workspace, tmp_path / "whole.npz")
    assert (spec.splits["test"], spec.targets["y"].classes) == (2, ["a", "b"])
    np.savez(tmp_path / "split.npz", x_train=x, y_train=y[:, None], x_test=x[:3], y_test=y[:3])
    assert normalized(workspace, tmp_path / "split.npz", validation_split=0.0).splits["test"] == 3


def test_arrays_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "marker",))

    np.savez(tmp_path / "bomb.npz", x=np.array([Bomb()] * 5, object), y=np.arange(5))
    with pytest.raises(DataError, match="of plain arrays"):
        npz.read(tmp_path, with_values({}), tmp_path)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut"])
def test_a_broken_npz_is_reported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"truncated or no|not a complete"):
        npz.read(tmp_path, with_values({}), tmp_path)


@pytest.mark.parametrize(
    ("name", "file", "other"),
    [("csv", "a.jsonl", "table"), ("table", "a.tsv", "csv"), ("csv", "train/train.npz", "npz")],
)
def test_a_file_of_another_kind_of_data_names_it(
    workspace: Path, tmp_path: Path, name: str, file: str, other: str
) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    source = path if path.parent == tmp_path else path.parent
    with pytest.raises(DataError, match=rf"; or set data\.name to {other}, which takes it$"):
        normalized(workspace, source, name=name)


def test_unexpected_arrays_are_reported(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", images=np.zeros(3))
    with pytest.raises(DataError, match="contains images, expected x_train"):
        npz.read(tmp_path, with_values({}), tmp_path)


def test_a_missing_path_is_bad_data_for_the_command(workspace: Path) -> None:
    change_params(workspace, {"data.name": "folder", "data.path": "/nowhere"})
    ended = run(workspace, sys.executable, "-m", "tasks", "download")
    assert (ended.returncode, ended.stdout) == (
        3,
        "download: data.path: /nowhere: no such file or folder, expected your data there\n",
    )


@pytest.mark.system
def test_a_table_trains_and_its_champion_takes_raw_rows(
    make_workspace: Callable[..., Path], houses: Path, tensorflow: Any
) -> None:
    import pandas as pd

    changes = {"data.name": "csv", "data.path": str(houses), "register.metric": "r2"}
    root = make_workspace({**SMALL, **changes, "register.threshold": -100.0, "train.batch_size": 8})
    run_stages(root)
    scores = json.loads((root / "report" / "metrics.json").read_text())["test"]
    assert {"loss", "mae", "r2", "rmse"} <= set(scores)
    rooms, city, area = np.asarray(load_examples(root, "test").x[0], float).tolist()
    known = CITIES[int(city) - 1]
    rows = {"rooms": [rooms] * 2, "city": [known, "Paris"], "area": [area] * 2}
    found = champion(root).predict(pd.DataFrame(rows))
    assert found[0] == pytest.approx(np.load(root / "report" / "outputs.npy")[0], abs=1e-4)
    assert found[1] != found[0]  # an unknown city is encoded as none of the known ones


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    image = Image.new("L", (4, 2))
    exif = image.getexif()
    exif[0x0112] = 6  # rotated by 90 degrees
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert load_image(tmp_path / "turned.jpg", PictureFormat("L"), (4, 2), resize=False).shape == (
        4,
        2,
    )


def test_numbers_are_no_text() -> None:
    with pytest.raises(DataError, match=r"can't be taken for text: expected one of table, image"):
        store_numbers({"train": np.zeros((4, 3))}, "text")


def test_a_mask_of_fractions_is_reported(workspace: Path, tmp_path: Path) -> None:
    pictures = np.arange(10 * 4 * 4).reshape(10, 4, 4) / 3
    np.savez(tmp_path / "mine.npz", x=pictures, y=pictures)
    with pytest.raises(DataError, match="got mask for fractions, expected whole numbers"):
        normalized(workspace, tmp_path / "mine.npz", target_kind="mask")


def test_the_classes_of_a_mask_are_counted_in_a_line(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = np.arange(10 * 4 * 4, dtype=np.uint8).reshape(10, 4, 4) % 3
    np.savez(tmp_path / "mine.npz", x=masks * 80, y=masks)
    normalized(workspace, tmp_path / "mine.npz", target_kind="mask")
    assert f"targets of {tmp_path}/mine.npz: mask, 3 classes\n" in capsys.readouterr().err
