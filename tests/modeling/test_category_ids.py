"""Categories as ids, where the model's file asks for them: the model of docs/own-data.md."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples, Input, Spec, Target, write_spec
from lockstep.data.spec.columns import Column
from lockstep.errors import ParamsError
from tests.support.workspaces import REPOSITORY, SMALL, champion, change_params, run_stages

USERS, FILMS = [f"u{n}" for n in range(12)], [f"f{n}" for n in range(9)]
COLUMNS = {
    "age": Column("number", missing=True, fill=1.0, indicator=True),
    "user": Column("category", ["", *USERS], missing=True),
    "film": Column("category", ["", *FILMS]),
}
STATISTICS = dict.fromkeys(("minimum", "mean"), [0.0] * 3) | dict.fromkeys(
    ("maximum", "deviation"), [1.0] * 3
)
TABLE = Input("table", [3], "float32", STATISTICS, columns=COLUMNS, null_values=["NA"])
SPEC = Spec("own", {"x": TABLE}, {"y": Target("regression")}, {}, "none")


def source() -> str:
    text = (REPOSITORY / "docs" / "own-data.md").read_text(encoding="utf-8")
    block = text.partition("<!-- ratings -->")[2].partition("<!-- /ratings -->")[0]
    return block.strip().removeprefix("```python").removesuffix("```").strip() + "\n"


@pytest.fixture
def ratings(monkeypatch: pytest.MonkeyPatch, tensorflow: Any) -> Any:
    """The documentation's model, as the module models.ratings, and parameters that name it."""
    from tests.support.workspaces import with_values

    module = ModuleType("models.ratings")
    exec(source(), module.__dict__)  # noqa: S102
    monkeypatch.setitem(sys.modules, "models.ratings", module)
    values = with_values({"data.name": "two_views"})
    model = values.model.model_copy(update={"name": "ratings"})
    return values.model_copy(update={"model": model})


def test_the_description_is_the_same_for_all_models(ratings: Any, tmp_path: Path) -> None:
    from lockstep.modeling.model_file import as_asked

    asked = as_asked(ratings, SPEC).inputs["x"]
    assert asked.model_shape == (4,)
    assert asked.places == {"age": range(2), "user": range(2, 3), "film": range(3, 4)}
    assert TABLE.places["film"] == range(16, 26)
    write_spec(SPEC, tmp_path)
    columns = json.loads((tmp_path / "spec.json").read_text())["inputs"]["x"]["columns"]
    assert "ids" not in columns["user"]


def test_what_is_unseen_has_the_last_id_and_no_category_is_shifted(ratings: Any) -> None:
    import tensorflow as tf

    from lockstep.modeling import preprocessing
    from lockstep.modeling.columns import StoreColumns
    from lockstep.modeling.model_file import as_asked

    spec = as_asked(ratings, SPEC)
    rows = {
        "age": tf.constant([2.0] * 4, tf.float64),
        "user": tf.constant(["u0", "u11", "NA", "nobody"]),
        "film": tf.constant(["f0", "f8", "", "other"]),
    }
    stored = StoreColumns(COLUMNS, ["NA", ""])(rows)
    x = np.asarray(preprocessing.layers(spec)(stored))
    assert x[:, 2].tolist() == [0, 11, 12, 13]
    assert spec.inputs["x"].columns["user"].size == 14
    assert x[:, 3].tolist() == [0, 8, 9, 9]
    assert spec.inputs["x"].columns["film"].size == 10


def test_ids_are_whole_numbers_in_any_precision(tensorflow: Any) -> None:
    import keras

    from lockstep.modeling.mixed_inputs import ColumnIds

    x = np.array([[0.5, 299], [0.5, -3], [0.5, 999]], np.float32)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        found = np.asarray(ColumnIds(1, 301)(x))
    finally:
        keras.config.set_dtype_policy("float32")
    assert found.dtype == np.int32
    assert found.tolist() == [299, 0, 300]


def test_the_model_of_the_documentation_learns(make_loop: Any, ratings: Any) -> None:
    from lockstep.modeling import preprocessing
    from lockstep.modeling.model import make_model
    from lockstep.modeling.model_file import as_asked

    random = np.random.default_rng(0)
    pairs = np.stack([np.zeros(400), random.integers(1, 13, 400), random.integers(1, 10, 400)], 1)
    y = (pairs[:, 1] % 3 + pairs[:, 2] % 2).astype(np.float32)
    spec = as_asked(ratings, SPEC)
    loop = make_loop(
        model=lambda: make_model(ratings, SPEC),
        preprocess=lambda: preprocessing.layers(spec),
        spec=spec,
        values=ratings,
    )
    examples = Examples(pairs.astype(np.float32), y)
    loop.fit(examples, None, [], epochs=25)
    assert loop.evaluate(examples)["loss"] < 0.1 * np.var(y)


def test_any_other_way_is_refused(ratings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from lockstep.modeling.model_file import as_asked

    monkeypatch.setattr(sys.modules["models.ratings"], "CATEGORIES", "numbers")
    with pytest.raises(ParamsError, match=r"models/ratings\.py: CATEGORIES is 'numbers', expected"):
        as_asked(ratings, SPEC)


@pytest.mark.system
def test_ratings_are_trained_on_and_served_by_parameters_and_one_file(
    make_workspace: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    import models

    random = np.random.default_rng(0)
    users, films = random.integers(0, 40, 1500), random.integers(0, 25, 1500)
    frame = pd.DataFrame({"user": users, "film": films, "rating": 1 + users % 3 + films % 2})
    frame["rating"] += 0.25 * random.integers(0, 2, 1500)
    frame.to_csv(tmp_path / "ratings.csv", index=False)
    root = make_workspace(SMALL)
    (root / "models" / "ratings.py").write_text(source())
    monkeypatch.setattr(models, "__path__", [str(root / "models")])
    sys.modules.pop("models.ratings", None)
    values = {
        "data.name": "csv", "data.path": str(tmp_path / "ratings.csv"), "data.target": "rating",
        "data.columns": {"user": "category", "film": "category"}, "data.target_kind": "regression",
        "normalize.target": "standard", "model.ratings": {"size": 8}, "model.name": "ratings",
        "train.epochs": 15, "train.learning_rate": 0.02, "register.threshold": 0.8,
    }  # fmt: skip
    change_params(root, values)
    run_stages(root)
    test = json.loads((root / "report" / "metrics.json").read_text())["test"]
    assert test["mean_absolute_error"] < 0.3
    served = np.ravel(champion(root).predict(frame[["user", "film"]]))
    assert np.abs(served - frame["rating"]).mean() < 0.3
    unseen = np.ravel(champion(root).predict(pd.DataFrame({"user": [999], "film": [888]})))
    assert abs(unseen[0] - frame["rating"].mean()) < 0.5
