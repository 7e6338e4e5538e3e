"""Predictions read picture files exactly as training read them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lockstep.data.spec import Spec, load_examples, read_spec
from lockstep.errors import DataError
from lockstep.serving.inputs import read_inputs
from lockstep.serving.predict import predict_file
from tasks import download, normalize
from tests.support.workspaces import change_params, load, run_stages, with_values

RANDOM = np.random.default_rng(0)
SIZE = (6, 5)


def deep(path: Path) -> Path:
    Image.fromarray(RANDOM.integers(0, 60_000, SIZE, np.uint16)).save(path)
    return path


def cut_out(path: Path) -> Path:
    Image.fromarray(RANDOM.integers(0, 256, (*SIZE, 4), np.uint8)).save(path)
    return path


def palette(path: Path) -> Path:
    image = Image.fromarray(RANDOM.integers(0, 256, (*SIZE, 3), np.uint8))
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(path, transparency=1)
    return path


def ink(path: Path) -> Path:
    path = path.with_suffix(".tif")
    Image.fromarray(RANDOM.integers(0, 256, (*SIZE, 4), np.uint8), "CMYK").save(path)
    return path


def floats(path: Path) -> Path:
    path = path.with_suffix(".tif")
    Image.fromarray(RANDOM.normal(size=SIZE).astype(np.float32)).save(path)
    return path


def folder_of(root: Path, write: Callable[[Path], Path]) -> Path:
    for split in ("train", "test"):
        for label in ("cat", "dog"):
            (root / split / label).mkdir(parents=True)
            for number in range(4):
                write(root / split / label / f"{number}.png")
    return root


def normalized(workspace: Path, path: Path) -> Spec:
    changes = {
        "data.name": "folder", "data.path": str(path), "normalize.background": [9, 120, 30],
        "data.validation_split": 0.0,
    }  # fmt: skip
    params = change_params(workspace, changes)
    download.download(params, workspace)
    normalize.normalize(params, workspace)
    return read_spec(workspace)


@pytest.mark.parametrize("write", [deep, cut_out, palette, ink, floats])
def test_files_are_read_with_the_levels_that_are_stored(
    workspace: Path, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    path = folder_of(tmp_path / "all", write)
    spec = normalized(workspace, path)
    found = read_inputs(path / "test", spec, with_values({}).data).inputs[:]
    stored = np.asarray(load_examples(workspace, "test").x)
    assert found.dtype == stored.dtype
    np.testing.assert_array_equal(found, stored)


def test_a_file_of_another_depth_is_refused(workspace: Path, tmp_path: Path) -> None:
    spec = normalized(workspace, folder_of(tmp_path / "all", deep))
    Image.new("L", SIZE[::-1]).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: a picture of 8 bits, expected 16 bits as in the"):
        read_inputs(tmp_path / "a.png", spec, with_values({}).data).inputs[:]


def test_what_systems_leave_among_pictures_is_not_predicted(
    workspace: Path, tmp_path: Path
) -> None:
    path = folder_of(tmp_path / "all", cut_out)
    spec = normalized(workspace, path)
    (path / "test" / "Thumbs.db").write_bytes(b"x")
    (path / "test" / "__MACOSX").mkdir()
    (path / "test" / "__MACOSX" / "0.png").write_bytes(b"x")
    assert len(read_inputs(path / "test", spec, with_values({}).data).positions) == 8


def test_a_model_predicts_files_of_16_bits(
    make_workspace: Callable[..., Path], tmp_path: Path, tensorflow: Any
) -> None:
    from lockstep.modeling import preprocessing
    from lockstep.modeling.model import make_model_with

    path = folder_of(tmp_path / "all", deep)
    root = make_workspace(
        {"data.name": "folder", "data.path": str(path), "model.name": "mlp", "train.epochs": 1,
         "data.validation_split": 0.0}
    )  # fmt: skip
    run_stages(root, "download", "normalize", "build")
    weights = root / "weights" / "best.weights.h5"
    shutil.copy(root / "weights" / "initial.weights.h5", weights)
    text = predict_file(load(root), root, "best", path / "test", None)
    found = [float(line.split(",")[3]) for line in text.splitlines()[1:]]
    spec = read_spec(root)
    stored = np.asarray(load_examples(root, "test").x)
    model = make_model_with(load(root), spec, weights)
    expected = np.asarray(model(preprocessing.layers(spec)(stored)))[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
