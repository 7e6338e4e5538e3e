"""Predictions for the user's files, and the messages for files that don't fit."""

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lockstep.data.spec import load_examples, read_spec
from lockstep.data.strata import draw
from lockstep.errors import DataError, ParamsError
from lockstep.serving.export import export_model
from lockstep.serving.locate import SUFFIXES
from lockstep.serving.predict import predict_file
from pipelines.cli.__main__ import make_parser
from tests.support.workspaces import load, run, run_stages

RANDOM = np.random.default_rng(0)
COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def make_own(make_workspace: Callable[..., Path], tensorflow: Any) -> Callable[..., Path]:
    """Return a function that makes a workspace of user data, with the initial weights as best."""

    def make(name: str, path: Path | None = None, **changes: Any) -> Path:
        location = {"data.path": str(path)} if path else {}
        root = make_workspace({"data.name": name, "model.name": "mlp", **location, **changes}, name)
        run_stages(root, "download", "normalize", "build")
        weights = root / "weights"
        shutil.copy(weights / "initial.weights.h5", weights / "best.weights.h5")
        return root

    return make


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of colour pictures in two classes."""
    directory = tmp_path_factory.mktemp("pictures")
    for name in ("cat", "dog"):
        (directory / name).mkdir()
        for number in range(10):
            pixels = RANDOM.integers(0, 256, (6, 5, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(directory / name / f"{number}.png")
    return directory


@pytest.fixture(scope="module")
def of_pictures(make_own: Callable[..., Path], pictures: Path) -> Path:
    return make_own("folder", pictures)


@pytest.fixture(scope="module")
def of_rows(make_own: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of numbers and text with a numeric target."""
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    lines = [f"{x:.3f},{COLOURS[at % 3]},{2 * x}" for at, x in enumerate(RANDOM.normal(size=40))]
    path.write_text("\n".join(["size,colour,price", *lines]))
    return make_own("csv", path)


