"""The registered model takes the very file that it was trained on, as pandas reads it."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import load_examples, read_spec
from lockstep.serving.predict import predict_file
from tests.support.workspaces import SMALL, champion, load, run_stages

COLOURS = ("red", "green", "", "blue")
COUNT = 80


def line(number: int) -> str:
    """A row with missing cells of every kind."""
    size = number / 3 if number % 7 else "NA"
    price = f"{number},5" if number % 5 else ""
    sold = ("True", "False", "?")[number % 3]
    day = f"2024-02-{number % 28 + 1:02} 1{number % 10}:30:00" if number % 11 else ""
    stamp = 1_700_000_000 + number
    return f"{size};{price};{COLOURS[number % 4]};{sold};{day};{stamp};{number * 0.7}"


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, make_workspace: Callable[..., Path], tensorflow: Any
) -> tuple[Path, Path]:
    path = tmp_path_factory.mktemp("own") / "mixed.csv"
    header = "size;price;colour;sold;day;stamp;y"
    path.write_text("\n".join([header, *map(line, range(COUNT))]) + "\n")
    root = make_workspace(
        {
            **SMALL,
            "data.name": "csv",
            "data.path": str(path),
            "data.columns": {"day": ["date", "weekday", "month", "hour"]},
            "normalize.missing": "median",
            "normalize.missing_indicator": True,
            "register.metric": "r2",
            "register.threshold": None,
            "train.batch_size": 8,
        }
    )
    run_stages(root)
    return root, path


def predicted(root: Path, path: Path) -> np.ndarray:
    table = predict_file(load(root), root, "best", path, None)
    rows = list(csv.DictReader(io.StringIO(table)))
    return np.array([float(row["value"]) for row in rows])


@pytest.mark.system
def test_every_kind_is_found(trained: tuple[Path, Path]) -> None:
    columns = read_spec(trained[0]).inputs["x"].columns
    assert {name: each.kind for name, each in columns.items()} == {
        "size": "number", "price": "number", "colour": "category", "sold": "boolean",
        "day": "date", "day weekday": "weekday", "day month": "month", "day hour": "hour",
        "stamp": "number",
    }  # fmt: skip
    assert columns["stamp"].origin >= 1_700_000_000


@pytest.mark.system
def test_the_file_of_the_training_is_served_as_it_was_trained_on(
    trained: tuple[Path, Path],
) -> None:
    from lockstep.modeling import preprocessing
    from lockstep.modeling.model import make_model_with

    root, path = trained
    found, spec = predicted(root, path), read_spec(root)
    model = make_model_with(load(root), spec, root / "weights" / "best.weights.h5")
    layers = preprocessing.layers(spec)
    stored = np.concatenate(
        [np.asarray(load_examples(root, split).x) for split in ("train", "validation", "test")]
    )
    expected = np.asarray(model(layers(stored))).ravel()
    np.testing.assert_allclose(np.sort(found), np.sort(expected), atol=1e-5)


@pytest.mark.parametrize(
    "options", [{}, {"decimal": ","}, {"dtype": str}, {"dtype_backend": "pyarrow"}]
)
def test_the_registered_model_takes_what_pandas_reads(
    trained: tuple[Path, Path], options: dict[str, Any]
) -> None:
    import pandas as pd

    root, path = trained
    frame = pd.read_csv(path, sep=";", **options)
    served = champion(root).predict(frame)
    np.testing.assert_allclose(np.ravel(served), predicted(root, path), atol=1e-5)


def test_none_and_whole_numbers_are_taken(trained: tuple[Path, Path]) -> None:
    import pandas as pd

    root, _ = trained
    rows = {
        "size": [None, 3], "price": [1, 2], "colour": [None, "red"], "sold": [True, None],
        "day": ["2024-02-03", None], "stamp": [1_700_000_001, 1_700_000_002],
    }  # fmt: skip
    assert np.isfinite(champion(root).predict(pd.DataFrame(rows))).all()
