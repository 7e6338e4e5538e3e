"""Training from another training's weights, and with layers that don't learn."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lockstep.config.schema import WarmStart
from lockstep.errors import DataError, ParamsError
from tasks import train
from tests.support.loops import TRAIN, assert_equal, weights
from tests.support.workspaces import change_params


def model_of(*widths: int, names: Sequence[str] = "abc") -> Any:
    """Dense layers with these widths and names."""
    import keras

    dense = [
        keras.layers.Dense(width, "relu", name=name)
        for name, width in zip(names, widths, strict=False)
    ]
    return keras.Sequential([keras.Input((6,)), *dense])


@pytest.fixture
def load(tensorflow: Any, tmp_path: Path) -> Callable[..., tuple[Any, list[np.ndarray]]]:
    """Return a function that saves one model, loads its weights into another and returns that."""
    from lockstep.modeling.weights import save_weights
    from lockstep.training import warm_start

    def act(saved: Any, other: Any, match: str) -> Any:
        path = tmp_path / "other.weights.h5"
        save_weights(saved, path)
        start = WarmStart(weights=path.name, sha256=sha256(path), match=match)
        warm_start.load(other, start, tmp_path)
        return other

    return act


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_taken(model: Any, name: str, other: Any, other_name: str = "") -> bool:
    """Whether a layer has the weights of a layer of another model."""
    mine, theirs = model.get_layer(name), other.get_layer(other_name or name)
    return all(
        np.array_equal(one, two)
        for one, two in zip(mine.get_weights(), theirs.get_weights(), strict=True)
    )


def test_all_takes_every_weight(load: Any) -> None:
    saved = model_of(5, 4, 3)
    found = load(saved, model_of(5, 4, 3, names="xyz"), "all")
    assert_equal(found.get_weights(), saved.get_weights())


@pytest.mark.parametrize("widths", [(5, 4, 7), (5, 4, 3, 3)])
def test_all_refuses_another_shape(load: Any, widths: tuple[int, ...]) -> None:
    line = r"^train\.warm_start: .*other\.weights\.h5: [^\n]*; set train\.warm_start\.match to"
    with pytest.raises(DataError, match=line):
        load(model_of(5, 4, 3), model_of(*widths, names="abcd"), "all")


def test_name_takes_layers_of_the_same_name_and_shape(load: Any) -> None:
    saved = model_of(5, 4, 4, names="abc")
    found = load(saved, model_of(5, 4, 4, 3, names="acxb"), "name")
    assert is_taken(found, "a", saved)
    assert not is_taken(found, "x", saved, "c")
    first = saved.get_layer("c").get_weights()
    assert [each.shape for each in first] != [w.shape for w in found.get_layer("c").get_weights()]


def test_name_takes_a_layer_within_a_layer(load: Any) -> None:
    import keras

    saved = model_of(5, 4)
    nested = keras.Sequential([keras.Input((6,)), model_of(5, 4), keras.layers.Dense(2)])
    found = load(saved, nested, "name").layers[0]
    assert is_taken(found, "a", saved)
    assert is_taken(found, "b", saved)


def test_name_lists_the_layers_of_the_file_if_none_fits(load: Any) -> None:
    with pytest.raises(DataError, match=r"same name and shapes; the file has a, b$"):
        load(model_of(5, 4), model_of(5, 4, names="xy"), "name")


def test_shape_takes_layers_that_fit_by_position(load: Any) -> None:
    saved = model_of(5, 4, 3)
    found = load(saved, model_of(5, 4, 7, names="xyz"), "shape")
    assert is_taken(found, "x", saved, "a")
    assert is_taken(found, "y", saved, "b")
    assert found.get_layer("z").get_weights()[0].shape == (4, 7)


def test_shape_refuses_a_file_with_no_fitting_layer(load: Any) -> None:
    with pytest.raises(DataError, match=r"no layer has the shapes of the weights at its position$"):
        load(model_of(5, 4), model_of(3, 2), "shape")


@pytest.mark.parametrize("match", ["all", "name", "shape"])
def test_a_checkpoint_with_an_optimizer_is_accepted(
    make_loop: Any, tmp_path: Path, match: str
) -> None:
    from lockstep.training import warm_start

    loop = make_loop(model=lambda: model_of(5, 4, 3))
    loop.fit(TRAIN, None, [], steps=1)
    path, found = tmp_path / "01.weights.h5", model_of(5, 4, 3)
    loop.model.save_weights(path)
    start = WarmStart(weights=str(path), sha256=sha256(path), match=match)
    warm_start.load(found, start, tmp_path)
    assert_equal(found.get_weights(), weights(loop))


def test_a_file_with_another_hash_is_refused(tmp_path: Path, tensorflow: Any) -> None:
    from lockstep.training import warm_start

    (tmp_path / "w.weights.h5").write_bytes(b"other")
    start = WarmStart(weights="w.weights.h5", sha256="0" * 64, match="all")
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(DataError, match=f"has sha256 {found}, expected {'0' * 64}"):
        warm_start.load(None, start, tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path, tensorflow: Any) -> None:
    from lockstep.training import warm_start

    start = WarmStart(weights="nosuch.h5", sha256="0" * 64, match="all")
    with pytest.raises(DataError, match=r"^train\.warm_start\.weights: .*nosuch\.h5: no such file"):
        warm_start.load(None, start, tmp_path)


@pytest.mark.parametrize("match", ["all", "name", "shape"])
def test_a_file_without_weights_is_refused(tmp_path: Path, tensorflow: Any, match: str) -> None:
    from lockstep.training import warm_start

    (tmp_path / "x.weights.h5").write_bytes(b"no HDF5")
    hexdigest = sha256(tmp_path / "x.weights.h5")
    start = WarmStart(weights="x.weights.h5", sha256=hexdigest, match=match)
    with pytest.raises(DataError, match=r"^train\.warm_start: .*x\.weights\.h5: "):
        warm_start.load(model_of(5, 4), start, tmp_path)


@pytest.mark.parametrize(
    ("patterns", "frozen"),
    [(["a"], "a"), (["[bc]"], "bc"), (["*"], "abc"), ([], ""), (["c", "a"], "ac")],
)
def test_patterns_freeze_layers(tensorflow: Any, patterns: list[str], frozen: str) -> None:
    from lockstep.training import warm_start

    model = model_of(5, 4, 3)
    warm_start.freeze(model, patterns)
    assert "".join(layer.name for layer in model.layers if not layer.trainable) == frozen


def test_a_pattern_that_fits_no_layer_names_the_nearest(tensorflow: Any) -> None:
    from lockstep.training import warm_start

    model = model_of(5, 4, names=["conv", "dense"])
    with pytest.raises(ParamsError) as caught:
        warm_start.freeze(model, ["densee"])
    line = "train.freeze: got 'densee', expected one of conv, dense; did you mean dense?"
    assert str(caught.value) == line


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_frozen_layer_does_not_change(make_loop: Any, replicas: int) -> None:
    from lockstep.training import warm_start

    def model() -> Any:
        made = model_of(5, 4, 3)
        warm_start.freeze(made, ["b"])
        return made

    loop = make_loop(replicas, model=model, parts=lambda: {"metrics": []})
    before = weights(loop)
    loop.fit(TRAIN, None, [], steps=8)
    by_layer = [model_of(5, 4, 3) for _ in range(2)]
    by_layer[0].set_weights(before)
    by_layer[1].set_weights(weights(loop))
    changed = [name for name in "abc" if not is_taken(by_layer[0], name, by_layer[1])]
    assert changed == ["a", "c"]


@pytest.mark.system
def test_a_stage_starts_from_other_weights_and_keeps_frozen_layers(ready: Path) -> None:
    initial = ready / "weights" / "initial.weights.h5"
    other = ready / "other.weights.h5"
    other.write_bytes(initial.read_bytes())
    with h5py.File(other, "r+") as file:
        file["layers/dense/vars/1"][...] = 0.25
    start = {"weights": "other.weights.h5", "sha256": sha256(other), "match": "all"}
    changes = {"train.warm_start": start, "train.freeze": ["dense"], "train.epochs": 1}
    train.train(change_params(ready, changes), ready)
    with h5py.File(ready / "weights" / "last.weights.h5") as file:
        assert (file["layers/dense/vars/1"][()] == 0.25).all()
        assert (file["layers/dense_1/vars/1"][()] != 0).any()
