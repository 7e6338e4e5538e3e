"""What people's files do by mistake or on purpose ends in one line with the right place."""

import gzip
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lockstep.data.readers import idx, npz_files
from lockstep.errors import DataError
from lockstep.serving.inputs import read_inputs
from tasks import datasets, download, normalize
from tasks.datasets import npz
from tests.support.loops import spec_of
from tests.support.workspaces import REPOSITORY, change_params, run, with_values

PAGE = "\n<!DOCTYPE html><html><title>Sign in</title></html>\n"


def normalized(root: Path, path: Path, **changes: Any) -> None:
    names = {"name": path.suffix[1:] or "folder", "path": str(path)} | changes
    params = change_params(root, {f"data.{key}": value for key, value in names.items()})
    download.download(params, root)
    normalize.normalize(params, root)


def bomb(path: Path, size: int) -> None:
    """Write an .npz with `size` zeros, packed a thousandfold."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x", "y"):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                shape = {"shape": (size,), "fortran_order": False, "descr": "|u1"}
                np.lib.format.write_array_header_1_0(file, shape)
                for _ in range(0, size, 2**20):
                    file.write(bytes(2**20))


def test_a_zip_bomb_is_refused_by_its_headers(tmp_path: Path) -> None:
    bomb(tmp_path / "bomb.npz", 2**29)
    assert (tmp_path / "bomb.npz").stat().st_size < 2**21
    lines = (
        "import sys, pathlib as p; from tasks.datasets import npz; "
        "npz.read(p.Path(sys.argv[1]), 0, 0)"
    )
    limited = subprocess.run(
        [sys.executable, "-c", lines, tmp_path],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (2**29, 2**29)),
    )
    assert "that unpack to 1,073,742,080, expected" in limited.stderr
    assert "if the data are right, save them by np.savez" in limited.stderr


def test_a_header_that_lies_about_the_shape_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "lie.npz", "w") as archive, archive.open("x.npy", "w") as file:
        shape = {"shape": (10**12,), "fortran_order": False, "descr": "<f8"}
        np.lib.format.write_array_header_1_0(file, shape)
    with pytest.raises(DataError, match="unpack to 8,000,000,000,000"):
        npz.read(tmp_path, with_values({}), tmp_path)


def test_well_packed_data_are_accepted(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "zeros.npz", x=np.zeros((10**6, 2)), y=np.arange(10**6) % 2)
    assert npz_files.load_arrays(tmp_path / "zeros.npz")["x"].shape == (10**6, 2)


def packed_idx(path: Path, *shape: int, count: int) -> None:
    """Write a gzipped IDX file whose header says a shape, before a number of zeros."""
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape))
        for _ in range(0, count, 2**20):
            file.write(bytes(min(count, 2**20)))


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    packed_idx(tmp_path / "x.gz", 10, count=2**28)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"more, expected 18 bytes for \(10,\)"):
        idx.read(tmp_path / "x.gz")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**26 / 1024


@pytest.mark.parametrize("shape", [(2**32 - 1, 2**10, 2**10), (2**29,), (2**31,)])
def test_an_idx_header_that_lies_is_refused_before_memory_is_taken(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    packed_idx(tmp_path / "x.gz", *shape, count=2**10)
    with pytest.raises(DataError, match=r"bytes that unpack to .* download it again"):
        idx.read(tmp_path / "x.gz")


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_a_page_is_called_a_page(workspace: Path, tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"mine{suffix}").write_text(PAGE)
    with pytest.raises(DataError, match="got an HTML page, expected data"):
        normalized(workspace, tmp_path / f"mine{suffix}")
    dataset = datasets.find(suffix[1:])
    with pytest.raises(DataError, match="got an HTML page, expected data"):
        dataset.check(tmp_path / f"mine{suffix}", None)


def test_a_page_among_images_is_called_a_page(workspace: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "all" / name).mkdir(parents=True)
        for number in range(5):
            Image.new("L", (4, 4)).save(tmp_path / "all" / name / f"{number}.png")
    (tmp_path / "all" / "b" / "3.png").write_text(PAGE)
    with pytest.raises(DataError, match=r"all/b/3\.png: got an HTML page, expected data"):
        normalized(workspace, tmp_path / "all")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_page_to_predict_is_called_a_page(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"x{suffix}").write_text(PAGE)
    with pytest.raises(DataError, match="got an HTML page, expected data"):
        read_inputs(tmp_path / f"x{suffix}", spec_of([4, 4], "ab"), with_values({}).data)


def test_an_array_to_predict_that_lies_about_its_shape_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        shape = {"shape": (10**9, 4, 4), "fortran_order": False, "descr": "<f8"}
        np.lib.format.write_array_header_1_0(file, shape)
    with pytest.raises(DataError, match="incomplete, or not plain arrays"):
        read_inputs(tmp_path / "x.npy", spec_of([4, 4], "ab"), with_values({}).data)


@pytest.mark.parametrize("row", [0, 7, 39])
def test_an_example_of_an_npz_has_its_index_in_the_file(
    workspace: Path, tmp_path: Path, row: int
) -> None:
    x = np.ones((40, 3))
    x[row, 1] = np.nan
    np.savez(tmp_path / "mine.npz", x=x, y=np.arange(40) % 2)
    with pytest.raises(DataError) as caught:
        normalized(workspace, tmp_path / "mine.npz")
    assert str(caught.value) == (
        f"{tmp_path}/mine.npz: example {row}: input is nan at [1], expected a finite number"
    )


@pytest.mark.parametrize("blank", [0, 2])
def test_an_example_of_a_csv_has_its_row_in_the_file(
    workspace: Path, tmp_path: Path, blank: int
) -> None:
    labels = ["a", "b"] * 20
    lines = [*["a,b", *[""] * blank], *(f"{n},{label}" for n, label in enumerate(labels))]
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    (folder / "test.csv").write_text("\n".join([*lines, "40,only here"]) + "\n")
    with pytest.raises(DataError) as caught:
        normalized(workspace, folder, name="csv")
    assert str(caught.value).startswith(
        f"{folder}/test.csv: row {len(lines) + 1}: label is 'only here', expected one of a, b"
    )


@pytest.mark.parametrize("blank", [0, 2])
def test_a_short_row_of_a_csv_has_its_number(tmp_path: Path, blank: int) -> None:
    (tmp_path / "short.csv").write_text("a,b\n" + "\n" * blank + "1,2\n3,4\n5,6\n7\n")
    with pytest.raises(DataError, match=rf"row {5 + blank} has 1 cells, expected 2"):
        datasets.find("csv").read(tmp_path, with_values({}), tmp_path)


def test_an_image_of_an_unknown_class_is_named(workspace: Path, tmp_path: Path) -> None:
    for split, names in (("train", "ab"), ("test", "ac")):
        for name in names:
            (tmp_path / "all" / split / name).mkdir(parents=True)
            Image.new("L", (4, 4)).save(tmp_path / "all" / split / name / "0.png")
    with pytest.raises(DataError, match=r"all/test/c/0\.png: label is 'c', expected one of a, b"):
        normalized(workspace, tmp_path / "all")


@pytest.mark.parametrize("name", ["digits", "diabetes", "line", "two_rows", "two_views"])
def test_the_number_of_training_examples_is_as_declared(workspace: Path, name: str) -> None:
    download.download(change_params(workspace, {"data.name": name}), workspace)
    dataset = datasets.find(name)
    y = dataset.read(workspace / "data" / "raw")["train"][1]
    y = next(iter(y.values())) if isinstance(y, dict) else y
    assert len(y) == dataset.TRAIN_EXAMPLES


def test_the_users_examples_are_counted(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a,b\n\n" + "1,2\n" * 12)
    np.savez(tmp_path / "mine.npz", x=np.ones((12, 2)), y=np.arange(12))
    for name in "ab":
        (tmp_path / "all" / name).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "all" / name / f"{number}.png").touch()
    counted = {
        name: datasets.find(name).count_examples(tmp_path / file, with_values({}).data)["train"]
        for name, file in (("csv", "mine.csv"), ("npz", "mine.npz"), ("folder", "all"))
    }
    assert counted == {"csv": 12, "npz": 12, "folder": 12}


@pytest.mark.parametrize(
    ("overrides", "left"),
    [(["train.batch_size=1294"], 1293), (["data.name=mnist", "train.batch_size=54001"], 54000)],
)
def test_a_batch_larger_than_the_data_is_refused_before_prefect_starts(
    make_workspace: Callable[..., Path], overrides: list[str], left: int
) -> None:
    slow = "tensorflow,prefect,mlflow,dvc"
    drop = "train.last_batch=drop"
    ended = run(make_workspace(), "lockstep", "run", drop, *overrides, LOCKSTEP_FORBIDDEN=slow)
    size = overrides[-1].partition("=")[2]
    assert (ended.returncode, ended.stdout) == (
        2,
        f"lockstep run: train.batch_size: got {size}, expected at most the {left} examples of the "
        "training split, or train.last_batch keep\n",
    )
