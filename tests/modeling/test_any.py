"""models/any.py takes any mix of inputs, on one replica or two, and targets of any unit."""

from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples, Input, Spec, Target
from lockstep.data.spec.columns import Column
from lockstep.errors import ParamsError
from tests.support.loops import assert_close, weights
from tests.support.workspaces import with_values

COUNT, COLORS = 64, [""] + [f"color{n}" for n in range(40)]
RANDOM = np.random.default_rng(0)
UNIT = {"minimum": 0.0, "maximum": 255.0, "mean": 99.0, "deviation": 9.0}
COLUMNS = {
    "price": Column("number", missing=True, fill=1.0, indicator=True),
    "color": Column("category", COLORS),
    "size": Column("category", ["", "large", "small"]),
}
OF_COLUMNS = {
    "minimum": [0.0, 1, 1], "maximum": [9.0, 40, 2], "mean": [1.0, 9, 1], "deviation": [2.0, 9, 1],
}  # fmt: skip
INPUTS = {
    "x": Input("table", [3], "float32", OF_COLUMNS, columns=COLUMNS),
    "note": Input("text", [5], "uint16", {}, words=["", "[unknown]", *"abcdef"]),
    "photo": Input("image", [9, 7, 3], "uint8", UNIT),
    "curve": Input("series", [11], "float32", UNIT),
    "plain": Input("table", [2], "float32", {name: [each, each] for name, each in UNIT.items()}),
}
CELLS = np.stack(
    [RANDOM.exponential(2, COUNT), RANDOM.integers(0, 40, COUNT), RANDOM.integers(0, 3, COUNT)], 1
)
STORED = {
    "x": CELLS.astype(np.float32),
    "note": RANDOM.integers(0, 8, (COUNT, 5)).astype(np.uint16),
    "photo": RANDOM.integers(0, 255, (COUNT, 9, 7, 3)).astype(np.uint8),
    "curve": RANDOM.normal(size=(COUNT, 11)).astype(np.float32),
    "plain": RANDOM.normal(size=(COUNT, 2)).astype(np.float32),
}
STATISTICS = {"mean": 50_000.0, "deviation": 2_000.0}
PRICE = Target("regression", statistics=STATISTICS)
PRICES = (50_000 + 1_000 * CELLS[:, 0]).astype(np.float32)


def spec_with(*names: str, target: Target = PRICE, method: str = "unit") -> Spec:
    return Spec("own", {name: INPUTS[name] for name in names}, {"y": target}, {}, method)


def made(spec: Spec) -> Any:
    from lockstep.modeling.model import make_model

    return make_model(with_values({"model.name": "any", "data.name": "two_views"}), spec)


def outputs(spec: Spec, stored: dict[str, np.ndarray]) -> np.ndarray:
    from lockstep.modeling import preprocessing

    x = {name: stored[name] for name in spec.inputs}
    given = x if len(x) > 1 else next(iter(x.values()))
    return np.asarray(made(spec)(preprocessing.layers(spec)(given)))


@pytest.mark.parametrize("names", [*((name,) for name in INPUTS), tuple(INPUTS)])
def test_each_kind_of_input_is_taken_alone_and_with_the_others(
    tensorflow: Any, names: tuple[str, ...]
) -> None:
    found = outputs(spec_with(*names), STORED)
    assert found.shape == (COUNT, 1)
    assert np.isfinite(found).all()
    assert len(np.unique(found)) > 1


def test_a_text_of_no_words_is_taken(tensorflow: Any) -> None:
    assert np.isfinite(outputs(spec_with("note"), {"note": np.zeros((2, 5), np.uint16)})).all()


def test_padding_does_not_count(tensorflow: Any) -> None:
    import keras

    keras.utils.set_random_seed(0)
    ids = np.array([[0, 0, 3, 0, 4], [3, 4, 0, 0, 0]], np.uint16)
    first, second = outputs(spec_with("note"), {"note": ids})
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_how_numbers_are_scaled_before_does_not_matter(tensorflow: Any) -> None:
    import keras

    found = []
    for method in ("unit", "standard", "none"):
        keras.utils.set_random_seed(0)
        found.append(outputs(spec_with("x", method=method), STORED))
    np.testing.assert_allclose(found[1:], [found[0]] * 2, rtol=1e-5)


def test_several_targets_have_heads_by_name(tensorflow: Any) -> None:
    targets = {"price": PRICE, "kind": Target("classification", list("abc"))}
    found = made(Spec("own", {"x": INPUTS["x"]}, targets, {}, "unit"))
    assert {name: each.shape for name, each in found.output.items()} == {
        "price": (None, 1), "kind": (None, 3),
    }  # fmt: skip


@pytest.mark.parametrize(("precision", "bound"), [("float32", 0.5), ("mixed_bfloat16", 0.5)])
def test_a_target_in_large_units_is_learned(make_loop: Any, precision: str, bound: float) -> None:
    loop = looped(make_loop, spec_with("x", "note"), 1, precision=precision)
    examples = Examples({name: STORED[name] for name in ("x", "note")}, PRICES)
    loop.fit(examples, None, [], epochs=40)
    assert loop.evaluate(examples)["loss"] < bound * np.var(PRICES)


def looped(make_loop: Any, spec: Spec, replicas: int, **more: Any) -> Any:
    from lockstep.modeling import preprocessing

    values = with_values({"model.name": "any", "model.any.dropout": 0.0, "data.name": "two_views"})
    from lockstep.modeling.model import make_model

    return make_loop(
        replicas,
        model=lambda: make_model(values, spec),
        preprocess=lambda: preprocessing.layers(spec),
        spec=spec,
        values=values,
        **more,
    )


def test_two_replicas_give_what_one_gives(make_loop: Any) -> None:
    loops = [looped(make_loop, spec_with("x", "note"), replicas) for replicas in (1, 2)]
    for loop in loops:
        examples = Examples({name: STORED[name] for name in ("x", "note")}, PRICES)
        loop.fit(examples, None, [], epochs=1)
    assert_close(weights(loops[0]), weights(loops[1]))


def test_a_model_without_spec_gets_the_sizes_of_vocabularies_by_name(
    monkeypatch: pytest.MonkeyPatch, tensorflow: Any
) -> None:
    import models.lstm
    from lockstep.modeling.model import make_model

    seen: dict[str, Any] = {}

    def build(input_shape: Any, outputs: Any, activation: Any, vocabulary_size: Any) -> Any:
        seen["size"] = vocabulary_size
        raise ValueError("seen")

    monkeypatch.setattr(models.lstm, "build", build)
    texts = {"title": INPUTS["note"], "body": INPUTS["note"]}
    values = with_values({"model.name": "lstm", "model.lstm": {}, "data.name": "imdb"})
    with pytest.raises(ParamsError, match="seen"):
        make_model(values, Spec("own", texts, {"y": PRICE}, {}, "unit"))
    assert seen["size"] == {"title": 8, "body": 8}