@pytest.fixture(scope="module")
def of_texts(make_own: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.npz"
    x = np.array([f"a {word} film" for word in ("good", "bad") * 20])
    np.savez(path, x=x, y=np.array(["pos", "neg"] * 20))
    changes = {"normalize.sequence_length": 6, "model.name": "lstm", "model.lstm": {"units": 4}}
    return make_own("npz", path, **changes)


def predict(root: Path, model: str, file: Path | str, to: Path | None = None) -> list[dict]:
    text = predict_file(load(root), root, model, Path(file), to)
    if to:
        assert to.read_text() == text
    return list(csv.DictReader(io.StringIO(text)))


def numbers(rows: list[dict], *names: str) -> np.ndarray:
    return np.array([[row[name] for name in names] for row in rows], np.float32)


@pytest.mark.system
def test_arrays_get_the_labels_and_probabilities_of_evaluation(
    judged: Path, tmp_path: Path
) -> None:
    file = judged / "data" / "ready" / "test_x.npy"
    rows = predict(judged, "best", file, tmp_path / "new" / "out.csv")
    assert list(rows[0]) == ["input", "label", *map(str, range(10))]
    assert [row["input"] for row in rows] == [str(each) for each in range(360)]
    found = numbers(rows, *map(str, range(10)))
    np.testing.assert_allclose(found, np.load(judged / "report" / "outputs.npy"), atol=1e-6)
    with (judged / "report" / "predictions.csv").open() as lines:
        assert [row["label"] for row in rows] == [row["predicted"] for row in csv.DictReader(lines)]


def test_probabilities_keep_all_their_digits(judged: Path) -> None:
    file = judged / "data" / "ready" / "test_x.npy"
    rows = predict(judged, "best", file)
    again = numbers(predict(judged, "best", file), *map(str, range(10)))
    assert (numbers(rows, *map(str, range(10))) == again).all()
    # Nine significant digits represent a float32 exactly.
    assert max(len(row["0"].partition("e")[0].replace(".", "").lstrip("0")) for row in rows) == 9


@pytest.mark.parametrize("kind", list(SUFFIXES))
def test_each_format_predicts_the_same(judged: Path, tmp_path: Path, kind: str) -> None:
    file, path = tmp_path / "x.npz", tmp_path / ("mine" + SUFFIXES[kind])
    np.savez(file, x=load_examples(judged, "test").x[:50].astype(float), more=[1])
    export_model(load(judged), judged, "best", kind, path)
    assert predict(judged, str(path), file) == predict(judged, "best", file)


def test_pictures_are_made_to_fit(of_pictures: Path, pictures: Path, tmp_path: Path) -> None:
    rows = predict(of_pictures, "best", pictures)
    assert len(rows) == 20
    assert rows[0]["input"] == str(pictures / "cat" / "0.png")
    np.testing.assert_allclose(numbers(rows, "cat", "dog").sum(axis=1), 1, atol=1e-6)
    for row in rows:
        assert row["label"] == max(("cat", "dog"), key=lambda name: float(row[name]))
    with Image.open(pictures / "cat" / "0.png") as image:
        image.resize((50, 60), Image.Resampling.NEAREST).save(tmp_path / "large.bmp")
        image.convert("L").save(tmp_path / "grey.png")
    for name in ("large.bmp", "grey.png"):
        (row,) = predict(of_pictures, "best", tmp_path / name)
        assert row["label"] in ("cat", "dog")


def test_an_odd_file_among_pictures_is_named(
    of_pictures: Path, pictures: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "some"
    shutil.copytree(pictures, directory)
    odd = directory / "cat" / "5.png"
    odd.write_bytes(odd.read_bytes()[:60])
    with pytest.raises(DataError, match=f"{odd}: not a whole image"):
        predict(of_pictures, "best", directory)
    odd.write_text("dear cat")
    with pytest.raises(DataError, match=f"{odd}: not an image"):
        predict(of_pictures, "best", directory)


def test_image_files_do_not_have_the_levels_of_digits(judged: Path, pictures: Path) -> None:
    with pytest.raises(DataError, match=r"0.png: digits has levels up to 16, .* expected .npy"):
        predict(judged, "best", pictures / "cat" / "0.png")


def test_rows_get_values(of_rows: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("more;colour;size\nx;red;0.5\nx;never seen;0.5\ny;blue;-1\n")
    rows = predict(of_rows, "best", file)
    assert [list(row) for row in rows] == [["input", "value"]] * 3
    assert [row["input"] for row in rows] == ["2", "3", "4"]
    assert len({row["value"] for row in rows}) == 3
    assert predict(of_rows, "best", file.rename(tmp_path / "new.txt")) == rows


def test_raw_test_rows_give_the_values_of_stored_ones(of_rows: Path) -> None:
    from lockstep.modeling import preprocessing
    from lockstep.modeling.model import make_model_with

    values, spec = load(of_rows), read_spec(of_rows)
    rows = predict(of_rows, "best", next((of_rows / "data" / "raw").iterdir()))
    test = draw(len(rows), load_examples(of_rows, "test").size, np.random.default_rng(0))
    model = make_model_with(values, spec, of_rows / "weights" / "best.weights.h5")
    stored = np.asarray(load_examples(of_rows, "test").x)
    expected = np.asarray(model(preprocessing.layers(spec)(stored)))
    found = numbers(rows, "value")[test]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_texts_get_labels(of_texts: Path, tmp_path: Path) -> None:
    file = tmp_path / "reviews.txt"
    file.write_text("\ufeffA GOOD film\r\n\r\na bad film\nnobody's words", encoding="utf-8")
    rows = predict(of_texts, "best", file)
    assert list(rows[0]) == ["input", "label", "neg", "pos"]
    assert [row["input"] for row in rows] == ["1", "3", "4"]
    assert len({row["pos"] for row in rows}) == 3
    np.save(tmp_path / "texts.npy", np.array(["a good film"]))
    (row,) = predict(of_texts, "best", tmp_path / "texts.npy")
    assert row["pos"] == rows[0]["pos"]


@pytest.mark.parametrize("kind", ["keras", "savedmodel"])
def test_several_inputs_and_targets_are_matched_by_name(
    make_own: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    root = make_own("two_views", **{"model.name": "two_views"})
    file, path = tmp_path / "views.npz", tmp_path / ("mine" + SUFFIXES[kind])
    x = load_examples(root, "test").x
    np.savez(file, **{name: array[:40] for name, array in x.items()})
    export_model(load(root), root, "best", kind, path)
    rows = predict(root, str(path), file)
    digits = [f"digit_{each}" for each in range(10)]
    parity = ["parity_even", "parity_odd"]
    assert list(rows[0]) == ["input", "digit_label", *digits, "parity_label", *parity]
    names = [*digits, *parity]
    expected = numbers(predict(root, "best", file), *names)
    np.testing.assert_allclose(numbers(rows, *names), expected, atol=1e-6)
    np.save(tmp_path / "a.npy", x["image"])
    with pytest.raises(DataError, match=r"a.npy: holds image, expected image, rows"):
        predict(root, "best", tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"params.yaml: expected an .npz with the arrays image, ro"):
        predict(root, "best", root / "params.yaml")


@pytest.mark.parametrize(
    ("array", "line"),
    [
        (np.zeros((2, 7, 8)), r"got the shape \(2, 7, 8\), expected \(examples, 8, 8\)"),
        (np.zeros((8, 8)), r"got the shape \(8, 8\), expected \(examples, 8, 8\)"),
        (np.zeros((0, 8, 8)), r"got the shape \(0, 8, 8\)"),
        (np.full((1, 8, 8), 300), "got 300, expected numbers that fit uint8"),
        (np.full((1, 8, 8), 0.5), "got 0.5, expected numbers that fit uint8"),
        (np.full((1, 8, 8), np.nan), "got nan, expected numbers that fit uint8"),
        (np.full((1, 8, 8), "x"), "got <U1, expected numbers"),
        (np.full((1, 8, 8), None), "incomplete, or not plain arrays"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    judged: Path, tmp_path: Path, array: np.ndarray, line: str
) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=f"x.npy: {line}"):
        predict(judged, "best", tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("data", "name", "content", "line"),
    [
        ("of_pictures", "a.txt", "x", "got a file .txt, expected an image, a folder of images"),
        ("of_rows", "a.doc", "x", "got a file .doc, expected a table: .csv, .tsv, .txt, .parquet"),
        ("of_rows", "a.txt", "size price\n1 2\n", "no column 'colour', expected size, colour"),
        ("of_rows", "a.npy", "x", "got a file .npy, expected a table: .csv, .tsv, .txt"),
        ("of_rows", "a.csv", "size,price\n1,2\n", "no column 'colour', expected size, colour"),
        ("of_rows", "a.csv", "size,colour\n1,red\n,red\n", "row 3, column 'size': got ''"),
        ("of_rows", "a.csv", "size,colour\n1\n", "row 2 has 1 cells, expected 2"),
        ("of_texts", "a.csv", "a,b\n1,2\n", "no column 'x', expected x"),
        ("of_texts", "a.png", "x", "got a file .png, expected a .txt with one text per line"),
        ("of_texts", "a.txt", "\n\n", "empty, expected one text per line"),
        ("of_texts", "a.txt", b"\xff", "byte 0 isn't UTF-8"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    data: str,
    name: str,
    content: str | bytes,
    line: str,
) -> None:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=f"{file}: {line}"):
        predict(request.getfixturevalue(data), "best", file)


def test_a_missing_file_is_named(judged: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x.npy: no such file or folder"):
        predict(judged, "best", tmp_path / "x.npy")


def test_a_model_of_other_data_is_refused(
    judged: Path, of_pictures: Path, pictures: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.keras"
    export_model(load(judged), judged, "best", "keras", path)
    shutil.copy(of_pictures / "data" / "ready" / "spec.json", f"{path}.spec.json")
    with pytest.raises(DataError, match=r"mine.keras: doesn't accept .*spec.json describes"):
        predict(judged, str(path), pictures)


def test_an_answer_goes_where_a_file_can_be(judged: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="is a folder, expected another"):
        predict(judged, "best", judged / "data" / "ready" / "test_x.npy", tmp_path)


def test_the_command_prints_a_table(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["predict", "best", str(judged / "data" / "ready" / "test_x.npy")]
    arguments = make_parser().parse_args(words)
    arguments.act(judged, arguments)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "input,label,0,1,2,3,4,5,6,7,8,9"
    assert len(rows) == 360


def test_a_wrong_file_ends_the_command_before_tensorflow_is_imported(judged: Path) -> None:
    command = ("lockstep", "predict", "best", "README.md")
    ended = run(judged, *command, LOCKSTEP_FORBIDDEN="tensorflow,mlflow")
    assert ended.returncode == 3, ended.stdout
    assert "predict: README.md: digits has levels" in ended.stdout.splitlines()[-1]
