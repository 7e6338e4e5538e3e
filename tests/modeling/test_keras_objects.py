"""Each Keras optimizer and learning-rate schedule trains, and so do custom objects."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.config import keras_names
from lockstep.errors import ParamsError
from tests.support.loops import SOME, TRAIN, Watch, assert_close, linear, weights
from tests.support.workspaces import with_values

SCHEDULES: dict[str, dict[str, Any]] = {
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 20, "warmup_steps": 3},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 5},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [3, 6], "values": [0.1, 0.01, 0.001]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 20, "power": 2.0},
}
FALL = SCHEDULES["ExponentialDecay"]


@pytest.mark.parametrize("name", keras_names.OPTIMIZERS)
def test_an_optimizer_trains_the_same_on_two_replicas_as_on_one(make_loop: Any, name: str) -> None:
    changes = {"train.optimizer": name, "train.learning_rate": 0.01, "train.metrics": []}
    loops = [make_loop(count, model=linear, values=with_values(changes)) for count in (1, 2)]
    before = weights(loops[0])
    for loop in loops:
        loop.fit(TRAIN, None, [], steps=8)
    assert_close(*map(weights, loops))
    assert all((old != new).any() for old, new in zip(before, weights(loops[0]), strict=True))


@pytest.mark.parametrize(
    ("optimizer", "name"), [("sgd", "CosineDecay"), *(("adam", name) for name in SCHEDULES)]
)
def test_a_schedule_sets_the_rate_of_each_step(make_loop: Any, optimizer: str, name: str) -> None:
    import keras

    rate = {"name": name, **SCHEDULES[name]}
    changes = {"train.optimizer": optimizer, "train.learning_rate": rate, "train.metrics": []}
    ours, theirs = (
        make_loop(model=linear, values=with_values(changes), steps={"jit_compile": compiled})
        for compiled in (True, False)
    )
    ours.fit(TRAIN, None, [], steps=8)
    schedule = getattr(keras.optimizers.schedules, name)(**SCHEDULES[name])
    assert len({float(schedule(step)) for step in range(9)}) > 2
    assert float(ours.model.optimizer.learning_rate) == pytest.approx(float(schedule(8)))
    x = theirs.steps.preprocess(TRAIN.x).numpy()
    for batch in theirs.order_of(70, 0):
        theirs.model.train_on_batch(x[batch], TRAIN.y[batch])
    assert_close(weights(ours), weights(theirs))


def test_every_schedule_is_tested() -> None:
    assert tuple(SCHEDULES) == keras_names.SCHEDULES


OWN = """
import keras


def crossentropy(y_true, y_pred, scale=1.0):
    return scale * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


class Crossentropy(keras.losses.Loss):
    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale

    def call(self, y_true, y_pred):
        return crossentropy(y_true, y_pred, self.scale)


class Hits(keras.metrics.SparseCategoricalAccuracy):
    pass


def hits(y_true, y_pred):
    return keras.metrics.sparse_categorical_accuracy(y_true, y_pred)


class Descent(keras.optimizers.SGD):
    pass


class Fall(keras.optimizers.schedules.ExponentialDecay):
    pass
"""


@pytest.fixture
def make_custom(make_loop: Any, project: Path) -> Callable[..., Any]:
    """Return a function that makes a loop in a project with a custom objects file."""

    def make(changes: dict[str, Any], text: str = OWN) -> Any:
        (project / "mine.py").write_text(text)
        changes = {"train.custom_objects_file": "mine.py", **changes}
        return make_loop(values=with_values(changes, project), root=project)

    return make


@pytest.mark.parametrize(
    ("part", "mine", "theirs"),
    [
        ("loss", {"name": "custom.crossentropy", "scale": 1.0}, "SparseCategoricalCrossentropy"),
        ("loss", {"name": "custom.Crossentropy", "scale": 1.0}, "SparseCategoricalCrossentropy"),
        (
            "optimizer",
            {"name": "custom.Descent", "momentum": 0.9},
            {"name": "sgd", "momentum": 0.9},
        ),
        ("learning_rate", {"name": "custom.Fall", **FALL}, {"name": "ExponentialDecay", **FALL}),
    ],
)
def test_a_custom_object_gives_the_numbers_of_its_keras_equivalent(
    make_custom: Any, part: str, mine: Any, theirs: Any
) -> None:
    changes = [{"train.learning_rate": 0.1, f"train.{part}": value} for value in (mine, theirs)]
    loops, watches = [make_custom(each) for each in changes], [Watch(), Watch()]
    for loop, watch in zip(loops, watches, strict=True):
        loop.fit(TRAIN, SOME, [watch], epochs=2)
    assert_close(*map(weights, loops), 1e-6)
    for ours, kerass in zip(*(watch.epochs for watch in watches), strict=True):
        assert ours == pytest.approx(kerass, abs=1e-6)


def test_custom_metrics_give_the_numbers_of_their_keras_equivalent(make_custom: Any) -> None:
    watch = Watch()
    loop = make_custom({"train.metrics": ["custom.Hits", "custom.hits", "Accuracy"]})
    loop.fit(TRAIN, SOME, [watch], epochs=1)
    (logs,) = watch.epochs
    assert logs["sparse_categorical_accuracy"] == logs["accuracy"]
    assert (logs["hits"], logs["val_hits"]) == (logs["accuracy"], logs["val_accuracy"])


def test_an_unknown_argument_of_a_custom_function(make_custom: Any) -> None:
    loss = {"name": "custom.crossentropy", "scael": 2}
    with pytest.raises(ParamsError, match=r"^train\.loss: custom\.crossentropy: .*scael"):
        make_custom({"train.loss": loss})


def test_a_custom_objects_file_that_raises_is_bad_parameters(make_custom: Any) -> None:
    bad = "import nosuch\n\n\ndef loss(y_true, y_pred): ...\n"
    expected = r"^train\.custom_objects_file: .*mine\.py: .*No module named 'nosuch'"
    with pytest.raises(ParamsError, match=expected):
        make_custom({"train.loss": "custom.loss"}, bad)


def test_a_custom_objects_file_may_have_any_name(make_custom: Any, project: Path) -> None:
    (project / "own.py").write_text(OWN)
    changes = {"train.custom_objects_file": "own.py", "train.loss": "custom.Crossentropy"}
    assert type(make_custom(changes, "").model.loss).__name__ == "Crossentropy"


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy", "mse",
        "mae", "mape", "msle", "kl_divergence", "poisson", "log_cosh", "hinge", "squared_hinge",
        "categorical_hinge", "cosine_similarity",
    ],
)  # fmt: skip
def test_every_loss_of_the_tutorials_trains_classes(make_loop: Any, loss: str) -> None:
    name = {"kl_divergence": "KLDivergence"}.get(loss, loss)
    loop = make_loop(values=with_values({"train.loss": name, "train.learning_rate": 0.01}))
    before = loop.evaluate(TRAIN)["loss"]
    loop.fit(TRAIN, None, [], epochs=3)
    assert loop.evaluate(TRAIN)["loss"] < before
