"""A mistake in params.yaml is one line, exit code 2, and told before TensorFlow is imported."""

from pathlib import Path
from typing import Any

import pytest

import params
from tests.conftest import REPOSITORY, change_params, stage


def complaint(tmp_path: Path, changes: dict[str, Any]) -> str:
    (tmp_path / "params.yaml").write_bytes((REPOSITORY / "params.yaml").read_bytes())
    with pytest.raises(params.ParamsError) as caught:
        change_params(tmp_path, changes)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("train.batch_size", "64x", "got '64x', expected a whole number of at least 1"),
        ("train.batch_size", -1, "got -1, expected a whole number of at least 1"),
        ("train.batch_size", 0, "got 0, expected a whole number of at least 1"),
        ("train.batch_size", True, "got True, expected a whole number of at least 1"),
        ("train.batch_size", None, "got None, expected a whole number of at least 1"),
        ("train.batch_size", 1e12, "got 1000000000000.0, expected a whole number of at least 1"),
        ("train.epochs", float("inf"), "got inf, expected a whole number"),
        ("train.learning_rate", float("nan"), "got nan, expected a number above 0"),
        ("train.learning_rate", "1e3", "got '1e3', expected a number above 0"),
        ("train.replicas", "all", "got 'all', expected auto, or a whole number of at least 1"),
        ("train.optimizer", "adm", "did you mean Adam?"),
        ("train.loss", "sparse_crossentropy", "expected one of BinaryCrossentropy,"),
        ("train.metrics", ["accuracy", "precison"], "did you mean Precision?"),
        ("train.callbacks", [{"name": "EarlyStoping"}], "did you mean EarlyStopping?"),
        ("train.callbacks", [{"patience": 3}], "missing, expected the name of a Keras class"),
        ("train", 5, "got 5, expected the keys epochs, steps, batch_size"),
        ("data.name", "minst", "got 'minst', expected one of digits, fashion_mnist, mnist"),
        ("data.validation", 1.0, "got 1.0, expected a number from 0 up to, but not, 1"),
        ("model.name", "nosuch", "got 'nosuch', expected one of cnn, linear, mlp"),
        ("model.mlp.units", "a", "got 'a', expected a whole number or a list"),
        ("model.cnn.dropout", [1], "got [1], expected a number"),
        ("normalize.method", "unitt", "got 'unitt', expected unit, standard or none"),
        ("evaluate.weights", "first", "got 'first', expected best or last"),
        ("register.name", "a/b", "got 'a/b', expected a name without / and :"),
        ("seed", -1, "got -1, expected a whole number from 0 to 4294967295"),
    ],
)
def test_a_bad_value(tmp_path: Path, key: str, value: Any, line: str) -> None:
    told = complaint(tmp_path, {key: value})
    assert told.startswith(f"params.yaml: {key}")
    assert line in told


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("train.epoch", "epochs"),
        ("nosuch", "one of seed, data"),
        ("model.mpl", "mlp"),
        ("model.mlp.unts", "did you mean units?"),
        ("register.gains", "gain"),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path: Path, key: str, nearest: str) -> None:
    told = complaint(tmp_path, {key: {}})
    assert told.startswith(f"params.yaml: {key}: unknown key, expected one of")
    assert nearest in told


def test_epochs_and_steps_exclude_each_other(tmp_path: Path) -> None:
    assert "got epochs 20 and steps 100" in complaint(tmp_path, {"train.steps": 100})
    assert "got epochs None and steps None" in complaint(tmp_path, {"train.epochs": None})


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"seed: 0\nseed: 1\n", "params.yaml:2: not valid YAML: found duplicate key"),
        (b"a: [1\n", "not valid YAML"),
        (b"seed: \xff\n", "isn't UTF-8"),
        (b"", "got None, expected the keys seed, data"),
        (b"- 1\n", "got [1], expected the keys seed, data"),
        (b"{seed: 0}", "data: missing, expected the keys name, mirror, validation"),
    ],
)
def test_a_file_that_is_no_parameters(tmp_path: Path, content: bytes, line: str) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(params.ParamsError) as caught:
        params.load(tmp_path / "params.yaml")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_are_read_as_yaml_1_2(tmp_path: Path) -> None:
    text = (REPOSITORY / "params.yaml").read_text()
    text = text.replace("learning_rate: 0.001", "learning_rate: 1e-3")
    (tmp_path / "params.yaml").write_text(text)
    assert params.load(tmp_path / "params.yaml").train.learning_rate == 1e-3


def test_parameters_are_frozen() -> None:
    loaded = params.load(REPOSITORY / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        loaded.train.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", ["download", "train", "register"])
def test_every_stage_checks_everything_before_any_import(tmp_path: Path, name: str) -> None:
    text = (REPOSITORY / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("batch_size: 32", "batch_size: 64x"))
    ended = stage(tmp_path, name, LOCKSTEP_FORBIDDEN="tensorflow,keras,mlflow,numpy")
    assert ended.returncode == 2
    expected = "params.yaml: train.batch_size: got '64x', expected a whole number of at least 1"
    assert ended.stdout == f"{name}: {expected}\n"
    assert [file.name for file in tmp_path.iterdir()] == ["params.yaml"]
