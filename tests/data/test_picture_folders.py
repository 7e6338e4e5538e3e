"""Folders of pictures as people lay them out, and what is said of files that don't fit."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lockstep.data.readers.class_folders import find_by_class
from lockstep.data.readers.picture_sets import PictureOptions, load_pictures
from lockstep.data.spec import read_spec
from lockstep.errors import DataError
from lockstep.process import console
from tasks import datasets, download, normalize
from tasks.datasets import folder
from tests.support.workspaces import change_params, with_values

Read = Callable[..., dict[str, tuple[np.ndarray, np.ndarray]]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "all").mkdir()
    return tmp_path / "all"


@pytest.fixture
def lines() -> Any:
    """The lines that are said meanwhile."""
    said: list[str] = []
    with console.forwarding_to(said.append, lambda share: None):
        yield said


@pytest.fixture
def read(tmp_path: Path) -> Read:
    (tmp_path / "scratch").mkdir()

    def call(root: Path, **options: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        keys = {"size": "normalize.image_size", "skip_unreadable": "data.skip_unreadable"}
        params = with_values({keys[key]: value for key, value in options.items()})
        return dict(folder.read(root, params, tmp_path / "scratch").splits)

    return call


def add(root: Path, place: str, count: int = 5, image: Image.Image | None = None) -> None:
    """Write pictures of different levels to a folder below `root`."""
    (root / place).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (image or Image.new("L", (4, 3), number + len(place))).save(root / place / f"{number}.png")


def counts(splits: dict[str, Any]) -> dict[str, int]:
    return {split: len(x) for split, (x, _) in splits.items()}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("Train Test", {"train": 10, "test": 10}),
        ("training testing", {"train": 10, "test": 10}),
        ("train validation", {"train": 10, "validation": 10}),
        ("train val test", {"train": 10, "validation": 10, "test": 10}),
        ("TRAIN valid", {"train": 10, "validation": 10}),
        ("train", {"train": 10}),
    ],
)
def test_folders_of_splits_in_usual_spellings(
    root: Path, read: Read, names: str, expected: dict[str, int]
) -> None:
    for name in names.split():
        add(root, f"{name}/cat")
        add(root, f"{name}/dog")
    found = read(root)
    assert counts(found) == expected
    assert all(set(y) == {"cat", "dog"} for _, y in found.values())
    assert folder.count_examples(root, with_values({}).data) == expected


def test_a_class_can_be_called_train(root: Path, read: Read) -> None:
    for name in ("car", "plane", "train"):
        add(root, name)
    assert counts(read(root)) == {"train": 15}


@pytest.mark.parametrize("names", [("train", "test", "more"), ("val", "test"), ("train", "Train")])
def test_folders_that_are_neither_splits_nor_classes_are_named(
    root: Path, read: Read, names: tuple[str, ...]
) -> None:
    for name in names:
        add(root, f"{name}/cat")
    with pytest.raises(DataError, match=f"got the folders {', '.join(sorted(names))}, expected tr"):
        read(root)


def test_sub_folders_of_a_class_belong_to_it(root: Path, read: Read) -> None:
    add(root, "cat/indoors/old", 3)
    add(root, "cat/outdoors", 2)
    add(root, "dog")
    found = read(root)
    assert [np.sum(y == "cat") for _, y in found.values()] == [5]


def test_what_systems_and_people_leave_is_ignored_in_one_line(
    root: Path, read: Read, lines: list[str]
) -> None:
    for name in ("train/cat", "train/dog", "test/cat", "test/dog"):
        add(root, name)
        (root / name / "Thumbs.db").write_bytes(b"x")
    (root / "desktop.ini").write_text("x")
    (root / "__MACOSX" / "train").mkdir(parents=True)
    (root / "README.txt").write_text("x")
    (root / "train" / "LICENSE").write_text("x")
    assert counts(read(root)) == {"train": 10, "test": 10}
    (line,) = [line for line in lines if "ignored" in line]
    assert line.startswith("ignored, not pictures: 4 Thumbs.db, ")
    for each in ("1 desktop.ini", "1 __MACOSX", "1 README.txt", "1 LICENSE"):
        assert each in line


def test_hidden_files_are_counted_when_they_are_left_out(
    root: Path, tmp_path: Path, lines: list[str]
) -> None:
    add(root, "cat")
    for name in ("", "cat"):
        (root / name / ".DS_Store").write_bytes(b"x")
    (tmp_path / "raw").mkdir()
    folder.import_files(root, tmp_path / "raw")
    assert lines == ["ignored as hidden: 2 .DS_Store"]
    assert not list(tmp_path.rglob("raw/**/.DS_Store"))


@pytest.fixture
def broken(root: Path) -> Path:
    """Eight cats and eight dogs, and four files that can't be read."""
    add(root, "cat", 8)
    add(root, "dog", 8)
    (root / "cat" / "notes.txt").write_text("x")
    (root / "dog" / "a.jpg").write_bytes(b"")
    (root / "dog" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "dog" / "c.png").mkdir()
    shutil.copy(root / "cat" / "0.png", root / "dog" / "c.png" / "cut.png")
    return root


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def test_all_unreadable_files_are_counted(broken: Path, read: Read) -> None:
    with pytest.raises(DataError) as caught:
        read(broken)
    line = str(caught.value)
    assert line.startswith(f"3 of 20 files can't be read: {broken}/cat/notes.txt: not an image")
    assert line.endswith("or set data.skip_unreadable: true to leave out such files")


def test_truncated_pictures_are_counted(root: Path, read: Read) -> None:
    for name in ("cat", "dog"):
        add(root, name, 6, Image.effect_noise((30, 30), 50))
        cut(root / name / "3.png")
    with pytest.raises(
        DataError, match=r"2 of 12 files can't be read: .*3\.png: not a whole image"
    ):
        read(root, size=[3, 3])


def test_unreadable_files_are_left_out_if_asked(broken: Path, read: Read, lines: list[str]) -> None:
    found = read(broken, skip_unreadable=True)
    assert counts(found) == {"train": 17}
    start = "left out, for data.skip_unreadable: 3 of 20 files can't be read: cat/notes.txt: not an"
    assert lines[0].startswith(start)


def test_a_left_out_picture_leaves_the_same_bits_as_a_removed_one(root: Path, read: Read) -> None:
    for name in ("cat", "dog"):
        add(root, name, 6)
    add(root, "dog/more", 1, Image.effect_noise((30, 30), 50).convert("RGB"))
    cut(root / "dog" / "more" / "0.png")
    skipped = {split: x.copy() for split, (x, _) in read(root, skip_unreadable=True).items()}
    shutil.rmtree(root / "dog" / "more")
    for split, (x, _) in read(root).items():
        np.testing.assert_array_equal(skipped[split], x)


def test_a_class_without_a_readable_picture_is_refused(root: Path, read: Read) -> None:
    add(root, "cat")
    add(root, "dog")
    add(root, "emu")
    for path in (root / "dog").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the pictures of the class 'dog' can be read"):
        read(root, skip_unreadable=True)


def test_a_flat_set_of_pictures_is_told(root: Path, read: Read, lines: list[str]) -> None:
    for name in ("cat", "dog"):
        add(root, name, image=Image.new("L", (4, 3), 7))
    read(root)
    assert lines == ["all pixels of all pictures are 7: there is nothing to learn from them"]


def test_several_frames_are_told_and_the_first_is_taken(
    root: Path, read: Read, lines: list[str]
) -> None:
    for name in ("cat", "dog"):
        add(root, name)
    frames = [Image.new("L", (4, 3), level) for level in (90, 200)]
    frames[0].save(root / "cat" / "z.gif", save_all=True, append_images=frames[1:])
    found = read(root)
    assert max(int(x.max()) for x, _ in found.values()) == 90
    assert lines == ["1 of 11 pictures have several frames: the first is taken"]


def test_mixed_depths_are_named_by_a_file_of_each(root: Path, read: Read) -> None:
    add(root, "cat", image=Image.fromarray(np.full((3, 4), 4000, np.uint16)))
    add(root, "dog")
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == (
        f"{root}/cat/0.png has 16 bits, {root}/dog/0.png has 8 bits, expected one depth for all "
        "pictures; convert those of one"
    )


def test_a_class_that_only_test_has_is_told_with_its_count(root: Path, read: Read) -> None:
    for name in ("train/cat", "train/dog", "test/cat", "test/emu"):
        add(root, name)
    with pytest.raises(DataError, match=r"label is 'emu', .*has 5 files in test and none in tra"):
        read(root)


def test_a_class_that_only_train_has_is_told(workspace: Path, root: Path, lines: list[str]) -> None:
    for name in ("train/cat", "train/dog", "test/cat"):
        add(root, name)
    normalized(workspace, root)
    line = "too few examples of a class for the test split, which has none of: dog (5)"
    assert line in lines


def normalized(workspace: Path, path: Path, **changes: Any) -> Any:
    values = {"data.name": "folder", "data.path": str(path), **changes}
    params = change_params(workspace, values)
    download.download(params, workspace)
    normalize.normalize(params, workspace)
    return read_spec(workspace)


def test_a_given_validation_folder_is_the_validation_split(
    workspace: Path, root: Path, lines: list[str]
) -> None:
    for name in ("train", "val", "test"):
        for label in ("cat", "dog"):
            add(root, f"{name}/{label}", 5 if name == "train" else 2)
    spec = normalized(workspace, root)
    assert list(spec.splits.items()) == [("train", 10), ("validation", 4), ("test", 4)]
    assert "validation: the data's own 4 examples; data.validation_split isn't used" in lines
    params = change_params(workspace, {"train.batch_size": 10, "train.last_batch": "drop"})
    datasets.check_batch_size(params, workspace)
    assert not list((workspace / "data").glob(".part-*"))


def test_spec_json_tells_the_format_only_of_unusual_files(workspace: Path, root: Path) -> None:
    for name in ("cat", "dog"):
        add(root, name)
    assert normalized(workspace, root).inputs["x"].files == {}
    assert "files" not in (workspace / "data" / "ready" / "spec.json").read_text()
    spec = normalized(workspace, root, **{"normalize.background": [1, 2, 3]})
    assert spec.inputs["x"].files == {"depth": "uint8", "background": [1, 2, 3]}


def test_two_processes_leave_the_same_bits_as_one(root: Path, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        add(root, name, 50, Image.effect_noise((20, 20), 50))
    found = find_by_class(root).splits["train"]
    digests = []
    for processes in (1, 2):
        options = PictureOptions(tmp_path, size=[7, 9], processes=processes)
        pictures = load_pictures({"train": [each.path for each in found]}, options)["train"]
        digests.append(hashlib.sha256(pictures.tobytes()).hexdigest())
    assert digests[0] == digests[1]


def test_the_arrays_lie_in_the_scratch_folder(root: Path, read: Read, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        add(root, name)
    x, _ = read(root)["train"]
    assert isinstance(x, np.memmap)
    assert Path(str(x.filename)).parent == tmp_path / "scratch"
